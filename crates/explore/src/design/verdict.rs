//! What to do, in sentences: the verdict, its reasons, and what would turn it over beyond single inputs.

use super::assemble::{Judged, Parts};
use crate::judge::{self, figure};
use crate::outcome::{Action, Chosen, Flip, Span, Verdict};
use crate::runner::{FRONTIER, Runner, STUDY};
use crate::space::{self, Design};

impl Parts<'_> {
    pub(super) fn verdict(&self, judged: &Judged, runners: &[Runner], chosen: Option<&Chosen>) -> Verdict {
        let forecast = &judged.forecast;
        let name = |at: usize| runners[at].name.clone();
        let usd = |at: usize| judged.priced[at].usd;
        let rival = judged.rival.map(name);
        let (action, sentence) = match (&judged.duel, judged.ours, judged.rival) {
            (Some(duel), Some(ours), Some(best)) => {
                let action = match judge::action(duel.probability) {
                    // A chip that misses its targets in simulation is not built on the word of a formula.
                    Action::Build if judged.missed => Action::Open,
                    action => action,
                };
                let begins = match action {
                    Action::Build => "Build",
                    Action::DoNotBuild => "Do not build",
                    Action::Open => "Open",
                };
                let sentence = format!(
                    "{begins}: a million tokens cost {} on our chip and {} on {}; with all that is not known, ours are cheaper than those of the best three rivals with a probability of {}.",
                    span(usd(ours)),
                    span(usd(best)),
                    name(best),
                    chance(duel.probability)
                );
                (action, sentence)
            }
            (_, None, Some(_)) if self.found.undone > 0 => {
                (Action::Open, "Open: the budget of points ended before a chip was found that serves.".to_owned())
            }
            (_, None, Some(best)) => {
                let sentence = format!(
                    "Do not build: no chip of the space meets the limits{}; {} writes a million tokens for {}.",
                    self.unserved(),
                    name(best),
                    span(usd(best))
                );
                (Action::DoNotBuild, sentence)
            }
            (_, Some(ours), None) => (
                Action::Open,
                format!("Open: no rival could be compared; our chip writes a million tokens for {}.", span(usd(ours))),
            ),
            _ => (Action::Open, "Open: nobody serves this study.".to_owned()),
        };
        Verdict {
            action,
            sentence,
            reasons: self.reasons(judged, chosen),
            probability: judged
                .duel
                .as_ref()
                .map_or(f64::from(u8::from(judged.ours.is_some())), |duel| duel.probability),
            ratio: judged.duel.as_ref().map(|duel| duel.ratio),
            rival,
            break_even: judged.duel.as_ref().and_then(|duel| duel.break_even),
            spent: forecast.spent.into(),
            years: forecast.volume_after.into(),
        }
    }

    /// The workload that most of the evaluated chips cannot serve in time, as a clause.
    fn unserved(&self) -> String {
        let mut counts = vec![0usize; self.asks.len()];
        self.found.evaluated.iter().filter_map(|one| one.fails).for_each(|at| counts[at] += 1);
        let most = (0..counts.len()).filter(|at| counts[*at] > 0).max_by_key(|at| counts[*at]);
        most.map_or(String::new(), |at| format!(" (most evaluated ones cannot serve {} in time)", self.asks[at].name))
    }

    fn reasons(&self, judged: &Judged, chosen: Option<&Chosen>) -> Vec<String> {
        let mut reasons = Vec::new();
        let best = self.found.best().map(|best| Design::at(&self.study.space, best.chip));
        let edges = best.map_or(Vec::new(), |best| space::edges(&self.study.space, &best));
        if !edges.is_empty() {
            reasons.push(format!(
                "The chip lies at the edge of the space in {}: a wider space may hold a better one.",
                edges.join(", ")
            ));
        }
        if chosen.is_some() {
            reasons.push(
                "Nobody has measured the chip: its times come from the model that times the rivals, without a cycle model behind it, and its areas and energies are scaled from blocks at 7 nm, not synthesised on its node."
                    .to_owned(),
            );
        }
        if judged.missed {
            reasons.push("In simulated traffic our chip misses a latency target that the closed form said it meets; see its deployments.".to_owned());
        }
        let date = self.study.date();
        let market = econ::market::Market::QUANTITIES.iter().filter_map(|quantity| self.facts.find(quantity).ok());
        let borrowed = market.filter(|fact| fact.as_of.end() > date.end()).count();
        if borrowed > 0 && self.facts.iter().any(|fact| fact.as_of.end() <= date.end()) {
            reasons.push(format!("{borrowed} figures of the market were not known at {date} and are borrowed from later; the list of assumptions marks them."));
        }
        let forecast = &judged.forecast;
        let (spent, years) = (Span::from(forecast.spent), Span::from(forecast.volume_after));
        reasons.push(format!(
            "Until volume it takes {:.1} years ({:.1} to {:.1}) and {} ({} to {}) for design, masks and respins.",
            years.median,
            years.low,
            years.high,
            money(spent.median),
            money(spent.low),
            money(spent.high)
        ));
        if let Some(duel) = &judged.duel {
            reasons.push(match duel.break_even {
                Some(packages) => format!(
                    "That is paid for after {} packages of the {} that are planned.",
                    figure(packages, ""),
                    figure(self.study.volume.0, "")
                ),
                None => "No volume pays for that: making one costs more than the rival's price for the same tokens."
                    .to_owned(),
            });
            reasons.extend(self.progress(duel.ratio.median, years.median));
        }
        reasons
    }

    /// What rivals' progress makes of the advantage, should the chip begin only now.
    fn progress(&self, ratio: f64, years: f64) -> Option<String> {
        let doubling = self.facts.nominal::<base::units::Years>("doubling time of price-performance").ok()?.0;
        let then = ratio * 2f64.powf(years / doubling);
        let lead = (1.0 / ratio).log2() * doubling;
        Some(match lead > 0.0 {
            true => format!(
                "The comparison is with what is sold at the date of the study, so the chip must be in volume then and its programme have begun {years:.1} years before. Price-performance of what is sold doubles every {doubling:.1} years: begun only now, its tokens would cost {then:.2} times those of the rival of that time, and the advantage ends {lead:.1} years from now."
            ),
            false => format!(
                "Price-performance of what is sold doubles every {doubling:.1} years: every year until volume makes it harder."
            ),
        })
    }

    /// Where looser or tighter latency targets turn the choice.
    pub(super) fn level_flip(&self, judged: &Judged, runners: &[Runner]) -> Option<Flip> {
        let (ours, _) = judged.ours.zip(judged.rival)?;
        let cheaper = |level: usize| {
            // Each brought to what simulation and the market made of its level of the study.
            let usd = |at: usize| match (level, runners[at].levels[level].as_ref()) {
                (_, None) => f64::INFINITY,
                (STUDY, Some(_)) => judged.priced[at].usd.median,
                (_, Some(mix)) => mix.usd * runners[at].settled(judged.priced[at].usd.median),
            };
            let best = (0..runners.len()).filter(|at| *at != ours).map(usd).fold(f64::INFINITY, f64::min);
            usd(ours) < best
        };
        let now = cheaper(STUDY);
        let mut levels: Vec<usize> = (0..FRONTIER.len()).filter(|level| cheaper(*level) != now).collect();
        levels.sort_by_key(|level| level.abs_diff(STUDY));
        let turns = FRONTIER[*levels.first()?];
        Some(Flip {
            input: "latency targets".into(),
            now: "1 times the study's".into(),
            turns: format!("{turns} times the study's"),
            likely: (0.5..=2.0).contains(&turns),
            then: if now { "a rival is cheaper".into() } else { "our chip is cheaper".into() },
        })
    }
}

/// A probability that samples gave: never quite 0 or 1.
fn chance(probability: f64) -> String {
    match 100.0 * probability {
        all if all > 99.9 => "over 99.9 %".to_owned(),
        none if none < 0.1 => "under 0.1 %".to_owned(),
        some => format!("{some:.0} %"),
    }
}

fn span(span: Span) -> String {
    format!("${:.2} (${:.2} to ${:.2})", span.median, span.low, span.high)
}

/// Dollars in words.
pub fn money(usd: f64) -> String {
    match usd {
        usd if usd >= 1e9 => format!("${:.2} billion", usd / 1e9),
        usd if usd >= 1e6 => format!("${:.0} million", usd / 1e6),
        usd => format!("${usd:.0}"),
    }
}
