//! Heat in a layered stack: where it is hot, and how much power a limit allows.
//!
//! A [`Stack`] is a box of layers from the board up: substrate, interposer, dies in mould, interface, lid, second interface. A layer has a background
//! material and rectangles of other materials; its conductivity along and across the layer may differ, as in a stack of memory dies. Above and below
//! is a [`Film`]: a coolant behind a coefficient of heat transfer, which stands for a cold plate or for an air heatsink (its resistance times its
//! base area). The four sides are insulated. Heat arises in rectangles of a layer ([`Source`]).
//!
//! **The method** is finite volumes on a rectangular grid, even in the plane or along the edges of dies ([`Lines`]), and any spacing upwards: a cell exchanges heat with six neighbours through the series
//! resistance of two half cells, which is exact for a one-dimensional stack of slabs. Material is that of the cell's centre; power is divided by the
//! exact area shared. Steady state solves the balance of all cells; in time, a singly diagonal implicit Runge-Kutta scheme of second order, stable
//! for stiff systems (R. Alexander, SIAM J. Numer. Anal. 14, 1977), takes steps far longer than the thinnest cell's time constant.
//!
//! **The solver** is a conjugate gradient with a multigrid preconditioner of its own (the `solver` module), not a library's. A factorisation from a sparse library
//! fills in: 256 x 256 x 10 cells are about 3e8 numbers. A library's conjugate gradient would bring the ten lines of the loop, and a matrix in
//! general form, thrice the memory traffic of the seven-point stencil; the work is in the preconditioner, and that needs the geometry.
//!
//! Conductivities do not depend on temperature here: silicon's is taken at 85 C, which overstates it by 7 % at 105 C.
//!
//! ```
//! use base::units::{Kelvin, Millimetres, Watts, WattsPerSquareMetreKelvin};
//! use phys::heat::{Film, Layer, Source, Stack};
//! use phys::material::Materials;
//! use phys::shape::Rectangle;
//!
//! let materials = Materials::builtin();
//! let silicon = *materials.get("silicon").unwrap();
//! let water = Film { coefficient: WattsPerSquareMetreKelvin(20e3), coolant: Kelvin(313.0) };
//! let stack = Stack {
//!     width: Millimetres(20.0),
//!     height: Millimetres(20.0),
//!     columns: 32,
//!     rows: 32,
//!     layers: vec![Layer::plain("die", Millimetres(0.7), 4, silicon)],
//!     top: water,
//!     bottom: Film::insulated(),
//! };
//! let warm = stack.steady(&[Source { layer: 0, area: Rectangle::new(5.0, 5.0, 10.0, 10.0), power: Watts(100.0) }]).unwrap();
//! assert!(warm.hottest().temperature.0 > 313.0 + 100.0 / (20e3 * 4e-4));
//! ```

mod field;
mod grid;
mod lines;
mod solver;
mod transient;

pub use field::{Field, Spot};
pub use lines::Lines;
pub use transient::Transient;

use crate::material::Material;
use crate::shape::Rectangle;
use base::units::{Kelvin, Millimetres, Watts, WattsPerSquareMetreKelvin};
use grid::Grid;
use solver::TOLERANCE;

/// One layer of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What it is, for people.
    pub name: String,
    /// Its thickness.
    pub thickness: Millimetres,
    /// Cells over the thickness.
    pub cells: usize,
    /// What it is made of where no patch lies.
    pub material: Material,
    /// Other materials, the last one on top.
    pub patches: Vec<(Rectangle, Material)>,
}

impl Layer {
    /// A layer of one material.
    pub fn plain(name: &str, thickness: Millimetres, cells: usize, material: Material) -> Layer {
        Layer { name: name.to_owned(), thickness, cells, material, patches: Vec::new() }
    }
}

/// A coolant behind a coefficient of heat transfer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Film {
    /// Heat given off per area and difference of temperature; zero insulates.
    pub coefficient: WattsPerSquareMetreKelvin,
    /// Temperature of the coolant.
    pub coolant: Kelvin,
}

impl Film {
    /// No heat passes.
    pub fn insulated() -> Film {
        Film { coefficient: WattsPerSquareMetreKelvin(0.0), coolant: Kelvin(0.0) }
    }

    fn insulates(&self) -> bool {
        self.coefficient.0 == 0.0
    }
}

/// Heat that arises in a rectangle of a layer, evenly over area and thickness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Which layer, from the bottom.
    pub layer: usize,
    /// Where in the plane.
    pub area: Rectangle,
    /// How much.
    pub power: Watts,
}

/// A box of layers between two films.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Extent to the right.
    pub width: Millimetres,
    /// Extent upwards in the plan.
    pub height: Millimetres,
    /// Cells over the width.
    pub columns: usize,
    /// Cells over the height.
    pub rows: usize,
    /// From the bottom to the top.
    pub layers: Vec<Layer>,
    /// Cooling above.
    pub top: Film,
    /// Cooling below.
    pub bottom: Film,
}

/// Why no temperature can be given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HeatError {
    /// The stack has no extent.
    #[error("{what} is {found}; a positive number would do")]
    Extent {
        /// Which length, count or property.
        what: String,
        /// What it is.
        found: f64,
    },
    /// Nothing takes the heat away.
    #[error("neither the top nor the bottom is cooled, so the stack would warm for ever; give one film a coefficient")]
    Insulated,
    /// A source lies partly outside.
    #[error("a source of {power} in layer {layer} lies partly outside of the stack of {width} x {height}")]
    Outside {
        /// The source's power.
        power: Watts,
        /// The source's layer.
        layer: usize,
        /// The stack's width.
        width: Millimetres,
        /// The stack's height.
        height: Millimetres,
    },
    /// The iteration ended without an answer.
    #[error("the balance of heat was not met after {iterations} steps: a relative error of {residual:.1e} remains")]
    NotConverged {
        /// Steps taken.
        iterations: usize,
        /// Relative residual that remains.
        residual: f64,
    },
}

impl Stack {
    /// The temperature that is reached in the end.
    pub fn steady(&self, sources: &[Source]) -> Result<Field, HeatError> {
        let mut fields = self.steady_on(Lines::even(self), &[sources], TOLERANCE)?;
        Ok(fields.swap_remove(0))
    }

    /// The temperatures that are reached in the end under each of several loads, on cells of any sizes; `tolerance` is the part of the heat that the balance may
    /// miss. The cells are prepared once for all loads.
    pub fn steady_on(&self, lines: Lines, loads: &[&[Source]], tolerance: f64) -> Result<Vec<Field>, HeatError> {
        loads.iter().try_for_each(|sources| self.check(sources))?;
        if self.top.insulates() && self.bottom.insulates() {
            return Err(HeatError::Insulated);
        }
        let grid = Grid::of(self, lines);
        let reference = grid.reference();
        let hierarchy = solver::Hierarchy::new(grid.conduction(0.0));
        let one = |sources: &&[Source]| {
            let right = grid.load(sources, reference);
            let mut rise = vec![0.0; right.len()];
            let effort = hierarchy.solve(&right, &mut rise, tolerance)?;
            Ok(Field::new(self, &grid, rise, reference, effort))
        };
        // Once into the pool, rather than with every operation.
        rayon::scope(|_| loads.iter().map(one).collect())
    }

    /// The temperature in time, from an even start.
    pub fn transient(&self, start: Kelvin) -> Result<Transient, HeatError> {
        self.check(&[])?;
        Ok(Transient::new(self, start))
    }

    /// The factor by which all `sources` may grow until the first of `limits` (a layer, a rectangle of it, its highest temperature) is met. Below
    /// zero, the coolant alone exceeds a limit; infinite, no limit is touched by any heat.
    pub fn headroom(&self, sources: &[Source], limits: &[(usize, Rectangle, Kelvin)]) -> Result<f64, HeatError> {
        let idle = self.steady(&[])?;
        let warm = self.steady(sources)?;
        Ok(warm.headroom(&idle, limits))
    }

    fn check(&self, sources: &[Source]) -> Result<(), HeatError> {
        let plane = [
            ("the width of the stack", self.width.0),
            ("the height of the stack", self.height.0),
            ("the number of columns", self.columns as f64),
            ("the number of rows", self.rows as f64),
            ("the number of layers", self.layers.len() as f64),
        ];
        plane.into_iter().try_for_each(|(what, found)| positive(what.to_owned(), found))?;
        self.layers.iter().try_for_each(check_layer)?;
        sources.iter().try_for_each(|source| self.check_source(source))
    }

    fn check_source(&self, source: &Source) -> Result<(), HeatError> {
        // Edges computed by sums of millimetres may miss by rounding.
        const SLACK: f64 = 1e-9;
        let area = &source.area;
        positive("the area of a source".to_owned(), area.area().0)?;
        let inside = area.x.0 >= -SLACK
            && area.y.0 >= -SLACK
            && area.right().0 <= self.width.0 + SLACK
            && area.top().0 <= self.height.0 + SLACK
            && source.layer < self.layers.len();
        let (width, height) = (self.width, self.height);
        inside.then_some(()).ok_or(HeatError::Outside { power: source.power, layer: source.layer, width, height })
    }
}

fn check_layer(layer: &Layer) -> Result<(), HeatError> {
    positive(format!("the thickness of layer `{}`", layer.name), layer.thickness.0)?;
    positive(format!("the number of cells of layer `{}`", layer.name), layer.cells as f64)?;
    let materials = layer.patches.iter().map(|(_, material)| material).chain([&layer.material]);
    for material in materials {
        positive(format!("the conductivity along layer `{}`", layer.name), material.along.0)?;
        positive(format!("the conductivity across layer `{}`", layer.name), material.across.0)?;
        positive(format!("the heat capacity of layer `{}`", layer.name), material.capacity.0)?;
    }
    Ok(())
}

fn positive(what: String, found: f64) -> Result<(), HeatError> {
    if found > 0.0 && found.is_finite() { Ok(()) } else { Err(HeatError::Extent { what, found }) }
}
