//! Attention and latent attention against measured kernels: parameters from calibrate files, error on test files.

use perf::device::Device;
use perf::kernel::attention::{self, Cache};
use perf::kernel::latent;
use perf::operator::Phase;
use std::path::{Path, PathBuf};
use validate::fit;
use validate::sets::{self, KERNEL_FOLDERS, Split, kernel_file, test_data};

/// Devices that have calibrate files.
const FITTED: [&str; 3] = ["a100", "h100", "h200"];
/// Every so many rows of a calibrate file are enough for two parameters.
const THINNED: usize = 20;
const PHASES: [Phase; 2] = [Phase::Prefill, Phase::Decode];

fn device(key: &str) -> Device {
    Device::find(key).unwrap()
}

fn file(root: &Path, key: &str, kind: &str, split: Split) -> PathBuf {
    let (folder, _) = KERNEL_FOLDERS.into_iter().find(|(_, known)| *known == key).unwrap();
    kernel_file(root, folder, kind, split)
}

/// Mean absolute percentage error, as a fraction.
fn mean_error(errors: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = errors.fold((0.0, 0.0), |(sum, count), error| (sum + error.abs(), count + 1.0));
    sum / count
}

fn fitted_attention(root: &Path, keys: &[&str]) -> attention::Parameters {
    let devices: Vec<Device> = keys.iter().map(|key| device(key)).collect();
    let parts = devices.iter().flat_map(|device| PHASES.map(|phase| (device, phase))).map(|(device, phase)| {
        let path = file(root, &device.key, sets::attention::attention_kind(phase), Split::Calibrate);
        fit::attention::calibration(&path, phase, device).unwrap().thinned(THINNED)
    });
    fit::attention::parameters(&parts.reduce(|all, part| all.and(part)).unwrap()).parameters
}

fn attention_error(root: &Path, key: &str, phase: Phase, split: Split, parameters: &attention::Parameters) -> f64 {
    let device = device(key);
    let rows = sets::attention::read(&file(root, key, sets::attention::attention_kind(phase), split)).unwrap();
    mean_error(rows.iter().map(|row| {
        let predicted = attention::time_with(&row.operator(phase), &device, parameters, Cache::Warm).time;
        predicted.0 / row.time().0 - 1.0
    }))
}

/// Devices with the attention parameters that latent attention shares.
fn with_attention(keys: &[&str], parameters: &attention::Parameters) -> Vec<Device> {
    let with = |key: &&str| {
        let mut device = device(key);
        device.parameters.attention = *parameters;
        device
    };
    keys.iter().map(with).collect()
}

fn fitted_latent(root: &Path, devices: &[Device]) -> latent::Parameters {
    let parts = devices.iter().flat_map(|device| PHASES.map(|phase| (device, phase))).map(|(device, phase)| {
        let path = file(root, &device.key, sets::attention::latent_kind(phase), Split::Calibrate);
        fit::latent::calibration(&path, phase, device).unwrap()
    });
    fit::latent::parameters(&parts.reduce(|all, part| all.and(part)).unwrap()).parameters
}

fn latent_error(root: &Path, device: &Device, phase: Phase, split: Split, parameters: &latent::Parameters) -> f64 {
    let path = file(root, &device.key, sets::attention::latent_kind(phase), split);
    let rows = sets::attention::read_latent(&path).unwrap();
    mean_error(
        rows.iter().map(|row| latent::time_with(&row.operator(phase), device, parameters).time.0 / row.time().0 - 1.0),
    )
}

/// Bounds a little above what is reached: prefill and decode of grouped-query attention, then of latent attention.
const BOUNDS: [(&str, [f64; 4]); 3] =
    [("a100", [0.135, 0.165, 0.46, 0.53]), ("h100", [0.122, 0.17, 0.2, 0.26]), ("h200", [0.13, 0.167, 0.22, 0.26])];

#[test]
fn calibrated_devices_stay_within_their_errors() {
    let Some(root) = test_data() else { return };
    for (key, bounds) in BOUNDS {
        let parameters = fitted_attention(&root, &[key]);
        let devices = with_attention(&[key], &parameters);
        let core = fitted_latent(&root, &devices);
        println!("{key}: {parameters:?} {core:?}");
        for (index, phase) in PHASES.into_iter().enumerate() {
            let errors = [Split::Test, Split::Calibrate].map(|split| {
                (
                    attention_error(&root, key, phase, split, &parameters),
                    latent_error(&root, &devices[0], phase, split, &core),
                )
            });
            println!("{key} {phase:?} (attention, latent) on test and calibrate: {errors:.4?}");
            let (error, core_error) = errors[0];
            assert!(error < bounds[index], "attention, {key}, {phase:?}: {error}");
            assert!(core_error < bounds[2 + index], "latent attention, {key}, {phase:?}: {core_error}");
        }
    }
}

/// Bounds for a device that takes the parameters of the other two: prefill, decode.
const CARRIED: [f64; 2] = [0.14, 0.175];

#[test]
fn parameters_carry_over_to_a_device_left_out() {
    let Some(root) = test_data() else { return };
    for left_out in FITTED {
        let others: Vec<&str> = FITTED.into_iter().filter(|key| *key != left_out).collect();
        let parameters = fitted_attention(&root, &others);
        for (phase, bound) in PHASES.into_iter().zip(CARRIED) {
            let error = attention_error(&root, left_out, phase, Split::Test, &parameters);
            println!("{left_out} by {others:?}, {phase:?}: {error:.4}");
            assert!(error < bound, "{left_out}, {phase:?}: {error}");
        }
    }
}
