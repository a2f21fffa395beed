//! Every measured set against the model, one after the other.

use crate::case::{Case, Kind, Knowledge, Subject};
use crate::report::Report;
use crate::sets::{self, KERNEL_FOLDERS, SetError, Split, Timed, kernel_file, llmcompass, vidur};
use base::units::Seconds;
use perf::device::Device;
use perf::interval::{Class, Intervals};
use perf::kernel;
use perf::operator::Operator;
use std::path::Path;

/// Devices whose parameters were fitted on calibrate files of their own.
pub const CALIBRATED: [&str; 3] = ["a100", "h100", "h200"];

/// Whether a device was fitted.
pub fn knowledge(device: &str) -> Knowledge {
    if CALIBRATED.contains(&device) { Knowledge::Calibrated } else { Knowledge::NeverFitted }
}

/// Where the data is, and what predictions rest on.
pub struct Context<'a> {
    /// The folder that holds `measured`.
    pub data: &'a Path,
    /// The devices by key, with the parameters that they are judged with.
    pub device: &'a dyn Fn(&str) -> Option<Device>,
    /// How sure predictions are.
    pub intervals: &'a Intervals,
}

impl Context<'_> {
    fn device(&self, key: &str) -> Result<Device, RunError> {
        (self.device)(key).ok_or_else(|| RunError::Device(key.to_string()))
    }

    /// The case of one operator; `beside` is what the instrument adds to the kernel's time.
    fn case(&self, device: &Device, operator: Operator, time: Seconds, beside: Seconds) -> Case {
        let predicted = kernel::time(&operator, device).time;
        let class = Class::of(&operator);
        let factors = self.intervals.factors(&device.key, class);
        let mut interval = factors.around(predicted.0);
        interval.low += beside.0;
        interval.high += beside.0;
        Case {
            kind: Kind::of(&operator),
            subject: Subject::Operator(operator),
            device: device.key.as_str().into(),
            regime: class.regime.into(),
            also: Vec::new(),
            knowledge: knowledge(&device.key),
            predicted: (predicted + beside).0,
            measured: time.0,
            spread: None,
            interval: Some(interval),
        }
    }
}

/// Why the sets could not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// A set is refused.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A measured device is not in the catalogue.
    #[error("the catalogue of devices has no `{0}`, of which there are measurements")]
    Device(String),
}

/// What a set does with a report.
type Run = Box<dyn Fn(&Context, &mut Report) -> Result<(), RunError>>;

/// One measured set.
pub struct Set {
    /// Name, for progress and for choosing: `h100 gemm`.
    pub name: String,
    run: Run,
}

impl Set {
    fn new(name: String, run: impl Fn(&Context, &mut Report) -> Result<(), RunError> + 'static) -> Set {
        Set { name, run: Box::new(run) }
    }

    /// Adds its cases to a report.
    ///
    /// # Errors
    /// A file is missing or malformed, or the catalogue lacks a device.
    pub fn run(&self, context: &Context, report: &mut Report) -> Result<(), RunError> {
        (self.run)(context, report)
    }
}

/// Every set, in the order of reports.
pub fn sets() -> Vec<Set> {
    let kernels = KERNEL_FOLDERS.iter().flat_map(|(folder, device)| kernel_sets(folder, device));
    let layers = llmcompass::LAYERS.iter().map(|(file, name, context, new)| {
        Set::new(format!("a100 llmcompass layer {name}"), move |run, report| {
            layer(run, report, file, name, (*context, *new))
        })
    });
    let operators = llmcompass::OPERATORS.iter().map(|file| {
        let name = file.trim_end_matches("_A100.csv");
        Set::new(format!("a100 llmcompass {name}"), move |run, report| llmcompass_operators(run, report, file))
    });
    let vidur = vidur::FILES.iter().map(|(file, device)| {
        Set::new(format!("{device} vidur"), move |run, report| vidur_operators(run, report, file, device))
    });
    kernels.chain(operators).chain(layers).chain(vidur).collect()
}

/// The kernel sets of one device.
fn kernel_sets(folder: &'static str, device: &'static str) -> Vec<Set> {
    vec![kernel_set::<sets::gemm::Row>(folder, device, "gemm", "gemm")]
}

/// The test half of one kind of kernel.
fn kernel_set<Row: Timed>(folder: &'static str, device: &'static str, file: &'static str, name: &str) -> Set {
    Set::new(format!("{device} {name}"), move |run, report| {
        let path = kernel_file(run.data, folder, file, Split::Test);
        let device = run.device(device)?;
        for row in sets::rows::<Row>(&path)? {
            let (low, high) = row.spread();
            let case = run.case(&device, row.operator(), row.time(), Seconds(0.0));
            report.add(&Case { spread: Some((low.0, high.0)), ..case });
        }
        Ok(())
    })
}

/// The device that LLMCompass measured.
const LLMCOMPASS_DEVICE: &str = "a100";

fn llmcompass_folder(data: &Path) -> std::path::PathBuf {
    data.join("measured/operators/llmcompass")
}

fn llmcompass_operators(run: &Context, report: &mut Report, file: &str) -> Result<(), RunError> {
    let device = run.device(LLMCOMPASS_DEVICE)?;
    for measured in llmcompass::operators(&llmcompass_folder(run.data), file)? {
        let case = run.case(&device, measured.operator, measured.time, measured.host());
        report.add(&Case { regime: "LLMCompass".into(), ..case });
    }
    Ok(())
}

/// The layer as a whole: the sum of its parts, and the interval of the sum.
fn layer(
    run: &Context,
    report: &mut Report,
    file: &str,
    name: &str,
    (context, new): (u64, u64),
) -> Result<(), RunError> {
    let device = run.device(LLMCOMPASS_DEVICE)?;
    let parts = llmcompass::layer(&llmcompass_folder(run.data), file, context, new)?;
    let time =
        |part: &llmcompass::Measured| Seconds(kernel::time(&part.operator, &device).time.0 * part.launches as f64);
    let kernels: f64 = parts.iter().map(|part| time(part).0).sum();
    let host: f64 = parts.iter().map(|part| part.host().0).sum();
    let factors = run.intervals.sum(parts.iter().map(|part| (&part.operator, time(part))), &device.key);
    let mut interval = factors.around(kernels);
    interval.low += host;
    interval.high += host;
    report.add(&Case {
        subject: Subject::Named(format!("GPT-3 175B layer on 4 devices, {name}").into()),
        kind: Kind::Layer,
        device: device.key.as_str().into(),
        regime: name.into(),
        also: Vec::new(),
        knowledge: knowledge(&device.key),
        predicted: kernels + host,
        measured: parts.iter().map(|part| part.time.0).sum(),
        spread: None,
        interval: Some(interval),
    });
    parts_of_layer(run, report, &device, &parts);
    Ok(())
}

/// The operators of the layer one by one, under their own kinds.
fn parts_of_layer(run: &Context, report: &mut Report, device: &Device, parts: &[llmcompass::Measured]) {
    for (part, name) in parts.iter().zip(llmcompass::PARTS) {
        let each = 1.0 / part.launches as f64;
        let case = run.case(device, part.operator, Seconds(part.time.0 * each), Seconds(part.host().0 * each));
        let subject = Subject::Named(format!("GPT-3 175B layer, {name}: {}", case.subject).into());
        report.add(&Case { regime: "GPT-3 layer".into(), subject, ..case });
    }
}

fn vidur_operators(run: &Context, report: &mut Report, file: &str, device: &str) -> Result<(), RunError> {
    let device = run.device(device)?;
    for measured in vidur::read(&run.data.join("measured/operators/vidur").join(file))? {
        let (low, high) = measured.spread;
        let case = run.case(&device, measured.operator, measured.time, Seconds(0.0));
        report.add(&Case { regime: "Vidur".into(), spread: Some((low.0, high.0)), ..case });
    }
    Ok(())
}
