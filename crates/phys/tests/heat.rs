//! Temperatures held against solutions in closed form, to 0.1 K, and against what any solution obeys.

use base::units::*;
use phys::heat::{Field, Film, HeatError, Layer, Source, Stack};
use phys::material::Material;
use phys::shape::Rectangle;
use proptest::prelude::*;
use std::f64::consts::PI;

/// What the model may be wrong by.
const TOLERANCE: f64 = 0.1;

fn material(along: f64, across: f64) -> Material {
    let capacity = JoulesPerCubicMetreKelvin(1.66e6);
    Material { along: WattsPerMetreKelvin(along), across: WattsPerMetreKelvin(across), capacity }
}

fn film(coefficient: f64, coolant: f64) -> Film {
    Film { coefficient: WattsPerSquareMetreKelvin(coefficient), coolant: Kelvin(coolant) }
}

fn layer(millimetres: f64, cells: usize, conductivity: f64) -> Layer {
    Layer::plain("layer", Millimetres(millimetres), cells, material(conductivity, conductivity))
}

fn near(found: Kelvin, expected: f64) {
    assert!((found.0 - expected).abs() < TOLERANCE, "{} K, where {expected} K is exact", found.0);
}

fn over(stack: &Stack, layer: usize, power: f64) -> Source {
    let area = Rectangle { x: Millimetres(0.0), y: Millimetres(0.0), width: stack.width, height: stack.height };
    Source { layer, area, power: Watts(power) }
}

#[test]
fn slabs_in_series() {
    let layers = vec![layer(0.7, 5, 118.0), layer(0.05, 2, 4.0), layer(3.0, 3, 395.0)];
    let (width, height) = (Millimetres(20.0), Millimetres(30.0));
    let stack = Stack { width, height, columns: 8, rows: 12, layers, top: film(2e4, 313.0), bottom: Film::insulated() };
    // All heat arises in the lowest fifth of the silicon: it leaves from that cell's centre on the average.
    let mut lowest = stack.clone();
    lowest.layers[0] = layer(0.56, 4, 118.0);
    lowest.layers.insert(0, layer(0.14, 1, 118.0));
    let warm = lowest.steady(&[over(&lowest, 0, 600.0)]).unwrap();
    let flux = 600.0 / 600e-6;
    let resistance = 1.0 / 2e4 + 3e-3 / 395.0 + 0.05e-3 / 4.0 + 0.63e-3 / 118.0;
    near(warm.at(3, 5, 0), 313.0 + flux * resistance);
    near(warm.at(7, 0, 9 + 1 - 1), 313.0 + flux * (1.0 / 2e4 + 0.5e-3 / 395.0));
}

#[test]
fn a_fin_cooled_on_its_face() {
    // A thin plate, heated on one edge, with a film on its face: cosh(m (L - x)) / sinh(m L).
    let (length, thickness, width, conductivity, coefficient) = (40e-3_f64, 1e-3, 10e-3, 200.0, 500.0);
    let columns = 400;
    let stack = Stack {
        width: Millimetres(40.0),
        height: Millimetres(10.0),
        columns,
        rows: 1,
        layers: vec![layer(1.0, 4, conductivity)],
        top: film(coefficient, 300.0),
        bottom: Film::insulated(),
    };
    let power = 20.0;
    let pitch = length / columns as f64;
    let edge = Source { layer: 0, area: Rectangle::new(0.0, 0.0, pitch * 1e3, 10.0), power: Watts(power) };
    let plate = stack.steady(&[edge]).unwrap();
    // The plate's mean is warmer than its face, by a third of its thickness.
    let lost = 1.0 / (1.0 / coefficient + thickness / (3.0 * conductivity));
    let m = (lost / (conductivity * thickness)).sqrt();
    let scale = power / (conductivity * thickness * width * m * (m * length).sinh());
    for column in [1, 50, 200, 399] {
        let x = (column as f64 + 0.5) * pitch;
        // The mean over the thickness, which the fin equation speaks of.
        let mean = (0..4).map(|k| plate.at(column, 0, k).0).sum::<f64>() / 4.0;
        near(Kelvin(mean), 300.0 + scale * (m * (length - x)).cosh());
    }
}

/// Rise at height `z` above the heated face of a square slab of `side` and `thickness`, heated evenly over a centred square on its lower face, cooled on its
/// upper: the double cosine series.
fn spreading(side: f64, source: f64, thickness: f64, k: f64, h: f64, power: f64, at: [f64; 3]) -> f64 {
    let [x, y, z] = at;
    let flux = power / (source * source);
    // Mean of cos(m pi x / side) over the source, times the norm of the mode.
    let amplitude = |m: usize| {
        let wave = m as f64 * PI / side;
        match m {
            0 => source / side,
            _ => 2.0 / side * 2.0 / wave * (wave * side / 2.0).cos() * (wave * source / 2.0).sin(),
        }
    };
    let mut rise = 0.0;
    for m in (0..=1200).step_by(2) {
        for n in (0..=1200).step_by(2) {
            let (a, b) = (m as f64 * PI / side, n as f64 * PI / side);
            let wave = a.hypot(b);
            let depth = thickness - z;
            let profile = match wave == 0.0 {
                true => depth / k + 1.0 / h,
                false => {
                    // (cosh + h/(k w) sinh) over its slope at the heated face, without overflow.
                    let ratio = h / (k * wave);
                    let (near, far) = ((-wave * z).exp(), (-wave * (2.0 * thickness - z)).exp());
                    let end = (-2.0 * wave * thickness).exp();
                    let numerator = (1.0 + ratio) * near + (1.0 - ratio) * far;
                    numerator / (k * wave * ((1.0 + ratio) - (1.0 - ratio) * end))
                }
            };
            rise += amplitude(m) * amplitude(n) * (a * x).cos() * (b * y).cos() * profile;
        }
    }
    flux * rise
}

/// A slab heated on a centred square of its lowest cells, which are thin.
fn spreader(cells: usize, source: f64) -> (Stack, Source) {
    let side = 30.0;
    let layers = vec![layer(0.02, 1, 395.0), layer(0.18, 3, 395.0), layer(0.8, 5, 395.0), layer(2.0, 5, 395.0)];
    let stack = Stack {
        width: Millimetres(side),
        height: Millimetres(side),
        columns: cells,
        rows: cells,
        layers,
        top: film(1e4, 313.0),
        bottom: Film::insulated(),
    };
    let corner = (side - source) / 2.0;
    (stack, Source { layer: 0, area: Rectangle::new(corner, corner, source, source), power: Watts(150.0) })
}

#[test]
fn a_square_source_spreads() {
    let (stack, source) = spreader(90, 10.0);
    let warm = stack.steady(&[source]).unwrap();
    let pitch = 30e-3 / 90.0;
    for (i, j) in [(45, 45), (38, 45), (20, 20), (3, 60)] {
        let at = [(i as f64 + 0.5) * pitch, (j as f64 + 0.5) * pitch, 0.01e-3];
        near(warm.at(i, j, 0), 313.0 + spreading(30e-3, 10e-3, 3e-3, 395.0, 1e4, 150.0, at));
    }
}

#[test]
fn a_step_of_flux_into_a_deep_body() {
    let (k, capacity) = (118.0, 1.66e6);
    let layers = vec![layer(0.02, 1, k), layer(4.98, 249, k), layer(20.0, 100, k)];
    let (width, height) = (Millimetres(10.0), Millimetres(10.0));
    let stack = Stack { width, height, columns: 1, rows: 1, layers, top: film(1.0, 300.0), bottom: Film::insulated() };
    let flux = 1e6;
    let heat = over(&stack, 0, flux * 1e-4);
    let mut body = stack.transient(Kelvin(300.0)).unwrap();
    let diffusivity: f64 = k / capacity;
    for step in 1..=100 {
        body.step(&[heat], Seconds(2e-4)).unwrap();
        if step % 20 == 0 {
            let time = step as f64 * 2e-4;
            let (root, depth) = ((diffusivity * time).sqrt(), 1e-5);
            let eta: f64 = depth / (2.0 * root);
            let exact = flux / k * (2.0 * root / PI.sqrt() * (-eta * eta).exp() - depth * complement(eta));
            near(body.field().at(0, 0, 0), 300.0 + exact);
        }
    }
}

/// The complementary error function of a small number, by its series.
fn complement(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..20 {
        term *= -x * x / n as f64;
        sum += term / (2 * n + 1) as f64;
    }
    1.0 - 2.0 / PI.sqrt() * sum
}

#[test]
fn a_slab_cools_through_a_film() {
    // Uniform at first, insulated below: the series over the roots of z tan z = Bi.
    let (thickness, k, h, capacity) = (10e-3, 4.0, 2000.0, 1.66e6);
    let biot: f64 = h * thickness / k;
    let (width, height) = (Millimetres(5.0), Millimetres(5.0));
    let layers = vec![layer(10.0, 100, k)];
    let stack = Stack { width, height, columns: 2, rows: 1, layers, top: film(h, 300.0), bottom: Film::insulated() };
    let mut slab = stack.transient(Kelvin(360.0)).unwrap();
    let root = |n: usize| {
        let (mut low, mut high) = (n as f64 * PI, n as f64 * PI + PI / 2.0 - 1e-12);
        for _ in 0..100 {
            let middle: f64 = (low + high) / 2.0;
            if middle * middle.tan() < biot { low = middle } else { high = middle }
        }
        low
    };
    for step in 1..=200 {
        slab.step(&[], Seconds(0.1)).unwrap();
        if step % 50 == 0 {
            let fourier = k / capacity * step as f64 * 0.1 / (thickness * thickness);
            for cell in [0, 50, 99] {
                let x = (cell as f64 + 0.5) / 100.0;
                let mode =
                    |z: f64| 4.0 * z.sin() / (2.0 * z + (2.0 * z).sin()) * (-z * z * fourier).exp() * (z * x).cos();
                let share: f64 = (0..40).map(root).map(mode).sum();
                near(slab.field().at(1, 0, cell), 300.0 + 60.0 * share);
            }
        }
    }
}

#[test]
fn in_the_end_a_transient_is_steady() {
    let (stack, source) = spreader(12, 10.0);
    let mut slab = stack.transient(Kelvin(313.0)).unwrap();
    for _ in 0..40 {
        slab.step(&[source], Seconds(1.0)).unwrap();
    }
    let steady = stack.steady(&[source]).unwrap();
    near(slab.field().hottest().temperature, steady.hottest().temperature.0);
    let kept: f64 = slab.field().carried_off().iter().map(|watts| watts.0).sum();
    assert!((kept - 150.0).abs() < 0.01, "{kept}");
}

#[test]
fn anisotropy_turns_with_the_stack() {
    // Conducting well along and badly across: heat spreads further than in an isotropic body of the worse conductivity.
    let (mut stack, source) = spreader(30, 6.0);
    for layer in &mut stack.layers {
        layer.material = material(60.0, 5.0);
    }
    let layered = stack.steady(&[source]).unwrap();
    for layer in &mut stack.layers {
        layer.material = material(5.0, 5.0);
    }
    let plain = stack.steady(&[source]).unwrap();
    assert!(layered.hottest().temperature.0 < plain.hottest().temperature.0 - 1.0);
    assert!(layered.at(0, 0, 0).0 > plain.at(0, 0, 0).0);
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let (stack, source) = spreader(8, 10.0);
    let insulated = Stack { top: Film::insulated(), ..stack.clone() };
    assert_eq!(insulated.steady(&[source]), Err(HeatError::Insulated));
    let outside = Source { area: Rectangle::new(25.0, 0.0, 10.0, 1.0), ..source };
    assert!(matches!(stack.steady(&[outside]), Err(HeatError::Outside { .. })));
    assert!(matches!(stack.steady(&[Source { layer: 4, ..source }]), Err(HeatError::Outside { .. })));
    let mut flat = stack.clone();
    flat.layers[1].thickness = Millimetres(0.0);
    assert!(flat.steady(&[source]).unwrap_err().to_string().contains("thickness of layer `layer` is 0"));
    assert!(Stack { columns: 0, ..stack }.steady(&[source]).is_err());
}

#[test]
fn headroom_is_what_meets_the_limit() {
    let (stack, source) = spreader(20, 10.0);
    let everywhere = Rectangle::new(0.0, 0.0, 30.0, 30.0);
    let limits = [(0, everywhere, Kelvin(378.0))];
    let factor = stack.headroom(&[source], &limits).unwrap();
    let more = Source { power: source.power * factor, ..source };
    let at_limit = stack.steady(&[more]).unwrap().hottest().temperature.0;
    assert!((at_limit - 378.0).abs() < 1e-4, "{at_limit}");
    assert!(stack.headroom(&[source], &[(0, everywhere, Kelvin(300.0))]).unwrap() < 0.0);
}

/// A stack of odd sizes and strong contrasts with some sources.
fn any_stack() -> impl Strategy<Value = (Stack, Vec<Source>)> {
    let conductivity = || prop_oneof![Just(0.9), Just(4.5), Just(118.0), Just(395.0)];
    let layers = prop::collection::vec((0.02..3.0_f64, 1..4_usize, conductivity(), conductivity()), 2..5);
    let films = (10.0..5e4_f64, 280.0..330.0_f64, prop_oneof![Just(0.0), 1.0..1e3_f64], 280.0..330.0_f64);
    let sources = prop::collection::vec((0.0..20.0_f64, 0.0..10.0_f64, 1.0..10.0_f64, 1.0..100.0_f64), 1..4);
    (1..20_usize, 1..20_usize, layers, films, sources, conductivity()).prop_map(
        |(columns, rows, layers, (h, t, h2, t2), sources, patch)| {
            let mut layers: Vec<Layer> = layers
                .into_iter()
                .map(|(height, cells, a, b)| Layer::plain("layer", Millimetres(height), cells, material(a, b)))
                .collect();
            layers[1].patches.push((Rectangle::new(5.0, 4.0, 12.0, 9.0), material(patch, patch)));
            let source = |(x, y, side, power): (f64, f64, f64, f64)| Source {
                layer: 0,
                area: Rectangle::new(x, y, side, side),
                power: Watts(power),
            };
            let (width, height) = (Millimetres(30.0), Millimetres(20.0));
            let stack = Stack { width, height, columns, rows, layers, top: film(h, t), bottom: film(h2, t2) };
            (stack, sources.into_iter().map(source).collect())
        },
    )
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_goes_in_comes_out((stack, sources) in any_stack()) {
        let power: f64 = sources.iter().map(|source| source.power.0).sum();
        let out: f64 = stack.steady(&sources).unwrap().carried_off().iter().map(|watts| watts.0).sum();
        prop_assert!((out - power).abs() < 1e-6 * (power + 1e3), "{power} W in, {out} W out");
    }

    #[test]
    fn heat_adds_up((stack, sources) in any_stack()) {
        let idle = stack.steady(&[]).unwrap();
        let all = stack.steady(&sources).unwrap();
        let alone: Vec<Field> = sources.iter().map(|source| stack.steady(&[*source]).unwrap()).collect();
        let sum: Vec<f64> = (0..all.temperatures().len())
            .map(|cell| {
                let cold = idle.temperatures()[cell];
                cold + alone.iter().map(|field| field.temperatures()[cell] - cold).sum::<f64>()
            })
            .collect();
        let wrong = largest_difference(all.temperatures(), &sum);
        prop_assert!(wrong < 1e-3, "{wrong} K");
    }

    #[test]
    fn a_mirrored_stack_has_mirrored_temperatures((stack, sources) in any_stack()) {
        let mirror = |area: &Rectangle| Rectangle { x: stack.width - area.right(), ..*area };
        let mut other = stack.clone();
        for layer in &mut other.layers {
            layer.patches.iter_mut().for_each(|(area, _)| *area = mirror(area));
        }
        let turned: Vec<Source> = sources.iter().map(|s| Source { area: mirror(&s.area), ..*s }).collect();
        let (a, b) = (stack.steady(&sources).unwrap(), other.steady(&turned).unwrap());
        // A cell whose centre lies on a patch's edge belongs to it on one side only.
        prop_assume!((0..stack.columns).all(|i| {
            let x = (i as f64 + 0.5) * 30.0 / stack.columns as f64;
            [5.0, 13.0, 17.0, 25.0].iter().all(|edge| (x - edge).abs() > 1e-9)
        }));
        let [columns, _] = a.plane();
        for layer in 0..stack.layers.len() {
            let (a, b) = (a.map(layer), b.map(layer));
            for (a, b) in a.chunks(columns).zip(b.chunks(columns)) {
                let wrong = a.iter().zip(b.iter().rev()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                prop_assert!(wrong < 1e-3, "{wrong} K");
            }
        }
    }
}

/// The size of which the speed is spoken: not timed here, but it must be solved in few steps.
#[test]
fn a_fine_grid_takes_few_steps() {
    let (mut stack, source) = spreader(128, 10.0);
    stack.layers[1].patches.push((Rectangle::new(0.0, 0.0, 11.0, 30.0), material(0.9, 0.9)));
    let warm = stack.steady(&[source]).unwrap();
    assert!(warm.iterations() <= 40, "{} steps", warm.iterations());
    assert!(warm.residual() <= 1e-9);
}
