//! Temperatures in time.

use super::grid::Grid;
use super::lines::Lines;
use super::solver::{Effort, Hierarchy, TOLERANCE};
use super::{Field, HeatError, Source, Stack};
use base::units::{Kelvin, Seconds};

/// Where the scheme's first stage stands within a step, and its diagonal: 1 - 1/sqrt(2).
const GAMMA: f64 = 1.0 - std::f64::consts::FRAC_1_SQRT_2;

/// A stack that warms and cools.
pub struct Transient {
    stack: Stack,
    grid: Grid,
    capacities: Vec<f64>,
    reference: Kelvin,
    rise: Vec<f64>,
    /// The system of the last step's length, kept for the next.
    system: Option<(Seconds, Hierarchy)>,
    effort: Effort,
}

impl Transient {
    pub(super) fn new(stack: &Stack, start: Kelvin) -> Transient {
        let grid = Grid::of(stack, Lines::even(stack));
        let reference = grid.reference();
        let capacities = grid.capacities();
        let rise = vec![start.0 - reference.0; capacities.len()];
        let effort = Effort { iterations: 0, residual: 0.0 };
        Transient { stack: stack.clone(), grid, capacities, reference, rise, system: None, effort }
    }

    /// One step under constant sources.
    pub fn step(&mut self, sources: &[Source], step: Seconds) -> Result<(), HeatError> {
        self.stack.check(sources)?;
        super::positive("the length of a step".to_owned(), step.0)?;
        let rate = 1.0 / (GAMMA * step.0);
        if self.system.as_ref().is_none_or(|(length, _)| *length != step) {
            self.system = Some((step, Hierarchy::new(self.grid.conduction(rate))));
        }
        let Some((_, system)) = &self.system else { return Ok(()) };
        let load = self.grid.load(sources, self.reference);
        let right = |from: &[f64]| -> Vec<f64> {
            load.iter().zip(&self.capacities).zip(from).map(|((q, c), t)| q + rate * c * t).collect()
        };
        let mut stage = self.rise.clone();
        system.solve(&right(&self.rise), &mut stage, TOLERANCE)?;
        // The slope at the first stage carries over to the second: (1 - gamma) step * slope.
        let ahead = (1.0 - GAMMA) / GAMMA;
        let from: Vec<f64> = self.rise.iter().zip(&stage).map(|(t, s)| t + ahead * (s - t)).collect();
        self.effort = system.solve(&right(&from), &mut stage, TOLERANCE)?;
        self.rise = stage;
        Ok(())
    }

    /// The temperatures now.
    pub fn field(&self) -> Field {
        Field::new(&self.stack, &self.grid, self.rise.clone(), self.reference, self.effort)
    }
}
