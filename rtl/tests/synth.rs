//! A small module goes all the way from its source to places, wires, times and a picture.

use std::path::{Path, PathBuf};

use arch::Chip;
use rtl::synth::cells::Cells;
use rtl::synth::modules::Module;
use rtl::synth::programs::Programs;
use rtl::synth::{Request, run};

/// The library that every machine can have.
fn library() -> Option<(Cells, PathBuf)> {
    let name = "cells/osu018.toml";
    let cells = Cells::parse(name, data::file(name).expect("a shipped library")).expect("it is understood");
    match cells.folder(Path::new("")) {
        Ok(folder) => Some((cells, folder)),
        Err(why) if std::env::var_os("CI").is_none() => {
            println!("not tested: {why}");
            None
        }
        Err(why) => panic!("{why}"),
    }
}

fn programs() -> Option<Programs> {
    match Programs::find() {
        Ok(programs) => Some(programs),
        Err(why) if std::env::var_os("CI").is_none() => {
            println!("not tested: {why}");
            None
        }
        Err(why) => panic!("{why}"),
    }
}

#[test]
fn a_module_gets_cells_places_times_and_a_picture() {
    let (Some((cells, library)), Some(programs)) = (library(), programs()) else { return };
    let chip = Chip::builtin("nano").expect("a shipped chip");
    let folder = std::env::temp_dir().join(format!("puce-synth-test-{}", std::process::id()));
    let request = Request {
        programs: &programs,
        module: Module::named("grid-place").expect("it is in the list"),
        chip: &chip,
        cells: &cells,
        library: &library,
        clock_ghz: 0.2,
        place: true,
        folder: &folder,
    };
    let module = run(&request).unwrap();
    let placed = module.placed.as_ref().expect("places were asked for");

    assert!(module.cells > 100 && module.flops > 10 && module.flops < module.cells, "{module:?}");
    assert!(module.flop_area_um2 > 0.0 && module.flop_area_um2 < module.area_um2, "{module:?}");
    // Cells cover seven tenths of the square.
    let covered = module.area_um2 / (placed.width_um * placed.height_um);
    assert!((0.6..0.75).contains(&covered), "{covered}");
    // Wires cost time and power, and a path has at least a flip-flop and a gate.
    assert!(placed.path.ps > module.path.ps && module.path.cells >= 2, "{module:?}");
    let power = |power: Option<rtl::synth::report::Power>| power.expect("the library has powers").total_mw();
    assert!(power(placed.power) > power(module.power), "{module:?}");
    let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    assert!(size("layout.gds") > 10_000 && size("layout.png") > 10_000);
    std::fs::remove_dir_all(&folder).unwrap();
}
