//! What a module that a block stands in knows of it: when its pins take and give, as a cell of a library.
//!
//! The times are those of the block's own cells with its own wires: for an input from the pin to the clock, setup included; for an output from the clock to
//! the pin, at two loads, between which and beyond which they go with the load. The slope at an output follows from the same two, as that of one resistance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::timing::Question;
use crate::{Error, Result};

/// The larger of the two loads over the smaller.
pub(super) const LOADS: f64 = 10.0;
/// Slope from a fifth to four fifths over the delay to the half, of a capacitance behind a resistance: ln 4 / ln 2.
const SLOPE: f64 = 2.0;

/// The pins of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outline {
    /// Of an input the time to the clock in picoseconds, where a path begins there, and the capacitance in femtofarads.
    takes: BTreeMap<String, (Option<f64>, f64)>,
    /// Of an output the times from the clock in picoseconds at the smaller and at the larger load.
    gives: BTreeMap<String, [Option<f64>; 2]>,
}

impl Outline {
    /// The pins in what OpenSTA said to [`Question::ports_script`].
    pub(super) fn read(question: &Question<'_>, said: &str) -> Result<Outline> {
        let mut outline = Outline::default();
        let mut taking = None;
        for line in said.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["through", "0"] => {}
                ["through", _] => {
                    return Err(Error::Build(format!(
                        "{}: gates alone lead from an input to an output, and a block that is placed once needs a register between",
                        question.top
                    )));
                }
                ["takes", name] => {
                    taking = Some(name);
                    outline.takes.entry(name.into()).or_default();
                }
                ["gives", at, name, slack] => {
                    let time = question.period_ps - number(slack).unwrap_or_default();
                    let both = outline.gives.entry(name.into()).or_default();
                    both[usize::from(at == "large")] = Some(time);
                }
                ["Total", "capacitance:", ..] => {
                    if let Some(pin) = taking.and_then(|name| outline.takes.get_mut(name)) {
                        pin.1 = latest(&words[2..], f64::max).unwrap_or_default();
                    }
                }
                ["(clock", "^)", ..] => {
                    let slack = latest(&words[2..], f64::min);
                    if let Some((pin, slack)) = taking.and_then(|name| outline.takes.get_mut(name)).zip(slack) {
                        let time = question.period_ps - slack;
                        pin.0 = Some(pin.0.map_or(time, |known| known.max(time)));
                    }
                }
                _ => {}
            }
        }
        match outline.takes.is_empty() && outline.gives.is_empty() {
            true => Err(Error::Build(format!("OpenSTA told of no pins of {}", question.top))),
            false => Ok(outline),
        }
    }

    /// The block as a library of one cell.
    pub(super) fn liberty(&self, top: &str, load_ff: f64) -> String {
        let mut text = format!(
            "library ({top}) {{\n  delay_model : table_lookup;\n  time_unit : \"1ps\";\n  capacitive_load_unit (1, ff);\n  voltage_unit : \"1V\";\n  \
             current_unit : \"1mA\";\n  pulling_resistance_unit : \"1kohm\";\n  leakage_power_unit : \"1nW\";\n  input_threshold_pct_rise : 50;\n  \
             input_threshold_pct_fall : 50;\n  output_threshold_pct_rise : 50;\n  output_threshold_pct_fall : 50;\n  slew_lower_threshold_pct_rise : 20;\n  \
             slew_lower_threshold_pct_fall : 20;\n  slew_upper_threshold_pct_rise : 80;\n  slew_upper_threshold_pct_fall : 80;\n  \
             lu_table_template (loads) {{\n    variable_1 : total_output_net_capacitance;\n    index_1 (\"{load_ff}, {}\");\n  }}\n  cell ({top}) {{\n",
            LOADS * load_ff
        );
        for (name, (time, load)) in &self.takes {
            let _ = writeln!(text, "    pin ({name}) {{\n      direction : input;\n      capacitance : {load};");
            if let Some(time) = time {
                let both = format!(
                    "rise_constraint (scalar) {{ values (\"{time}\"); }}\n        fall_constraint (scalar) {{ values (\"{time}\"); }}"
                );
                let _ = writeln!(
                    text,
                    "      timing () {{\n        related_pin : \"clk_i\";\n        timing_type : setup_rising;\n        {both}\n      }}"
                );
            }
            text += "    }\n";
        }
        text += "    pin (clk_i) {\n      direction : input;\n      clock : true;\n      capacitance : 0;\n    }\n";
        for (name, times) in &self.gives {
            let _ = writeln!(text, "    pin ({name}) {{\n      direction : output;");
            if let [Some(small), Some(large)] = times {
                let per_ff = ((large - small) / ((LOADS - 1.0) * load_ff)).max(0.0);
                let slopes = [load_ff, LOADS * load_ff].map(|load| SLOPE * per_ff * load);
                text += "      timing () {\n        related_pin : \"clk_i\";\n        timing_type : rising_edge;\n";
                for way in ["rise", "fall"] {
                    let _ = writeln!(text, "        cell_{way} (loads) {{ values (\"{small}, {large}\"); }}");
                    let [first, second] = slopes;
                    let _ = writeln!(text, "        {way}_transition (loads) {{ values (\"{first}, {second}\"); }}");
                }
                text += "      }\n";
            }
            text += "    }\n";
        }
        text + "  }\n}\n"
    }
}

fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The worst of the later times in words such as `r 1.0:2.0 f 1.0:INF`.
fn latest(words: &[&str], worse: fn(f64, f64) -> f64) -> Option<f64> {
    words.iter().filter_map(|word| number(word.split_once(':')?.1)).reduce(worse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn question<'a>() -> Question<'a> {
        Question {
            top: "block",
            liberty: &[],
            netlist: Path::new("n.v"),
            spef: None,
            period_ps: 800.0,
            load_ff: 2.0,
            memory_ps: [0.0; 2],
            memory: Path::new("memory.tcl"),
        }
    }

    const SAID: &str = "through 0\ntakes a_i\n (clock ^) r 10.0:700.0 f 11.0:INF\n (clock ^) r 10.0:710.0 f 11.0:650.0\n \
                        Total capacitance: r 0.29:0.39 f 0.32:0.40\ntakes b_i\n Total capacitance: r 0.1:0.1 f 0.1:0.1\n\
                        gives small y_o 770.0\ngives large y_o 734.0\n";

    #[test]
    fn pins_have_their_times_and_a_library_says_them() {
        let outline = Outline::read(&question(), SAID).unwrap();
        assert_eq!(outline.takes["a_i"], (Some(150.0), 0.40));
        assert_eq!(outline.takes["b_i"].0, None);
        assert_eq!(outline.gives["y_o"], [Some(30.0), Some(66.0)]);
        let text = outline.liberty("block", 2.0);
        // 36 ps more for 18 fF more: 2 ps a femtofarad.
        assert!(text.contains("cell_rise (loads) { values (\"30, 66\"); }"), "{text}");
        assert!(text.contains("rise_transition (loads) { values (\"8, 80\"); }"), "{text}");
        assert_eq!(text.matches("setup_rising").count(), 1);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn a_path_through_gates_alone_is_refused() {
        let refused = Outline::read(&question(), "through 3\n").unwrap_err().to_string();
        assert!(refused.contains("needs a register between"), "{refused}");
        assert!(Outline::read(&question(), "Error: none\n").is_err());
    }
}
