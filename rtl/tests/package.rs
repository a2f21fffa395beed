//! The package of a chip: complete, accepted by Verilator, and its smoke test passes.

use std::path::Path;
use std::process::Command;

use arch::Chip;
use arch::machine::Machine;
use arch::random;
use emu::{Emulator, Settings};
use rtl::package::{self, Smoke};
use rtl::sources;
use rtl::tools::Tools;

fn smoke(chip: &Chip, seed: u64) -> Smoke {
    let case = random::case(chip, seed);
    let mut machine = Emulator::new(chip, Settings::default()).unwrap();
    machine.load(0, &case.program).unwrap();
    machine.write(0, 0, &case.memory).unwrap();
    machine.set_params(0, 0, &case.params).unwrap();
    machine.run().unwrap();
    let mut memory = vec![0; case.memory.len()];
    machine.read(0, 0, &mut memory).unwrap();
    Smoke { case, memory }
}

#[test]
fn a_package_holds_every_source_and_the_parameters_of_its_chip() {
    for name in Chip::builtin_names() {
        let chip = Chip::builtin(&name).unwrap();
        let files = package::files(&chip, &[smoke(&chip, 1)]).unwrap();
        let text = |path: &str| files.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str()).unwrap();
        let listed: Vec<&str> = text("files.f").lines().collect();
        assert!(sources::all().iter().all(|(path, _)| listed.contains(path)));
        assert!(listed.iter().all(|path| files.iter().any(|(known, _)| known == path)));
        let wrapper = text("puce_chip.sv");
        assert!(wrapper.contains(&format!("Cores         = {},", chip.core.count)), "{wrapper}");
        for (_, top) in sources::all().iter().filter(|(path, _)| sources::unit(path) == "puce_top") {
            let ports = top
                .lines()
                .filter(|line| line.trim_start().starts_with("input") || line.trim_start().starts_with("output"));
            assert_eq!(
                wrapper.matches("\n    .").count() - ports.count(),
                wrapper.matches("  localparam").count() - 2,
                "{wrapper}"
            );
        }
        for (path, text) in files.iter().filter(|(path, _)| !path.starts_with("sv/")) {
            assert!(!text.contains("{{ "), "{path}: a value is missing");
        }
    }
}

#[test]
fn its_smoke_test_passes() {
    let Some(tools) = Tools::in_test() else { return };
    let chip = Chip::builtin("nano").unwrap();
    let folder = tempfile::tempdir().unwrap();
    package::write(&chip, &[smoke(&chip, 1), smoke(&chip, 2), smoke(&chip, 3)], folder.path()).unwrap();
    let run = |path: &Path| {
        let mut command = Command::new("sh");
        command.arg(path.join("smoke/run.sh")).env("VERILATOR", tools.verilator.join("bin/verilator_bin"));
        command.env("VERILATOR_ROOT", &tools.verilator).env("CXX", &tools.compiler);
        command.output().unwrap()
    };
    let output = run(folder.path());
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.matches("PASS").count(), 3, "{out}");
    // A wrong byte is found.
    let expected = folder.path().join("smoke/case1/expected.hex");
    let text = std::fs::read_to_string(&expected).unwrap();
    let flipped = if text.starts_with('0') { "1" } else { "0" };
    std::fs::write(&expected, format!("{flipped}{}", &text[1..])).unwrap();
    let mut again = Command::new(folder.path().join("smoke/build/smoke"));
    let output = again.arg("+case=smoke/case1").current_dir(folder.path()).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("FAIL: smoke/case1: beat 0 is") && !out.contains("PASS"), "a wrong expectation passed: {out}");
}
