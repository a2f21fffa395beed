//! From what was found to what is shown.

use super::confirmed::Confirmed;
use super::drawn;
use crate::ask::Ask;
use crate::body::{Bodies, Body};
use crate::deploy::{Point, Role, Survey};
use crate::front::{self, Measures};
use crate::judge::{self, Duel, Priced, figure};
use crate::outcome::{
    Asked, Assumption, Bind, Chosen, Contender, Deployment, Design as Shown, Fact, FrontierPoint, LeftOut, Outcome,
    Searched, Simulated, Step, Workload,
};
use crate::runner::{Runner, STUDY};
use crate::search::{DECIDES, Evaluated, Found, LEVELS};
use crate::select::{Mixed, Served};
use crate::space::Design;
use crate::study::{Ours, Study};
use base::units::{Usd, Watts};
use econ::carbon::{self, Intensity};
use econ::cost::{self, Acquisition, Device};
use econ::facts::{FactError, Facts};
use econ::market::Market;
use econ::range::Range;
use econ::schedule::{self, Forecast};
use perf::interval::Intervals;

/// What a study has come to so far.
pub struct Parts<'a> {
    pub intensity: Intensity,
    pub study: &'a Study,
    pub facts: &'a Facts,
    pub asks: &'a [Ask],
    pub bodies: &'a Bodies,
    pub found: &'a Found,
}

/// What the judgement found; runners by their place.
pub struct Judged {
    pub(super) devices: Vec<Device>,
    pub(super) priced: Vec<Priced>,
    /// Our runner, the best rival.
    pub(super) ours: Option<usize>,
    pub(super) rival: Option<usize>,
    pub(super) duel: Option<Duel>,
    pub(super) forecast: Forecast,
    /// Whether our chip misses a target in simulation.
    pub(super) missed: bool,
}

/// Samples of the forecast of a programme.
const FORECAST: usize = 1 << 12;

/// Rivals of the duel: in each sample ours is held against the cheapest of them.
const RIVALS: usize = 3;

/// Designs of the scatter besides the front: as many as a page draws without effort.
const SCATTER: usize = 600;

impl Parts<'_> {
    /// Weighs every runner in the same market.
    pub fn judge(
        &self,
        runners: &[Runner],
        confirmed: &[Vec<Option<Confirmed>>],
        best: Option<(&Design, &Body)>,
    ) -> Result<Judged, FactError> {
        let priced = best.map_or(econ::die::Node::N3, |(design, _)| self.bodies.priced(design));
        let forecast = schedule::forecast(self.facts, priced, FORECAST)?;
        let around = econ::power::around(self.facts)?;
        let devices: Vec<Device> = runners
            .iter()
            .zip(confirmed)
            .map(|(runner, confirmed)| self.device(runner, confirmed, around, &forecast, best))
            .collect();
        let priced = judge::spread(self.facts, &devices)?;
        let misses = |found: &Vec<Option<Confirmed>>| found.iter().flatten().any(|one| !one.simulated.meets);
        let missed: Vec<bool> = confirmed.iter().map(misses).collect();
        // Whoever misses a target in simulation is no rival as long as another is left.
        let mut order: Vec<usize> = (0..runners.len()).collect();
        order.sort_by(|a, b| missed[*a].cmp(&missed[*b]).then(priced[*a].usd.median.total_cmp(&priced[*b].usd.median)));
        let ours = order.iter().copied().find(|at| runners[*at].ours);
        let rivals: Vec<usize> = order.into_iter().filter(|at| !runners[*at].ours).take(RIVALS).collect();
        let rival = rivals.first().copied();
        let duel = match (ours, rival) {
            (Some(ours), Some(_)) => {
                let ring = std::iter::once(ours).chain(rivals).map(|at| devices[at].clone()).collect::<Vec<_>>();
                Some(judge::duel(self.facts, &ring, forecast.spent.median)?)
            }
            _ => None,
        };
        let missed = ours.is_some_and(|at| missed[at]);
        Ok(Judged { devices, priced, ours, rival, duel, forecast, missed })
    }

    /// A runner as money sees it, with all that is not known about it.
    fn device(
        &self,
        runner: &Runner,
        confirmed: &[Option<Confirmed>],
        around: Range,
        forecast: &Forecast,
        best: Option<(&Design, &Body)>,
    ) -> Device {
        let mix = runner.mix().expect("runners serve the mix");
        let seconds = seconds(self.asks, mix, confirmed);
        let factors = self.factors(runner, mix);
        let body = best.filter(|_| runner.ours).map(|(_, body)| body);
        let rating = match body {
            Some(body) => self.rating(runner, mix, body),
            None => Range::exactly(mix.rating),
        };
        let power = if runner.ours {
            econ::power::all_in(rating.times(runner.dies as f64), around)
        } else {
            runner.money.power
        };
        let mut device = judge::priced(runner, power, seconds, factors);
        if let Some(body) = body {
            device.silicon = area(body);
            let share = |spent: f64| spent / self.study.volume.0;
            let spent = forecast.spent;
            let design = Range::new(share(spent.within_90.0), share(spent.median), share(spent.within_90.1))
                .unwrap_or(Range::exactly(share(spent.median)));
            device.acquisition = match self.study.ours {
                Ours::Make => Acquisition::Make { design },
                Ours::Partner => Acquisition::Partner { design },
            };
        }
        device
    }

    /// Power that is provisioned for a die, from the least to the most that its events may take.
    fn rating(&self, runner: &Runner, mix: &Mixed, body: &Body) -> Range {
        let ends = body.ends();
        let at = |end: usize| {
            let all = self.asks.iter().enumerate().map(|(at, ask)| {
                let points = mix.served[at].points();
                let watts = points.map(|point| watts(ask, at, runner, point, &ends[end], self.study));
                watts.fold(0.0, f64::max)
            });
            all.fold(0.0, f64::max)
        };
        Range::new(at(0).min(mix.rating), mix.rating, at(1).max(mix.rating)).unwrap_or(Range::exactly(mix.rating))
    }

    /// Least and most time over the predicted one, over the mix.
    fn factors(&self, runner: &Runner, mix: &Mixed) -> (f64, f64) {
        let (mut low, mut high, mut sum) = (0.0, 0.0, 0.0);
        for (at, ask) in self.asks.iter().enumerate() {
            for point in mix.served[at].points() {
                let steps = drawn::breakdown(ask, at, runner, point, self.study);
                let parts = steps.rows.iter().map(|row| (&row.operator, row.estimate.time * row.count));
                let factors = Intervals::embedded().sum(parts, &runner.device.key);
                let weight = ask.share * point.seconds;
                low += weight * factors.low;
                // Nobody has driven our chip: at worst its host and its exchanges are those of the others.
                let driven = if runner.ours {
                    drawn::as_driven(ask, at, runner, point, self.study) / steps.step.time.0
                } else {
                    1.0
                };
                high += weight * factors.high * driven.max(1.0);
                sum += weight;
            }
        }
        (low / sum, high / sum)
    }

    /// The chosen chip with its drawings.
    pub fn chosen(&self, design: &Design, body: &Body, runners: &[Runner]) -> Chosen {
        let runner = runners.iter().find(|runner| runner.ours).expect("our chip runs");
        let mix = runner.mix().expect("runners serve the mix");
        drawn::chosen(self, design, body, runner, mix)
    }

    /// Everything, in the order in which it is shown.
    pub fn outcome(
        &self,
        judged: Judged,
        runners: &[Runner],
        confirmed: &[Vec<Option<Confirmed>>],
        left_out: Vec<LeftOut>,
        chosen: Option<Chosen>,
    ) -> Outcome {
        let contender = |at: usize| self.contender(&runners[at], &confirmed[at], &judged, at);
        let mut contenders: Vec<Contender> = (0..runners.len()).map(contender).collect();
        contenders.sort_by(|a, b| b.ours.cmp(&a.ours).then(a.usd.median.total_cmp(&b.usd.median)));
        let verdict = self.verdict(&judged, runners, chosen.as_ref());
        let duel = judged.duel.as_ref();
        let mut flips = duel.map_or(Vec::new(), |duel| duel.flips.clone());
        flips.extend(self.level_flip(&judged, runners));
        Outcome {
            asked: self.asked(),
            verdict,
            chosen,
            contenders,
            left_out,
            designs: self.designs(),
            search: self.searched(),
            sensitivity: duel.map_or(Vec::new(), |duel| duel.sensitivity.clone()),
            flips,
            assumptions: self.assumptions(),
        }
    }

    fn asked(&self) -> Asked {
        let workload = |ask: &Ask| Workload {
            name: ask.name.clone(),
            network: ask.network.clone(),
            traffic: ask.traffic.name.clone(),
            share: ask.share,
            prompt: ask.moments.prompt,
            answer: ask.moments.answer,
            ttft: ask.ttft.0,
            tpot: ask.tpot.0,
            source: ask.traffic.source.clone(),
        };
        let limits = &self.study.limits;
        let mut said = vec![
            format!("reticle {} x {}", econ::die::RETICLE.0, econ::die::RETICLE.1),
            format!("cooling {}", limits.cooling.0),
            format!("{} W/mm2 of a die", limits.density.0.0),
            format!("{} TOP/s/mm2 of a die", limits.arithmetic.0.0),
            format!("interposer {}", limits.interposer.0),
        ];
        let supply =
            [(limits.stacks, "memory stacks"), (limits.wafers, "wafers"), (limits.interposers, "interposer wafers")];
        said.extend(supply.iter().filter_map(|(limit, what)| limit.map(|limit| figure(limit.0, what))));
        said.extend(limits.package.map(|limit| format!("{} a package", limit.0)));
        said.extend(limits.budget.map(|limit| format!("budget {}", limit.0)));
        Asked {
            name: self.study.name.clone(),
            title: self.study.title.clone(),
            as_of: self.study.date().to_string(),
            volume: self.study.volume.0,
            workloads: self.asks.iter().map(workload).collect(),
            limits: said,
        }
    }

    fn contender(&self, runner: &Runner, confirmed: &[Option<Confirmed>], judged: &Judged, at: usize) -> Contender {
        let mix = runner.mix().expect("runners serve the mix");
        let (device, priced) = (&judged.devices[at], &judged.priced[at]);
        let cost = cost::of(&device.nominal(), self.bodies.market());
        let million = cost.tokens.map_or(Usd(f64::NAN), |tokens| tokens.output);
        let waterfall = cost.waterfall(million);
        let seconds = seconds(self.asks, mix, confirmed);
        let usd =
            |seconds: f64| 1e6 * seconds / runner.dies as f64 * cost.useful_hour.0 / base::units::SECONDS_PER_HOUR;
        let reading = sum(self.asks, confirmed, |at| mix.served[at].reading());
        let prompts: f64 = self.asks.iter().map(|ask| ask.share * ask.moments.prompt / ask.moments.answer).sum();
        Contender {
            key: runner.key.clone(),
            name: runner.name.clone(),
            ours: runner.ours,
            acquisition: acquisition(device).to_owned(),
            usd: priced.usd,
            usd_nominal: million.0,
            usd_input: usd(reading) / prompts,
            usd_output: usd(seconds - reading),
            rate: runner.dies as f64 / seconds,
            price: priced.price,
            hour: priced.hour,
            watts: device.power.nominal,
            joules: mix.joules,
            capital: (cost.price + cost.server + cost.network + cost.building).0 * seconds / runner.dies as f64,
            carbon: grams(&self.intensity, device, seconds / runner.dies as f64, self.bodies.market()),
            waterfall: waterfall.iter().map(|(what, usd)| Step { what: (*what).to_owned(), usd: usd.0 }).collect(),
            frontier: frontier(runner, million.0),
            deployments: self.deployments(runner, mix, confirmed),
            footing: footing(runner).to_owned(),
        }
    }

    fn deployments(&self, runner: &Runner, mix: &Mixed, confirmed: &[Option<Confirmed>]) -> Vec<Deployment> {
        let one = |(at, ask): (usize, &Ask)| {
            let served = &mix.served[at];
            let main = served.points().last().expect("a point at least");
            let plan = &runner.plans[at][main.plan as usize].plan;
            let steps = drawn::breakdown(ask, at, runner, main, self.study);
            let simulated: Option<Simulated> = confirmed[at].as_ref().map(|confirmed| confirmed.simulated.clone());
            Deployment {
                workload: ask.name.clone(),
                devices: plan.mapping().devices(),
                mapping: plan.mapping().to_string(),
                formats: plan.formats().to_string(),
                policy: policy(served),
                batch: main.batch.into(),
                rate: confirmed[at].as_ref().map_or(1.0, |confirmed| confirmed.kept) / served.seconds(),
                ttft: served.ttft(),
                tpot: served.tpot(),
                bound: steps.step.bound().name().to_string(),
                simulated,
            }
        };
        self.asks.iter().enumerate().map(one).collect()
    }

    fn designs(&self) -> Vec<Shown> {
        let best = self.found.best().map(|best| best.chip);
        let mut all: Vec<Shown> = Vec::new();
        for evaluated in &self.found.evaluated {
            all.extend(self.shown(evaluated, best));
        }
        let measures: Vec<Measures> = all
            .iter()
            .map(|design| [design.usd, -design.interactivity, design.joules, design.capital, design.carbon])
            .collect();
        let front = front::front(&measures);
        all.iter_mut().zip(front).for_each(|(design, front)| design.front = front);
        // The front whole, and of the rest every so-manieth.
        let rest = all.iter().filter(|design| !design.front).count();
        let stride = rest.div_ceil(SCATTER).max(1);
        let mut seen = 0;
        all.retain(|design| {
            seen += usize::from(!design.front);
            design.front || design.chosen || seen.is_multiple_of(stride)
        });
        all
    }

    fn shown(&self, evaluated: &Evaluated, best: Option<u64>) -> Vec<Shown> {
        let design = Design::at(&self.study.space, evaluated.chip);
        let Ok(body) = self.bodies.body(&design) else { return Vec::new() };
        let dies = design.dies as f64;
        let one = |(level, mix): (usize, &Option<Mixed>)| {
            let mix = mix.as_ref()?;
            let power = Range::exactly(mix.rating * dies + self.bodies.around());
            let device = Device { power, ..body.money.clone() };
            let cost = cost::of(&device.nominal(), self.bodies.market());
            let capital = (cost.price + cost.server + cost.network + cost.building).0;
            Some(Shown {
                name: design.title(),
                level: LEVELS[level],
                usd: mix.usd,
                interactivity: mix.interactivity,
                joules: mix.joules,
                capital: capital * mix.seconds / dies,
                carbon: grams(&self.intensity, &device, mix.seconds / dies, self.bodies.market()),
                area: body.area.total().nominal.0,
                watts: mix.rating * dies,
                front: false,
                chosen: Some(evaluated.chip) == best && level == DECIDES,
            })
        };
        evaluated.levels.iter().enumerate().filter_map(one).collect()
    }

    fn searched(&self) -> Searched {
        let found = self.found;
        Searched {
            chips: found.chips,
            refused: found.refused.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            pruned: found.pruned,
            undone: found.undone,
            evaluated: found.evaluated.len() as u64,
            points: found.points(),
            gap: found.gap,
            grid: drawn::grid(&self.study.space),
        }
    }

    /// The node of the chosen chip, or of the first of the space.
    fn node(&self) -> econ::die::Node {
        let chip = self.found.best().map_or(0, |best| best.chip);
        self.bodies.priced(&Design::at(&self.study.space, chip))
    }

    fn assumptions(&self) -> Vec<Assumption> {
        let quantities = Market::QUANTITIES
            .iter()
            .copied()
            .chain(schedule::quantities(self.node()).into_iter().chain(Intensity::QUANTITIES.iter().copied()));
        let date = self.study.date();
        let fact = |quantity: &str| {
            let fact = self.facts.find(quantity).ok()?;
            let borrowed = fact.as_of.end() > date.end();
            Some(Assumption {
                what: fact.quantity.clone(),
                range: (fact.range.low, fact.range.nominal, fact.range.high),
                unit: fact.unit.symbol.to_owned(),
                grade: fact.grade.letter().to_string(),
                as_of: fact.as_of.to_string(),
                source: if borrowed {
                    format!("not known at {date}, borrowed: {}", fact.source)
                } else {
                    fact.source.clone()
                },
            })
        };
        let mut all: Vec<Assumption> = quantities.filter_map(fact).collect();
        all.extend(drawn::silicon(self.bodies, self.study));
        all
    }
}

/// Watts of a point with other energies of events.
fn watts(ask: &Ask, at: usize, runner: &Runner, point: &Point, meter: &crate::body::Watch, study: &Study) -> f64 {
    let plans = &runner.plans[at][point.plan as usize..=point.plan as usize];
    let survey = Survey { ask, device: &runner.device, meter, deployments: &study.deployment };
    let mut found = point.watts;
    survey.visit(plans, &mut |other| {
        if other.role == point.role && other.batch == point.batch {
            found = other.watts;
        }
    });
    found
}

/// Seconds of a device per token of the mix, with what simulation left of the rates.
fn seconds(asks: &[Ask], mix: &Mixed, confirmed: &[Option<Confirmed>]) -> f64 {
    sum(asks, confirmed, |at| mix.served[at].seconds())
}

fn sum(asks: &[Ask], confirmed: &[Option<Confirmed>], of: impl Fn(usize) -> f64) -> f64 {
    let kept = |at: usize| confirmed[at].as_ref().map_or(1.0, |confirmed: &Confirmed| confirmed.kept);
    asks.iter().enumerate().map(|(at, ask)| ask.share * of(at) / kept(at)).sum()
}

/// Grams of CO2 equivalent per million tokens of a device of which a token takes `seconds`.
fn grams(intensity: &Intensity, device: &Device, seconds: f64, market: &Market) -> f64 {
    let hour = carbon::of(&device.nominal(), market, intensity).hour();
    hour / market.utilisation / base::units::SECONDS_PER_HOUR * seconds * 1e6
}

/// The area of a die that has not been synthesised, over its nominal.
fn area(body: &Body) -> Range {
    let total = body.area.total();
    let (low, high) = (total.low.0 / total.nominal.0, total.high.0 / total.nominal.0);
    Range::new(low, 1.0, high).unwrap_or(Range::exactly(1.0))
}

fn acquisition(device: &Device) -> &'static str {
    match device.acquisition {
        Acquisition::Make { .. } => "made",
        Acquisition::Partner { .. } => "made by a partner",
        Acquisition::Vendor => "sold by a vendor",
        Acquisition::Buy { .. } => "bought",
    }
}

fn footing(runner: &Runner) -> &'static str {
    let fitted = perf::device::calibration::Calibration::shipped();
    match (runner.ours, fitted.is_fitted(&runner.device.key, "gemm")) {
        (true, _) => "our design",
        (false, true) => "fitted on measurements",
        (false, false) => "never fitted",
    }
}

/// The levels of a runner, brought to what simulation and nominals made of the study's own, which costs `usd`.
fn frontier(runner: &Runner, usd: f64) -> Vec<FrontierPoint> {
    let point = |(level, mix): (usize, &Mixed)| FrontierPoint {
        level: mix.level,
        interactivity: mix.interactivity,
        usd: if level == STUDY { usd } else { mix.usd * runner.settled(usd) },
        joules: mix.joules,
    };
    let levels = runner.levels.iter().enumerate();
    let mut points: Vec<FrontierPoint> =
        levels.filter_map(|(level, mix)| Some(point((level, mix.as_ref()?)))).collect();
    points.sort_by(|a, b| b.interactivity.total_cmp(&a.interactivity));
    points
}

fn policy(served: &Served) -> String {
    match served {
        Served::Whole(Point { role: Role::Whole { chunk }, .. }) => format!("mixed, chunks of {chunk}"),
        Served::Apart { prefill: Point { role: Role::Prefill { load, .. }, .. }, .. } => {
            format!("prefill apart, {load} % busy")
        }
        _ => "mixed".to_owned(),
    }
}

/// A bind of a limit.
pub fn bind(limit: &str, allowed: String, taken: String, share: f64, binds: bool) -> Bind {
    Bind { limit: limit.to_owned(), allowed, taken, share, binds }
}

/// A line of a sheet.
pub fn line(what: &str, figure: String, note: String) -> Fact {
    Fact { what: what.to_owned(), figure, note }
}

/// Watts in words.
pub fn power(watts: Watts) -> String {
    format!("{:.0} W", watts.0)
}
