//! The emit pass: one instruction tree per core.
//!
//! The stream of a core is a prologue (embed the step's tokens), the layers, and an epilogue (head, for the tokens whose logits are wanted). Layers of
//! equal structure become a hardware loop over a register that moves through memory; how many tokens, sequences and positions there are is read from
//! the parameter memory, so that the stream does not depend on the batch.

mod attention;
mod embed;
mod ffn;
mod halves;
mod head;
mod layers;
mod ops;

use halves::{Halves, Window};
use layers::first_address;
use ops::{Between, load_row, matrix};

use crate::builder::{Buffer, Builder};
use crate::map::{self, ChipMap, LayerMap, Map, Place, Sizes};
use crate::plan::{LayerPlan, Linear, Plan, tiles_bytes};
use crate::session::Abi;
use crate::{Compiled, Error, Options, sync};
use arch::attr::{Binary, Blocking, Reduce, Reg, Scope, Unary};
use arch::isa::{Operand, a8_row};
use arch::{Chip, Instr, Program};
use base::tile::{BLOCK, WeightKind};
use model::checkpoint::Checkpoint;
use model::network::{Network, Norm, NormKind};
use std::ops::Range;

/// Bytes of a binary32 value.
const F32: usize = 4;

/// Where a product's weights come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights {
    /// The same for all tokens.
    Fixed,
    /// The expert whose number stands in the scratchpad at this address.
    Expert(Operand),
}

/// Run the passes.
pub(crate) fn compile(
    checkpoint: &Checkpoint,
    network: &Network,
    chip: &Chip,
    options: &Options,
) -> Result<Compiled, Error> {
    network.check(checkpoint)?;
    let plan = Plan::new(checkpoint, network, chip, options)?;
    let mut sizes = map::sizes(network, chip, options)?;
    loop {
        let map = Map::new(&plan, network, chip, sizes)?;
        match emit_all(network, &plan, chip, &map, options) {
            Err(Error::Scratchpad { .. }) if sizes.tokens > 1 && options.tokens == 0 => {
                sizes.tokens /= 2;
                sizes.sequences = sizes.sequences.min(sizes.tokens);
            }
            Err(error) => return Err(error),
            Ok(emitted) => return finish(network, plan, chip, map, emitted),
        }
    }
}

struct Emitted {
    programs: Vec<Program>,
    unsynced: String,
    peak: usize,
}

fn emit_all(network: &Network, plan: &Plan, chip: &Chip, map: &Map, options: &Options) -> Result<Emitted, Error> {
    let mut emitted = Emitted { programs: Vec::new(), unsynced: String::new(), peak: 0 };
    for (index, chip_map) in map.chips.iter().enumerate() {
        let mut program = Program { memory: chip_map.bytes as u64, cores: Vec::new() };
        let mut before = program.clone();
        for core in 0..map.sizes.cores {
            let (nodes, arena) = Emit::new(network, plan, chip, map, index, core, options).stream()?;
            emitted.peak = emitted.peak.max(arena.peak());
            before.cores.push(sync::unsynced(&nodes));
            program.cores.push(sync::schedule(nodes));
        }
        emitted.unsynced.push_str(&format!("# chip {index}\n{before}"));
        emitted.programs.push(program);
    }
    Ok(emitted)
}

fn finish(network: &Network, plan: Plan, chip: &Chip, map: Map, emitted: Emitted) -> Result<Compiled, Error> {
    let abi = Abi { sizes: map.sizes, vocab: network.vocab };
    if abi.words() > chip.parameters {
        let (need, have) = (abi.words(), chip.parameters);
        return Err(Error::Request(format!(
            "a step of {} tokens needs {need} parameter words and chip `{}` has {have}; fewer --sequences would do",
            map.sizes.tokens, chip.name
        )));
    }
    for program in &emitted.programs {
        arch::legal::check(program, chip).expect("the compiler's own programs are legal");
    }
    let listing: String = emitted.programs.iter().enumerate().map(|(i, p)| format!("# chip {i}\n{p}")).collect();
    let passes = vec![
        ("0-network", format!("{network:#?}\n")),
        ("1-plan", plan.to_string()),
        ("2-map", map.to_string()),
        ("3-emit", emitted.unsynced),
        ("4-sync", listing),
    ];
    Ok(Compiled {
        chip: chip.clone(),
        programs: emitted.programs,
        plan,
        map,
        abi,
        scratchpad_peak: emitted.peak,
        passes,
    })
}

/// Registers that live as long as the stream.
struct Regs {
    /// Tokens of the step.
    tokens: Reg,
    /// Sequences of the step.
    segments: Reg,
    /// Offset of the current layer's weights.
    layer: Reg,
    /// Offset of the current layer's pages.
    cache: Reg,
}

/// Buffers that live as long as the stream.
struct Buffers {
    /// Residual: tokens x hidden.
    x: Buffer,
    /// Quantised input of products: tokens x a8_row(widest input).
    xa: Buffer,
    /// Product and norm results: tokens x hidden.
    y: Buffer,
    /// Rotary rows: per table, tokens x dims.
    ropes: Vec<Buffer>,
}

/// The emitter of one core's stream.
struct Emit<'a> {
    network: &'a Network,
    plan: &'a Plan,
    chip: &'a Chip,
    map: &'a ChipMap,
    sizes: Sizes,
    core: usize,
    member: usize,
    b: Builder,
    regs: Regs,
    halves: Option<Halves>,
    window: Window,
    bufs: Option<Buffers>,
}

impl<'a> Emit<'a> {
    fn new(
        network: &'a Network,
        plan: &'a Plan,
        chip: &'a Chip,
        map: &'a Map,
        index: usize,
        core: usize,
        options: &Options,
    ) -> Emit<'a> {
        let mut b = Builder::new(chip.core.scratchpad.0 as usize);
        let sizes = map.sizes;
        // Offsets count from the first layer of a run.
        let bound = |at: &dyn Fn(&LayerMap) -> usize| {
            let places = || map.chips[index].layers.iter().map(at);
            (places().max().unwrap_or(0) - places().min().unwrap_or(0)) as i64
        };
        let layer_bound = bound(&|layer| first_address(layer));
        let cache_bound = bound(&|layer| layer.caches.get(core).map_or(0, |cache| cache.at));
        let regs = Regs {
            tokens: b.reg(sizes.tokens as i64),
            segments: b.reg(sizes.sequences as i64),
            layer: b.reg(layer_bound),
            cache: b.reg(cache_bound),
        };
        let member = index * sizes.cores + core;
        let halves = (options.halves && halves::pay(plan, network, chip, &sizes)).then(|| Halves::new(&mut b, &sizes));
        let window = Window { first: 0, tokens: regs.tokens };
        let map = &map.chips[index];
        Emit { network, plan, chip, map, sizes, core, member, b, regs, halves, window, bufs: None }
    }

    fn stream(mut self) -> Result<(Vec<crate::builder::Node>, crate::builder::Arena), Error> {
        self.b.param(self.regs.tokens, Abi::TOKENS);
        self.b.param(self.regs.segments, Abi::SEGMENTS);
        self.count_halves();
        self.buffers()?;
        self.embed()?;
        self.layers()?;
        self.head()?;
        Ok(self.b.finish())
    }

    fn bufs(&self) -> &Buffers {
        self.bufs.as_ref().expect("allocated before the first instruction")
    }

    fn hidden(&self) -> usize {
        self.network.hidden
    }

    fn members(&self) -> usize {
        self.sizes.members()
    }

    /// Rows that the instructions at hand are for: all tokens of the step, or those of one half.
    fn tokens(&self) -> Operand {
        self.window.tokens.into()
    }

    /// Where these rows begin in a buffer of rows of `bytes`.
    fn rows_of(&self, buffer: Buffer, bytes: usize) -> Operand {
        self.rows_at(buffer.op(), bytes)
    }

    /// As [`Emit::rows_of`], for rows that begin at `at`.
    fn rows_at(&self, at: Operand, bytes: usize) -> Operand {
        at.plus((self.window.first * bytes) as i64)
    }

    fn buffers(&mut self) -> Result<(), Error> {
        let (tokens, hidden) = (self.sizes.tokens, self.hidden());
        let widest =
            self.plan.layers.iter().flat_map(LayerPlan::linears).map(|linear| linear.k).max().unwrap_or(hidden);
        let arena = &mut self.b.arena;
        let x = arena.alloc("the residual stream", tokens * hidden * F32)?;
        let xa = arena.alloc("the quantised activations", tokens * a8_row(widest.max(hidden)))?;
        let y = arena.alloc("the products", tokens * hidden * F32)?;
        let ropes: Result<Vec<Buffer>, Error> =
            self.map.ropes.iter().map(|(rope, _)| arena.alloc("the rotary rows", tokens * rope.dims * F32)).collect();
        self.bufs = Some(Buffers { x, xa, y, ropes: ropes? });
        Ok(())
    }

    fn layer(&mut self, index: usize) -> Result<(), Error> {
        let layer = &self.network.layers[index];
        let (plan, map) = (&self.plan.layers[index], &self.map.layers[index]);
        let input = Some((layer.attn_norm, "attn_norm"));
        self.between(map, Between { residual: false, post: None, input })?;
        self.attention(layer, plan, map)?;
        let post = layer.post_attn_norm.map(|norm| (norm, "post_attention_norm"));
        self.between(map, Between { residual: true, post, input: Some((layer.ffn_norm, "ffn_norm")) })?;
        self.ffn(layer, plan, map)?;
        let post = layer.post_ffn_norm.map(|norm| (norm, "post_ffw_norm"));
        self.between(map, Between { residual: true, post, input: None })
    }
}
