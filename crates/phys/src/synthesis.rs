//! What synthesis found of the design's blocks: `data/synthesis`, laid over the published figures.
//!
//! A report is read for areas of cells and for powers, in recorded work where that says what an event takes. Where it has a block, its figure replaces the
//! published one and says so in its source; where it has none, the published figure stays (`puce synth --compare` shows both). Ranges of a synthesised
//! figure are those of the node (`data/nodes`): the tools give one number.

use crate::node::Blocks;
use crate::written::{self, Fact, FactError, Range};
use base::units::{Joules, SquareMillimetres};
use serde::Deserialize;

/// A report of `puce synth`, as far as areas and energies need it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Synthesis {
    /// The day of the run.
    pub as_of: String,
    /// The chip whose parameters were used.
    pub chip: String,
    /// The cell library.
    pub library: String,
    /// The clock that powers are told at.
    clock_ghz: f64,
    #[serde(rename = "module")]
    modules: Vec<Module>,
    /// The file, for sources.
    #[serde(skip)]
    file: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Module {
    key: String,
    area_um2: f64,
    flops: u64,
    flop_area_um2: f64,
    products: Option<u64>,
    /// Power with every net changing in the same part of the cycles, without wires.
    power: Option<Power>,
    placed: Option<Placed>,
    #[serde(default)]
    work: Vec<Work>,
    /// Blocks with places of their own.
    #[serde(default)]
    blocks: Vec<Inner>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Placed {
    power: Option<Power>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Inner {
    key: String,
    count: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Work {
    phase: String,
    busy: Option<f64>,
    power: Power,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Power {
    #[serde(default)]
    internal_mw: f64,
    #[serde(default)]
    switching_mw: f64,
}

impl Power {
    fn dynamic_mw(&self) -> f64 {
        self.internal_mw + self.switching_mw
    }
}

/// The report at the reference node: 7 nm cells, the chip `nano`.
const REFERENCE: &str = "synthesis/nano-asap7.toml";
/// Bits of an accumulator.
const ACCUMULATOR: f64 = 64.0;
/// Area of an accumulator in registers over its flip-flops: as much again selects it.
const SELECTED: f64 = 2.0;
/// An 8-bit weight is two halves of 4 bits to a lane.
const HALVES: f64 = 2.0;
/// Work in which all tokens of the lanes are in use.
const FULL: &str = "prompt";

/// One binary32 lane of the vector engine.
const VECTOR_LANE: &str = "vector-lane";

/// How the source of a synthesised figure begins.
pub(crate) const OWN: &str = "own synthesis, data/";

const MICROMETRES: f64 = 1e-6;

impl Synthesis {
    /// The shipped report at the reference node.
    pub fn builtin() -> Synthesis {
        let text = data::file(REFERENCE).expect("the report is embedded");
        Synthesis::parse(REFERENCE, text).expect("shipped reports are tested")
    }

    /// Reads a report.
    ///
    /// # Errors
    /// What is not a report, with the line.
    pub fn parse(file: &str, text: &str) -> Result<Synthesis, FactError> {
        let report: Synthesis = written::read(file, text)?;
        Ok(Synthesis { file: file.to_owned(), ..report })
    }

    fn module(&self, key: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.key == key)
    }

    /// Dynamic power at the report's activity, with wires where there are places, over the clock.
    fn cycle_pj(&self, module: &Module) -> Option<f64> {
        let placed = module.placed.as_ref().and_then(|placed| placed.power.as_ref());
        Some(placed.or(module.power.as_ref())?.dynamic_mw() / self.clock_ghz)
    }

    fn fact<T: Copy>(&self, value: T, of: &str) -> Fact<T> {
        let source = format!("{OWN}{}: {of}; {}", self.file, self.library);
        Fact { range: Range::exactly(value), source, as_of: self.as_of.clone() }
    }

    /// Area of one product of a 4-bit weight and an 8-bit activation per cycle, in a lane of all kinds.
    pub fn product_um2(&self) -> Option<f64> {
        let lane = self.module("lane")?;
        Some(lane.area_um2 / lane.products? as f64)
    }

    /// Area of an accumulator in registers with what selects it, and of what scales, places and adds in front of the accumulators of a row.
    ///
    /// The design has them in memories, for which the report knows outlines without contents; registers are the careful figure.
    pub fn row_um2(&self) -> Option<(f64, f64)> {
        let row = self.module("row")?;
        let word = ACCUMULATOR * row.flop_area_um2 / row.flops as f64 * SELECTED;
        Some((word, row.area_um2))
    }

    /// Energy of one product in picojoules, with its part of scaling and accumulating, in recorded work that fills the lanes.
    pub fn product_pj(&self) -> Option<f64> {
        let power = |key: &str| {
            let module = self.module(key)?;
            let work = module.work.iter().find(|work| work.phase == FULL)?;
            Some((work.power.dynamic_mw(), work.busy, module.products))
        };
        let ((lane, busy, products), (row, ..)) = (power("lane")?, power("row")?);
        // Milliwatts over gigahertz are picojoules a cycle.
        Some((lane + row) / self.clock_ghz / (products? as f64 * busy?))
    }

    /// Area of a vector lane, and the vector engine over its lanes.
    pub fn vector_um2(&self) -> Option<(f64, f64)> {
        let (lane, engine) = (self.module(VECTOR_LANE)?, self.module("vector")?);
        let lanes = engine.blocks.iter().find(|block| block.key == VECTOR_LANE)?.count;
        Some((lane.area_um2, engine.area_um2 / (lanes as f64 * lane.area_um2)))
    }

    /// Energy of a cycle of a vector lane in picojoules, at the report's activity: its registers are clocked with or without work, so what it takes in
    /// recorded work, which is idle most of the time, says little of an operation.
    pub fn vector_pj(&self) -> Option<f64> {
        self.cycle_pj(self.module(VECTOR_LANE)?)
    }
}

impl Blocks {
    /// These blocks with the figures of a report where it has them.
    pub(crate) fn with(mut self, report: &Synthesis) -> Blocks {
        let um2 = |area: f64| SquareMillimetres(area * MICROMETRES);
        if let Some(area) = report.product_um2() {
            self.area.mac_i4 = report.fact(um2(area), "`lane`, cells of all weight kinds over its products");
            self.area.mac_i8 = report.fact(um2(HALVES * area), "`lane`, two products of 4 bits for one of 8");
        }
        if let Some((word, unit)) = report.row_um2() {
            self.area.register = report.fact(um2(word), "`row`, 64 of its flip-flops and as much again");
            self.area.accumulator = report.fact(um2(unit), "`row`, whose accumulators are memories beside it");
        }
        if let Some(energy) = report.product_pj() {
            let joules = |energy: f64| Joules(energy * 1e-12);
            self.energy.mac_i4 = report.fact(joules(energy), "`lane` and `row` in a recorded prompt, over products");
            self.energy.mac_i8 =
                report.fact(joules(HALVES * energy), "`lane` and `row`, two products for one of 8 bits");
        }
        if let Some((lane, around)) = report.vector_um2() {
            self.area.fma_f32 = report.fact(um2(lane), "`vector-lane`, two products and two sums");
            self.share.lane = report.fact(around, "`vector` over its lanes");
        }
        if let Some(energy) = report.vector_pj() {
            self.energy.fma_f32 =
                report.fact(Joules(energy * 1e-12), "a cycle of `vector-lane`, every net changing alike");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Figure;

    const TEXT: &str = "as_of = '2026-11'\nchip = 'nano'\nlibrary = 'cells'\nclock_ghz = 2.0\n\
        [[module]]\nkey = 'lane'\narea_um2 = 640.0\nflops = 10\nflop_area_um2 = 3.0\nproducts = 32\n\
        [[module.work]]\nphase = 'prompt'\nbusy = 0.5\npower = { internal_mw = 3.0, switching_mw = 1.0 }\n\
        [[module]]\nkey = 'row'\narea_um2 = 1000.0\nflops = 10\nflop_area_um2 = 3.0\n\
        [[module.work]]\nphase = 'prompt'\npower = { internal_mw = 2.0, switching_mw = 0.4 }\n\
        [[module]]\nkey = 'vector-lane'\narea_um2 = 1500.0\nflops = 10\nflop_area_um2 = 3.0\n\
        power = { internal_mw = 1.0 }\n[module.placed.power]\ninternal_mw = 4.0\nswitching_mw = 2.0\n\
        [[module]]\nkey = 'vector'\narea_um2 = 9000.0\nflops = 10\nflop_area_um2 = 3.0\n\
        blocks = [{ key = 'vector-lane', count = 2 }]\n";

    #[test]
    fn a_report_replaces_what_it_has_and_nothing_else() {
        let report = Synthesis::parse("synthesis/my.toml", TEXT).unwrap();
        let published = Blocks::published();
        let blocks = published.clone().with(&report);
        assert!((blocks.area.mac_i4.range.nominal.0 - 20e-6).abs() < 1e-12);
        assert!((blocks.area.mac_i8.range.high.0 - 40e-6).abs() < 1e-12);
        // 64 flip-flops of 0.3 um2, twice.
        assert!((blocks.area.register.range.nominal.0 - 38.4e-6).abs() < 1e-12);
        assert!((blocks.area.accumulator.range.nominal.0 - 1000.0 * 1e-6).abs() < 1e-12);
        // 6.4 mW at 2 GHz are 3.2 pJ a cycle, for 16 products.
        assert!((blocks.energy.mac_i4.range.nominal.0 - 0.2e-12).abs() < 1e-18);
        assert!(blocks.energy.mac_i4.source.contains("data/synthesis/my.toml"));
        // With wires: 6 mW at 2 GHz; the engine is three times its two lanes.
        assert!((blocks.energy.fma_f32.range.nominal.0 - 3e-12).abs() < 1e-18);
        assert!(
            (blocks.area.fma_f32.range.nominal.0 - 1500e-6).abs() < 1e-12 && blocks.share.lane.range.nominal == 3.0
        );
        let own = blocks.figures().iter().filter(|figure| figure.synthesised()).count();
        assert_eq!((own, published.figures().iter().any(Figure::synthesised)), (9, false));
        assert_eq!((&blocks.energy.sram_byte, &blocks.link), (&published.energy.sram_byte, &published.link));
        let bare = TEXT.split("[[module]]").next().unwrap().to_owned()
            + "[[module]]\nkey='x'\narea_um2=1.0\nflops=1\nflop_area_um2=0.1\n";
        assert_eq!(published.clone().with(&Synthesis::parse("bare", &bare).unwrap()), published);
    }

    #[test]
    fn what_was_synthesised_is_of_the_order_of_what_is_published() {
        let (own, published) = (Blocks::builtin(), Blocks::published());
        let pairs: Vec<_> = own.figures().into_iter().zip(published.figures()).collect();
        assert!(pairs.iter().filter(|(own, _)| own.synthesised()).count() >= 7, "{pairs:?}");
        for (own, published) in pairs {
            let Range { low, high, .. } = published.range;
            assert!((low / 2.0..=high * 2.0).contains(&own.range.nominal), "{own:?}: {published:?}");
            assert!(own.synthesised() || own == published, "{own:?}");
        }
    }

    #[test]
    fn the_shipped_report_has_the_blocks_of_the_matrix_engine() {
        let report = Synthesis::builtin();
        let (word, unit) = report.row_um2().unwrap();
        assert!(report.product_um2().is_some_and(|area| (10.0..40.0).contains(&area)));
        assert!(word > 0.0 && unit > 0.0, "{word} {unit}");
        assert!(report.product_pj().is_some_and(|energy| (0.05..0.5).contains(&energy)), "{:?}", report.product_pj());
        assert!(report.vector_pj().is_some_and(|energy| (1.0..6.0).contains(&energy)), "{:?}", report.vector_pj());
        assert!(Synthesis::parse("my.toml", "as_of = 1").unwrap_err().to_string().starts_with("my.toml, line 1"));
    }
}
