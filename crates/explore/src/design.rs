//! A study from its question to its outcome: search, rivals, simulation, judgement, drawings.

mod assemble;
mod confirmed;
mod drawn;
mod verdict;

use crate::ask;
use crate::body::Bodies;
use crate::outcome::Outcome;
use crate::runner::{self, Runner};
use crate::search::{Journal, Search, Stopped};
use crate::space::Design;
use crate::study::Study;
use econ::carbon::Intensity;
use econ::facts::{FactError, Facts};

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bodies and bounds of all chips, then the search itself.
    Search,
    /// Rivals on the same workloads.
    Rivals,
    /// Requests through the chosen deployments.
    Simulate,
    /// Distributions, shares, turning points.
    Judge,
    /// Drawings of the chosen chip.
    Draw,
}

impl Stage {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Search => "searching designs",
            Stage::Rivals => "timing rivals",
            Stage::Simulate => "simulating requests",
            Stage::Judge => "weighing what is not known",
            Stage::Draw => "drawing the chip",
        }
    }
}

/// Why a study has no outcome.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The search did not end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A figure is missing.
    #[error("{0}: the study cannot be reckoned without it")]
    Fact(#[from] FactError),
    /// Nobody can serve.
    #[error("no chip of the space and no device of the catalogue serves this study within its limits: {0}")]
    Nobody(String),
}

/// Runs a study with what was known at its date.
///
/// # Errors
/// If the search is stopped, a figure is missing, or nobody serves the study.
pub fn run(
    study: &Study,
    facts: &Facts,
    journal: &mut dyn Journal,
    told: &mut dyn FnMut(Stage),
) -> Result<Outcome, Failure> {
    told(Stage::Search);
    // What nobody could know at the date is borrowed, and shown as such; prices of rivals are not.
    let market_facts = facts.borrowed(study.date(), |_| true);
    let then = facts.borrowed(study.date(), |fact| !fact.quantity.starts_with("price "));
    let asks = ask::all(study);
    let bodies = Bodies::new(study, &market_facts)?;
    let search = Search::new(study, &asks, &bodies);
    let found = search.run(journal)?;
    told(Stage::Rivals);
    let (mut runners, left_out) = runner::rivals(study, &asks, &then, bodies.market());
    let best = found.best().map(|best| Design::at(&study.space, best.chip));
    let body = best.as_ref().map(|design| bodies.body(design).expect("it was evaluated"));
    if let (Some(design), Some(body)) = (&best, &body) {
        runners.push(Runner::ours(study, &asks, body, search.plans(design), design.dies));
    }
    if runners.is_empty() {
        let why = left_out.iter().map(|one| format!("{}: {}", one.name, one.why));
        return Err(Failure::Nobody(why.collect::<Vec<_>>().join("; ")));
    }
    told(Stage::Simulate);
    let confirmed = confirmed::all(&asks, &mut runners);
    told(Stage::Judge);
    let facts = &market_facts;
    let parts = assemble::Parts {
        study,
        intensity: Intensity::nominal(facts)?,
        facts,
        asks: &asks,
        bodies: &bodies,
        found: &found,
    };
    let judged = parts.judge(&runners, &confirmed, best.as_ref().zip(body.as_ref()))?;
    told(Stage::Draw);
    let chosen = best.as_ref().zip(body.as_ref()).map(|(design, body)| parts.chosen(design, body, &runners));
    Ok(parts.outcome(judged, &runners, &confirmed, left_out, chosen))
}
