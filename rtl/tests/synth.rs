//! A small module goes all the way from its source to places, wires, times and a picture.

use std::path::{Path, PathBuf};
use std::time::Duration;

use arch::Chip;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rtl::block::Block;
use rtl::synth::cells::Cells;
use rtl::synth::modules::Module;
use rtl::synth::programs::Programs;
use rtl::synth::{Request, run};
use rtl::tools::Tools;

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

/// What a placer meets with random operands, its outputs changed by `fault`.
fn record(folder: &Path, fault: u8) {
    const PORTS: [(&str, usize); 6] =
        [("sign_i", 1), ("mantissa_i", 8), ("exponent_i", 2), ("grid_i", 2), ("term_o", 8), ("window_o", 1)];
    const CYCLES: usize = 96;
    let mut block = Block::build("puce_grid_place", &[]).unwrap();
    let mut draw = Pcg64Mcg::seed_from_u64(1);
    let mut bytes = Vec::new();
    for _ in 0..CYCLES {
        for (name, value) in [("sign_i", 1), ("mantissa_i", u64::MAX), ("exponent_i", 63), ("grid_i", 31)] {
            block.set(name, draw.random::<u64>() & value & mask(block.bits(block.port(name))));
        }
        block.eval();
        for (name, size) in PORTS {
            let value = block.get(name).to_le_bytes();
            bytes.extend_from_slice(&value[..size]);
        }
        *bytes.last_mut().expect("ports have bytes") ^= fault;
        block.tick();
    }
    let ports = PORTS.map(|(name, bytes)| format!(r#"{{"name":"{name}","bytes":{bytes}}}"#)).join(",");
    let head = format!(
        r#"{{"phase":"random","source":"a test","windows":1,"cycles":{CYCLES},"filling":32,"instances":1,"ports":[{ports}]}}"#
    );
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("puce_grid_place.random.recording"), [head.as_bytes(), b"\n", &bytes].concat()).unwrap();
}

/// A placer's way to cells, places and its power in recordings.
fn placer<'a>(
    programs: &'a Programs,
    chip: &'a Chip,
    (cells, library): (&'a Cells, &'a Path),
    recordings: &'a Path,
    folder: &'a Path,
) -> Request<'a> {
    Request {
        programs,
        module: Module::named("grid-place").expect("it is in the list"),
        chip,
        cells,
        library,
        clock_ghz: 0.2,
        place: true,
        patience: Duration::ZERO,
        bit_um2: None,
        recordings: Some(recordings),
        folder,
    }
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

#[test]
fn a_module_gets_cells_places_times_and_a_picture() {
    let (Some((cells, library)), Some(programs)) = (library(), programs()) else { return };
    let chip = Chip::builtin("nano").expect("a shipped chip");
    let folder = std::env::temp_dir().join(format!("puce-synth-test-{}", std::process::id()));
    let recordings = folder.join("recordings");
    let work = folder.join("work");
    let request = placer(&programs, &chip, (&cells, &library), &recordings, &work);
    record(&recordings, 0);
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
    // Random operands change more than one net in ten, and the netlist gave what the design gave.
    let [work] = &module.work[..] else { panic!("one recording: {module:?}") };
    assert!(work.cycles == 63 && work.activity > 0.1, "{work:?}");
    assert!(work.power.total_mw() > power(placed.power) / 2.0, "{work:?}");
    assert_eq!((module.recipe.as_str(), module.tried.len()), ("area", 1));
    record(&recordings, 1);
    let refused = run(&Request { place: false, ..request }).unwrap_err().to_string();
    assert!(refused.contains("differs from the recording"), "{refused}");
    let size = |name: &str| std::fs::metadata(folder.join("work").join(name)).map_or(0, |file| file.len());
    assert!(size("layout.gds") > 10_000 && size("layout.png") > 10_000);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn long_wires_get_repeaters_and_slow_cells_other_sizes_and_the_netlist_stays_what_it_was() {
    let (Some((cells, library)), Some(programs)) = (library(), programs()) else { return };
    // A thirtieth of the load that the library's buffers are meant for.
    let cells = Cells { load: "1 fF".into(), ..cells };
    let folder = std::env::temp_dir().join(format!("puce-repeaters-test-{}", std::process::id()));
    let recordings = folder.join("recordings");
    record(&recordings, 0);
    let (chip, work) = (Chip::builtin("nano").expect("a shipped chip"), folder.join("work"));
    // A clock that its paths miss. That there is an answer says that the netlist with all of these gave what the design gave.
    let request = Request { clock_ghz: 1.0, ..placer(&programs, &chip, (&cells, &library), &recordings, &work) };
    let module = run(&request).unwrap();
    let placed = module.placed.expect("places were asked for");
    assert!(placed.repeaters > 100 && placed.repeater_um2 > 0.0 && module.work.len() == 1, "{placed:?}");
    assert!(placed.resized > 50 && placed.resized_um2 > 0.0, "{placed:?}");
    stands_in_rows(&work, &library.join(&cells.lef[0]));
    let cells = Cells { repeater: "BUFX5".into(), ..cells };
    let refused = run(&placer(&programs, &chip, (&cells, &library), &recordings, &folder.join("none"))).unwrap_err();
    assert!(refused.to_string().contains("the library has no cell BUFX5: `repeater`"), "{refused}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The cells of 2 nm, whose registers all take a constant, where shared data is.
fn nanosheets() -> Option<(Cells, PathBuf)> {
    let name = "cells/gt2n.toml";
    let cells = Cells::parse(name, data::file(name).expect("a shipped library")).expect("it is understood");
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("PUCE_SHARED").map_or_else(beside, PathBuf::from);
    match cells.folder(&shared.join("data")) {
        Ok(folder) => Some((cells, folder)),
        Err(why) => {
            println!("not tested: {why}");
            None
        }
    }
}

#[test]
fn neighbours_share_the_cells_that_give_constants() {
    let (Some((cells, library)), Some(programs)) = (nanosheets(), programs()) else { return };
    let folder = std::env::temp_dir().join(format!("puce-ties-test-{}", std::process::id()));
    let recordings = folder.join("recordings");
    record(&recordings, 0);
    let (chip, work) = (Chip::builtin("nano").expect("a shipped chip"), folder.join("work"));
    // That there is an answer says that the netlist with these cells gave what the design gave.
    let module = run(&placer(&programs, &chip, (&cells, &library), &recordings, &work)).unwrap();
    let placed = module.placed.expect("places were asked for");
    let least = module.flops.div_ceil(16);
    assert!((least..module.flops / 4).contains(&placed.ties) && placed.tie_um2 > 0.0, "{} {placed:?}", module.flops);
    let netlist = std::fs::read_to_string(work.join("netlist.v")).unwrap();
    let flops = || netlist.lines().filter(|line| line.contains("dffasync"));
    assert!(flops().count() as u64 == module.flops && flops().all(|line| line.contains("(tie")), "{netlist}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn rows_take_cells_in_or_leave_them_out() {
    if programs().is_none() {
        return;
    }
    let python = Tools::find().expect("the programs were found").environment.join("bin/python");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = std::process::Command::new(python);
    let said = command
        .arg(root.join("tests/places.py"))
        .env("PYTHONPATH", root.join("synth"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// Checks that cells stand on sites of rows, in the square and beside each other, by the sizes in a LEF file.
fn stands_in_rows(work: &Path, lef: &Path) {
    let lef = std::fs::read_to_string(lef).unwrap();
    let nano = |text: &str| (text.parse::<f64>().unwrap() * 1e3).round() as i64;
    let sizes: Vec<(&str, [i64; 2])> = lef
        .split("MACRO ")
        .skip(1)
        .map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            let at = words.iter().position(|word| *word == "SIZE").expect("each macro has a size");
            (words[0], [nano(words[at + 1]), nano(words[at + 3])])
        })
        .collect();
    let read = |name: &str| {
        serde_json::from_str::<serde_json::Value>(&std::fs::read_to_string(work.join(name)).unwrap()).unwrap()
    };
    let (netlist, places) = (read("netlist.json"), read("place.json"));
    let [width, height] = ["width", "height"].map(|key| (places[key].as_f64().unwrap() * 1e3).round() as i64);
    let mut stands: Vec<[i64; 3]> = Vec::new();
    for (cell, place) in netlist["cells"].as_array().unwrap().iter().zip(places["cells"].as_array().unwrap()) {
        let [wide, tall] = sizes.iter().find(|(name, _)| cell["type"] == *name).expect("a cell of the library").1;
        let [x, y] = [0, 1].map(|axis| place[axis].as_i64().unwrap());
        assert!(x % 800 == 0 && y % tall == 0 && x + wide <= width && y + tall <= height, "{cell} {place}");
        stands.push([y, x, x + wide]);
    }
    assert_eq!(stands.len(), netlist["cells"].as_array().unwrap().len());
    stands.sort_unstable();
    for pair in stands.windows(2) {
        assert!(pair[0][0] < pair[1][0] || pair[0][2] <= pair[1][1], "{pair:?}");
    }
}

#[test]
fn a_module_of_blocks_has_the_cells_of_all_and_is_made_once() {
    let (Some((cells, library)), Some(programs)) = (library(), programs()) else { return };
    let mut chip = Chip::builtin("nano").expect("a shipped chip");
    (chip.matrix.rows, chip.matrix.depth, chip.matrix.columns) = (2, 2, 1);
    let folder = std::env::temp_dir().join(format!("puce-blocks-test-{}", std::process::id()));
    let (of_array, of_lane) = (folder.join("array"), folder.join("lane"));
    let array = Request {
        programs: &programs,
        module: Module::named("array").expect("it is in the list"),
        chip: &chip,
        cells: &cells,
        library: &library,
        clock_ghz: 0.2,
        place: true,
        patience: Duration::ZERO,
        bit_um2: None,
        recordings: None,
        folder: &of_array,
    };
    let lane = Request { module: Module::named("lane").expect("it is in the list"), folder: &of_lane, ..array };
    let array = run(&array).unwrap();
    // The lane lies beside it, and is taken from there.
    let begun = of_lane.join("base.il");
    std::fs::remove_file(&begun).unwrap();
    let lane = run(&lane).unwrap();
    assert!(!begun.exists());

    let [block] = &array.blocks[..] else { panic!("lanes are blocks: {array:?}") };
    assert_eq!((block.key.as_str(), block.count, block.ps), ("lane", 2, lane.longest().ps));
    assert!(array.cells >= 2 * lane.cells && array.flops == 2 * lane.flops, "{array:?} {lane:?}");
    assert!(array.longest().ps >= lane.longest().ps, "{array:?}");
    let (whole, part) = (array.placed.expect("places were asked for"), lane.placed.expect("a block has places"));
    assert!(whole.width_um * whole.height_um > 2.0 * part.width_um * part.height_um, "{whole:?} {part:?}");
    assert!(whole.power.unwrap().total_mw() >= 2.0 * part.power.unwrap().total_mw());
    let names = std::fs::read_to_string(folder.join("array/colours.txt")).unwrap();
    assert!(names.contains("other gates"), "{names}");
    std::fs::remove_dir_all(&folder).unwrap();
}
