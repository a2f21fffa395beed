//! Measures the steady state of a package of 256 x 256 x 10 cells:
//! `cargo run --release -p phys --example speed`.
//!
//! A die of 26 x 33 mm under a grid of hot cores, beside memory stacks in mould: the contrasts of a real package.

use base::units::{Kelvin, Millimetres, Watts, WattsPerSquareMetreKelvin};
use phys::heat::{Film, HeatError, Layer, Source, Stack};
use phys::material::{Material, Materials};
use phys::shape::Rectangle;
use std::time::Instant;

fn main() -> Result<(), HeatError> {
    let materials = Materials::builtin();
    let of = |name: &str| -> Material { *materials.get(name).expect("shipped") };
    let layer = |name: &str, thickness, cells| Layer::plain(name, Millimetres(thickness), cells, of(name));
    let mut dies = layer("mould", 0.72, 3);
    dies.patches.push((Rectangle::new(17.0, 13.5, 26.0, 33.0), of("silicon")));
    for at in 0..3 {
        let y = 13.5 + 11.0 * f64::from(at);
        dies.patches.push((Rectangle::new(5.0, y, 11.0, 10.5), of("memory-stack")));
        dies.patches.push((Rectangle::new(44.0, y, 11.0, 10.5), of("memory-stack")));
    }
    let layers = vec![
        layer("substrate", 1.4, 1),
        layer("interposer", 0.1, 1),
        dies,
        layer("interface-metal", 0.1, 1),
        layer("copper", 2.0, 3),
        layer("interface-gel", 0.05, 1),
    ];
    let stack = Stack {
        width: Millimetres(60.0),
        height: Millimetres(60.0),
        columns: 256,
        rows: 256,
        layers,
        top: Film { coefficient: WattsPerSquareMetreKelvin(25e3), coolant: Kelvin(313.15) },
        bottom: Film { coefficient: WattsPerSquareMetreKelvin(10.0), coolant: Kelvin(313.15) },
    };
    let core = |at: u32| {
        let (x, y) = (18.0 + 6.0 * f64::from(at % 4), 15.0 + 7.5 * f64::from(at / 4));
        Source { layer: 2, area: Rectangle::new(x, y, 3.0, 3.0), power: Watts(40.0) }
    };
    let sources: Vec<Source> = (0..16).map(core).collect();
    for _ in 0..3 {
        let start = Instant::now();
        let warm = stack.steady(&sources)?;
        let hot = warm.hottest().temperature;
        println!("{:.2} s, {} steps, hottest {hot}", start.elapsed().as_secs_f64(), warm.iterations());
    }
    Ok(())
}
