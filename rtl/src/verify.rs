//! Holding one machine to another, run by run, over work that is too long to do twice in a row.
//!
//! A [`Recorder`] wraps the reference (the emulator) and notes for every run what the host wrote before it and which bytes of memory it changed. A
//! [`Follower`] gives another machine the same inputs, lets it run, and compares the whole memory and the flags. A follower may also take a run on trust
//! ([`Follower::skip`]): since every run that is checked begins from the reference's own state, several followers can share the runs between them, and
//! together they show what one follower would: if each run, begun from equal memories, ends in equal memories, then so does the whole.
//!
//! ```
//! # use arch::{Chip, machine::Machine};
//! # use emu::{Emulator, Settings};
//! # use rtl::verify::{Follower, Recorder};
//! let chip = Chip::builtin("nano").unwrap();
//! let text = "memory 64
//! core 0
//!   vimm.add dst=0 dstep=32 a=0 astep=32 rows=1 cols=8 imm=0.5f
//!   sync.v.s
//!   st src=0 mem=0 elem=32 n0=1 s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0
//!   halt";
//! let program = arch::Program::parse("half", text).unwrap();
//! let mut recorder = Recorder::new(Emulator::new(&chip, Settings::default()).unwrap()).unwrap();
//! recorder.load(0, &program).unwrap();
//! recorder.write(0, 32, &[7; 32]).unwrap();
//! recorder.run().unwrap();
//!
//! let mut follower = Follower::new(Emulator::new(&chip, Settings::default()).unwrap());
//! follower.load(&program).unwrap();
//! for run in recorder.take() {
//!     follower.check(&run).unwrap();
//! }
//! ```

use arch::Program;
use arch::machine::{Counters, Machine, MachineError};
use base::status::Flags;

/// Bytes that are read and compared at once.
const CHUNK: usize = 1 << 16;
/// Changed bytes closer than this are noted as one piece.
const GAP: usize = 32;

/// One run of the reference: what went in and what came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Bytes that the host wrote since the run before, in order.
    pub writes: Vec<(u64, Vec<u8>)>,
    /// Parameter words that the host wrote since the run before, in order.
    pub params: Vec<(usize, Vec<u32>)>,
    /// Pieces of memory that the run changed.
    pub changed: Vec<(u64, Vec<u8>)>,
    /// Flags that the run raised.
    pub flags: Flags,
}

/// Why a machine is not the reference's equal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    /// It refused or stopped.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A byte of memory differs after a run.
    #[error("byte {address} of memory is {found:#04x} where the reference has {wanted:#04x}; {count} bytes differ")]
    Memory {
        /// First byte that differs.
        address: u64,
        /// The reference's.
        wanted: u8,
        /// The machine's.
        found: u8,
        /// Bytes that differ in all.
        count: u64,
    },
    /// The flags differ after a run.
    #[error("the flags are {found:?} where the reference has {wanted:?}")]
    Flags {
        /// The reference's.
        wanted: Flags,
        /// The machine's.
        found: Flags,
    },
}

/// A machine of one chip that notes its runs. Flags and counters are cleared before each run.
#[derive(Debug)]
pub struct Recorder<M> {
    machine: M,
    /// The memory as it was last seen.
    seen: Vec<u8>,
    open: Run,
    runs: Vec<Run>,
}

impl<M: Machine> Recorder<M> {
    /// A recorder of a machine without a program.
    ///
    /// # Errors
    /// When the machine has several chips.
    pub fn new(machine: M) -> Result<Recorder<M>, MachineError> {
        match machine.chips() {
            1 => Ok(Recorder { machine, seen: Vec::new(), open: Run::default(), runs: Vec::new() }),
            chips => Err(MachineError::Request(format!("{chips} chips: a recorder follows one"))),
        }
    }

    /// The runs since the last call.
    pub fn take(&mut self) -> Vec<Run> {
        std::mem::take(&mut self.runs)
    }

    /// Bytes of memory that the programs so far may touch.
    pub fn memory(&self) -> usize {
        self.seen.len()
    }

    /// Note what the run changed.
    fn compare(&mut self) -> Result<(), MachineError> {
        let mut now = vec![0; CHUNK];
        for (index, seen) in self.seen.chunks_mut(CHUNK).enumerate() {
            let (start, now) = ((index * CHUNK) as u64, &mut now[..seen.len()]);
            self.machine.read(0, start, now)?;
            if seen != now {
                let changed = pieces(seen, now);
                self.open
                    .changed
                    .extend(changed.into_iter().map(|(from, to)| (start + from as u64, now[from..to].to_vec())));
                seen.copy_from_slice(now);
            }
        }
        Ok(())
    }
}

/// Where two equally long texts differ, differences close to each other as one piece.
fn pieces(old: &[u8], new: &[u8]) -> Vec<(usize, usize)> {
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for at in (0..old.len()).filter(|at| old[*at] != new[*at]) {
        match pieces.last_mut() {
            Some((_, end)) if at < *end + GAP => *end = at + 1,
            _ => pieces.push((at, at + 1)),
        }
    }
    pieces
}

impl<M: Machine> Machine for Recorder<M> {
    fn chips(&self) -> usize {
        self.machine.chips()
    }

    fn load(&mut self, chip: usize, program: &Program) -> Result<(), MachineError> {
        self.machine.load(chip, program)?;
        self.seen.resize(self.seen.len().max(program.memory as usize), 0);
        Ok(())
    }

    fn write(&mut self, chip: usize, address: u64, bytes: &[u8]) -> Result<(), MachineError> {
        self.machine.write(chip, address, bytes)?;
        self.seen[address as usize..][..bytes.len()].copy_from_slice(bytes);
        self.open.writes.push((address, bytes.to_vec()));
        Ok(())
    }

    fn read(&self, chip: usize, address: u64, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.machine.read(chip, address, bytes)
    }

    fn set_params(&mut self, chip: usize, index: usize, words: &[u32]) -> Result<(), MachineError> {
        self.machine.set_params(chip, index, words)?;
        self.open.params.push((index, words.to_vec()));
        Ok(())
    }

    fn run(&mut self) -> Result<(), MachineError> {
        self.machine.clear();
        self.machine.run()?;
        self.compare()?;
        self.open.flags = self.machine.flags(0);
        self.runs.push(std::mem::take(&mut self.open));
        Ok(())
    }

    fn flags(&self, chip: usize) -> Flags {
        self.machine.flags(chip)
    }

    fn clear(&mut self) {
        self.machine.clear();
    }

    fn scratchpad(&self, chip: usize, core: usize) -> Result<Vec<u8>, MachineError> {
        self.machine.scratchpad(chip, core)
    }

    fn counters(&self) -> Counters {
        self.machine.counters()
    }
}

/// A machine that is held to recorded runs.
#[derive(Debug)]
pub struct Follower<M> {
    machine: M,
    /// What memory must hold.
    wanted: Vec<u8>,
}

impl<M: Machine> Follower<M> {
    /// A follower with a machine as new as the reference was.
    pub fn new(machine: M) -> Follower<M> {
        Follower { machine, wanted: Vec::new() }
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to read more than the trait shows.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Load the reference's program.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn load(&mut self, program: &Program) -> Result<(), MachineError> {
        self.machine.load(0, program)?;
        self.wanted.resize(self.wanted.len().max(program.memory as usize), 0);
        Ok(())
    }

    /// Take a run on trust: memory becomes what the reference left.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn skip(&mut self, run: &Run) -> Result<(), MachineError> {
        self.inputs(run)?;
        for (address, bytes) in &run.changed {
            self.machine.write(0, *address, bytes)?;
        }
        self.expect(&run.changed);
        Ok(())
    }

    /// Run, and compare all of memory and the flags with what the reference left.
    ///
    /// # Errors
    /// The first difference, or what the machine refuses.
    pub fn check(&mut self, run: &Run) -> Result<(), Difference> {
        self.inputs(run)?;
        self.machine.clear();
        self.machine.run()?;
        self.expect(&run.changed);
        self.compare()?;
        let found = self.machine.flags(0);
        match found == run.flags {
            true => Ok(()),
            false => Err(Difference::Flags { wanted: run.flags, found }),
        }
    }

    /// Write what the host wrote before the run.
    fn inputs(&mut self, run: &Run) -> Result<(), MachineError> {
        for (address, bytes) in &run.writes {
            self.machine.write(0, *address, bytes)?;
        }
        self.expect(&run.writes);
        run.params.iter().try_for_each(|(index, words)| self.machine.set_params(0, *index, words))
    }

    fn expect(&mut self, pieces: &[(u64, Vec<u8>)]) {
        for (address, bytes) in pieces {
            self.wanted[*address as usize..][..bytes.len()].copy_from_slice(bytes);
        }
    }

    fn compare(&self) -> Result<(), Difference> {
        let (mut first, mut count) = (None, 0);
        let mut found = vec![0; CHUNK];
        for (index, wanted) in self.wanted.chunks(CHUNK).enumerate() {
            let (start, found) = ((index * CHUNK) as u64, &mut found[..wanted.len()]);
            self.machine.read(0, start, found)?;
            if wanted != found {
                let differ: Vec<usize> = (0..wanted.len()).filter(|at| wanted[*at] != found[*at]).collect();
                count += differ.len() as u64;
                first = first.or(differ.first().map(|at| (start + *at as u64, wanted[*at], found[*at])));
            }
        }
        match first {
            None => Ok(()),
            Some((address, wanted, found)) => Err(Difference::Memory { address, wanted, found, count }),
        }
    }
}
