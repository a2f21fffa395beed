//! The families of measured kernels: what their files hold, how they are predicted as measured, and how their parameters are fitted.
//!
//! One row per family; running the sets, fitting and the intervals all walk this table, so that a new family is seen by each.

use crate::fit::{self, Calibration};
use crate::sets::{self, SetError, Split, Timed, kernel_file};
use base::units::Seconds;
use perf::device::Device;
use perf::kernel;
use perf::operator::{Operator, Phase};
use perf::parameter::{Field, Fitted};
use std::path::{Path, PathBuf};

/// A measured operator, whatever file it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// What ran.
    pub operator: Operator,
    /// Its median time.
    pub time: Seconds,
    /// The least and the greatest of its sources.
    pub spread: (Seconds, Seconds),
}

/// One kind of file.
#[derive(Clone, Copy)]
pub struct File {
    /// First part of its name: `attn_decode`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    read: fn(&Path) -> Result<Vec<Measurement>, SetError>,
}

impl File {
    /// The measurements of one half on one device.
    ///
    /// # Errors
    /// The file is missing or malformed.
    pub fn read(&self, data: &Path, folder: &str, split: Split) -> Result<Vec<Measurement>, SetError> {
        (self.read)(&kernel_file(data, folder, self.name, split))
    }
}

/// Calibrate files by device: the only thing that a fit is given.
pub struct Sources<'a> {
    /// The folder that holds `measured`.
    pub data: &'a Path,
    /// Folder of each device's measurements, and the device.
    pub devices: Vec<(&'static str, &'a Device)>,
    /// Most rows of one file that are fitted on, spread over the whole of it.
    pub rows: usize,
}

impl Sources<'_> {
    fn files(&self, name: &str) -> Vec<(PathBuf, &Device)> {
        let file = |folder: &str| kernel_file(self.data, folder, name, Split::Calibrate);
        self.devices.iter().map(|(folder, device)| (file(folder), *device)).collect()
    }

    /// The calibrations of all devices' files of some names together, thinned.
    fn together<'d, What>(
        &'d self,
        names: &[&str],
        read: impl Fn(&str, &Path, &'d Device) -> Result<Calibration<What>, SetError>,
    ) -> Result<Calibration<What>, SetError> {
        let mut all: Option<Calibration<What>> = None;
        for name in names {
            for (path, device) in self.files(name) {
                let one = read(name, &path, device)?;
                let step = one.measured().len().div_ceil(self.rows.max(1));
                let one = one.thinned(step);
                all = Some(match all {
                    Some(sum) => sum.and(one),
                    None => one,
                });
            }
        }
        all.ok_or_else(|| SetError::file(self.data, "no device to fit"))
    }
}

/// A family: one table of the calibration file.
#[derive(Clone, Copy)]
pub struct Family {
    /// Name of the table: `gemm`.
    pub name: &'static str,
    /// Its files.
    pub files: &'static [File],
    /// Its parameters.
    pub fields: &'static [Field],
    /// The time of an operator as it was measured: again and again on the same buffers.
    pub time: fn(&Operator, &Device) -> Seconds,
    fit: fn(&Sources) -> Result<Vec<f64>, SetError>,
    set: fn(&mut Device, &[f64]),
}

impl Family {
    /// Fits its parameters to the calibrate files of some devices.
    ///
    /// # Errors
    /// A file is missing or malformed.
    pub fn fit(&self, sources: &Sources) -> Result<Vec<f64>, SetError> {
        (self.fit)(sources)
    }

    /// The device with other parameters of this family.
    pub fn on(&self, device: &Device, values: &[f64]) -> Device {
        let mut device = device.clone();
        (self.set)(&mut device, values);
        device
    }
}

/// The rows of a file as measurements.
fn read<Row: Timed>(path: &Path) -> Result<Vec<Measurement>, SetError> {
    let one = |row: Row| Measurement { operator: row.operator(), time: row.time(), spread: row.spread() };
    Ok(sets::rows::<Row>(path)?.into_iter().map(one).collect())
}

fn plain(operator: &Operator, device: &Device) -> Seconds {
    kernel::time(operator, device).time
}

/// Products as they were measured: in a loop over copies of their weights, which leaves small ones on the chip.
fn looped(operator: &Operator, device: &Device) -> Seconds {
    match operator {
        Operator::Gemm(gemm) => {
            let parameters = &device.parameters.gemm;
            kernel::gemm::time_with(gemm, device, parameters, kernel::gemm::Weights::Looped).time
        }
        other => plain(other, device),
    }
}

/// Attention and experts as they were measured: on the cache and the weights that the last run left on the chip.
fn warm(operator: &Operator, device: &Device) -> Seconds {
    match operator {
        Operator::Attention(attention) => {
            let parameters = &device.parameters.attention;
            kernel::attention::time_with(attention, device, parameters, kernel::attention::Cache::Warm).time
        }
        Operator::Experts(experts) => {
            let parameters = &device.parameters.experts;
            kernel::experts::time_with(experts, device, parameters, kernel::attention::Cache::Warm).time
        }
        other => plain(other, device),
    }
}

/// Every family.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "gemm",
        files: &[File { name: "gemm", title: "gemm", read: read::<sets::gemm::Row> }],
        fields: kernel::gemm::Parameters::FIELDS,
        time: looped,
        fit: |sources| {
            let all = sources.together(&["gemm"], |_, path, device| fit::gemm::calibration(path, device))?;
            Ok(fit::gemm::parameters(&all).parameters.values())
        },
        set: |device, values| device.parameters.gemm = Fitted::from_values(values),
    },
    Family {
        name: "attention",
        files: &[
            File { name: "attn_prefill", title: "attention prefill", read: |path| attention(path, Phase::Prefill) },
            File { name: "attn_decode", title: "attention decode", read: |path| attention(path, Phase::Decode) },
        ],
        fields: kernel::attention::Parameters::FIELDS,
        time: warm,
        fit: |sources| {
            let names = ["attn_prefill", "attn_decode"];
            let all = sources
                .together(&names, |name, path, device| fit::attention::calibration(path, phase(name), device))?;
            Ok(fit::attention::parameters(&all).parameters.values())
        },
        set: |device, values| device.parameters.attention = Fitted::from_values(values),
    },
    Family {
        name: "latent",
        files: &[
            File { name: "mla_prefill", title: "latent prefill", read: |path| latent(path, Phase::Prefill) },
            File { name: "mla_decode", title: "latent decode", read: |path| latent(path, Phase::Decode) },
        ],
        fields: kernel::latent::Parameters::FIELDS,
        time: plain,
        fit: |sources| {
            let names = ["mla_prefill", "mla_decode"];
            let all =
                sources.together(&names, |name, path, device| fit::latent::calibration(path, phase(name), device))?;
            Ok(fit::latent::parameters(&all).parameters.values())
        },
        set: |device, values| device.parameters.latent = Fitted::from_values(values),
    },
    Family {
        name: "experts",
        files: &[File { name: "moe", title: "experts", read: read::<sets::experts::Row> }],
        fields: kernel::experts::Parameters::FIELDS,
        time: warm,
        fit: |sources| {
            let all = sources.together(&["moe"], |_, path, device| fit::experts::calibration(path, device))?;
            Ok(fit::experts::parameters(&all).parameters.values())
        },
        set: |device, values| device.parameters.experts = Fitted::from_values(values),
    },
    Family {
        name: "collective",
        files: &[File { name: "nccl", title: "exchanges", read: read::<sets::collective::Row> }],
        fields: kernel::collective::Parameters::FIELDS,
        time: plain,
        fit: |sources| {
            let all = sources.together(&["nccl"], |_, path, device| fit::collective::calibration(path, device))?;
            Ok(fit::collective::parameters(&all).parameters.values())
        },
        set: |device, values| device.parameters.collective = Fitted::from_values(values),
    },
];

/// The phase that a file's name says.
fn phase(name: &str) -> Phase {
    if name.ends_with("prefill") { Phase::Prefill } else { Phase::Decode }
}

/// A measurement of times in milliseconds.
fn measurement(operator: Operator, [median, least, greatest]: [f64; 3]) -> Measurement {
    let seconds = |milliseconds: f64| Seconds(milliseconds / 1e3);
    Measurement { operator, time: seconds(median), spread: (seconds(least), seconds(greatest)) }
}

fn attention(path: &Path, phase: Phase) -> Result<Vec<Measurement>, SetError> {
    let one = |row: sets::attention::Row| {
        let times = [row.median_ms, row.min_ms, row.max_ms];
        measurement(Operator::Attention(row.operator(phase)), times)
    };
    Ok(sets::attention::read(path)?.into_iter().map(one).collect())
}

fn latent(path: &Path, phase: Phase) -> Result<Vec<Measurement>, SetError> {
    let one = |row: sets::attention::LatentRow| {
        let times = [row.median_ms, row.min_ms, row.max_ms];
        measurement(Operator::Latent(row.operator(phase)), times)
    };
    Ok(sets::attention::read_latent(path)?.into_iter().map(one).collect())
}
