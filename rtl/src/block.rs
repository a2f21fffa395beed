//! Any module of the chip, driven by the names of its ports.
//!
//! ```no_run
//! use rtl::block::Block;
//! let mut add = Block::build("puce_fp_add", &[])?;
//! add.set("a_i", u64::from(1.5f32.to_bits()));
//! add.set("b_i", u64::from(2.0f32.to_bits()));
//! add.ticks(4);
//! assert_eq!(add.get("y_o"), u64::from(3.5f32.to_bits()));
//! # Ok::<(), rtl::Error>(())
//! ```
//!
//! A test begins with [`Block::in_test`]. Names that do not exist, and assertions of the design that fail, are mistakes of the test or of the design:
//! they panic.

use crate::design::Design;
use crate::library::{Exposed, Model, Port};
use crate::{Error, Result};

/// A simulated module with its clock and reset.
pub struct Block {
    model: Model,
    clock: Option<Port>,
    cycle: u64,
}

impl Block {
    /// The module `top` of the chip with these parameters, after reset.
    pub fn build(top: &str, params: &[(&str, &str)]) -> Result<Block> {
        Block::build_from(top, params, &[])
    }

    /// The module `top` of the chip or of these sources (file name and text).
    pub fn build_from(top: &str, params: &[(&str, &str)], sources: &[(&str, &str)]) -> Result<Block> {
        let design = params.iter().fold(Design::new(top), |design, (name, value)| design.param(name, value));
        Block::of(&sources.iter().fold(design, |design, (name, text)| design.source(name, text)))
    }

    /// A design's top module, after reset.
    pub fn of(design: &Design) -> Result<Block> {
        Block::of_seed(design, 0)
    }

    /// A design's top module after reset, with registers that start at random values when the seed is not zero.
    pub fn of_seed(design: &Design, seed: u32) -> Result<Block> {
        let model = Model::new(&design.library()?, seed);
        let clock = model.port("clk_i");
        let mut block = Block { model, clock, cycle: 0 };
        block.reset();
        Ok(block)
    }

    /// [`Block::of`] for a test: `None`, after a printed sentence, where the tools are missing; with `CI` in the environment that is a failure.
    pub fn in_test(design: &Design) -> Option<Block> {
        match Block::of(design) {
            Ok(block) => Some(block),
            Err(Error::Tools(why)) if std::env::var_os("CI").is_none() => {
                println!("not tested: {why}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The port of this name, to be looked up once.
    #[track_caller]
    pub fn port(&self, name: &str) -> Port {
        let known = || self.model.names().collect::<Vec<_>>().join(", ");
        self.model.port(name).unwrap_or_else(|| panic!("no port `{name}`: there are {}", known()))
    }

    /// The port of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<Port> {
        self.model.port(name)
    }

    /// Width in bits of a port.
    pub fn bits(&self, port: Port) -> u32 {
        self.model.bits(port)
    }

    /// Give an input the low bits of `value` (zero above them).
    #[track_caller]
    pub fn set(&mut self, name: &str, value: u64) {
        self.put(self.port(name), value);
    }

    /// Give an input of any width these 32-bit words, the lowest first; missing words are zero.
    #[track_caller]
    pub fn set_wide(&mut self, name: &str, words: &[u32]) {
        self.put_wide(self.port(name), words);
    }

    /// The value of a port, the lowest 64 bits of a wider one. Outputs that follow inputs without a register follow at [`Block::eval`].
    #[track_caller]
    pub fn get(&self, name: &str) -> u64 {
        self.model.get(self.port(name))
    }

    /// The value of a port as 32-bit words, the lowest first.
    #[track_caller]
    pub fn get_wide(&self, name: &str) -> Vec<u32> {
        self.take_wide(self.port(name))
    }

    /// [`Block::set`] by port.
    pub fn put(&mut self, port: Port, value: u64) {
        self.model.set(port, value);
    }

    /// [`Block::set_wide`] by port.
    pub fn put_wide(&mut self, port: Port, words: &[u32]) {
        let bits = self.model.bits(port) as usize;
        assert!(words.len() <= bits.div_ceil(32), "{} words for a port of {bits} bits", words.len());
        let low = |at: usize| u64::from(words.get(at).copied().unwrap_or(0));
        match self.model.wide_mut(port) {
            None => self.model.set(port, low(0) | low(1) << 32),
            Some(slots) => {
                slots.fill(0);
                slots[..words.len()].copy_from_slice(words);
                if !bits.is_multiple_of(32) {
                    slots[bits / 32] &= mask((bits % 32) as u32) as u32;
                }
            }
        }
    }

    /// [`Block::get`] by port.
    pub fn take(&self, port: Port) -> u64 {
        self.model.get(port)
    }

    /// [`Block::get_wide`] by port.
    pub fn take_wide(&self, port: Port) -> Vec<u32> {
        let value = self.model.get(port);
        let words = self.model.bits(port).div_ceil(32) as usize;
        self.model
            .wide(port)
            .map_or_else(|| vec![value as u32, (value >> 32) as u32][..words].to_vec(), <[u32]>::to_vec)
    }

    /// The bits `low..low + width` of a port, at most 64: a field of a packed struct.
    pub fn field(&self, port: Port, low: u32, width: u32) -> u64 {
        let value = self.model.get(port);
        extract(self.model.wide(port).unwrap_or(&[value as u32, (value >> 32) as u32]), low, width)
    }

    /// Change the bits `low..low + width` of an input, at most 64.
    pub fn put_field(&mut self, port: Port, low: u32, width: u32, value: u64) {
        let bits = self.model.bits(port);
        assert!(low + width <= bits, "bits {low}..{} of a port of {bits} bits", low + width);
        match self.model.wide_mut(port) {
            Some(words) => insert(words, low, width, value),
            None => {
                let mut words = [self.model.get(port) as u32, (self.model.get(port) >> 32) as u32];
                insert(&mut words, low, width, value);
                self.model.set(port, u64::from(words[0]) | u64::from(words[1]) << 32);
            }
        }
    }

    /// Let outputs follow inputs, without a clock edge.
    #[track_caller]
    pub fn eval(&mut self) {
        if let Err(complaint) = self.try_eval() {
            panic!("{complaint}");
        }
    }

    /// [`Block::eval`], with a failed assertion as an error.
    pub fn try_eval(&mut self) -> std::result::Result<(), String> {
        self.model.eval().map_err(|complaint| format!("cycle {}: {complaint}", self.cycle))
    }

    /// One cycle: a rising edge of `clk_i`, at which registers take what the inputs say now, then the falling edge.
    #[track_caller]
    pub fn tick(&mut self) {
        if let Err(complaint) = self.rise().and_then(|()| self.try_eval()) {
            panic!("{complaint}");
        }
    }

    /// A rising edge of `clk_i`; the falling edge comes with the next evaluation.
    pub fn rise(&mut self) -> std::result::Result<(), String> {
        let clock = self.clock.expect("a module with clk_i");
        self.model.set(clock, 1);
        self.try_eval()?;
        self.model.set(clock, 0);
        self.cycle += 1;
        Ok(())
    }

    /// So many cycles with the inputs as they are.
    #[track_caller]
    pub fn ticks(&mut self, cycles: usize) {
        (0..cycles).for_each(|_| self.tick());
    }

    /// Hold `rst_ni` low for a few cycles; a module without clock or reset is only evaluated.
    #[track_caller]
    pub fn reset(&mut self) {
        if let Some(reset) = self.model.port("rst_ni") {
            self.model.set(reset, 0);
            (0..3).for_each(|_| {
                if self.clock.is_some() {
                    self.tick()
                }
            });
            self.model.set(reset, 1);
        }
        self.eval();
        self.cycle = 0;
    }

    /// Cycles since reset.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The variables of this name that [`Design::expose`] named, in every instance.
    pub fn exposed(&self, name: &str) -> Vec<Exposed> {
        self.model.exposed(name)
    }

    /// What an exposed variable holds.
    pub fn bytes(&self, exposed: &Exposed) -> &[u8] {
        self.model.bytes(exposed)
    }

    /// What an exposed variable holds, to be changed behind the design's back.
    pub fn bytes_mut(&mut self, exposed: &Exposed) -> &mut [u8] {
        self.model.bytes_mut(exposed)
    }
}

/// The bits `low..low + width` of words, the lowest word first.
fn extract(words: &[u32], low: u32, width: u32) -> u64 {
    let first = (low / 32) as usize;
    let window = words[first..].iter().take(3).rev().fold(0u128, |window, word| window << 32 | u128::from(*word));
    (window >> (low % 32)) as u64 & mask(width)
}

fn insert(words: &mut [u32], low: u32, width: u32, value: u64) {
    let shift = low % 32;
    let (keep, new) = (!(u128::from(mask(width)) << shift), u128::from(value & mask(width)) << shift);
    for (at, word) in words[(low / 32) as usize..].iter_mut().take(3).enumerate() {
        *word = *word & (keep >> (32 * at)) as u32 | (new >> (32 * at)) as u32;
    }
}

/// So many ones.
fn mask(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}
