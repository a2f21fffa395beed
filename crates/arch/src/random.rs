//! Random programs: legal, free of races, and reaching every line of the instruction table.
//!
//! A machine is held to another by running both on [`case`]`(chip, seed)`: a program with its memory image and parameters, the same for the same seed.
//! Programs have loops with moving addresses, gathering transfers with valid tables, weight pieces that straddle tiles, several cores with exchanges,
//! counts of zero, work in place and in interleaved rows, and weights and values of every magnitude, infinities and NaN included.
//!
//! How it is done: instructions are drawn with operands that are *probably* good; then the control part of the stream is walked for real, and a piece
//! whose resolved operands break a rule is thrown away and drawn again. Then a `sync` goes before every instruction that meets bytes which another
//! engine may touch earlier; since loops repeat, "earlier" includes later instructions of a common loop. What fails can be made small with [`shrink`].
//!
//! Layout: memory is read-only data, then a table of small indices, then a private area for each core to store to. The scratchpad's first part is data
//! (its end belongs to exchanges), followed by a copy of the table.

mod draw;
mod walk;

use crate::Chip;
use crate::attr::{Attr, Unit};
use crate::isa::{Instr, OPS, Operand};
use crate::legal;
use crate::program::Program;
use draw::Draw;
use walk::Walk;
pub use walk::{STEPS_MAX, sound};

/// A program with all that it needs to run on one chip.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Case {
    /// The program.
    pub program: Program,
    /// Chip memory from address 0.
    pub memory: Vec<u8>,
    /// Parameter memory from word 0.
    pub params: Vec<u32>,
}

impl Case {
    /// The index at this byte of the scratchpad, which is one of the program's tables.
    pub fn table(&self, address: i64) -> u32 {
        let at = (address - SPAD_TABLE + DATA) as usize;
        self.memory.get(at..at + 4).map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }
}

/// Bytes of read-only data at the start of memory.
pub(crate) const DATA: i64 = 24 << 10;
/// Bytes of the table of indices that follows it.
pub(crate) const TABLE: i64 = 256;
/// Bytes of each core's private area; the first starts after the table.
pub(crate) const OWN: i64 = 2 << 10;
/// Bytes of scratchpad that instructions other than exchanges use.
pub(crate) const SPAD: i64 = 8 << 10;
/// First byte and length of the scratchpad's part for exchanges.
pub(crate) const ZONE: (i64, i64) = (SPAD, 2 << 10);
/// Where the copy of the table lies in the scratchpad.
pub(crate) const SPAD_TABLE: i64 = SPAD + ZONE.1;
/// Entries of the table are below this.
pub(crate) const ENTRIES: i64 = 8;

/// Bits of zeros, subnormals, infinities, a NaN and the largest values; the last two are infinities and NaNs of binary16.
const SPECIAL: [u32; 12] = [
    0,
    0x8000_0000,
    1,
    0x807f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x7f7f_ffff,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7c00_fc00,
    0x7e00_7c00,
];

/// A small generator of numbers (splitmix64): the same on every machine and in every version.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers of this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..n`.
    pub fn below(&mut self, n: i64) -> i64 {
        (self.bits() % n.max(1) as u64) as i64
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    /// One of the values.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as i64) as usize]
    }

    /// A binary32, mostly of moderate size, sometimes any pattern or one where things happen.
    pub fn float(&mut self) -> f32 {
        if self.one_in(40) {
            let any = self.bits() as u32;
            let special = self.pick(&SPECIAL);
            return f32::from_bits(if self.one_in(2) { any } else { special });
        }
        let unit = (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0;
        unit * 2f32.powi(self.below(24) as i32 - 16)
    }
}

/// The random program of a seed. The chip's scratchpad has at least 16 KiB; up to three of its cores are used.
pub fn case(chip: &Chip, seed: u64) -> Case {
    let mut random = Random::new(seed);
    let (mut case, cores) = empty(&mut random, chip, 8);
    let gathers = exchanges(&mut random, cores);
    let streams = (0..cores).map(|core| Draw::new(random.bits(), chip, Walk::of(&case, core, chip)).stream(&gathers));
    case.program.cores = streams.collect();
    synchronise(&mut case, chip);
    case
}

/// The random program of bursts of a seed: instead of mixed pieces it has commands that come while their engine is held up, directly behind a `sync` or
/// behind as many as its queue has room for, beside work of others, and commands that nothing is in the way of; more of its values are special.
pub fn bursts(chip: &Chip, seed: u64) -> Case {
    let mut random = Random::new(seed);
    let (mut case, cores) = empty(&mut random, chip, 11);
    let gathers = exchanges(&mut random, cores);
    let streams = (0..cores).map(|core| Draw::new(random.bits(), chip, Walk::of(&case, core, chip)).bursts(&gathers));
    case.program.cores = streams.collect();
    synchronise(&mut case, chip);
    case
}

/// One or two exchanges of all cores.
fn exchanges(random: &mut Random, cores: usize) -> Vec<draw::Exchange> {
    (0..1 + random.below(2)).map(|_| draw::Exchange::random(random, cores)).collect()
}

/// A case without a program, and its number of cores.
fn empty(random: &mut Random, chip: &Chip, styles: i64) -> (Case, usize) {
    let cores = 1 + random.below(chip.core.count.min(3) as i64) as usize;
    let params: Vec<u32> = (0..8).map(|_| random.below(7) as u32).collect();
    let memory = image(random, cores, styles);
    (Case { program: Program { memory: memory.len() as u64, cores: Vec::new() }, memory, params }, cores)
}

/// A memory image: bytes that are moderate numbers in every format, binary32 values of all kinds, raw bytes, and with more styles than eight special
/// values and NaNs of every format; then the table and the private areas.
fn image(random: &mut Random, cores: usize, styles: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < DATA as usize {
        let style = random.below(styles);
        for _ in 0..128 {
            match style {
                0..4 => bytes.extend((0..4).map(|_| (0x24 + random.below(0x18)) as u8 | (random.below(2) << 7) as u8)),
                4..7 => bytes.extend(random.float().to_le_bytes()),
                7 => bytes.extend((random.bits() as u32).to_le_bytes()),
                8..10 => bytes.extend(random.pick(&SPECIAL).to_le_bytes()),
                _ => bytes.extend(u32::MAX.to_le_bytes()),
            }
        }
    }
    bytes.truncate(DATA as usize);
    (0..TABLE / 4).for_each(|_| bytes.extend((random.below(ENTRIES) as u32).to_le_bytes()));
    bytes.resize(bytes.len() + OWN as usize * cores, 0);
    bytes
}

/// Put a `sync` before every instruction that touches what another engine may touch before it.
fn synchronise(case: &mut Case, chip: &Chip) {
    for core in 0..case.program.cores.len() {
        let walk = Walk::of(case, core, chip);
        let stream = &case.program.cores[core];
        let Ok(boxes) = walk.boxes(stream) else { continue };
        let loops = walk::enclosing(stream);
        let mut synced = Vec::new();
        for (pc, instr) in stream.iter().enumerate() {
            synced.extend(walk::needed(stream, &boxes, &loops, pc).map(|from| Instr::Sync { from, to: instr.unit() }));
            synced.push(*instr);
        }
        case.program.cores[core] = synced;
    }
}

/// Make a failing case smaller: leave out instructions and loops while the program stays sound and `fails` holds. Synchronisation is renewed on the
/// way; if the failure vanishes with that alone, the case comes back as it was.
pub fn shrink(case: &Case, chip: &Chip, fails: impl Fn(&Case) -> bool) -> Case {
    let mut bare = case.clone();
    bare.program.cores.iter_mut().for_each(|stream| stream.retain(|instr| !matches!(instr, Instr::Sync { .. })));
    let renewed = |bare: &Case| {
        let mut full = bare.clone();
        synchronise(&mut full, chip);
        (sound(&full, chip) && fails(&full)).then_some(full)
    };
    let Some(mut best) = renewed(&bare) else { return case.clone() };
    loop {
        let found = smaller_ones(&bare).find_map(|bare| renewed(&bare).map(|full| (bare, full)));
        let Some(smaller) = found else { return best };
        (bare, best) = smaller;
    }
}

/// The case without its exchange number `index`, on every core.
fn without_exchange(case: &Case, index: usize) -> Option<Case> {
    let mut less = case.clone();
    for stream in &mut less.program.cores {
        let found = stream.iter().enumerate().filter(|(_, instr)| instr.unit() == Unit::Exchange).nth(index)?.0;
        stream.remove(found);
    }
    Some(less)
}

/// The case without one exchange, without one run of instructions (long runs first), or with one loop unwrapped.
fn smaller_ones(case: &Case) -> impl Iterator<Item = Case> + '_ {
    let without = |core: usize, drop: Vec<usize>| {
        let mut less = case.clone();
        let mut index = 0..;
        less.program.cores[core].retain(|_| !drop.contains(&index.next().expect("endless")));
        less
    };
    let runs = [64, 16, 8, 4, 3, 2, 1].into_iter().flat_map(move |run| {
        (0..case.program.cores.len()).flat_map(move |core| {
            let stream = &case.program.cores[core];
            let pairs = walk::pairs(stream).into_iter().filter(move |_| run == 1);
            let runs =
                (0..stream.len().saturating_sub(run)).step_by(run.div_ceil(2)).map(move |at| (at..at + run).collect());
            runs.chain(pairs.map(|(open, close)| vec![open, close])).map(move |drop| without(core, drop))
        })
    });
    (0..).map_while(|index| without_exchange(case, index)).chain(runs)
}

/// Every opcode with every attribute choice that a legal program can have: (opcode, number of the attribute, byte).
pub fn everything() -> Vec<(u8, usize, u8)> {
    let choices = OPS.iter().flat_map(|op| {
        let attrs = (0..op.attrs.len())
            .flat_map(move |i| Instr::attr_choices(op.code, i).into_iter().map(move |c| (op.code, i, c)));
        attrs.chain((op.attrs.is_empty()).then_some((op.code, 0, 0)))
    });
    let sync = Instr::Sync { from: Unit::Load, to: Unit::Vector }.info().code;
    let never = |index: usize, byte: u8| byte == Unit::Control.code() || (index == 0 && byte == Unit::Weights.code());
    choices.filter(|(code, index, byte)| *code != sync || !never(*index, *byte)).collect()
}

impl Case {
    /// What of [`everything`] occurs in the program.
    pub fn covers(&self) -> Vec<(u8, usize, u8)> {
        let of = |instr: &Instr| {
            let code = instr.info().code;
            let attrs: Vec<_> = instr.attr_codes().into_iter().enumerate().map(|(i, byte)| (code, i, byte)).collect();
            if attrs.is_empty() { vec![(code, 0, 0)] } else { attrs }
        };
        self.program.cores.iter().flatten().flat_map(of).collect()
    }
}

impl std::fmt::Display for Case {
    /// The form that [`crate::conformance`] reads, without expectations.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "params 0 =")?;
        self.params.iter().try_for_each(|word| write!(f, " {word}"))?;
        writeln!(f)?;
        for (index, line) in self.memory.chunks(32).enumerate().filter(|(_, line)| line.iter().any(|b| *b != 0)) {
            write!(f, "hex {} =", 32 * index)?;
            line.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
            writeln!(f)?;
        }
        write!(f, "{}", self.program)
    }
}

/// Whether the program passes [`legal::check`].
fn loads(case: &Case, chip: &Chip) -> bool {
    legal::check(&case.program, chip).is_ok()
}

/// An operand that is `value` when its register holds `held`.
pub(crate) fn operand(reg: u8, held: i64, value: i64) -> Operand {
    let offset = value.wrapping_sub(held);
    let fits = (crate::isa::IMM_MIN..=crate::isa::IMM_MAX).contains(&offset);
    if fits { Operand { reg, imm: offset } } else { Operand::imm(value) }
}
