//! What the chip counts, on programs whose counts are known; and what many tokens and full queues do.

use arch::machine::Machine;
use arch::{Chip, Program};
use rtl::machine::{RtlMachine, Settings};
use rtl::memory::Timing;
use rtl::registers::{Register, chip, core, port};

/// Cycles from a request to its data.
const LATENCY: u64 = 50;

/// `None`, after a printed sentence, where the tools are missing; with `CI` in the environment that is a failure.
fn machine() -> Option<RtlMachine> {
    let settings = Settings { timing: Timing::Fixed { latency: LATENCY }, limit: 1_000_000, ..Settings::default() };
    match RtlMachine::new(&Chip::builtin("nano").unwrap(), settings) {
        Ok(machine) => Some(machine),
        Err(rtl::Error::Tools(why)) if std::env::var_os("CI").is_none() => {
            println!("not tested: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn run(machine: &mut RtlMachine, code: &str) {
    let program = Program::parse("test", &format!("memory 65536\ncore 0\n{code}\nhalt\n")).unwrap();
    machine.load(0, &program).unwrap();
    machine.clear();
    machine.run().unwrap();
}

fn count(machine: &mut RtlMachine, register: Register, item: usize) -> u64 {
    machine.register(register, 0, item).unwrap()
}

fn copy(mnemonic: &str, spad: &str, mem: u64, bytes: u64) -> String {
    let place = if mnemonic == "ld" { "dst" } else { "src" };
    format!("{mnemonic} {place}={spad} mem={mem} elem={bytes} n0=1 s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0\n")
}

const LOAD: usize = 0;
const WEIGHTS: usize = 1;
const MATRIX: usize = 2;
const VECTOR: usize = 3;
const STORE: usize = 4;
const CONTROL: usize = 6;

#[test]
fn counters_count_what_happens() {
    let Some(mut machine) = machine() else { return };
    beats_and_tokens(&mut machine);
    a_full_queue(&mut machine);
    an_empty_stream(&mut machine);
    many_tokens(&mut machine);
    two_at_a_bank(&mut machine);
}

/// A load, a vector instruction that waits for it, and a store that waits for that.
fn beats_and_tokens(machine: &mut RtlMachine) {
    let add = "vimm.add dst=0 dstep=0 a=0 astep=0 rows=1 cols=1024 imm=1f\n";
    run(machine, &[&copy("ld", "0", 0, 4096), "sync.l.v\n", add, "sync.v.s\n", &copy("st", "0", 8192, 4096)].concat());
    let counted: Vec<u64> = (0..7).map(|unit| count(machine, core::INSTRUCTIONS, unit)).collect();
    assert_eq!(counted, [1, 0, 0, 1, 1, 0, 3]);
    // 64 beats of data each way; code of 13 + 1 + 8 + 1 + 13 + 1 words, and what is read ahead of it.
    let read = count(machine, port::READ, 0);
    assert!((64 + 5..=64 + 5 + 5).contains(&read), "{read} beats read");
    assert_eq!(count(machine, port::WRITE, 0), 64);
    let busy: Vec<u64> = (0..6).map(|unit| count(machine, core::BUSY, unit)).collect();
    let sync: Vec<u64> = (0..6).map(|unit| count(machine, core::SYNC, unit)).collect();
    assert!(busy[LOAD] >= LATENCY + 64 && busy[VECTOR] >= 128 && busy[STORE] >= 64, "{busy:?}");
    assert_eq!((busy[WEIGHTS], busy[MATRIX]), (0, 0));
    // The vector engine waits for most of the load, the store for that and for the vector engine.
    assert!(sync[VECTOR] > busy[LOAD] - 30 && sync[VECTOR] <= busy[LOAD], "{sync:?} of {busy:?}");
    assert!(sync[STORE] > sync[VECTOR] && sync[STORE] <= busy[LOAD] + busy[VECTOR], "{sync:?} of {busy:?}");
    // One after the other, and little between them.
    let (cycles, sum) = (count(machine, chip::CYCLES, 0), busy.iter().sum::<u64>());
    assert!(sum < cycles && cycles < sum + LATENCY + 120, "{cycles} cycles, {sum} of them busy");
    let waiting = count(machine, core::MEMORY, 0);
    assert!(waiting >= 2 * LATENCY - 20 && waiting < cycles, "{waiting} cycles without data");
    assert!(count(machine, core::FETCH, 0) >= LATENCY, "the first word comes from memory");
    assert_eq!(count(machine, core::QUEUE, 0), 0);
    assert_eq!(count(machine, core::CORRECTED, 0), 0);
}

/// More loads than the queue holds: control waits.
fn a_full_queue(machine: &mut RtlMachine) {
    let body = ["loop count=40\n", &copy("ld", "0", 0, 4096), "end\n"].concat();
    run(machine, &body);
    assert_eq!(count(machine, core::INSTRUCTIONS, LOAD), 40);
    assert_eq!(count(machine, core::INSTRUCTIONS, CONTROL), 1 + 40 + 1);
    let (cycles, queue) = (count(machine, chip::CYCLES, 0), count(machine, core::QUEUE, 0));
    // 40 loads at 64 beats, of which control had put 9 into queue and engine before it waited.
    assert!(queue > 30 * 50 && queue < cycles, "{queue} of {cycles} cycles");
    assert_eq!(count(machine, port::READ, 0) / 64, 40);
}

/// A product whose weights come much later.
fn an_empty_stream(machine: &mut RtlMachine) {
    let mm =
        "mm.i4s out=8192 ostep=0 x=0 xstep=64 rows=32 k=32 tokens=1 grid=-20 groups=1 sub=1 xgroup=0 ogroup=0 osub=0\n";
    let bytes = base::tile::WeightKind::I4s.tile_bytes();
    run(
        machine,
        &[
            "sync.l.m\n",
            mm,
            &copy("ld", "16384", 0, 32),
            &copy("ld", "16384", 0, 32),
            &format!("wld mem=0 len={bytes}\n"),
        ]
        .concat(),
    );
    let (busy, stream) = (count(machine, core::BUSY, MATRIX), count(machine, core::STREAM, 0));
    assert!(stream >= LATENCY && stream < busy, "{stream} of {busy} cycles without weights");
}

/// Tokens merge: hundreds of them in front of one instruction take no room.
fn many_tokens(machine: &mut RtlMachine) {
    let syncs = "sync.l.s\nsync.v.s\nsync.m.s\n".repeat(300);
    run(machine, &[copy("ld", "0", 0, 4096), syncs, copy("st", "0", 8192, 4096)].concat());
    assert_eq!(count(machine, core::INSTRUCTIONS, CONTROL), 901);
    let mut bytes = [[0; 4096]; 2];
    machine.read(0, 0, &mut bytes[0]).unwrap();
    machine.read(0, 8192, &mut bytes[1]).unwrap();
    assert_eq!(bytes[0], bytes[1]);
}

/// Two engines at the same banks: the one behind in the order of ports is held up.
fn two_at_a_bank(machine: &mut RtlMachine) {
    let add = "vimm.add dst=65536 dstep=0 a=0 astep=0 rows=1 cols=4096 imm=1f\n";
    // Always the bank of address 0, while the vector engine walks over all of them.
    let store = "st src=131072 mem=0 elem=32 n0=400 s0=256 d0=32 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0\n";
    run(machine, &[add, store].concat());
    let held: Vec<u64> = (0..11).map(|at| count(machine, core::SPAD, at)).collect();
    // Ports 2 and 4 are the vector engine's, 8 is the store's.
    assert!(held[8] > 0, "{held:?}");
    assert!([0, 1, 3, 5, 6, 7, 9, 10].into_iter().all(|at| held[at] == 0), "{held:?}");
}
