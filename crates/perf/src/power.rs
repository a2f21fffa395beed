//! How much power a device draws while it works.
//!
//! A device that runs a step draws, as a fraction of its power limit,
//!
//! > awake + memory x (share of the memory's bandwidth used) + arithmetic x (share of the products' peak rate used), and never more than 1,
//!
//! where the shares are averages over the step: bytes and operations that the step needs, over its time, over the data sheet's peaks. *Awake* is what clocks,
//! leakage and waiting units draw; the others are energy per byte and per operation in the units of the device. At the limit the device slows its
//! clock down: the fraction stays at 1.
//!
//! **The clock.** What the step wants above *awake* goes with the clock and the square of the voltage, and the voltage with the clock: with its cube. So
//! under a limit the clock falls to the cube root of what the limit leaves above *awake* over what is wanted. The times of kernels were measured on devices at
//! their own limits, and their parameters contain that clock. What is left to say is what *another* limit does: an [`Envelope`] compares the two
//! clocks, for a device whose limit is set lower, or that has the [silicon](Device::silicon) of another under a limit of its own.
//!
//! The three numbers were found on one half of the Splitwise measurements (Llama 2 70B and BLOOM 176B on A100, two to eight devices); the other half is
//! what `validate` holds them to. The arithmetic term is steep: averages over a whole step include operators that use no product units, and
//! a device reaches its limit long before its products reach their peak, in decode with larger batches as in prefill. No other device was measured; carrying the
//! fractions over assumes that vendors set a limit in proportion to the peaks that they sell under it.

use crate::device::Device;
use crate::estimate::Bound;
use crate::evaluate::Step;
use crate::format::Format;
use base::units::{Joules, Watts};

crate::parameters! {
    /// What draws power.
    pub struct Parameters {
        /// Fraction of the limit without any traffic or arithmetic, while a step runs.
        awake: 0.05..0.6 = 0.293,
        /// Fraction of the limit at the full bandwidth of the memory.
        memory: 0.1..1.5 = 0.705,
        /// Fraction of the limit at the peak rate of products, extrapolated from low shares: the limit cuts it off.
        arithmetic: 0.2..5.0 = 3.18,
    }
}

/// Shares of a device's peaks that a step uses, averaged over its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilisation {
    /// Of the rate of products.
    pub arithmetic: f64,
    /// Of the memory's bandwidth.
    pub memory: f64,
}

impl Utilisation {
    /// Of a step whose products are in `format`.
    pub fn of(step: &Step, device: &Device, format: Format) -> Utilisation {
        let time = step.time.0;
        if time <= 0.0 {
            return Utilisation { arithmetic: 0.0, memory: 0.0 };
        }
        Utilisation {
            arithmetic: step.operations / time / device.arithmetic(format).1.0,
            memory: step.memory_bytes / time / device.memory.bandwidth.0,
        }
    }
}

impl Parameters {
    /// Fraction of the power limit.
    pub fn fraction(&self, utilisation: &Utilisation) -> f64 {
        (self.awake + self.memory * utilisation.memory + self.arithmetic * utilisation.arithmetic).min(1.0)
    }
}

/// What a device may draw beside what its silicon draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Limit under which the silicon's kernels and power were found.
    silicon: Watts,
    /// Its memory's bandwidth, in bytes per second.
    bandwidth: f64,
    /// The device's own highest clock over the silicon's.
    clock: f64,
    /// What this one may draw.
    limit: Watts,
}

impl Envelope {
    /// Of a device under its own limit.
    pub fn of(device: &Device) -> Envelope {
        let silicon = device.silicon.as_ref().and_then(|key| Device::find(key).ok());
        let silicon = silicon.as_ref().unwrap_or(device);
        Envelope {
            silicon: silicon.power,
            bandwidth: silicon.memory.bandwidth.0,
            clock: device.clock.0 / silicon.clock.0,
            limit: device.power,
        }
    }

    /// Under another limit.
    #[must_use]
    pub fn limited(self, limit: Watts) -> Envelope {
        Envelope { limit, ..self }
    }

    /// What a step wants to draw at the full clock, over the limit of the silicon.
    fn wanted(&self, step: &Step, device: &Device, format: Format) -> f64 {
        let Utilisation { arithmetic, memory } = Utilisation::of(step, device, format);
        let parameters = Parameters::default();
        let memory = memory * device.memory.bandwidth.0 / self.bandwidth;
        parameters.awake + parameters.memory * memory + parameters.arithmetic * arithmetic
    }

    /// The step at the clock that the limit allows: waits for arithmetic and for memories on the chip go with the clock, others do not.
    #[must_use]
    pub fn throttled(&self, step: Step, device: &Device, format: Format) -> Step {
        if self.limit == self.silicon {
            return step;
        }
        let wanted = self.wanted(&step, device, format);
        let awake = Parameters::default().awake;
        // In clocks of the silicon; the model of time has the device at the silicon's part of its own.
        let clock = |limit: f64| ((limit - awake).max(LEAST * awake) / (wanted - awake)).cbrt();
        let assumed = self.clock * clock(1.0).min(1.0);
        let slower = assumed / clock(self.limit / self.silicon).min(self.clock) - 1.0;
        let clocked = step.waits[Bound::Arithmetic as usize] + step.waits[Bound::OnChip as usize];
        Step { time: step.time + clocked * slower, ..step }
    }

    /// Power of one device during a step that is throttled already.
    pub fn power(&self, step: &Step, device: &Device, format: Format) -> Watts {
        Watts((self.silicon * self.wanted(step, device, format)).0.min(self.limit.0))
    }
}

/// Least share of *awake* that is left for work under any limit: a device whose limit is below that does not run at all.
const LEAST: f64 = 0.1;

/// Power of one device during a step whose products are in `format`.
pub fn power(step: &Step, device: &Device, format: Format) -> Watts {
    Watts(device.power.0 * Parameters::default().fraction(&Utilisation::of(step, device, format)))
}

/// Fraction of the limit that a device draws while nothing runs and its memory is kept: the average where the meter of the Splitwise measurements missed
/// the work (0.17 and 0.18, with the ends of the work in it), and an A100 of 400 W that rests at about 50.
const RESTING: f64 = 0.125;

/// Power of one device that waits for work.
pub fn resting(device: &Device) -> Watts {
    Watts(device.power.0 * RESTING)
}

/// Energy that one device takes for a step whose products are in `format`.
pub fn energy(step: &Step, device: &Device, format: Format) -> Joules {
    power(step, device, format) * step.time
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::units::Seconds;
    use proptest::prelude::*;

    fn step(time: f64, operations: f64, memory_bytes: f64) -> Step {
        Step { time: Seconds(time), operations, memory_bytes, ..Step::default() }
    }

    proptest! {
        #[test]
        fn between_awake_and_the_limit(time in 1e-6f64..10.0, operations in 0.0f64..1e16, bytes in 0.0f64..1e14) {
            let device = Device::find("a100").unwrap();
            let power = power(&step(time, operations, bytes), &device, Format::Bf16);
            prop_assert!(power.0 >= device.power.0 * Parameters::default().awake);
            prop_assert!(power.0 <= device.power.0);
        }

        #[test]
        fn the_same_work_in_less_time_draws_more(time in 1e-3f64..10.0, operations in 0.0f64..1e13, bytes in 0.0f64..1e11) {
            let device = Device::find("h100").unwrap();
            let [slow, fast] = [time, time / 2.0].map(|time| power(&step(time, operations, bytes), &device, Format::Fp8));
            prop_assert!(fast >= slow);
        }
    }

    #[test]
    fn reading_weights_alone_costs_what_was_measured() {
        // Llama 2 70B on two A100: 69 GB each in 54.9 ms draws 74 % of the limit.
        let device = Device::find("a100").unwrap();
        let fraction = power(&step(54.9e-3, 6.9e10, 69e9), &device, Format::Bf16).0 / device.power.0;
        assert!((fraction / 0.736 - 1.0).abs() < 0.03, "{fraction}");
    }

    /// A step that is arithmetic alone, at a share of the peak.
    fn busy(device: &Device, share: f64) -> Step {
        let mut step = step(1.0, share * device.arithmetic(Format::Fp8).1.0, 0.0);
        step.waits[Bound::Arithmetic as usize] = Seconds(1.0);
        step
    }

    proptest! {
        #[test]
        fn a_limit_slows_by_the_cube_root_of_what_it_leaves(limit in 300.0f64..700.0) {
            let device = Device::find("h200").unwrap();
            let low = Envelope::of(&device).limited(Watts(limit));
            let slowed = low.throttled(busy(&device, 0.5), &device, Format::Fp8);
            let awake = Parameters::default().awake;
            let left = (limit / 700.0 - awake) / (1.0 - awake);
            prop_assert!((slowed.time.0 - left.cbrt().recip()).abs() < 1e-9, "{}", slowed.time.0);
            prop_assert!(low.power(&slowed, &device, Format::Fp8).0 <= limit);
        }

        #[test]
        fn a_step_below_the_limit_keeps_its_time(bytes in 1e9f64..4e12) {
            let device = Device::find("h200").unwrap();
            let mut one = step(1.0, 0.0, bytes);
            one.waits[Bound::Memory as usize] = Seconds(1.0);
            let low = Envelope::of(&device).limited(Watts(500.0));
            prop_assert_eq!(low.throttled(one, &device, Format::Fp8), one);
            prop_assert_eq!(Envelope::of(&device).throttled(busy(&device, 0.9), &device, Format::Fp8), busy(&device, 0.9));
        }
    }

    #[test]
    fn the_same_dies_under_a_higher_limit_are_faster() {
        let device = Device::find("mi325x").unwrap();
        let one = Envelope::of(&device).throttled(busy(&device, 0.5), &device, Format::Fp8);
        assert!((0.85..0.95).contains(&one.time.0), "{}", one.time.0);
    }

    #[test]
    fn nothing_to_do_takes_no_energy() {
        assert_eq!(energy(&Step::default(), &Device::find("h100").unwrap(), Format::Bf16), Joules(0.0));
    }
}
