//! Measures how long the linear response of a package takes: `cargo run --release -p phys --example response`.
//!
//! The large chip's areas at 3 nm, under a cold plate on the dies; one to four dies with four stacks each.

use arch::Chip;
use phys::area::Area;
use phys::floorplan::Floorplan;
use phys::node::{Blocks, Node};
use phys::package::{Cooling, Thermal};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (chip, blocks) = (Chip::builtin("one").ok_or("the chip is shipped")?, Blocks::builtin());
    let node = Node::builtin("n3").ok_or("the node is shipped")?;
    let area = Area::of(&chip, &blocks, &node)?;
    let way = &Cooling::builtin()["microchannel"];
    let outline = blocks.memory[&chip.memory.kind].stack.as_ref();
    let split: Vec<_> = area.blocks.iter().map(|(block, area)| (*block, base::units::Watts(area.nominal.0))).collect();
    for dies in [1, 2, 4] {
        let four = area.scaled(area.total().nominal, 4);
        let plan = Floorplan::of_dies("package", &four, chip.core.count, outline, dies);
        let mut least = f64::INFINITY;
        for _ in 0..10 {
            let start = Instant::now();
            Thermal::of(&plan, way, way.nominal, &split)?;
            least = least.min(start.elapsed().as_secs_f64());
        }
        println!("{dies} dies: {:.1} ms", 1e3 * least);
    }
    let thermal = Thermal::of(&Floorplan::of("package", &area, chip.core.count, outline), way, way.nominal, &split)?;
    let start = Instant::now();
    const TIMES: u32 = 1_000_000;
    let sum: f64 = (0..TIMES)
        .map(|at| thermal.temperatures(base::units::Watts(f64::from(at)), base::units::Watts(50.0)).0.0)
        .sum();
    println!("a temperature: {:.1} ns ({sum:.3e})", start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES));
    Ok(())
}
