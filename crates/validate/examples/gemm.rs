//! Fits matrix products on every calibrate file and prints the error per device, format and regime: `cargo run --release -p validate --example gemm -- DATA`.

use perf::device::Device;
use perf::kernel::gemm::{self, Parameters, Weights};
use perf::parameter::Fitted;
use std::path::Path;
use std::time::Instant;
use validate::fit::{self, Calibration};
use validate::sets::gemm::{Kind, Row};
use validate::sets::{self, KERNEL_FOLDERS, Split};

fn main() {
    let data = std::env::args().nth(1).expect("the data folder");
    let root = Path::new(&data);
    let devices: Vec<(&str, Device)> =
        KERNEL_FOLDERS.iter().map(|(folder, key)| (*folder, Device::find(key).expect("a device file"))).collect();
    let step = std::env::args().nth(2).map_or(7, |step| step.parse().expect("a number"));
    let mut fitted = Vec::new();
    let mut pooled: Option<Calibration<_>> = None;
    for (folder, device) in &devices[..3] {
        let path = sets::kernel_file(root, folder, "gemm", Split::Calibrate);
        let calibration = fit::gemm::calibration(&path, device).unwrap().thinned(step);
        fitted.push(fit::gemm::parameters(&calibration));
        println!("{folder}: {:?}", fitted.last().unwrap());
        pooled = Some(match pooled {
            Some(pooled) => pooled.and(calibration),
            None => calibration,
        });
    }
    let transfer = fit::gemm::parameters(&pooled.unwrap());
    println!("transfer: {transfer:?}");
    for (index, (folder, device)) in devices.iter().enumerate() {
        let parameters = fitted.get(index).unwrap_or(&transfer).parameters;
        println!("{folder} {:?}", parameters.values());
        for split in [Split::Calibrate, Split::Test] {
            let path = sets::kernel_file(root, folder, "gemm", split);
            if path.exists() {
                report(&sets::rows::<Row>(&path).unwrap(), device, &parameters, split);
            }
        }
    }
}

fn report(rows: &[Row], device: &Device, parameters: &Parameters, split: Split) {
    let start = Instant::now();
    let times: Vec<f64> = rows
        .iter()
        .map(|row| gemm::time_with(&row.operator(), device, parameters, Weights::Looped).time.0 / row.time().0 - 1.0)
        .collect();
    let each = start.elapsed().as_nanos() as f64 / rows.len() as f64;
    for kind in Kind::ALL {
        let mut line = format!("  {} {:14}", split.name(), kind.name());
        for (low, high) in [(0, u64::MAX), (0, 64), (64, 1024), (1024, u64::MAX)] {
            let errors: Vec<f64> = rows
                .iter()
                .zip(&times)
                .filter(|(row, _)| row.gemm_dtype == kind && row.m > low && row.m <= high)
                .map(|(_, error)| *error)
                .collect();
            let mean = |f: fn(&f64) -> f64| 100.0 * errors.iter().map(f).sum::<f64>() / errors.len() as f64;
            line += &format!(" {:6.1} ({:+5.1})", mean(|e| e.abs()), mean(|e| *e));
        }
        if !line.contains("NaN") {
            println!("{line}");
        }
    }
    println!("  {each:.0} ns each");
}
