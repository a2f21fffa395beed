//! How many samples of a whole comparison a second gives: devices of the public cases, every input at once.
//!
//! `cargo run --release -p econ --example sampling [samples]`

use econ::cases::devices;
use econ::compare::{self, Question};
use econ::facts::Facts;
use std::time::Instant;

fn main() {
    let samples = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1 << 20);
    let facts = Facts::builtin().expect("the facts are well formed");
    let described = devices::builtin(&facts).expect("the devices are well formed");
    for names in [&["B200"][..], &["B200", "MI355X"], &["H100", "B200", "GB200", "MI300X", "MI355X"]] {
        let found = described.iter().filter(|device| names.contains(&device.name.as_str()));
        let devices: Vec<_> = found.map(devices::Described::device).collect();
        let questions = [Question::Make, Question::Hour];
        let study = compare::study(&facts, &devices, &questions).expect("every input has a fact");
        let start = Instant::now();
        let found = study.run(samples);
        let seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let shares = study.shares(1 << 14);
        let evaluations = (shares[0].len() + 2) << 14;
        let threads = rayon::current_num_threads();
        println!(
            "{names:?}: {samples} samples in {seconds:.2} s on {threads} threads; shares: {evaluations} evaluations in {:.2} s",
            start.elapsed().as_secs_f64()
        );
        for ((name, found), shares) in study.results.iter().zip(found).zip(&shares) {
            let (low, high) = found.within_90;
            let most: Vec<_> =
                shares.iter().take(3).map(|share| format!("{} {:.0} %", share.input, 100.0 * share.total)).collect();
            println!("  {name}: {:.3} ({low:.3} to {high:.3}); {}", found.median, most.join(", "));
        }
    }
}
