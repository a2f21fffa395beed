//! Device files: the shipped ones are read and hold together, and what is wrong is refused in a sentence with file and line.
//!
//! `devices.txt` holds one case per paragraph: its name, lines of the shipped `h100` to leave out (`-`) and to put in their place (`+`), and the sentence
//! (`!`). `UPDATE_GOLDEN=1` rewrites the sentences.

use arch::Chip;
use perf::device::calibration::Calibration;
use perf::device::{Device, Dispatch, Topology};
use perf::format::Format;
use perf::parameter::Fitted;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The devices that the product promises.
const PROMISED: &[&str] = &[
    "a100",
    "h100",
    "h200",
    "h800",
    "b200",
    "b300",
    "gb200",
    "gb300",
    "rubin",
    "l40s",
    "rtx4090",
    "rtxpro6000",
    "mi210",
    "mi300x",
    "mi325x",
    "mi355x",
    "tpu-v3",
    "tpu-v4",
    "tpu-v5e",
    "tpu-v5p",
    "tpu-v6e",
    "tpu-v7",
    "inferentia2",
    "trainium2",
    "mtia2",
    "maia100",
    "groq-lpu",
    "cerebras-wse3",
    "wormhole-n300",
    "blackhole-p150",
];

/// How the measured sets name devices, with the device meant.
const MEASURED: &[(&str, &str)] = &[
    ("a100_sxm", "a100"),
    ("h100_sxm", "h100"),
    ("h200_sxm", "h200"),
    ("b200_sxm", "b200"),
    ("gb200", "gb200"),
    ("gb300", "gb300"),
    ("l40s", "l40s"),
    ("RTX4090", "rtx4090"),
    ("RTXPRO6000", "rtxpro6000"),
    ("a100-80gb", "a100"),
    ("h100-80gb", "h100"),
];

#[test]
fn promised_devices_are_there() {
    let keys: Vec<String> = Device::list().into_iter().map(|device| device.key).collect();
    for key in PROMISED {
        assert!(keys.iter().any(|known| known == key), "{key} is not in {keys:?}");
    }
}

#[test]
fn measured_sets_find_their_devices() {
    for (name, key) in MEASURED {
        assert_eq!(&Device::find(name).unwrap().key, key);
    }
}

#[test]
fn every_name_means_one_device() {
    let mut seen = BTreeMap::new();
    for device in Device::list() {
        for name in device.names() {
            let folded = name.to_lowercase().replace('_', "-");
            let before = seen.insert(folded, device.key.clone());
            assert!(before.is_none_or(|key| key == device.key), "{name} means two devices");
            assert_eq!(Device::find(name).unwrap().key, device.key);
        }
        if let Some(silicon) = &device.silicon {
            assert_eq!(&Device::find(silicon).unwrap().key, silicon, "{}", device.key);
        }
    }
}

#[test]
fn unknown_names_get_the_nearest() {
    let unknown = Device::find("h10").unwrap_err();
    assert!(unknown.nearest.contains(&"h100".to_string()), "{unknown}");
    assert!(Device::find("MI300").unwrap_err().to_string().contains("nearest"));
}

/// What no accelerator of 2017 to 2027 leaves: a slip of unit or of a factor of ten would.
fn check_ranges(device: &Device) {
    let within = |what: &str, value: f64, low: f64, high: f64| {
        assert!((low..=high).contains(&value), "{}: {what} is {value:e}, outside {low:e}..{high:e}", device.key);
    };
    let fastest = device.matrix.iter().map(|(_, rate)| rate.0).fold(0.0, f64::max);
    within("clock", device.clock.0, 0.5e9, 3.5e9);
    within("matrix rate", fastest, 50e12, 130e15);
    within("vector rate", device.vector.0, 0.5e12, 20e15);
    within("capacity", device.memory.capacity.as_f64(), 0.2e9, 400e9);
    within("bandwidth", device.memory.bandwidth.0, 0.2e12, 25e15);
    within("power", device.power.0, 60.0, 30e3);
    within("link bandwidth", device.scale_up.bandwidth.0, 10e9, 5e12);
    within("link latency", device.scale_up.latency.0, 0.1e-6, 50e-6);
    within("operations per watt", fastest / device.power.0, 1e11, 2.5e13);
    assert!(device.boost_clock.0 >= device.clock.0, "{}: boost below clock", device.key);
    assert!(device.base_clock.is_none_or(|base| base.0 <= device.clock.0), "{}: base above clock", device.key);
    assert!(device.facts.iter().all(|fact| fact.source.len() > 20), "{}: a source says too little", device.key);
}

/// Narrower formats are never slower, and a device without on-chip bandwidth has no shared level.
fn check_consistency(device: &Device) {
    let rate = |format| device.matrix_rate(format).map(|rate| rate.0);
    let pairs = [(Format::Bf16, Format::Fp8), (Format::Bf16, Format::Int8), (Format::Tf32, Format::Bf16)];
    for (wide, narrow) in pairs {
        if let (Some(wide), Some(narrow)) = (rate(wide), rate(narrow)) {
            assert!(narrow >= wide, "{}: a narrower format is slower", device.key);
        }
    }
    let has_shared = device.on_chip.shared.0 > 0;
    assert_eq!(device.on_chip.shared_bandwidth.0.is_finite(), has_shared, "{}", device.key);
    assert!(device.on_chip.shared_bandwidth.0 > device.memory.bandwidth.0 * 0.9, "{}", device.key);
    let groups = device.scale_up.group > 1 || matches!(device.scale_up.topology, Topology::Bus);
    assert!(groups, "{}: nobody to link to", device.key);
}

#[test]
fn shipped_devices_hold_together() {
    for device in Device::list() {
        check_ranges(&device);
        check_consistency(&device);
    }
}

#[test]
fn chips_become_devices() {
    for name in Chip::builtin_names() {
        let chip = Chip::builtin(&name).unwrap();
        let device = Device::from_chip(&chip);
        assert_eq!(device.units, chip.core.count as u64);
        let (format, rate) = device.arithmetic(Format::Int4);
        assert_eq!((format, rate.0), (Format::Int4, 2.0 * chip.macs_per_second()));
        assert!(device.memory.bandwidth.0 <= chip.memory.bandwidth.0);
        assert!(matches!(device.dispatch, Dispatch::Program { operator } if operator.0 >= chip.memory.latency.0));
        assert_eq!(device.weight_passes(chip.matrix.tokens as u64 + 1, 1024), 2.0);
        // A chip without 16-bit products serves a bfloat16 network in its widest format.
        assert_eq!(device.matrix_rate(Format::Bf16), None);
        assert!(device.arithmetic(Format::Bf16).0.bits() >= 8.0);
    }
}

#[test]
fn absent_formats_go_through_wider_ones() {
    let a100 = Device::find("a100").unwrap();
    assert_eq!(a100.arithmetic(Format::Fp8).0, Format::Bf16);
    assert_eq!(a100.arithmetic(Format::Int4).0, Format::Int4);
    let h100 = Device::find("h100").unwrap();
    assert_eq!(h100.arithmetic(Format::Nvfp4).0, Format::Fp8);
    assert_eq!(h100.arithmetic(Format::Fp8Block).1, h100.matrix_rate(Format::Fp8).unwrap());
}

/// The first kind and its first field, whatever they are called, with a value inside the field's box that is not its default.
fn some_parameter() -> (&'static str, &'static str, f64) {
    let (kind, fields) = perf::device::Parameters::KINDS[0];
    (kind, fields[0].name, 0.5 * (fields[0].low + fields[0].default))
}

#[test]
fn calibrations_fall_back_to_transfer_and_to_defaults() {
    let (kind, field, value) = some_parameter();
    let text = format!("source = 'x'\n[h100.{kind}]\n{field} = {value}\n");
    let own = Calibration::parse("c.toml", &text).unwrap();
    let transferred = Calibration::parse("c.toml", &text.replace("h100", "transfer")).unwrap();
    let first = |calibration: &Calibration, key: &str| {
        let group: perf::kernel::gemm::Parameters = calibration.group(key, kind);
        group.values()[0]
    };
    let default = perf::kernel::gemm::Parameters::FIELDS[0].default;
    assert_ne!(value, default);
    assert_eq!((first(&own, "h100"), first(&own, "b200")), (value, default));
    assert_eq!((first(&transferred, "h100"), first(&transferred, "b200")), (value, value));
    assert_eq!(first(&Calibration::default(), "h100"), default);
    assert!(own.is_fitted("h100", kind) && !own.is_fitted("b200", kind) && !transferred.is_fitted("h100", kind));
    // The same silicon has the same parameters.
    let calibrated = |key: &str| Device::find(key).unwrap().calibrated(&own).parameters;
    assert_eq!(calibrated("h800"), calibrated("h100"));
    assert_ne!(calibrated("h100"), calibrated("b200"));
}

#[test]
fn calibrations_are_refused_with_the_line() {
    let (kind, field, value) = some_parameter();
    let cases = [
        (format!("[h100.{kind}]\n{field} = {value}\n"), "line 1: `source` is missing"),
        (format!("source = 'x'\n[h101.{kind}]\n{field} = {value}\n"), "line 2: `h101` is no device"),
        ("source = 'x'\n[h100.gem]\n".into(), "line 2: `h100.gem` is no kind; known: "),
        (format!("source = 'x'\n[h100.{kind}]\nx = 1\n"), "line 3: `x` is no parameter of this kind; known: "),
        (format!("source = 'x'\n[h100.{kind}]\n{field} = 1e30\n"), "must be between"),
        (format!("source = 'x'\n[h100.{kind}]\n{field} = '{value}'\n"), "a number is expected"),
        ("source = 'x'\nh100 = 3\n".into(), "line 2: `h100`: a `source` and tables"),
        (format!("source = 'x'\n[h100]\n{kind} = 3\n"), "a table is expected"),
        ("source = \n".into(), "line 1: "),
    ];
    for (text, wanted) in cases {
        let error = Calibration::parse("my.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with("my.toml, line ") && error.contains(wanted), "{text}: {error}");
    }
}

/// The shipped text with the paragraph's lines exchanged.
fn changed(paragraph: &str) -> String {
    let mut text = data::file("devices/h100.toml").unwrap().to_string();
    let mut at = 0;
    for line in paragraph.lines() {
        if let Some(old) = line.strip_prefix("- ") {
            let start = text.find(&format!("{old}\n")).unwrap_or_else(|| panic!("`{old}` is not in h100.toml"));
            text.replace_range(start..start + old.len() + 1, "");
            at = start;
        } else if let Some(new) = line.strip_prefix("+ ") {
            text.insert_str(at, &format!("{new}\n"));
            at += new.len() + 1;
        }
    }
    text
}

/// Holds the sentences of a golden file to what `refuse` says of each paragraph.
fn golden(name: &str, refuse: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let golden = std::fs::read_to_string(&path).unwrap();
    let mut now = String::new();
    for paragraph in golden.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let kept = paragraph.lines().filter(|line| !line.starts_with('!'));
        kept.for_each(|line| writeln!(now, "{line}").unwrap());
        writeln!(now, "! {}\n", refuse(paragraph)).unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(now.trim(), std::fs::read_to_string(&path).unwrap().trim());
}

#[test]
fn refusals_are_sentences() {
    golden("devices.txt", |paragraph| {
        Device::parse("my", "my.toml", &changed(paragraph)).expect_err(paragraph).to_string()
    });
}

proptest! {
    #[test]
    fn damaged_files_never_panic(cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[ -~\n]{0,6}"), 1..4)) {
        let mut text = data::file("devices/h100.toml").unwrap().to_string();
        for (at, len, new) in cuts {
            let mut start = at.index(text.len() + 1);
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + len).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, &new);
        }
        if let Err(error) = Device::parse("my", "my.toml", &text) {
            prop_assert!(error.to_string().starts_with("my.toml, line ") && error.line >= 1);
        }
        let _ = Calibration::parse("my.toml", &text);
    }
}
