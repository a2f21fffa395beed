//! What is kept of counts of points, and which points are not met, and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

const COUNTS: &str = include_str!("../../scoreboard/functional.json");
const BURSTS: &str = include_str!("../../scoreboard/bursts.json");
const NEVERS: &str = include_str!("../../scoreboard/functional.toml");

/// In how many programs points were met.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Day of the run, and the tools.
    pub date: String,
    /// See `date`.
    pub tools: String,
    /// The seed of the first program.
    pub seed: u64,
    /// Programs that ran on the emulator and, where it has the times of their memory, on the twin.
    pub programs: u64,
    /// Those that ran on the design, too: each that met a point that few programs before it had met.
    pub simulated: u64,
    /// Those whose waits are known, for the twin has the times of their memory; the others had a memory that stutters.
    pub timed: u64,
    /// Programs by point; points that none met are left out.
    pub points: BTreeMap<String, u64>,
}

impl Counts {
    /// What was kept of the last run of `cargo xtask scoreboard functional`.
    pub fn kept() -> Counts {
        serde_json::from_str(COUNTS).expect("rtl/scoreboard/functional.json is written by this type")
    }

    /// What was kept of the last run with `--bursts`.
    pub fn bursts() -> Counts {
        serde_json::from_str(BURSTS).expect("rtl/scoreboard/bursts.json is written by this type")
    }
}

/// Points that random programs do not meet: those of these instructions with one of these classes and waits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Never {
    /// Names, with attributes or without; every instruction if there is none.
    #[serde(default)]
    pub instructions: BTreeSet<String>,
    /// Names; every class if there is none.
    #[serde(default)]
    pub classes: BTreeSet<String>,
    /// Names; every wait if there is none.
    #[serde(default)]
    pub waits: BTreeSet<String>,
    /// Whether one may be met all the same.
    #[serde(default)]
    pub seldom: bool,
    /// Why they are not met.
    pub reason: String,
}

impl Never {
    /// Whether the point is one of them.
    pub fn is(&self, point: &str) -> bool {
        let mut parts = point.split(" | ");
        let mut part = || parts.next().unwrap_or_default();
        let (instruction, class, wait) = (part(), part(), part());
        let mnemonic = instruction.split('.').next().unwrap_or_default();
        let holds = |names: &BTreeSet<String>, name: &str| names.is_empty() || names.contains(name);
        (holds(&self.instructions, instruction) || self.instructions.contains(mnemonic))
            && holds(&self.classes, class)
            && holds(&self.waits, wait)
    }
}

/// The table `rtl/scoreboard/functional.toml`.
pub fn nevers() -> Vec<Never> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        #[serde(default)]
        never: Vec<Never>,
    }
    toml::from_str::<Table>(NEVERS).expect("rtl/scoreboard/functional.toml has this form").never
}
