//! The search: every chip of the grid is evaluated, or shown not to matter.
//!
//! 1. Each chip gets its body (area, heat, bill); a limit that it breaks refuses it before any time is computed.
//! 2. Each chip that is left gets a lower bound on its cost ([`crate::bound`]).
//! 3. Chips are evaluated in the order of their bounds, in rounds of a fixed size whose chips run in parallel. After a round the best cost is known; when the next bound exceeds
//!    it times the slack of the study, nothing that is left can matter, and the search ends with the optimum proven over the grid.
//!
//! The rounds, their order and all ties are fixed by numbers, so the result is the same for any number of threads, and a search that was interrupted goes on where it
//! stopped: a [`Journal`] keeps finished rounds. With a budget of points the search may end early; the gap between the best cost and the next bound is then part of the result.

use crate::ask::Ask;
use crate::body::{Bodies, Body, Refusal};
use crate::bound::Undivided;
use crate::deploy::{self, Planned, Point, Survey};
use crate::select::{self, Mixed};
use crate::space::Design;
use crate::study::{Lanes, Study};
use perf::device::Device;
use perf::workload::Formats;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Levels of latency at which each chip is judged: 1 is the study's.
pub const LEVELS: [f64; 5] = [0.5, 0.71, 1.0, 1.41, 2.0];

/// The level that decides.
pub const DECIDES: usize = 2;

/// Chips of a round.
pub const ROUND: usize = 16;

/// What became of a chip that was evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Its number in the grid.
    pub chip: u64,
    /// Its bound, dollars per million tokens.
    pub bound: f64,
    /// Points that were looked at.
    pub points: u64,
    /// The cheapest mix at each level; none where a workload cannot be served so soon.
    pub levels: Vec<Option<Mixed>>,
    /// The first workload that cannot be served at the level that decides.
    pub fails: Option<usize>,
}

impl Evaluated {
    /// Dollars per million tokens at the level that decides.
    pub fn usd(&self) -> Option<f64> {
        self.levels[DECIDES].as_ref().map(|mix| mix.usd)
    }
}

/// One point with what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Number of the chip.
    pub chip: u64,
    /// Place of the workload.
    pub workload: u32,
    /// Degrees of the mapping: tensor, expert, data.
    pub mapping: [u32; 3],
    /// Number formats.
    pub formats: Formats,
    /// The point.
    pub point: Point,
    /// Dollars per million tokens if its own power is what is provisioned.
    pub usd: f64,
}

/// Where finished rounds are kept, and who is told.
pub trait Journal {
    /// What an earlier search found in this round, if it ended it.
    fn recall(&mut self, round: usize) -> Option<Vec<Evaluated>>;

    /// Keeps a round.
    ///
    /// # Errors
    /// A sentence why it cannot be kept; the search stops.
    fn store(&mut self, round: usize, found: &[Evaluated], rows: &[Row]) -> Result<(), String>;

    /// Hears how far the search is; false stops it.
    fn proceed(&mut self, progress: &Progress) -> bool;
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Chips done, of those that a bound may still ask for.
    pub done: u64,
    /// Chips that are left at most.
    pub left: u64,
    /// Points so far.
    pub points: u64,
    /// Best cost so far, dollars per million tokens.
    pub best: Option<f64>,
    /// Lowest bound of what is left.
    pub bound: Option<f64>,
}

/// Why a search ended without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Somebody stopped it.
    #[error("the search was interrupted; run the same command again to go on where it stopped")]
    Interrupted,
    /// A round could not be kept.
    #[error("{0}")]
    Journal(String),
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Chips of the grid.
    pub chips: u64,
    /// Refused by each limit.
    pub refused: BTreeMap<&'static str, u64>,
    /// Everything that was evaluated, in the order of bounds.
    pub evaluated: Vec<Evaluated>,
    /// Left out by their bounds.
    pub pruned: u64,
    /// Left undone because points ran out.
    pub undone: u64,
    /// Relative gap between the best and the lowest bound of what was left undone.
    pub gap: f64,
}

impl Found {
    /// The cheapest chip at the level that decides; of equal ones the first of the grid.
    pub fn best(&self) -> Option<&Evaluated> {
        let priced = self.evaluated.iter().filter_map(|one| Some((one.usd()?, one)));
        priced.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.chip.cmp(&b.1.chip))).map(|(_, one)| one)
    }

    /// Points that were looked at.
    pub fn points(&self) -> u64 {
        self.evaluated.iter().map(|one| one.points).sum()
    }
}

/// A chip that no limit refuses, with its bound.
struct Candidate {
    chip: u64,
    bound: f64,
}

/// Lanes and links of a chip.
type Kind = (Lanes, u64);

/// A study ready to be searched.
pub struct Search<'a> {
    study: &'a Study,
    asks: &'a [Ask],
    bodies: &'a Bodies,
    /// Plans by what lanes and links allow: they depend on nothing else of a chip.
    plans: Vec<(Kind, Vec<Vec<Planned>>)>,
    /// The networks as lanes store them, per workload.
    undivided: Vec<(Lanes, Vec<Vec<Undivided>>)>,
}

impl<'a> Search<'a> {
    /// Prepares what all chips share.
    pub fn new(study: &'a Study, asks: &'a [Ask], bodies: &'a Bodies) -> Search<'a> {
        let mut search = Search { study, asks, bodies, plans: Vec::new(), undivided: Vec::new() };
        for lanes in study.space.lanes.iter() {
            for links in study.space.links.iter() {
                let design = Design { lanes: *lanes, links: links.0 as usize, ..Design::at(&study.space, 0) };
                let device = bodies.device(&design);
                let plans = asks.iter().map(|ask| deploy::plans(ask, &device, &study.deployment)).collect();
                search.plans.push(((*lanes, links.0), plans));
            }
            let stored = search.plans.last().map_or(Vec::new(), |(_, plans)| undivided(asks, plans));
            search.undivided.push((*lanes, stored));
        }
        search
    }

    /// The plans of a design, per workload.
    pub fn plans(&self, design: &Design) -> &[Vec<Planned>] {
        let key = (design.lanes, design.links as u64);
        self.plans.iter().find(|(known, _)| *known == key).map_or(&[], |(_, plans)| plans)
    }

    /// Every point of a chip, per workload.
    pub fn points(&self, design: &Design, body: &Body) -> Vec<Vec<Point>> {
        self.asks
            .iter()
            .zip(self.plans(design))
            .map(|(ask, plans)| survey(ask, &body.device, body, self.study, plans))
            .collect()
    }

    fn evaluate(&self, candidate: &Candidate) -> (Evaluated, Vec<Row>) {
        let design = Design::at(&self.study.space, candidate.chip);
        let body = self.bodies.body(&design).expect("it was made once");
        let points = self.points(&design, &body);
        let levels = LEVELS.map(|level| select::cheapest(self.asks, &points, level, &body.hour));
        let fails = levels[DECIDES].as_ref().err().copied();
        let count = points.iter().map(Vec::len).sum::<usize>() as u64;
        let rows = self.rows(candidate.chip, &design, &body, &points);
        let levels = levels.into_iter().map(Result::ok).collect();
        (Evaluated { chip: candidate.chip, bound: candidate.bound, points: count, levels, fails }, rows)
    }

    fn rows(&self, chip: u64, design: &Design, body: &Body, points: &[Vec<Point>]) -> Vec<Row> {
        let plans = self.plans(design);
        let row = |workload: usize, point: &Point| {
            let plan = &plans[workload][point.plan as usize].plan;
            let (mapping, formats) = (plan.mapping(), plan.formats());
            let mapping = [mapping.tensor, mapping.expert, mapping.data].map(|degree| degree as u32);
            let usd = 1e6 * body.hour.second(point.watts) * point.seconds;
            Row { chip, workload: workload as u32, mapping, formats, point: *point, usd }
        };
        let rows = points.iter().enumerate();
        rows.flat_map(|(workload, points)| points.iter().map(move |point| row(workload, point))).collect()
    }

    /// Chips that no limit refuses, by rising bound, and how many each limit refuses.
    fn candidates(&self) -> (Vec<Candidate>, BTreeMap<&'static str, u64>) {
        /// Chips that one thread looks at in a row.
        const CHUNK: u64 = 256;
        let size = self.study.space.size();
        let chunk = |from: u64| {
            let one = |chip: u64| {
                let design = Design::at(&self.study.space, chip);
                let body = self.bodies.body(&design)?;
                let stored = self.undivided.iter().find(|(lanes, _)| *lanes == design.lanes);
                let bound = stored.and_then(|(_, stored)| self.bodies.bound(self.asks, stored, &body));
                bound.map(|bound| Candidate { chip, bound }).ok_or(Refusal::Formats)
            };
            (from..size.min(from + CHUNK)).map(one).collect::<Vec<_>>()
        };
        let starts: Vec<u64> = (0..size).step_by(CHUNK as usize).collect();
        let all: Vec<Result<Candidate, Refusal>> = starts.into_par_iter().flat_map_iter(chunk).collect();
        let (mut candidates, mut refused) = (Vec::new(), BTreeMap::new());
        for one in all {
            match one {
                Ok(candidate) => candidates.push(candidate),
                Err(refusal) => *refused.entry(refusal.name()).or_insert(0) += 1,
            }
        }
        candidates.sort_by(|a, b| a.bound.total_cmp(&b.bound).then(a.chip.cmp(&b.chip)));
        (candidates, refused)
    }

    /// Runs the search.
    ///
    /// # Errors
    /// If the journal stops it.
    pub fn run(&self, journal: &mut dyn Journal) -> Result<Found, Stopped> {
        let (candidates, refused) = self.candidates();
        let budget = self.study.search.points.map_or(u64::MAX, |points| points.0 as u64);
        let mut found =
            Found { chips: self.study.space.size(), refused, evaluated: Vec::new(), pruned: 0, undone: 0, gap: 0.0 };
        let (mut best, mut points) = (f64::INFINITY, 0);
        for (round, chips) in candidates.chunks(ROUND).enumerate() {
            let done = round * ROUND;
            let reach = best * self.study.search.slack;
            let matter = candidates[done..].partition_point(|candidate| candidate.bound <= reach);
            if matter == 0 || points >= budget {
                found.undone = matter as u64;
                found.pruned = (candidates.len() - done - matter) as u64;
                if matter > 0 {
                    found.gap = if best.is_finite() { (1.0 - chips[0].bound / best).max(0.0) } else { 1.0 };
                }
                break;
            }
            let progress = Progress {
                done: done as u64,
                left: matter as u64,
                points,
                best: best.is_finite().then_some(best),
                bound: Some(chips[0].bound),
            };
            if !journal.proceed(&progress) {
                return Err(Stopped::Interrupted);
            }
            let evaluated = self.round(round, chips, journal)?;
            points += evaluated.iter().map(|one| one.points).sum::<u64>();
            best = evaluated.iter().filter_map(Evaluated::usd).fold(best, f64::min);
            found.evaluated.extend(evaluated);
        }
        Ok(found)
    }

    fn round(&self, round: usize, chips: &[Candidate], journal: &mut dyn Journal) -> Result<Vec<Evaluated>, Stopped> {
        let same = |kept: &Vec<Evaluated>| kept.iter().map(|one| one.chip).eq(chips.iter().map(|one| one.chip));
        if let Some(kept) = journal.recall(round).filter(same) {
            return Ok(kept);
        }
        let all: Vec<(Evaluated, Vec<Row>)> = chips.par_iter().map(|chip| self.evaluate(chip)).collect();
        let (evaluated, rows): (Vec<Evaluated>, Vec<Vec<Row>>) = all.into_iter().unzip();
        journal.store(round, &evaluated, &rows.concat()).map_err(Stopped::Journal)?;
        Ok(evaluated)
    }
}

/// Networks in each of the formats that their plans have, undivided.
fn undivided(asks: &[Ask], plans: &[Vec<Planned>]) -> Vec<Vec<Undivided>> {
    let formats = |plans: &[Planned]| {
        let mut seen = Vec::new();
        plans
            .iter()
            .map(|planned| planned.plan.formats())
            .filter(|formats| {
                !seen.contains(formats) && {
                    seen.push(*formats);
                    true
                }
            })
            .collect::<Vec<_>>()
    };
    let one = |(ask, plans): (&Ask, &Vec<Planned>)| {
        formats(plans).into_iter().map(|formats| Undivided::new(ask, formats)).collect()
    };
    asks.iter().zip(plans).map(one).collect()
}

/// Every point of a workload on a device.
pub fn survey(ask: &Ask, device: &Device, meter: &dyn deploy::Meter, study: &Study, plans: &[Planned]) -> Vec<Point> {
    let mut points = Vec::new();
    let survey = Survey { ask, device, meter, deployments: &study.deployment };
    survey.visit(plans, &mut |point| points.push(point));
    points
}
