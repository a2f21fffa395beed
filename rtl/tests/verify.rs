//! A follower accepts its equal and finds what differs.

use arch::machine::Machine;
use arch::random;
use arch::{Chip, Program};
use base::status::Flags;
use emu::{Emulator, Settings};
use rtl::verify::{Difference, Follower, Recorder, Run};

fn emulator() -> Emulator {
    Emulator::new(&Chip::builtin("nano").unwrap(), Settings::default()).unwrap()
}

/// Three runs of one random program whose memory the host changes in between.
fn recorded(seed: u64) -> (Program, Vec<Run>) {
    let case = random::case(&Chip::builtin("nano").unwrap(), seed);
    let mut recorder = Recorder::new(emulator()).unwrap();
    recorder.load(0, &case.program).unwrap();
    recorder.write(0, 0, &case.memory).unwrap();
    recorder.set_params(0, 0, &case.params).unwrap();
    recorder.run().unwrap();
    recorder.write(0, 64, &[0x3c; 4096]).unwrap();
    recorder.run().unwrap();
    recorder.run().unwrap();
    (case.program, recorder.take())
}

fn follower(program: &Program) -> Follower<Emulator> {
    let mut follower = Follower::new(emulator());
    follower.load(program).unwrap();
    follower
}

#[test]
fn an_equal_machine_is_accepted_whatever_runs_it_shares() {
    for seed in 0..20 {
        let (program, runs) = recorded(seed);
        for share in 1..=3 {
            let mut follower = follower(&program);
            for (index, run) in runs.iter().enumerate() {
                let checked =
                    if index % share == 0 { follower.check(run) } else { follower.skip(run).map_err(Into::into) };
                assert_eq!(checked, Ok(()), "seed {seed}, run {index}, every {share}th");
            }
        }
    }
}

#[test]
fn one_wrong_byte_and_one_wrong_flag_are_found() {
    let changing = (0..).map(recorded).find(|(_, runs)| !runs[0].changed.is_empty()).unwrap();
    let (program, mut runs) = changing;
    let (address, bytes) = &mut runs[0].changed[0];
    bytes[0] ^= 0x10;
    let expected = (*address, bytes[0]);
    let Err(Difference::Memory { address, wanted, found, count: 1 }) = follower(&program).check(&runs[0]) else {
        panic!("one wrong byte was not found");
    };
    assert_eq!((address, wanted), expected);
    assert_eq!(found ^ wanted, 0x10);
    runs[0].changed[0].1[0] ^= 0x10;
    runs[0].flags = Flags(runs[0].flags.0 ^ 2);
    assert!(matches!(follower(&program).check(&runs[0]), Err(Difference::Flags { .. })));
}
