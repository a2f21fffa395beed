//! From a network and its weights to programs of a chip.
//!
//! Compiling is a row of passes, each with a text form that `puce compile --passes DIR` writes:
//!
//! 1. **plan** ([`plan`]): the format of every tensor and the grid of every product. Decides the bits, and sees no machine.
//! 2. **map** ([`map`]): where everything lies in each chip's memory.
//! 3. **emit** ([`emit`]): one instruction tree per core, with scratchpad addresses.
//! 4. **sync** ([`sync`]): a `sync` wherever two engines meet, and the tree becomes a stream.
//!
//! The result is one *step program* per chip: it takes any mixture of up to `tokens` tokens (chunks of prompts, single tokens of running sequences)
//! and returns the logits that were asked for. Numbers of tokens, positions and page tables come through the parameter memory, so that one program
//! serves every step; [`session::Session`] is the host side of that agreement.
//!
//! # The one big decision
//!
//! No reduction is ever split. Matrices are divided among cores and chips by rows, heads by key/value head, and finished pieces are gathered; so each
//! sum is formed whole in one place, and what number of cores, chips, tokens per step or tiles is used cannot show in the result.
//!
//! # What it never does
//!
//! It runs nothing (its tests do), and reads no clock.

pub mod blocks;
pub mod builder;
pub mod emit;
pub mod image;
pub mod map;
pub mod plan;
pub mod session;
pub mod sync;

use arch::{Chip, Program};
use base::tile::WeightKind;
use model::checkpoint::Checkpoint;
use model::network::Network;

/// Why a model was not compiled, or a step not run: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network uses what no pass lowers.
    #[error("{0}")]
    Unsupported(String),
    /// A core's scratchpad is too small.
    #[error(
        "{need} bytes of scratchpad are needed for {what} and a core has {have}; a shorter --context or a chip with more scratchpad would do"
    )]
    Scratchpad {
        /// What did not fit.
        what: String,
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The chip's memory is too small.
    #[error(
        "the model needs {need} of memory ({weights} of weights, {cache} of key/value cache) and chip `{chip}` has {have}; fewer --sequences, a shorter --context or more chips would do"
    )]
    Memory {
        /// Chip name.
        chip: String,
        /// Bytes needed.
        need: base::units::Bytes,
        /// Of which weights and tables.
        weights: base::units::Bytes,
        /// Of which cache.
        cache: base::units::Bytes,
        /// Bytes there.
        have: base::units::Bytes,
    },
    /// A model file's own error.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// The machine refused or stopped.
    #[error(transparent)]
    Machine(#[from] arch::machine::MachineError),
    /// A request to a session that makes no sense.
    #[error("{0}")]
    Request(String),
}

/// What the user chooses.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Cores used per chip.
    pub cores: usize,
    /// Chips in the group (tensor parallel).
    pub chips: usize,
    /// Longest sequence in tokens; 0: the model's own.
    pub context: usize,
    /// Tokens of key/value cache shared by all sequences; 0: one full context.
    pub cache_tokens: usize,
    /// Most sequences in one step.
    pub sequences: usize,
    /// Most tokens in one step; 0: as many as fit.
    pub tokens: usize,
    /// Store every matrix in this kind instead of the file's own.
    pub weights: Option<WeightKind>,
    /// Let the vector engine work on one half of a step's tokens while the matrix engine works on the other, where a chip gains by it. The bytes of the
    /// logits are the same.
    pub halves: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cores: 1,
            chips: 1,
            context: 0,
            cache_tokens: 0,
            sequences: 16,
            tokens: 0,
            weights: None,
            halves: false,
        }
    }
}

/// A compiled model.
#[derive(Debug)]
pub struct Compiled {
    /// The chip it is for.
    pub chip: Chip,
    /// One program per chip of the group.
    pub programs: Vec<Program>,
    /// Formats and grids.
    pub plan: plan::Plan,
    /// Memory of each chip.
    pub map: map::Map,
    /// The agreement with the host.
    pub abi: session::Abi,
    /// Largest scratchpad extent of any core, in bytes.
    pub scratchpad_peak: usize,
    /// Text of each pass: name and content.
    pub passes: Vec<(&'static str, String)>,
}

/// Compile a network with the weights of a checkpoint.
///
/// # Errors
/// When the network uses what no pass lowers, or does not fit the chip: a sentence with the sizes.
pub fn compile(checkpoint: &Checkpoint, network: &Network, chip: &Chip, options: &Options) -> Result<Compiled, Error> {
    emit::compile(checkpoint, network, chip, options)
}
