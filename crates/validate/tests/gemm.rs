//! Matrix products against measured kernels: parameters from calibrate files, error on test files.

use perf::device::Device;
use perf::kernel::gemm::{self, Parameters, Weights};
use std::path::{Path, PathBuf};
use validate::fit;
use validate::sets::gemm::{Kind, read};
use validate::sets::{KERNEL_FOLDERS, Split, kernel_file, test_data};

/// Every so many rows of a calibrate file are enough for four parameters.
const THINNED: usize = 61;
/// Every so many rows of a test file show the error to a few parts in a hundred of itself.
const SAMPLED: usize = 5;

fn file(root: &Path, key: &str, split: Split) -> PathBuf {
    let (folder, _) = KERNEL_FOLDERS.into_iter().find(|(_, known)| *known == key).unwrap();
    kernel_file(root, folder, "gemm", split)
}

fn fitted(root: &Path, keys: &[&str]) -> Parameters {
    let devices: Vec<Device> = keys.iter().map(|key| Device::find(key).unwrap()).collect();
    let parts = devices.iter().map(|device| {
        fit::gemm::calibration(&file(root, &device.key, Split::Calibrate), device).unwrap().thinned(THINNED)
    });
    fit::gemm::parameters(&parts.reduce(|all, part| all.and(part)).unwrap()).parameters
}

/// Mean absolute percentage error of one kind, as a fraction.
fn error(root: &Path, key: &str, kind: Kind, parameters: &Parameters) -> f64 {
    let device = Device::find(key).unwrap();
    let rows = read(&file(root, key, Split::Test)).unwrap();
    let errors: Vec<f64> = rows
        .iter()
        .filter(|row| row.gemm_dtype == kind)
        .step_by(SAMPLED)
        .map(|row| {
            let predicted = gemm::time_with(&row.operator(), &device, parameters, Weights::Looped).time;
            (predicted.0 / row.time().0 - 1.0).abs()
        })
        .collect();
    errors.iter().sum::<f64>() / errors.len() as f64
}

/// Bounds a little above what is reached on devices that were fitted.
const CALIBRATED: [(&str, Kind, f64); 7] = [
    ("a100", Kind::Bf16, 0.088),
    ("h100", Kind::Bf16, 0.064),
    ("h100", Kind::Fp8, 0.107),
    ("h100", Kind::Fp8Block, 0.145),
    ("h200", Kind::Bf16, 0.066),
    ("h200", Kind::Fp8, 0.107),
    ("h200", Kind::Fp8Block, 0.18),
];

#[test]
fn calibrated_devices_stay_within_their_errors() {
    let Some(root) = test_data() else { return };
    for key in ["a100", "h100", "h200"] {
        let parameters = fitted(&root, &[key]);
        println!("{key}: {parameters:?}");
        for (_, kind, bound) in CALIBRATED.into_iter().filter(|(known, ..)| *known == key) {
            let error = error(&root, key, kind, &parameters);
            println!("{key} {}: {error:.4}", kind.name());
            assert!(error < bound, "{key}, {}: {error}", kind.name());
        }
    }
}

/// Bounds for a device that takes the parameters of the other two.
const CARRIED: [(&str, [&str; 2], f64); 3] =
    [("a100", ["h100", "h200"], 0.11), ("h100", ["a100", "h200"], 0.08), ("h200", ["a100", "h100"], 0.08)];

#[test]
fn parameters_carry_over_to_a_device_left_out() {
    let Some(root) = test_data() else { return };
    for (left_out, others, bound) in CARRIED {
        let error = error(&root, left_out, Kind::Bf16, &fitted(&root, &others));
        println!("{left_out} by {others:?}: {error:.4}");
        assert!(error < bound, "{left_out}: {error}");
    }
}

#[test]
fn a_fit_finds_the_same_parameters_again() {
    let Some(root) = test_data() else { return };
    assert_eq!(fitted(&root, &["a100"]), fitted(&root, &["a100"]));
}
