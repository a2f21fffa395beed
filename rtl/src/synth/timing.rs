//! What OpenSTA is asked, and what it answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::report::{Path as Critical, Power};
use crate::{Error, Result};

/// Part of the cycles in which each net is taken to change.
pub const ACTIVITY: f64 = 0.1;

/// What stands before the powers of cells at rest, and of cells whose nets change.
const RESTING: &str = "cells at rest";
const CHANGING: &str = "cells that change";

/// A netlist to be timed.
pub(super) struct Question<'a> {
    pub top: &'a str,
    pub liberty: &'a [std::path::PathBuf],
    pub netlist: &'a Path,
    /// Wires, if the cells have places.
    pub spef: Option<&'a Path>,
    pub period_ps: f64,
    pub load_ff: f64,
    /// From the clock to what memories read, and from what they take to the clock, in picoseconds.
    pub memory_ps: [f64; 2],
    /// The file that names the pins of memories.
    pub memory: &'a Path,
}

/// What is known of it.
pub(super) struct Answer {
    pub path: Critical,
    pub power: Option<Power>,
}

impl Question<'_> {
    /// The question as a script.
    pub(super) fn script(&self) -> String {
        let mut text = self.setting();
        let _ = writeln!(text, "report_checks -path_delay max -digits 4\nputs \"worst [worst_slack]\"");
        let _ =
            writeln!(text, "set_power_activity -global -activity {ACTIVITY} -duty 0.5\nreport_power -digits 6\nexit");
        text
    }

    /// A script that asks for the power of each cell, at rest and with every net changing in [`ACTIVITY`] of the cycles.
    pub(super) fn cells_script(&self) -> String {
        let mut text = self.setting();
        for (mark, activity) in [(RESTING, 0.0), (CHANGING, ACTIVITY)] {
            let _ = writeln!(text, "puts \"{mark}\"\nset_power_activity -global -activity {activity} -duty 0.5");
            text += "report_power -digits 9 -instances [get_cells *]\n";
        }
        text + "exit\n"
    }

    /// A script that asks when pins take and give, the latter at the load of the question and at a larger one. Pins of memories are none of the module's.
    pub(super) fn ports_script(&self, larger: f64) -> String {
        let mut text = self.setting();
        for (pins, all, memory) in [("takes", "$data", "$memory_reads"), ("gives", "[all_outputs]", "$memory_takes")] {
            let _ = writeln!(text, "set {pins} {{}}\nforeach port {all} {{");
            let _ = writeln!(
                text,
                "  if {{[lsearch -exact {memory} [get_property $port full_name]] < 0}} {{ lappend {pins} $port }}\n}}"
            );
        }
        text += "puts \"through [llength [find_timing_paths -from $takes -to $gives]]\"\n";
        text += "foreach port $takes {\n  set name [get_property $port full_name]\n  puts \"takes $name\"\n  set net [get_nets $name]\n";
        text += "  foreach pin [get_pins -of_objects $net] { report_slack $pin }\n  report_net -connections -verbose $name\n}\n";
        for (name, load) in [("small", self.load_ff), ("large", larger * self.load_ff)] {
            let _ = writeln!(text, "set_load {load} [all_outputs]");
            text += "foreach end [find_timing_paths -to $gives -group_count 1000000] {\n";
            let _ = writeln!(
                text,
                "  puts \"gives {name} [get_property [get_property $end endpoint] full_name] [get_property $end slack]\"\n}}"
            );
        }
        text + "exit\n"
    }

    /// What every script begins with: cells, netlist, clock, loads and wires.
    fn setting(&self) -> String {
        let mut text = String::new();
        for file in self.liberty {
            let _ = writeln!(text, "read_liberty {}", file.display());
        }
        let _ = writeln!(text, "read_verilog {}\nlink_design {}", self.netlist.display(), self.top);
        text += "set_cmd_units -time ps -capacitance fF -power W\n";
        let _ = writeln!(text, "create_clock -name clock -period {} clk_i", self.period_ps);
        text += "set data {}\nforeach port [all_inputs] {\n  if {![string match clk_i [get_property $port full_name]]} { lappend data $port }\n}\n";
        text += "set_input_delay 0 -clock clock $data\nset_output_delay 0 -clock clock [all_outputs]\n";
        let [access, setup] = self.memory_ps;
        let _ = writeln!(text, "source {}", self.memory.display());
        for (pins, way, ps) in
            [("memory_reads", "set_input_delay", access), ("memory_takes", "set_output_delay", setup)]
        {
            let _ = writeln!(text, "if {{[llength ${pins}]}} {{ {way} {ps} -clock clock [get_ports ${pins}] }}");
        }
        let _ = writeln!(text, "set_load {} [all_outputs]", self.load_ff);
        if let Some(spef) = self.spef {
            let _ = writeln!(text, "read_spef {}", spef.display());
        }
        text += "set_false_path -from [get_ports -quiet rst_ni]\n";
        text
    }

    /// The answer in what OpenSTA said.
    pub(super) fn answer(&self, said: &str) -> Result<Answer> {
        let unclear = |what: &str| {
            let problem = said.lines().find(|line| line.contains("rror")).unwrap_or("it said nothing of it");
            Error::Build(format!("OpenSTA gave no {what} of {}: {problem}", self.top))
        };
        // One path is told of each group; the one with the least slack counts.
        let paths = said.split("Startpoint:").skip(1).filter_map(|told| self.path(told));
        let path = paths.max_by(|a, b| a.ps.total_cmp(&b.ps)).ok_or_else(|| unclear("path"))?;
        Ok(Answer { path, power: power(said) })
    }

    /// The path of one paragraph that follows `Startpoint:`.
    fn path(&self, told: &str) -> Option<Critical> {
        let name = |text: &str| text.split_whitespace().next().map(str::to_string);
        let line = |marks: &[&str]| {
            told.lines().map(str::trim).find_map(|line| marks.iter().find_map(|mark| line.strip_suffix(mark)))
        };
        let slack: f64 = line(&["slack (MET)", "slack (VIOLATED)"])?.trim().parse().ok()?;
        let to = told.lines().find_map(|line| line.trim().strip_prefix("Endpoint:"))?;
        let steps =
            told.lines().filter(|line| line.contains('/') && (line.contains(" ^ ") || line.contains(" v "))).count();
        // Neither the clock's arrival nor the pin at the end is a cell on the way.
        Some(Critical {
            ps: self.period_ps - slack,
            from: name(told)?,
            to: name(to)?,
            cells: steps.saturating_sub(3) as u64,
        })
    }
}

/// The last row of the table of powers. A library without tables of power gives zeros, which say nothing.
fn power(said: &str) -> Option<Power> {
    let row = said.lines().rev().find(|line| line.trim_start().starts_with("Total") && line.contains("100.0%"))?;
    let numbers: Vec<f64> = row.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [internal, switching, leakage, ..] = numbers[..] else { return None };
    let milli = |watts: f64| (watts > 0.0).then_some(watts * 1e3);
    Some(Power { internal_mw: milli(internal), switching_mw: milli(switching), leakage_mw: milli(leakage) })
}

/// The power of a netlist whose cells change their outputs at these rates (changes per cycle), in what OpenSTA said to [`Question::cells_script`].
///
/// A cell's own power at rest (that of its clock) stays; what changing nets add to it, inside and in the wire that it drives, goes with its rate.
pub(super) fn at_rates(said: &str, rates: &BTreeMap<String, f64>) -> Option<Power> {
    let (resting, changing) = said.split_once(RESTING)?.1.split_once(CHANGING)?;
    let resting: BTreeMap<&str, [f64; 3]> = cells(resting).collect();
    let mut sum = [0.0; 3];
    for (name, [internal, switching, leakage]) in cells(changing) {
        let ([still, ..], rate) = (resting.get(name)?, rates.get(name)?);
        let part = rate / ACTIVITY;
        sum[0] += still + (internal - still) * part;
        sum[1] += switching * part;
        sum[2] += leakage;
    }
    let milli = |watts: f64| (watts > 0.0).then_some(watts * 1e3);
    Some(Power { internal_mw: milli(sum[0]), switching_mw: milli(sum[1]), leakage_mw: milli(sum[2]) })
}

/// Cells with their internal, switching and leakage power in watts.
fn cells(said: &str) -> impl Iterator<Item = (&str, [f64; 3])> {
    said.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [internal, switching, leakage, _, name] = words[..] else { return None };
        Some((name, [internal.parse().ok()?, switching.parse().ok()?, leakage.parse().ok()?]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_cells_go_with_their_rates() {
        let said = "cells at rest\n   Internal  Switching Leakage Total\n 2e-06 0.0 1e-09 2e-06 q\n 0.0 0.0 1e-09 1e-09 u\n\
                    cells that change\n 3e-06 1e-06 1e-09 4e-06 q\n 1e-06 2e-06 1e-09 3e-06 u\n";
        let rates = |q, u| BTreeMap::from([("q".to_string(), q), ("u".to_string(), u)]);
        let power = at_rates(said, &rates(0.1, 0.2)).unwrap();
        let near = |found: Option<f64>, wanted: f64| found.is_some_and(|found| (found - wanted).abs() < 1e-12);
        assert!(near(power.internal_mw, 5e-3) && near(power.switching_mw, 5e-3) && near(power.leakage_mw, 2e-6));
        assert!(near(at_rates(said, &rates(0.0, 0.0)).unwrap().internal_mw, 2e-3));
        assert!(at_rates(said, &BTreeMap::new()).is_none());
    }

    const SAID: &str = "\
Startpoint: rst_ni (input port)
Endpoint: u_c (recovery check)
    2.0000   slack (MET)
Startpoint: u_a (rising edge-triggered flip-flop clocked by clock)
Endpoint: u_b (rising edge-triggered flip-flop clocked by clock)
   0.0000    0.0000 ^ u_a/CLK (DFF)
  51.0000   51.0000 v u_a/QN (DFF)
  40.0000   91.0000 ^ u_x/Y (INV)
   0.0209   91.0209 ^ u_b/D (DFF)
  83.0000   83.0000 ^ u_b/CLK (DFF)
   -8.0000   slack (VIOLATED)
Total                  3.60e-04   0.00e+00   3.35e-07   4.10e-04 100.0%
";

    fn question<'a>() -> Question<'a> {
        Question {
            top: "top",
            liberty: &[],
            netlist: Path::new("n.v"),
            spef: None,
            period_ps: 83.0,
            load_ff: 2.0,
            memory_ps: [0.0; 2],
            memory: Path::new("memory.tcl"),
        }
    }

    #[test]
    fn path_and_power_are_read_from_what_is_said() {
        let answer = question().answer(SAID).unwrap();
        assert_eq!(answer.path, Critical { ps: 91.0, from: "u_a".into(), to: "u_b".into(), cells: 2 });
        let power = answer.power.unwrap();
        assert!(
            power.internal_mw.is_some_and(|mw| (mw - 0.36).abs() < 1e-9) && power.switching_mw.is_none(),
            "{power:?}"
        );
    }

    #[test]
    fn an_answer_without_a_path_is_refused_with_its_error() {
        let refused = question().answer("Error: n.v, line 3 syntax error").err().unwrap().to_string();
        assert_eq!(refused, "OpenSTA gave no path of top: Error: n.v, line 3 syntax error");
    }
}
