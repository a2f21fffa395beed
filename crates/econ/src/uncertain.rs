//! What is not known, carried through to the result.
//!
//! A [`Study`] has inputs with ranges and a function from one value per input to a few results. The inputs are sampled **together** by a Sobol' sequence
//! (direction numbers of Joe and Kuo, shifted by fixed random digits so that no point lies on an edge), which fills the space more evenly than random numbers:
//! the error of a median falls almost with the number of samples, not with its root. [`Study::run`] gives median and 80 % and 90 % intervals of each result;
//! [`Study::shares`] gives Sobol' indices by the estimators of Saltelli and Jansen: how much of the variance of a result one input explains alone (first order), and how
//! much would vanish if it were known (total).
//!
//! The order of everything is fixed: points are cut into chunks of [`CHUNK`], each chunk is computed alone, and sums are folded in the order of chunks.
//! Threads only decide who computes which chunk, so results are identical to the bit for any number of them. An input without width takes no dimension.

use crate::range::{Range, Sampler, normal_quantile};
use rayon::prelude::*;
use sobol::Sobol;
use sobol::params::JoeKuoD6;

/// Points of a chunk: large against its start, small against a study.
pub const CHUNK: usize = 1024;

/// Digits of a coordinate.
const BITS: usize = 32;

/// Seed of the shift: any number would do, and this one always does.
const SHIFT: u64 = 0x5075_6365;

/// A function from one value per input to one value per result. Closures are models.
pub trait Model: Sync {
    /// Fills `results`.
    fn compute(&self, values: &[f64], results: &mut [f64]);
}

impl<F: Fn(&[f64], &mut [f64]) + Sync> Model for F {
    fn compute(&self, values: &[f64], results: &mut [f64]) {
        self(values, results);
    }
}

/// Inputs with ranges, and a function of them.
pub struct Study<M> {
    /// Name and range of each input.
    pub inputs: Vec<(String, Range)>,
    /// Names of the results.
    pub results: Vec<String>,
    /// The function.
    pub model: M,
}

/// One result over all samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    /// Half lie below.
    pub median: f64,
    /// Eight in ten lie between.
    pub within_80: (f64, f64),
    /// Nine in ten lie between.
    pub within_90: (f64, f64),
    /// Mean.
    pub mean: f64,
}

/// How much of the variance of one result one input explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The input.
    pub input: String,
    /// Alone.
    pub first: f64,
    /// With all that it does together with others.
    pub total: f64,
}

/// A Sobol' sequence in some dimensions, any point of which can be had at once.
struct Sequence {
    directions: Vec<[u32; BITS]>,
    shift: Vec<u32>,
}

impl Sequence {
    fn new(dimensions: usize) -> Sequence {
        let columns = Sobol::<f32>::init_direction_vals::<u32>(dimensions, BITS, &JoeKuoD6::standard());
        let directions = columns.iter().map(|column| std::array::from_fn(|bit| column[bit])).collect();
        let shift = (0..dimensions as u64).map(|dimension| (scatter(SHIFT + dimension) >> 32) as u32).collect();
        Sequence { directions, shift }
    }

    /// The digits of point `index`, without the shift.
    fn digits(&self, index: u32) -> Vec<u32> {
        let gray = index ^ (index >> 1);
        let set = |column: &[u32; BITS]| {
            (0..BITS).filter(|bit| gray >> bit & 1 == 1).fold(0, |digits, bit| digits ^ column[bit])
        };
        self.directions.iter().map(set).collect()
    }

    /// From the digits of point `index` to those of the next: one column of the Gray code.
    fn advance(&self, digits: &mut [u32], index: u32) {
        let bit = (index + 1).trailing_zeros() as usize;
        digits.iter_mut().zip(&self.directions).for_each(|(digits, column)| *digits ^= column[bit]);
    }

    /// Calls `visit` with the standard normal deviates of the points `first..first + count`.
    fn visit(&self, first: usize, count: usize, mut visit: impl FnMut(usize, &[f64])) {
        let mut digits = self.digits(first as u32);
        let mut deviates = vec![0.0; digits.len()];
        for step in 0..count {
            for (deviate, (digits, shift)) in deviates.iter_mut().zip(digits.iter().zip(&self.shift)) {
                *deviate = normal_quantile((f64::from(digits ^ shift) + 0.5) / (1u64 << BITS) as f64);
            }
            visit(step, &deviates);
            self.advance(&mut digits, (first + step) as u32);
        }
    }
}

/// Steele and Vigna's mix of 64 bits, for digits that look random and are always the same.
fn scatter(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The inputs that vary, ready for sampling.
struct Varying {
    /// Which input each dimension is, and how it is sampled.
    dimensions: Vec<(usize, Sampler)>,
    /// All inputs at their nominal.
    nominal: Vec<f64>,
}

impl Varying {
    fn new(inputs: &[(String, Range)]) -> Varying {
        let varying = inputs.iter().enumerate().filter(|(_, (_, range))| !range.is_exact());
        Varying {
            dimensions: varying.map(|(index, (_, range))| (index, Sampler::of(range))).collect(),
            nominal: inputs.iter().map(|(_, range)| range.nominal).collect(),
        }
    }

    /// Sets in `values` the inputs that vary.
    fn fill(&self, deviates: &[f64], values: &mut [f64]) {
        for ((index, sampler), deviate) in self.dimensions.iter().zip(deviates) {
            values[*index] = sampler.at(*deviate);
        }
    }
}

impl<M: Model> Study<M> {
    /// The results when every input is at its nominal.
    pub fn nominal(&self) -> Vec<f64> {
        let mut results = vec![0.0; self.results.len()];
        self.model.compute(&Varying::new(&self.inputs).nominal, &mut results);
        results
    }

    /// The distribution of each result over `samples` samples.
    ///
    /// # Panics
    /// If there are no samples.
    pub fn run(&self, samples: usize) -> Vec<Distribution> {
        let width = self.results.len();
        let all = self.sample(samples);
        let column = |result: usize| all.iter().skip(result).step_by(width.max(1)).copied().collect();
        (0..width).map(|result| Distribution::of(column(result))).collect()
    }

    /// The results of every sample, sample after sample.
    pub fn sample(&self, samples: usize) -> Vec<f64> {
        let varying = Varying::new(&self.inputs);
        let sequence = Sequence::new(varying.dimensions.len());
        let width = self.results.len();
        let mut all = vec![0.0; samples * width];
        all.par_chunks_mut((CHUNK * width).max(1)).enumerate().for_each(|(chunk, results)| {
            let mut values = varying.nominal.clone();
            sequence.visit(chunk * CHUNK, results.len() / width, |step, deviates| {
                varying.fill(deviates, &mut values);
                self.model.compute(&values, &mut results[step * width..][..width]);
            });
        });
        all
    }

    /// The shares of every varying input in the variance of each result, largest total first, from `base` points: the model is computed `base` times
    /// two more than the inputs that vary.
    pub fn shares(&self, base: usize) -> Vec<Vec<Share>> {
        let varying = Varying::new(&self.inputs);
        let count = varying.dimensions.len();
        let sequence = Sequence::new(2 * count);
        let centre = self.nominal();
        let chunks: Vec<Moments> = (0..base.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let first = chunk * CHUNK;
                self.moments(&varying, &sequence, &centre, first, CHUNK.min(base - first))
            })
            .collect();
        let moments = chunks.into_iter().fold(Moments::new(count, centre.len()), Moments::plus);
        (0..centre.len()).map(|result| moments.shares(self, &varying, result)).collect()
    }

    fn moments(&self, varying: &Varying, sequence: &Sequence, centre: &[f64], first: usize, points: usize) -> Moments {
        let count = varying.dimensions.len();
        let mut moments = Moments::new(count, centre.len());
        let mut values = varying.nominal.clone();
        // Results at the point, at its partner, and at the point with one coordinate of its partner.
        let [mut at, mut partner, mut mixed] = [(); 3].map(|()| vec![0.0; centre.len()]);
        let centred = |values: &[f64], results: &mut [f64]| {
            self.model.compute(values, results);
            results.iter_mut().zip(centre).for_each(|(result, centre)| *result -= centre);
        };
        sequence.visit(first, points, |_, deviates| {
            let (own, other) = deviates.split_at(count);
            varying.fill(other, &mut values);
            centred(&values, &mut partner);
            varying.fill(own, &mut values);
            centred(&values, &mut at);
            moments.add_point(&at, &partner);
            for (dimension, (index, sampler)) in varying.dimensions.iter().enumerate() {
                values[*index] = sampler.at(other[dimension]);
                centred(&values, &mut mixed);
                values[*index] = sampler.at(own[dimension]);
                moments.add_mixed(dimension, &at, &partner, &mixed);
            }
        });
        moments
    }
}

/// Sums over points, from which shares follow.
struct Moments {
    points: f64,
    /// Per result: sum, and sum of squares, over points and partners.
    sums: Vec<(f64, f64)>,
    /// Per input and result: Saltelli's sum for the first order, and Jansen's for the total.
    shares: Vec<Vec<(f64, f64)>>,
}

impl Moments {
    fn new(inputs: usize, results: usize) -> Moments {
        Moments { points: 0.0, sums: vec![(0.0, 0.0); results], shares: vec![vec![(0.0, 0.0); results]; inputs] }
    }

    fn add_point(&mut self, at: &[f64], partner: &[f64]) {
        self.points += 1.0;
        for ((sums, at), partner) in self.sums.iter_mut().zip(at).zip(partner) {
            sums.0 += at + partner;
            sums.1 += at * at + partner * partner;
        }
    }

    fn add_mixed(&mut self, input: usize, at: &[f64], partner: &[f64], mixed: &[f64]) {
        for (result, sums) in self.shares[input].iter_mut().enumerate() {
            let change = mixed[result] - at[result];
            sums.0 += partner[result] * change;
            sums.1 += change * change;
        }
    }

    fn plus(mut self, other: Moments) -> Moments {
        let add = |mine: &mut (f64, f64), theirs: &(f64, f64)| {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        };
        self.points += other.points;
        self.sums.iter_mut().zip(&other.sums).for_each(|(mine, theirs)| add(mine, theirs));
        let pairs = self.shares.iter_mut().flatten().zip(other.shares.iter().flatten());
        pairs.for_each(|(mine, theirs)| add(mine, theirs));
        self
    }

    fn shares<M>(&self, study: &Study<M>, varying: &Varying, result: usize) -> Vec<Share> {
        let (sum, squares) = self.sums[result];
        let twice = 2.0 * self.points;
        let variance = squares / twice - (sum / twice).powi(2);
        let share = |sum: f64| if variance > 0.0 { sum / self.points / variance } else { 0.0 };
        let of = |(dimension, (index, _)): (usize, &(usize, Sampler))| {
            let (first, total) = self.shares[dimension][result];
            Share { input: study.inputs[*index].0.clone(), first: share(first), total: share(total / 2.0) }
        };
        let mut shares: Vec<Share> = varying.dimensions.iter().enumerate().map(of).collect();
        shares.sort_by(|a, b| b.total.total_cmp(&a.total));
        shares
    }
}

impl Distribution {
    /// Of these values, in any order.
    ///
    /// # Panics
    /// If there are none.
    pub fn of(mut values: Vec<f64>) -> Distribution {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.sort_unstable_by(f64::total_cmp);
        let last = values.len() - 1;
        let at = |share: f64| {
            let place = share * last as f64;
            let (below, part) = (place.floor() as usize, place.fract());
            values[below] + part * (values[(below + 1).min(last)] - values[below])
        };
        Distribution { median: at(0.5), within_80: (at(0.1), at(0.9)), within_90: (at(0.05), at(0.95)), mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(ranges: &[(f64, f64, f64)]) -> Vec<(String, Range)> {
        let range = |(index, (low, nominal, high)): (usize, &(f64, f64, f64))| {
            (format!("x{index}"), Range::new(*low, *nominal, *high).unwrap())
        };
        ranges.iter().enumerate().map(range).collect()
    }

    #[test]
    fn the_sequence_is_that_of_sobol() {
        let sequence = Sequence::new(3);
        let point =
            |index| sequence.digits(index).iter().map(|d| f64::from(*d) / (1u64 << BITS) as f64).collect::<Vec<_>>();
        assert_eq!(point(1), [0.5, 0.5, 0.5]);
        assert_eq!((point(2), point(3)), (vec![0.75, 0.25, 0.25], vec![0.25, 0.75, 0.75]));
        let mut digits = sequence.digits(77);
        sequence.advance(&mut digits, 77);
        assert_eq!(digits, sequence.digits(78));
        // Every 2^k points meet every interval of length 2^-k once, in each dimension, shifted or not.
        for dimension in 0..3 {
            let mut cells: Vec<u32> =
                (0..256).map(|index| (sequence.digits(index)[dimension] ^ sequence.shift[dimension]) >> 24).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..256).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn a_sum_of_normals_is_a_normal() {
        // Plain ranges (they cross zero) are normal: deviations 3 and 4 make 5.
        let z = 1.644_853_626_951_472_2;
        let study = Study {
            inputs: inputs(&[(-3.0 * z, 0.0, 3.0 * z), (-4.0 * z, 0.0, 4.0 * z), (7.0, 7.0, 7.0)]),
            results: vec!["sum".into()],
            model: |x: &[f64], out: &mut [f64]| out[0] = x[0] + x[1] + x[2],
        };
        let found = study.run(1 << 15)[0];
        assert!((found.median - 7.0).abs() < 2e-3 && (found.mean - 7.0).abs() < 2e-3, "{found:?}");
        assert!((found.within_90.1 - 7.0 - 5.0 * z).abs() < 2e-2, "{found:?}");
        assert!((found.within_80.0 - 7.0 + 5.0 * 1.281_551_565_5).abs() < 2e-2, "{found:?}");
        let shares = &study.shares(1 << 13)[0];
        assert_eq!(shares.iter().map(|share| share.input.as_str()).collect::<Vec<_>>(), ["x1", "x0"]);
        assert!((shares[0].first - 0.64).abs() < 3e-3 && (shares[0].total - 0.64).abs() < 3e-3, "{shares:?}");
        assert!((shares[1].first - 0.36).abs() < 3e-3, "{shares:?}");
    }

    #[test]
    fn a_product_shares_its_interaction() {
        // x y with means 0 and deviation 1: all variance is interaction.
        let z = 1.644_853_626_951_472_2;
        let study = Study {
            inputs: inputs(&[(-z, 0.0, z), (-z, 0.0, z)]),
            results: vec!["product".into()],
            model: |x: &[f64], out: &mut [f64]| out[0] = x[0] * x[1],
        };
        let shares = &study.shares(1 << 14)[0];
        assert!(shares.iter().all(|share| share.first.abs() < 0.01 && (share.total - 1.0).abs() < 0.02), "{shares:?}");
    }

    #[test]
    fn threads_do_not_show() {
        let study = Study {
            inputs: inputs(&[(1.0, 2.0, 5.0), (0.5, 0.6, 0.9), (10.0, 30.0, 31.0)]),
            results: vec!["a".into(), "b".into()],
            model: |x: &[f64], out: &mut [f64]| {
                out[0] = x[0] * x[1] + x[2];
                out[1] = x[2] / x[0];
            },
        };
        let all = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (study.sample(5000), study.run(5000), study.shares(3000)))
        };
        let one = all(1);
        assert_eq!(one.0.len(), 10_000);
        for threads in [2, 3, 7] {
            assert!(all(threads) == one, "{threads} threads");
        }
    }
}
