//! Every measured set against the model, one after the other.

use crate::case::{Case, Kind, Knowledge, Subject};
use crate::kernels::{FAMILIES, Family, File};
use crate::replay::{Means, replay};
use crate::report::Report;
use crate::serving::deployment::{Deployment, Stated, device_key};
use crate::serving::spread::{Seen, Spreads, apart};
use crate::serving::{self, Point, fitted_half};
use crate::sets::points::{self, Row};
use crate::sets::{KERNEL_FOLDERS, SetError, Split, llmcompass, power, vidur, vllm};
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
    fn case(&self, device: &Device, operator: Operator, time: Seconds, predicted: Seconds, beside: Seconds) -> Case {
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
    /// A point cannot be mapped to a network and devices.
    #[error("{0}: {1}")]
    Point(String, String),
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
    let points = Set::new("serving points".to_string(), serving_points);
    let traces = vllm::RUNS.iter().map(|(folder, device)| {
        Set::new(format!("{device} served trace"), move |run, report| served_trace(run, report, folder, device))
    });
    let power = Set::new(format!("{} power", power::DEVICE), powers);
    kernels.chain(operators).chain(layers).chain(vidur).chain([points]).chain(traces).chain([power]).collect()
}

/// The kernel sets of one device.
fn kernel_sets(folder: &'static str, device: &'static str) -> Vec<Set> {
    let files = FAMILIES.iter().flat_map(|family| family.files.iter().map(move |file| (family, file)));
    let set = |(family, file): (&'static Family, &'static File)| {
        let name = format!("{device} {}", file.title);
        Set::new(name, move |run, report| kernel_set(run, report, (folder, device), family, file))
    };
    files.map(set).collect()
}

/// The test half of one kind of kernel.
fn kernel_set(
    run: &Context,
    report: &mut Report,
    (folder, device): (&str, &str),
    family: &Family,
    file: &File,
) -> Result<(), RunError> {
    let device = run.device(device)?;
    for measured in file.read(run.data, folder, Split::Test)? {
        let (low, high) = measured.spread;
        let predicted = (family.time)(&measured.operator, &device);
        let case = run.case(&device, measured.operator, measured.time, predicted, Seconds(0.0));
        report.add(&Case { spread: Some((low.0, high.0)), ..case });
    }
    Ok(())
}

/// Runs one set against the shipped devices, with the shipped parameters and intervals.
///
/// # Errors
/// A file is missing or malformed, or the catalogue lacks a device.
pub fn one(set: &Set, data: &Path, report: &mut Report) -> Result<(), RunError> {
    let device = |key: &str| Device::find(key).ok();
    set.run(&Context { data, device: &device, intervals: Intervals::embedded() }, report)
}

/// The device that LLMCompass measured.
const LLMCOMPASS_DEVICE: &str = "a100";

fn llmcompass_folder(data: &Path) -> std::path::PathBuf {
    data.join("measured/operators/llmcompass")
}

fn llmcompass_operators(run: &Context, report: &mut Report, file: &str) -> Result<(), RunError> {
    let device = run.device(LLMCOMPASS_DEVICE)?;
    for measured in llmcompass::operators(&llmcompass_folder(run.data), file)? {
        let predicted = kernel::time(&measured.operator, &device).time;
        let case = run.case(&device, measured.operator, measured.time, predicted, measured.host());
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
        let predicted = kernel::time(&part.operator, device).time;
        let (time, host) = (Seconds(part.time.0 * each), Seconds(part.host().0 * each));
        let case = run.case(device, part.operator, time, predicted, host);
        let subject = Subject::Named(format!("GPT-3 175B layer, {name}: {}", case.subject).into());
        report.add(&Case { regime: "GPT-3 layer".into(), subject, ..case });
    }
}

fn vidur_operators(run: &Context, report: &mut Report, file: &str, device: &str) -> Result<(), RunError> {
    let device = run.device(device)?;
    for measured in vidur::read(&run.data.join("measured/operators/vidur").join(file))? {
        let (low, high) = measured.spread;
        let predicted = kernel::time(&measured.operator, &device).time;
        let case = run.case(&device, measured.operator, measured.time, predicted, Seconds(0.0));
        report.add(&Case { regime: "Vidur".into(), spread: Some((low.0, high.0)), ..case });
    }
    Ok(())
}

/// Every serving point: two cases each.
fn serving_points(run: &Context, report: &mut Report) -> Result<(), RunError> {
    let rows = points::read(&run.data.join("measured/serving/points.csv"))?;
    let stated = Stated::of(&rows);
    let served = rows.iter().map(|row| served_point(run, row, &stated)).collect::<Result<Vec<Seen>, RunError>>()?;
    let fitted = rows.iter().zip(&served).filter(|(row, _)| fitted_half(&row.id)).map(|(_, seen)| *seen);
    let spreads = Spreads::of(&fitted.collect::<Vec<Seen>>());
    for (row, Seen { predicted, measured, apart }) in rows.iter().zip(&served) {
        let (tpot, ttft) = spreads.around(predicted, *apart);
        let first = point_case(row, Kind::ServingTpot, predicted.tpot, measured.tpot);
        report.add(&Case { interval: tpot, ..first });
        let second = point_case(row, Kind::ServingTtft, predicted.ttft, measured.ttft);
        report.add(&Case { interval: ttft, ..second });
    }
    Ok(())
}

/// A point beside its prediction.
fn served_point(run: &Context, row: &Row, stated: &Stated) -> Result<Seen, RunError> {
    let deployment = Deployment::of(row, stated).map_err(|error| RunError::Point(row.id.clone(), error.to_string()))?;
    let predicted = serving::predict(&deployment, &run.device(deployment.device)?);
    let measured = Point { ttft: row.ttft(), tpot: row.tpot() };
    Ok(Seen { predicted, measured, apart: apart(&deployment.arrangement) })
}

/// The case of one of a point's two times.
fn point_case(row: &Row, kind: Kind, predicted: Seconds, measured: Seconds) -> Case {
    let key = device_key(&row.system).unwrap_or_default();
    let (_, model) = row.model_path.rsplit_once('/').unwrap_or(("", &row.model_path));
    let half = if fitted_half(&row.id) { "half of the software's times" } else { "half held out" };
    let flight = row.concurrency.or(row.batch_size).unwrap_or(0);
    Case {
        subject: Subject::Named(
            format!(
                "{} {model} {} {} {}, {} in flight, {} to {} tokens",
                row.id, row.backend, row.precision, row.mode, flight, row.isl, row.osl
            )
            .into(),
        ),
        kind,
        device: key.into(),
        regime: format!("{} {}", row.backend, row.mode).into(),
        also: vec![model.into(), half.into()],
        knowledge: knowledge(key),
        predicted: predicted.0,
        measured: measured.0,
        spread: None,
        interval: None,
    }
}

/// Power in both phases of every run of the half that no number was found on. A row without a meter is no case, and neither is a token phase that the
/// meter missed, whose average is that of a device at rest.
fn powers(run: &Context, report: &mut Report) -> Result<(), RunError> {
    let device = run.device(power::DEVICE)?;
    let rows = power::read(&run.data.join("measured/operators/splitwise_power.csv"))?;
    for row in rows.iter().filter(|row| row.is_measured() && !row.is_for_fitting()) {
        let predicted = row.predicted(&device);
        report.add(&power_case(row, &device, "prompts", predicted.peak, row.peak_power));
        if row.average_is_of_tokens() {
            report.add(&power_case(row, &device, "tokens", predicted.tokens, row.average_power));
        }
    }
    Ok(())
}

/// The case of one phase, as fractions of the limit.
fn power_case(row: &power::Row, device: &Device, phase: &str, predicted: f64, measured: f64) -> Case {
    let power::Row { model, prompt_size, batch_size, token_size, tensor_parallel, .. } = row;
    let run =
        format!("{model} on {tensor_parallel}, batch {batch_size}, {prompt_size} to {token_size} tokens, {phase}");
    Case {
        subject: Subject::Named(run.into()),
        kind: Kind::Power,
        device: device.key.as_str().into(),
        regime: phase.into(),
        also: Vec::new(),
        knowledge: knowledge(&device.key),
        predicted,
        measured,
        spread: None,
        interval: None,
    }
}

/// A logged run, served again: its three means.
fn served_trace(run: &Context, report: &mut Report, folder: &str, device: &str) -> Result<(), RunError> {
    let log = vllm::Run::read(&run.data.join("measured/serving/vllm").join(folder))?;
    let device = run.device(device)?;
    let served = replay(&log, &device).map_err(|error| RunError::Point(folder.to_string(), error.to_string()))?;
    let (measured, predicted) = (Means::of(&log.records), Means::of(&served.records));
    let pairs = [
        (Kind::TraceTpot, predicted.tpot, measured.tpot),
        (Kind::TraceEndToEnd, predicted.end_to_end, measured.end_to_end),
        (Kind::TraceTtft, predicted.ttft, measured.ttft),
    ];
    for (kind, predicted, measured) in pairs {
        report.add(&Case {
            subject: Subject::Named(
                format!("{} requests to {} on {}", log.records.len(), log.network, log.device).into(),
            ),
            kind,
            device: device.key.as_str().into(),
            regime: "vLLM log".into(),
            also: Vec::new(),
            knowledge: knowledge(&device.key),
            predicted: predicted.0,
            measured: measured.0,
            spread: None,
            interval: None,
        });
    }
    Ok(())
}
