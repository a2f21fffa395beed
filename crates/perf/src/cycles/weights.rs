//! The weights engine in time (`puce_weights`): when it asks memory for what, and how many words of the stream stand ready.
//!
//! Commands become [`pieces`], pieces become [`bursts`], and what comes back goes through the [`buffer`].

pub mod buffer;
pub mod bursts;
pub mod pieces;

use arch::{Chip, Instr};

use self::buffer::Buffer;
use self::bursts::Bursts;
use self::pieces::Pieces;
use super::wires::{Answer, Ask, Burst, Outcome, Read, Tables};

/// The twin of `puce_weights`.
#[derive(Clone, Debug)]
pub struct Weights {
    pieces: Pieces,
    bursts: Bursts,
    buffer: Buffer,
}

impl Weights {
    /// The engine of a core of this chip, as after reset.
    pub fn new(chip: &Chip) -> Weights {
        Weights {
            pieces: Pieces::new(),
            bursts: Bursts::new(chip.memory.port, chip.matrix.buffer),
            buffer: Buffer::new(chip.memory.port),
        }
    }

    /// What the port of the table asks for.
    pub fn asks(&self, _data: [bool; 1]) -> [Option<Ask>; 1] {
        [self.pieces.ask()]
    }

    /// The burst that memory is asked for.
    pub fn burst(&self) -> Option<Burst> {
        self.bursts.ask()
    }

    /// Words of 32 bytes that the stream offers in this cycle (`stream_count_o`).
    pub fn stream_count(&self) -> u32 {
        self.buffer.count()
    }

    /// Whether nothing is in the buffer and nothing on its way (`stream_empty_o`).
    pub fn empty(&self) -> bool {
        self.bursts.empty() && !self.pieces.busy()
    }

    /// Nothing inside.
    pub fn idle(&self) -> bool {
        self.empty() && self.bursts.told()
    }

    /// One clock edge: `take` words leave the stream, a command is offered, the table's port and memory answer.
    pub fn step(
        &mut self,
        take: u32,
        command: Option<&Instr>,
        answers: [Answer; 1],
        read: Read,
        tables: &mut Tables<'_>,
    ) -> Outcome {
        let done = self.bursts.done();
        let came = read.beat.map_or(0, |_| self.bursts.beat());
        let offered = self.pieces.offered();
        let piece_taken = self.bursts.step(offered, read.taken, came, take);
        let taken = self.pieces.step(command, answers[0], piece_taken, tables);
        self.buffer.step(came, take);
        Outcome { taken, done }
    }
}
