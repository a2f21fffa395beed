//! Power of A100 and H100 while they serve: `operators/splitwise_power.csv`.
//!
//! One row is one run of a prompt and its continuation on a tensor-parallel group. `peak_power` is the greatest sample of the power meter, which falls
//! into the prompt phase; `average_power` is that of the token phase; both as fractions of the limit, of one device. Rows without power (all of H100
//! among them) hold zeros. The set has no halves of its own: a row is for fitting when the sum of the binary logarithms of prompt, batch and degree is even,
//! which spreads both halves over all three.

use crate::sets::{MILLISECONDS, SetError, rows};
use base::units::Seconds;
use perf::device::Device;
use perf::evaluate::Step;
use perf::format::Format;
use perf::power::power;
use serde::Deserialize;
use std::path::Path;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Network.
    pub model: String,
    /// Device.
    pub hardware: String,
    /// Positions of the prompt.
    pub prompt_size: u64,
    /// Sequences.
    pub batch_size: u64,
    /// Positions of the continuation.
    pub token_size: u64,
    /// Greatest sample, as a fraction of the limit; zero where not measured.
    pub peak_power: f64,
    /// Average of the token phase, as a fraction of the limit; zero where not measured.
    pub average_power: f64,
    /// Time of the prompt, in milliseconds.
    pub prompt_time: f64,
    /// Time of a token, in milliseconds.
    pub token_time: f64,
    /// Time of the run, in milliseconds.
    pub e2e_time: f64,
    /// Devices.
    pub tensor_parallel: u64,
}

/// Averages below this share of the limit are those of a device at rest (an A100 rests at about an eighth): three shapes with prompts of 8192 have them
/// although their tokens took as long as everybody's, so that the meter missed the phase.
const AT_REST: f64 = 0.25;

impl Row {
    /// Whether the meter was on.
    pub fn is_measured(&self) -> bool {
        self.peak_power > 0.0
    }

    /// Whether the average is that of the token phase.
    pub fn average_is_of_tokens(&self) -> bool {
        self.average_power > AT_REST
    }

    /// Whether the row is for fitting.
    pub fn is_for_fitting(&self) -> bool {
        (self.prompt_size.ilog2() + self.batch_size.ilog2() + self.tensor_parallel.ilog2()).is_multiple_of(2)
    }

    /// Time of the prompt.
    pub fn prompt(&self) -> Seconds {
        Seconds(self.prompt_time / MILLISECONDS)
    }

    /// Time of a token.
    pub fn token(&self) -> Seconds {
        Seconds(self.token_time / MILLISECONDS)
    }
}

/// Every row of the file.
///
/// # Errors
/// As [`rows`].
pub fn read(path: &Path) -> Result<Vec<Row>, SetError> {
    rows(path)
}

/// The device that was measured.
pub const DEVICE: &str = "a100";

/// Window over which the meter averages: peaks of shorter prompts are lowered by the token phase around them.
const WINDOW: f64 = 0.17;

/// Fractions of the limit, measured or predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// Average of the token phase.
    pub tokens: f64,
    /// Greatest sample, in the prompt.
    pub peak: f64,
}

impl Row {
    /// Weights of the network: as many as both sets of experiments name.
    fn parameters(&self) -> f64 {
        if self.model.starts_with("bloom") { 176e9 } else { 69e9 }
    }

    /// Fractions by the model of power, from the measured times: power is judged alone, not the model of time with it.
    pub fn predicted(&self, device: &Device) -> Fractions {
        let share = self.parameters() / self.tensor_parallel as f64;
        let fraction = |time: Seconds, tokens: u64| {
            let step = Step {
                time,
                operations: 2.0 * share * tokens as f64,
                memory_bytes: Format::Fp16.bytes() * share,
                ..Step::default()
            };
            power(&step, device, Format::Fp16).0 / device.power.0
        };
        let tokens = fraction(self.token(), self.batch_size);
        let prompt = fraction(self.prompt(), self.batch_size * self.prompt_size);
        Fractions { tokens, peak: tokens + (prompt - tokens) * (self.prompt().0 / WINDOW).min(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::test_data;

    #[test]
    fn power_is_predicted_as_well_as_stated() {
        let Some(data) = test_data() else { return };
        let device = Device::find(DEVICE).unwrap();
        let rows = read(&data.join("measured/operators/splitwise_power.csv")).unwrap();
        for fitting in [true, false] {
            let (mut errors, mut decode) = (Vec::new(), Vec::new());
            for row in rows.iter().filter(|row| row.is_measured() && row.is_for_fitting() == fitting) {
                let Fractions { tokens, peak } = row.predicted(&device);
                errors.push((peak / row.peak_power - 1.0).abs());
                if row.average_is_of_tokens() {
                    decode.push((tokens / row.average_power - 1.0).abs());
                }
            }
            let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
            println!(
                "for fitting: {fitting}; prompts {:.1} %, tokens {:.1} %",
                100.0 * mean(&errors),
                100.0 * mean(&decode)
            );
            assert!(mean(&errors) < 0.10 && mean(&decode) < 0.05);
        }
    }
}
