//! The share of dies without a killing defect.
//!
//! All classic models are one: defects fall as a Poisson process whose density varies from die to die, and the model is the distribution of that variation.
//! No variation gives Poisson, a triangle from 0 to 2 gives Murphy, a gamma distribution gives the negative binomial (clusters; its `alpha` is the shape), and one gamma
//! factor per critical layer gives Bose-Einstein. [`Defects::free`] is the closed form; [`Defects::mixture`] is the variation itself as points with weights, which
//! [`super::harvest`] needs because the defects of a die share its density.

/// How the density of defects varies between dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Defects {
    /// Not at all: the most pessimistic.
    Poisson,
    /// By a triangle around the mean.
    Murphy,
    /// By a gamma distribution of shape `alpha`: a small one means clusters.
    NegativeBinomial {
        /// Shape; 2 to 3 is usual, and without end it is Poisson.
        alpha: f64,
    },
    /// Exponentially in each of `layers` critical layers, the density counted per layer.
    BoseEinstein {
        /// Critical layers.
        layers: u32,
    },
}

/// Points of a mixture. The integrand is smooth and falls off at both ends, where the trapezium rule converges faster than any power.
pub const POINTS: usize = 40;

/// A density in units of its mean, and how often it occurs.
pub type Weighted = (f64, f64);

impl Defects {
    /// Share of dies without a defect when `mean` defects are expected per die (area times density).
    pub fn free(self, mean: f64) -> f64 {
        match self {
            Defects::Poisson => (-mean).exp(),
            Defects::Murphy if mean < 1e-9 => 1.0,
            Defects::Murphy => ((-(-mean).exp_m1()) / mean).powi(2),
            Defects::NegativeBinomial { alpha } => (1.0 + mean / alpha).powf(-alpha),
            Defects::BoseEinstein { layers } => (1.0 + mean).powi(-(layers as i32)),
        }
    }

    /// The variation of density as points with weights that sum to one.
    pub fn mixture(self) -> [Weighted; POINTS] {
        match self {
            Defects::Poisson => std::array::from_fn(|point| (1.0, if point == 0 { 1.0 } else { 0.0 })),
            Defects::Murphy => triangle(),
            Defects::NegativeBinomial { alpha } => gamma(alpha, 1.0),
            Defects::BoseEinstein { layers } => gamma(f64::from(layers), f64::from(layers)),
        }
    }
}

/// The triangle from 0 over 1 to 2, by the midpoint rule.
fn triangle() -> [Weighted; POINTS] {
    let step = 2.0 / POINTS as f64;
    std::array::from_fn(|point| {
        let density = (point as f64 + 0.5) * step;
        (density, (1.0 - (density - 1.0).abs()) * step)
    })
}

/// A gamma distribution of a shape and a mean, by the trapezium rule in the logarithm of the density.
fn gamma(shape: f64, mean: f64) -> [Weighted; POINTS] {
    // Below e^low the tail is shape * low deep, above e^high it is doubly exponential: both far beyond what a share of dies can show.
    let (low, high) = (-(30.0 / shape).min(14.0), (1.0 + 36.0 / shape).ln() + 0.2);
    let step = (high - low) / (POINTS - 1) as f64;
    let mut points = std::array::from_fn(|point| {
        let log = low + point as f64 * step;
        (mean * log.exp(), (shape * (log - log.exp() + 1.0)).exp())
    });
    let total: f64 = points.iter().map(|(_, weight)| weight).sum();
    points.iter_mut().for_each(|(_, weight)| *weight /= total);
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODELS: [Defects; 6] = [
        Defects::Poisson,
        Defects::Murphy,
        Defects::NegativeBinomial { alpha: 2.0 },
        Defects::NegativeBinomial { alpha: 3.0 },
        Defects::NegativeBinomial { alpha: 10.0 },
        Defects::BoseEinstein { layers: 8 },
    ];

    #[test]
    fn an_h100_sized_die_at_a_tenth_per_square_centimetre() {
        let found = MODELS.map(|model| (model.free(0.814) * 1e3).round() / 1e3);
        assert_eq!(found[..5], [0.443, 0.468, 0.505, 0.487, 0.457]);
        assert_eq!(
            Defects::BoseEinstein { layers: 1 }.free(0.814),
            Defects::NegativeBinomial { alpha: 1.0 }.free(0.814)
        );
    }

    #[test]
    fn clusters_without_end_are_poisson() {
        let many = Defects::NegativeBinomial { alpha: 1e7 }.free(0.8);
        assert!((many - Defects::Poisson.free(0.8)).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn more_area_or_dirt_is_less_yield(mean in 0.001..5.0f64, factor in 1.01..3.0f64) {
            for model in MODELS {
                let (clean, dirty) = (model.free(mean), model.free(mean * factor));
                prop_assert!(dirty < clean && clean < 1.0 && dirty > 0.0, "{model:?}");
            }
        }

        #[test]
        fn the_closed_form_is_the_mixture(mean in 0.001..4.0f64, alpha in 1.0..20.0f64) {
            for model in MODELS.into_iter().chain([Defects::NegativeBinomial { alpha }]) {
                // Bose-Einstein counts per layer.
                let mixed: f64 = model.mixture().iter().map(|(density, weight)| weight * (-density * mean).exp()).sum();
                prop_assert!((mixed - model.free(mean)).abs() < 2e-4, "{model:?}: {mixed} for {}", model.free(mean));
            }
        }

        #[test]
        fn clusters_help(mean in 0.01..4.0f64, alpha in 0.5..20.0f64) {
            let clustered = Defects::NegativeBinomial { alpha };
            prop_assert!(clustered.free(mean) > Defects::Poisson.free(mean));
        }
    }
}
