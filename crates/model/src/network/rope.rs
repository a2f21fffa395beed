//! Tables of the rotary embedding: the one place where angles are computed.

use core::f64::consts::TAU;

use super::{Rope, RopeScaling};

impl Rope {
    /// The angle per position of each rotated pair, in radians: `dims / 2` values, the factor on cos and sin apart.
    pub fn frequencies(&self) -> Vec<f64> {
        let plain = |pair: usize| {
            let exponent = (2 * pair) as f64 / self.dims as f64;
            1.0 / libm::pow(f64::from(self.theta), exponent)
        };
        (0..self.dims / 2).map(|pair| self.stretched(pair, plain(pair))).collect()
    }

    /// Cosines and sines for the given positions: per position a row of `dims` values, first the cosine of every pair, then the sine.
    ///
    /// Computed in binary64 by `libm` (the same bits on every machine) and rounded once to binary32; YaRN's factor is included.
    pub fn table(&self, positions: impl IntoIterator<Item = usize>) -> Vec<f32> {
        let frequencies = self.frequencies();
        let factor = self.magnitude();
        let mut table = Vec::new();
        for position in positions {
            let angle = |frequency: &f64| position as f64 * frequency;
            table.extend(frequencies.iter().map(|f| (libm::cos(angle(f)) * factor) as f32));
            table.extend(frequencies.iter().map(|f| (libm::sin(angle(f)) * factor) as f32));
        }
        table
    }

    /// The factor on cos and sin.
    fn magnitude(&self) -> f64 {
        match self.scaling {
            RopeScaling::Yarn { attention_factor, .. } => attention_factor.into(),
            _ => 1.0,
        }
    }

    fn stretched(&self, pair: usize, frequency: f64) -> f64 {
        match &self.scaling {
            RopeScaling::None => frequency,
            RopeScaling::Linear { factor } => frequency / f64::from(*factor),
            RopeScaling::Factors(factors) => frequency / f64::from(factors[pair]),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                let (low, high) = (f64::from(*low_freq_factor), f64::from(*high_freq_factor));
                let turns = *original_context as f64 * frequency / TAU;
                blend(frequency, (*factor).into(), (turns - low) / (high - low))
            }
            RopeScaling::Yarn { factor, .. } => blend(frequency, (*factor).into(), 1.0 - self.yarn_ramp(pair)),
        }
    }

    /// 0 where a frequency is kept, 1 where it is divided by YaRN's factor.
    fn yarn_ramp(&self, pair: usize) -> f64 {
        let RopeScaling::Yarn { original_context, beta_fast, beta_slow, truncate, .. } = self.scaling else {
            return 0.0;
        };
        let dims = self.dims as f64;
        let bound = |rotations: f32| {
            let wave = original_context as f64 / (f64::from(rotations) * TAU);
            dims * libm::log(wave) / (2.0 * libm::log(self.theta.into()))
        };
        let (mut low, mut high) = (bound(beta_fast), bound(beta_slow));
        if truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        (low, high) = (low.max(0.0), high.min(dims - 1.0));
        if low == high {
            high += 0.001;
        }
        unit((pair as f64 - low) / (high - low))
    }
}

/// Between `frequency / factor` (`keep` at most 0) and `frequency` (`keep` at least 1).
fn blend(frequency: f64, factor: f64, keep: f64) -> f64 {
    let keep = unit(keep);
    (1.0 - keep) * frequency / factor + keep * frequency
}

/// Clamped to 0..=1; not a number (a ramp of no width, met exactly) is 0.
fn unit(x: f64) -> f64 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::RopeLayout;

    fn rope(scaling: RopeScaling) -> Rope {
        Rope { theta: 10_000.0, dims: 32, layout: RopeLayout::Half, scaling }
    }

    #[test]
    fn llama3_scaling_divides_low_and_keeps_high_frequencies() {
        let scaling =
            RopeScaling::Llama3 { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 64 };
        let (plain, scaled) = (rope(RopeScaling::None).frequencies(), rope(scaling).frequencies());
        assert_eq!(plain[0], scaled[0]);
        assert!((plain[15] / scaled[15] - 8.0).abs() < 1e-12);
        let between = scaled.iter().zip(&plain).filter(|(s, p)| **s < **p && **s * 7.999 > **p).count();
        assert!(between > 0, "the ramp has inner points");
    }

    #[test]
    fn table_rows_are_cosines_then_sines() {
        let rope = rope(RopeScaling::None);
        let table = rope.table([0, 3]);
        assert_eq!(table.len(), 64);
        assert!(table[..16].iter().all(|c| *c == 1.0) && table[16..32].iter().all(|s| *s == 0.0));
        assert_eq!(table[32], libm::cos(3.0) as f32);
        assert_eq!(table[48], libm::sin(3.0) as f32);
    }

    #[test]
    fn yarn_keeps_fast_pairs_divides_slow_ones_and_scales_both() {
        let yarn = |truncate| RopeScaling::Yarn {
            factor: 4.0,
            original_context: 64,
            beta_fast: 8.0,
            beta_slow: 1.0,
            attention_factor: 1.25,
            truncate,
        };
        let plain = rope(RopeScaling::None).frequencies();
        let (whole, exact) = (rope(yarn(true)).frequencies(), rope(yarn(false)).frequencies());
        assert_eq!(whole[0], plain[0]);
        assert!((plain[15] / whole[15] - 4.0).abs() < 1e-12);
        assert_ne!(whole, exact);
        assert_eq!(rope(yarn(true)).table([0])[0], 1.25);
    }
}
