//! Damaged programs: the emulator ends each with a result or a sentence that says where, whatever the operands are.

use arch::isa::Operand;
use arch::machine::{Machine, MachineError};
use arch::random::{Case, Random, case};
use arch::{Chip, Instr, Program};
use emu::{Emulator, Settings, kernels};

const CORNERS: [i64; 18] = [
    arch::isa::IMM_MIN,
    -(1 << 46),
    -32,
    -1,
    0,
    1,
    2,
    4,
    31,
    32,
    33,
    64,
    96,
    4096,
    1 << 19,
    1 << 32,
    1 << 46,
    arch::isa::IMM_MAX,
];

/// Change operands, attributes, order and presence of a few instructions.
fn damage(case: &mut Case, random: &mut Random) {
    for _ in 0..1 + random.below(5) {
        let core = random.below(case.program.cores.len() as i64) as usize;
        let stream = &mut case.program.cores[core];
        let pc = random.below(stream.len() as i64) as usize;
        let info = stream[pc].info();
        match random.below(6) {
            0 => drop(stream.remove(pc)),
            1 => stream.insert(pc, stream[random.below(stream.len() as i64) as usize]),
            _ if info.operands.is_empty() => {}
            _ => {
                let mut operands = stream[pc].operands();
                let which = random.below(operands.len() as i64) as usize;
                operands[which] = match random.below(3) {
                    0 => Operand { reg: random.below(64) as u8, imm: random.pick(&CORNERS) },
                    1 => Operand {
                        imm: operands[which].imm + random.pick(&[-64, -32, -4, -1, 1, 4, 32, 64]),
                        ..operands[which]
                    },
                    _ => Operand { reg: 0, imm: random.pick(&CORNERS) },
                };
                stream[pc] = Instr::from_parts(info.code, &stream[pc].attr_codes(), &operands).unwrap();
            }
        }
        if stream.is_empty() {
            stream.push(Instr::Halt {});
        }
    }
}

type Outcome = (Result<(), MachineError>, Vec<u8>, Vec<u8>, u32);

fn run(chip: &Chip, case: &Case, settings: Settings) -> Option<Outcome> {
    let mut machine = Emulator::new(chip, settings).unwrap();
    if let Err(error) = machine.load(0, &case.program) {
        assert!(matches!(error, MachineError::Request(_)) && error.to_string().len() > 20, "{error}");
        return None;
    }
    machine.write(0, 0, &case.memory).unwrap();
    machine.set_params(0, 0, &case.params).unwrap();
    let result = machine.run();
    let mut memory = vec![0; case.memory.len()];
    machine.read(0, 0, &mut memory).unwrap();
    Some((result, memory, machine.scratchpad(0, 0).unwrap(), machine.flags(0).0))
}

#[test]
fn damaged_programs_end_with_a_result_or_a_fault() {
    let mut random = Random::new(7);
    let (mut faults, mut ends) = (0, 0);
    for seed in 0..3000 {
        let chip = Chip::builtin("nano").unwrap().with_cores(1 + seed as usize % 2);
        let mut case = case(&chip, seed % 500);
        damage(&mut case, &mut random);
        let (check_races, threads, share_finely) = (seed % 3 == 0, 1 + seed as usize % 4, true);
        let settings = Settings { budget: Some(5000), check_races, threads, share_finely, ..Settings::default() };
        let Some(outcome) = run(&chip, &case, settings) else { continue };
        match &outcome.0 {
            Ok(()) => ends += 1,
            Err(MachineError::Fault(fault)) => {
                faults += 1;
                let instr = case.program.cores[fault.core][fault.pc].to_string();
                assert_eq!((fault.chip, &fault.instr), (0, &instr));
                assert!(
                    !fault.what.is_empty()
                        && fault.to_string().contains(&format!("instruction {} (`{instr}`): ", fault.pc))
                );
            }
            Err(MachineError::Request(what)) => panic!("seed {seed}: {what}"),
        }
        if case.program.cores.len() == 1 {
            let oracle = run(&chip, &case, Settings { kernels: kernels::scalar(), threads: 1, ..settings }).unwrap();
            assert!(oracle == outcome, "seed {seed}: {:?} but the oracle {:?}\n{}", outcome.0, oracle.0, case.program);
        }
    }
    assert!(faults > 500 && ends > 200, "{faults} faults, {ends} ends");
}

fn fault(text: &str, settings: Settings, cores: usize) -> String {
    let chip = Chip::builtin("nano").unwrap().with_cores(cores);
    let mut machine = Emulator::new(&chip, settings).unwrap();
    machine.load(0, &Program::parse("inline", text).unwrap()).unwrap();
    machine.run().unwrap_err().to_string()
}

#[test]
fn endless_loops_use_up_the_budget() {
    let settings = Settings { budget: Some(1000), ..Settings::default() };
    let said = fault("core 0\nloop count=1000000000000\nloop count=1000000000000\nend\nend\nhalt", settings, 1);
    assert_eq!(said, "chip 0, core 0, instruction 2 (`end`): the run's budget of instructions is used up");
}

/// Instructions whose counts are enormous but which move nothing, or are refused: each ends at once.
#[test]
fn enormous_counts_end_at_once() {
    let huge = "35184372088832";
    for (line, wanted) in [
        (format!("ld dst=0 mem=0 elem=32 n0=0 s0=0 d0=0 n1={huge} s1=0 d1=0 n2={huge} s2=0 d2=0"), None),
        (format!("st src=0 mem=0 elem=1 n0={huge} s0=0 d0=0 n1=0 s1=0 d1=0 n2=1 s2=0 d2=0"), None),
        (format!("ld dst=0 mem=0 elem=1 n0={huge} s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0"), Some("moves")),
        ("ld dst=0 mem=0 elem=1 n0=1000 s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0".into(), Some("twice")),
        (format!("wgat mem=0 table=0 n=0 step=0 len=32 groups={huge} gstep=0"), None),
        (format!("wgat mem=0 table=0 n=1 step=0 len=0 groups={huge} gstep={huge}"), None),
        (format!("wgat mem=0 table=0 n=4 step=0 len=32 groups={huge} gstep=0"), Some("pieces")),
        (format!("mm.i8s out=0 ostep=0 x=0 xstep=0 rows=0 k=32 tokens=1 grid=0 groups={huge} sub=1 xgroup=0 ogroup=0 osub=0"), Some("moves")),
        ("mm.i8s out=0 ostep=0 x=0 xstep=0 rows=0 k=32 tokens=1 grid=0 groups=33554432 sub=1 xgroup=0 ogroup=0 osub=0".into(), None),
        (format!("mm.i8s out=0 ostep=0 x=0 xstep=0 rows={huge} k=0 tokens=0 grid=0 groups={huge} sub=1 xgroup=0 ogroup=0 osub=0"), None),
        (format!("mm.i8s out=0 ostep=0 x=0 xstep=0 rows={huge} k=32 tokens=0 grid=0 groups=1 sub=1 xgroup=0 ogroup=0 osub=0"), Some("weights")),
        (format!("gather.chip src=0 sstep={huge} dst=0 dstep={huge} bytes=0 rows={huge} src2=0 dst2=0 bytes2=0"), None),
        (format!("vun.exp dst=0 dstep=0 a=0 astep=0 rows={huge} cols=0"), None),
        (format!("vun.exp dst=0 dstep=0 a=0 astep=0 rows={huge} cols=8"), Some("moves")),
        (format!("vrope.half dst=0 dstep=0 a=0 astep=0 rows=1 heads={huge} dim=0 rot=0 tab=0 tabstep=0"), None),
        (format!("vquant.block dst=0 dstep=0 a=0 astep=0 rows=1 segs={huge} cols=0"), None),
        (format!("vsoft.sink dst=0 dstep=0 a=0 astep=0 sums=0 sinks=0 rows=1 cols=8 hi=1 window=0 per={huge} tokens={huge} factor=1.0f"), Some("too large")),
        ("set.r1 value=36028797018963967\nmul.r1 a=r1 b=r1\nadd.r1 a=r1 b=r1\nmul.r1 a=r1 b=r1\nvun.exp dst=r1 dstep=r1 a=r1 astep=r1 rows=r1 cols=r1".into(), Some("")),
        (format!("param.r1 index={huge}"), Some("parameter")),
    ] {
        let chip = Chip::builtin("nano").unwrap();
        let mut machine = Emulator::new(&chip, Settings { check_races: true, ..Settings::default() }).unwrap();
        machine.load(0, &Program::parse("inline", &format!("memory 4096\ncore 0\n{line}\nhalt")).unwrap()).unwrap();
        let said = machine.run().err().map(|error| error.to_string());
        match (said, wanted) {
            (None, None) => {}
            (Some(said), Some(wanted)) => assert!(said.contains(wanted) && said.starts_with("chip 0, core 0, "), "{said}"),
            (said, wanted) => panic!("{line}: {said:?}, wanted {wanted:?}"),
        }
    }
}

#[test]
fn members_that_do_not_meet_are_a_fault() {
    let gather = "gather.chip src=0 sstep=0 dst=0 dstep=0 bytes=32 rows=1 src2=0 dst2=0 bytes2=0";
    for threads in 1..3 {
        let settings = Settings { threads, ..Settings::default() };
        let said = fault(&format!("core 0\n{gather}\nhalt\ncore 1\nhalt"), settings, 2);
        assert_eq!(
            said,
            format!("chip 0, core 0, instruction 0 (`{gather}`): another member of the exchange has ended its stream")
        );
        let two = gather.replace("rows=1", "rows=2").replace("step=0", "step=32");
        let said = fault(&format!("core 0\n{gather}\nhalt\ncore 1\n{two}\nhalt"), settings, 2);
        assert!(said.ends_with("the members of the exchange do not agree on its scope or rows"), "{said}");
    }
}

/// Exchanges inside a chip are that chip's own business: others may have more of them, or none.
#[test]
fn chips_exchange_at_their_own_pace() {
    let chip = Chip::builtin("nano").unwrap().with_cores(2);
    let gather =
        |scope: &str| format!("gather.{scope} src=0 sstep=0 dst=0 dstep=0 bytes=32 rows=1 src2=0 dst2=0 bytes2=0\n");
    let program = |inner: usize| {
        let body = gather("chip").repeat(inner) + &gather("group");
        Program::parse("inline", &format!("core 0\n{body}halt\ncore 1\n{body}halt")).unwrap()
    };
    for threads in 1..5 {
        let mut machine = Emulator::new(&chip, Settings { chips: 2, threads, ..Settings::default() }).unwrap();
        machine.load(0, &program(0)).unwrap();
        machine.load(1, &program(3)).unwrap();
        machine.run().unwrap();
    }
}

/// A memory that the host does not have is refused, or given lazily; it is never touched whole.
#[test]
fn a_program_may_name_all_of_a_chips_memory() {
    let chip = Chip::builtin("one").unwrap();
    let program = Program { memory: chip.memory.capacity.0, cores: vec![vec![Instr::Halt {}]] };
    let mut machine = Emulator::new(&chip, Settings::default()).unwrap();
    match machine.load(0, &program) {
        Ok(()) => machine.write(0, program.memory - 4, &[1; 4]).unwrap(),
        Err(error) => assert!(error.to_string().contains("no memory"), "{error}"),
    }
}
