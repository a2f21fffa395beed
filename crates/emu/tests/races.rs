//! The race checker on programs written by hand: each passes as it stands and is found out when any one `sync` is missing.

use arch::machine::Machine;
use arch::{Chip, Instr, Program};
use emu::{Emulator, Settings};

fn run(program: &Program, chips: usize) -> Result<(), String> {
    let chip = Chip::builtin("nano").unwrap().with_cores(2);
    let settings = Settings { check_races: true, chips, ..Settings::default() };
    let mut machine = Emulator::new(&chip, settings).unwrap();
    (0..chips).for_each(|chip| machine.load(chip, program).unwrap());
    machine.run().map_err(|e| e.to_string())
}

const LD: &str = "n0=1 s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0";

/// Programs in which every `sync` is needed.
fn programs() -> Vec<(&'static str, String)> {
    vec![
        (
            "load, compute, store, and again into the same buffers",
            format!(
                "memory 4096\ncore 0\nld dst=0 mem=0 elem=64 {LD}\nsync.l.v\nvun.copy dst=64 dstep=0 a=0 astep=0 rows=1 cols=16\nsync.v.s\n\
                 st src=64 mem=64 elem=64 {LD}\nsync.v.l\nld dst=0 mem=0 elem=64 {LD}\nsync.s.v\nsync.l.v\n\
                 vun.copy dst=64 dstep=0 a=0 astep=0 rows=1 cols=16\nhalt"
            ),
        ),
        (
            "a loop whose next turn overwrites what this turn reads",
            format!(
                "memory 4096\ncore 0\nloop count=3\nsync.v.l\nld dst=0 mem=r1 elem=32 {LD}\nsync.l.v\n\
                 vred.sum dst=128 a=0 astep=0 rows=1 cols=8\nadd.r1 a=r1 b=32\nend\nhalt"
            ),
        ),
        (
            "memory written, then streamed as weights; the buffer is free when the product is complete",
            format!(
                "memory 8192\ncore 0\nst src=0 mem=0 elem=1024 {LD}\nsync.s.w\nwld mem=0 len=1024\n\
                 mm.u8 out=4096 ostep=128 x=2048 xstep=64 rows=32 k=32 tokens=1 grid=-20 groups=1 sub=1 xgroup=0 ogroup=0 osub=0\n\
                 sync.m.s\nst src=0 mem=0 elem=1024 {LD}\nhalt"
            ),
        ),
        (
            "a table for gathered weights",
            format!(
                "memory 8192\ncore 0\nld dst=0 mem=4096 elem=32 {LD}\nsync.l.w\nwgat mem=0 table=0 n=2 step=512 len=512 groups=1 gstep=0\n\
                 mm.u8 out=4096 ostep=128 x=2048 xstep=64 rows=32 k=32 tokens=1 grid=-20 groups=1 sub=1 xgroup=0 ogroup=0 osub=0\n\
                 sync.m.l\nld dst=0 mem=4096 elem=32 {LD}\nhalt"
            ),
        ),
        (
            "knowledge passes on: the store waits for the load through the vector engine",
            format!(
                "memory 4096\ncore 0\nld dst=0 mem=0 elem=32 {LD}\nsync.l.v\nvun.copy dst=32 dstep=0 a=0 astep=0 rows=1 cols=8\nsync.v.s\n\
                 st src=0 mem=64 elem=32 {LD}\nhalt"
            ),
        ),
        (
            "an exchange writes into the other core's buffer",
            "memory 0\ncore 0\nvimm.add dst=0 dstep=0 a=0 astep=0 rows=1 cols=8 imm=1.0f\nsync.v.x\n\
             gather.chip src=0 sstep=0 dst=0 dstep=0 bytes=32 rows=1 src2=0 dst2=0 bytes2=0\n\
             sync.x.v\nvun.copy dst=64 dstep=0 a=32 astep=0 rows=1 cols=8\nhalt\n\
             core 1\nvimm.add dst=32 dstep=0 a=32 astep=0 rows=1 cols=8 imm=1.0f\nsync.v.x\n\
             gather.chip src=32 sstep=0 dst=32 dstep=0 bytes=32 rows=1 src2=0 dst2=0 bytes2=0\n\
             sync.x.v\nvun.copy dst=64 dstep=0 a=0 astep=0 rows=1 cols=8\nhalt"
                .into(),
        ),
        (
            "rows of one buffer that do not touch need no order",
            format!(
                "memory 4096\ncore 0\nld dst=0 mem=0 elem=32 n0=4 s0=32 d0=64 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0\n\
                 vun.exp dst=32 dstep=64 a=32 astep=64 rows=4 cols=8\nsync.l.s\nst src=0 mem=1024 elem=32 {LD}\nhalt"
            ),
        ),
    ]
}

#[test]
fn every_needed_sync_is_missed() {
    for (name, text) in programs() {
        let program = Program::parse(name, &text).unwrap();
        run(&program, 1).unwrap_or_else(|e| panic!("{name}: {e}"));
        run(&program, 2).unwrap_or_else(|e| panic!("{name}, two chips: {e}"));
        for core in 0..program.cores.len() {
            for pc in 0..program.cores[core].len() {
                if !matches!(program.cores[core][pc], Instr::Sync { .. }) {
                    continue;
                }
                let mut damaged = program.clone();
                let sync = damaged.cores[core].remove(pc);
                let error = run(&damaged, 1).expect_err(&format!("{name}: without `{sync}` at {pc} nothing was found"));
                assert!(error.contains("race: it ") && error.contains("instruction"), "{name}: {error}");
            }
        }
    }
}

#[test]
fn the_sentence_names_both_instructions() {
    let text =
        format!("memory 64\ncore 0\nld dst=0 mem=0 elem=64 {LD}\nvred.max dst=128 a=32 astep=0 rows=1 cols=8\nhalt");
    let error = run(&Program::parse("inline", &text).unwrap(), 1).unwrap_err();
    assert_eq!(
        error,
        format!(
            "chip 0, core 0, instruction 1 (`vred.max dst=128 a=32 astep=0 rows=1 cols=8`): race: it reads byte 32 of the scratchpad \
             that instruction 0 (`ld dst=0 mem=0 elem=64 {LD}`) writes, and no `sync.l.v` stands between"
        )
    );
}

#[test]
fn streamed_weights_may_not_be_overwritten_before_they_are_taken() {
    let text = format!(
        "memory 1024\ncore 0\nwld mem=0 len=1024\nst src=0 mem=0 elem=32 {LD}\n\
         mm.u8 out=4096 ostep=128 x=2048 xstep=64 rows=32 k=32 tokens=1 grid=-20 groups=1 sub=1 xgroup=0 ogroup=0 osub=0\nhalt"
    );
    let error = run(&Program::parse("inline", &text).unwrap(), 1).unwrap_err();
    assert!(error.ends_with("(`wld mem=0 len=1024`) reads, and no `mm` has taken those weights yet"), "{error}");
}
