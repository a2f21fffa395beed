//! Parameters and intervals come from calibrate files and nothing else, and the shipped ones are what the fit gives.

use perf::device::Device;
use std::fs;
use std::path::{Path, PathBuf};
use validate::calibrate::{self, Calibrated};
use validate::sets::{KERNEL_FOLDERS, test_data};

fn fitted(data: &Path, rows: usize) -> Calibrated {
    calibrate::calibrate(data, &|key| Device::find(key).ok(), rows, |_| ()).unwrap()
}

/// A copy of the measured kernels in which everything but the calibrate files is poison.
fn poisoned(data: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("poisoned-{}", std::process::id()));
    for (folder, _) in KERNEL_FOLDERS {
        let (from, to) = (data.join("measured/kernels").join(folder), root.join("measured/kernels").join(folder));
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let name = entry.unwrap().file_name();
            match name.to_str().unwrap().contains(".calibrate.") {
                true => drop(fs::copy(from.join(&name), to.join(&name)).unwrap()),
                false => fs::write(to.join(&name), "poison").unwrap(),
            }
        }
    }
    root
}

#[test]
fn test_files_do_not_change_a_fit() {
    let Some(data) = test_data() else { return };
    let poisoned = poisoned(&data);
    const FEW: usize = 40;
    let (clean, other) = (fitted(&data, FEW), fitted(&poisoned, FEW));
    fs::remove_dir_all(&poisoned).unwrap();
    assert_eq!(clean, other);
}

#[test]
fn the_shipped_parameters_and_intervals_are_what_the_fit_gives() {
    let Some(data) = test_data() else { return };
    let fitted = fitted(&data, calibrate::ROWS);
    for (file, text) in [("calibration.toml", fitted.calibration()), ("intervals.toml", fitted.intervals())] {
        let shipped = data::file(file).unwrap_or_default();
        assert_eq!(shipped, text, "data/{file} is not what `puce validate --fit` writes");
    }
}
