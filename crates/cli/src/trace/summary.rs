//! What a timeline adds up to: cycles of each unit, and what it waited for.

use super::timeline::unit_name;
use crate::ui::{self, Align};
use arch::attr::{Attr, Unit};
use perf::cycles::watch::Cause;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;

/// Sums over all cores of the cycles in view.
#[derive(Clone, Default, Debug)]
pub struct Summary {
    /// Cycles in view.
    pub cycles: u64,
    commands: BTreeMap<u8, u64>,
    busy: BTreeMap<u8, u64>,
    until: BTreeMap<(usize, u8), u64>,
    waits: BTreeMap<(u8, Cause), u64>,
    read: u64,
    written: u64,
    beats: u64,
}

impl Summary {
    /// A command of a core's unit; those of a unit come in order.
    pub fn command(&mut self, core: usize, unit: Unit, span: &Range<u64>) {
        let until = self.until.entry((core, unit as u8)).or_default();
        *self.busy.entry(unit as u8).or_default() += span.end.saturating_sub(span.start.max(*until));
        *self.commands.entry(unit as u8).or_default() += 1;
        *until = span.end.max(*until);
    }

    /// A unit waited.
    pub fn wait(&mut self, unit: Unit, cause: Cause, span: &Range<u64>) {
        *self.waits.entry((unit as u8, cause)).or_default() += span.end - span.start;
    }

    /// Beats that were read and written, of so many that could have been.
    pub fn memory(&mut self, read: u64, written: u64, beats: u64) {
        (self.read, self.written, self.beats) = (self.read + read, self.written + written, self.beats + beats);
    }

    /// Cycles in which a unit worked, all cores together.
    pub fn busy(&self, unit: Unit) -> u64 {
        self.busy.get(&(unit as u8)).copied().unwrap_or(0)
    }

    /// Cycles in which a unit waited for this, all cores together.
    pub fn waited(&self, unit: Unit, cause: Cause) -> u64 {
        self.waits.get(&(unit as u8, cause)).copied().unwrap_or(0)
    }

    fn ran(&self, unit: Unit) -> u64 {
        self.commands.get(&(unit as u8)).copied().unwrap_or(0)
    }

    /// Share of the memory ports' beats that were used.
    pub fn port_share(&self) -> f64 {
        (self.read + self.written) as f64 / self.beats.max(1) as f64
    }

    /// The table, for a chip of so many cores.
    pub fn table(&self, cores: usize) -> String {
        let all = (self.cycles * cores as u64).max(1) as f64;
        let share =
            |cycles: u64| if cycles == 0 { "-".to_string() } else { format!("{:.1} %", 100.0 * cycles as f64 / all) };
        let row = |unit: Unit| {
            let fixed =
                [unit_name(unit), ui::count(self.ran(unit)), ui::count(self.busy(unit)), share(self.busy(unit))];
            fixed.into_iter().chain(Cause::ALL.map(|cause| share(self.waited(unit, cause)))).collect::<Vec<_>>()
        };
        let mut head =
            vec![("unit", Align::Left), ("commands", Align::Right), ("cycles", Align::Right), ("busy", Align::Right)];
        head.extend(Cause::ALL.map(|cause| (cause.name(), Align::Right)));
        ui::table(&head, &Unit::all().into_iter().map(row).collect::<Vec<_>>())
    }

    /// The same as a value.
    pub fn json(&self) -> Value {
        let unit = |unit: Unit| {
            let waits: BTreeMap<&str, u64> =
                Cause::ALL.into_iter().map(|cause| (cause.name(), self.waited(unit, cause))).collect();
            json!({ "unit": unit_name(unit), "commands": self.ran(unit), "busy": self.busy(unit), "waits": waits })
        };
        let units: Vec<Value> = Unit::all().into_iter().map(unit).collect();
        json!({ "cycles": self.cycles, "units": units, "beats_read": self.read, "beats_written": self.written })
    }
}
