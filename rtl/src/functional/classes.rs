//! The classes of operands, by family of instructions.

use arch::attr::Unit;
use arch::{Chip, Instr};
use base::status::Flags;

/// A run of an instruction.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The instruction, with the values of its operands as constants.
    pub instr: &'a Instr,
    /// The scratchpad's bytes that it read, operand after operand.
    pub read: &'a [u8],
    /// Flags that it raised.
    pub flags: Flags,
    /// The chip that it ran on.
    pub chip: &'a Chip,
}

/// A class of operands.
pub struct Class {
    /// Its name, which is its definition in short.
    pub name: &'static str,
    /// Whether a run belongs to it.
    pub holds: fn(&Seen<'_>) -> bool,
}

/// Bytes of a scratchpad word.
const WORD: i64 = 32;
/// No burst crosses a multiple of this.
const BURST: i64 = 1024;

impl Seen<'_> {
    /// The value of an operand by its name in the instruction table.
    fn get(&self, name: &str) -> i64 {
        let place = self.instr.info().operands.iter().position(|(operand, _)| *operand == name);
        let place = place.unwrap_or_else(|| panic!("`{}` has no operand `{name}`", self.instr.info().mnemonic));
        self.instr.operands()[place].imm
    }

    /// The product of counts, none of which counts below zero.
    fn count(&self, names: &[&str]) -> i64 {
        names.iter().fold(1, |all: i64, name| all.saturating_mul(self.get(name).max(0)))
    }

    fn result(&self) -> i64 {
        self.instr.computes(|operand| operand.imm).map_or(0, |(_, value)| value)
    }

    /// Memory's address, the scratchpad's, and the first steps of source and target.
    fn moved(&self) -> (i64, i64, [i64; 2]) {
        let spad = self.get(if self.instr.unit() == Unit::Store { "src" } else { "dst" });
        (self.get("mem"), spad, [self.get("s0"), self.get("d0")])
    }

    /// Bytes from `mem` on that a strided transfer moves without a step.
    fn run(&self) -> i64 {
        let (_, _, [from, to]) = self.moved();
        let step = if self.instr.unit() == Unit::Store { to } else { from };
        if step == self.get("elem") { step * self.get("n0") } else { self.get("elem") }
    }

    fn words<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> + Clone + '_ {
        self.read.chunks_exact(N).map(|bytes| bytes.try_into().expect("a chunk"))
    }

    /// The entries of a table.
    fn entries(&self) -> Vec<u32> {
        self.words().map(u32::from_le_bytes).collect()
    }

    /// Whether a value that was read is of this kind, whatever the format is.
    fn any(&self, holds: fn(f32) -> bool) -> bool {
        match self.instr {
            // In binary16 and bfloat16 kinds are those of the bits: the exponent says it.
            Instr::Vcvt { from, .. } => {
                let wide = *from == arch::attr::Narrow::Bf16;
                let (exponent, mantissa) = if wide { (0xff, 7) } else { (0x1f, 10) };
                self.words().map(u16::from_le_bytes).any(|bits| {
                    let (high, low) = (bits >> mantissa & exponent, bits & ((1 << mantissa) - 1));
                    let top = if high == exponent { 0xff } else { u32::from(high.min(1)) };
                    holds(f32::from_bits(top << 23 | u32::from(low)))
                })
            }
            _ => self.words().map(f32::from_le_bytes).any(holds),
        }
    }

    /// Rows and columns, where there are any.
    fn shape(&self) -> Option<(i64, i64)> {
        let outer =
            if self.instr.info().operands.iter().any(|(name, _)| *name == "outer") { self.get("outer") } else { 1 };
        let (rows, cols) = (self.get("rows"), self.get("cols"));
        (rows > 0 && cols > 0 && outer > 0).then_some((rows * outer, cols))
    }

    fn rows(&self, holds: fn(i64, i64) -> bool) -> bool {
        self.shape().is_some_and(|(rows, cols)| holds(rows, cols))
    }

    fn raised(&self, flag: Flags) -> bool {
        self.flags.contains(flag)
    }

    /// Of a product: row tiles, column tiles, tokens, groups, where something is computed.
    fn tiles(&self) -> Option<[i64; 4]> {
        let tiles = [self.get("rows") / 32, self.get("k") / 32, self.get("tokens"), self.get("groups")];
        tiles.iter().all(|count| *count > 0).then_some(tiles)
    }

    fn product(&self, holds: fn([i64; 4]) -> bool) -> bool {
        self.tiles().is_some_and(holds)
    }
}

macro_rules! classes {
    ($($name:ident: $( $class:literal $holds:expr; )+)+) => {
        $( const $name: &[Class] = &[$( Class { name: $class, holds: $holds } ),+]; )+
    };
}

classes! {
ANY:
    "any" |_| true;
RESULT:
    "zero" |s| s.result() == 0;
    "positive" |s| s.result() > 0;
    "negative" |s| s.result() < 0;
    "beyond 48 bits" |s| s.result() << 16 >> 16 != s.result();
PRODUCT:
    "wraps" |s| s.get("a").checked_mul(s.get("b")).is_none();
SHIFT:
    "by none" |s| s.get("b") & 63 == 0;
    "by 48 or more" |s| s.get("b") & 63 >= 48;
PARAM:
    "the first word" |s| s.get("index") == 0;
    "another word" |s| s.get("index") > 0;
LOOP:
    "not entered" |s| s.get("count") <= 0;
    "once" |s| s.get("count") == 1;
    "several times" |s| s.get("count") > 1;
STRIDED:
    "nothing" |s| s.count(&["n0", "n1", "n2"]) == 0;
    "one element" |s| s.count(&["n0", "n1", "n2"]) == 1;
    "several elements" |s| s.count(&["n0", "n1", "n2"]) > 1;
    "three dimensions" |s| ["n0", "n1", "n2"].iter().all(|count| s.get(count) > 1);
    "part of a word" |s| s.count(&["n0", "n1", "n2"]) > 0 && s.get("elem") < WORD;
    "one word" |s| s.count(&["n0", "n1", "n2"]) > 0 && s.get("elem") == WORD;
    "several words" |s| s.count(&["n0", "n1", "n2"]) > 0 && s.get("elem") > WORD;
    "contiguous" |s| s.count(&["n1", "n2"]) > 0 && s.get("n0") > 1 && s.moved().2 == [s.get("elem"); 2];
    "source apart" |s| s.count(&["n1", "n2"]) > 0 && s.get("n0") > 1 && s.get("s0") > s.get("elem");
    "target apart" |s| s.count(&["n1", "n2"]) > 0 && s.get("n0") > 1 && s.get("d0") > s.get("elem");
    "source again" |s| s.count(&["n0", "n1", "n2"]) > 0
        && [("n0", "s0"), ("n1", "s1"), ("n2", "s2")].iter().any(|(count, step)| s.get(count) > 1 && s.get(step) == 0);
    "shifted in the word" |s| s.count(&["n0", "n1", "n2"]) > 0 && (s.moved().0 - s.moved().1) % WORD != 0;
    "across bursts" |s| s.count(&["n0", "n1", "n2"]) > 0 && s.get("mem") % BURST + s.run() > BURST;
TABLE:
    "one entry" |s| s.get("n") == 1;
    "several entries" |s| s.get("n") > 1;
    "an entry twice" |s| s.entries().iter().enumerate().any(|(at, entry)| s.entries()[..at].contains(entry));
    "entries fall" |s| s.entries().windows(2).any(|pair| pair[0] > pair[1]);
    "no step" |s| s.get("n") > 1 && s.get("step") == 0;
    "table across words" |s| s.get("n") > 0 && s.get("table") % WORD + 4 * s.get("n") > WORD;
GATHERED:
    "nothing" |s| s.count(&["n", "n1"]) == 0;
    "part of a word" |s| s.count(&["n", "n1"]) > 0 && s.get("elem") < WORD;
    "one word" |s| s.count(&["n", "n1"]) > 0 && s.get("elem") == WORD;
    "several words" |s| s.count(&["n", "n1"]) > 0 && s.get("elem") > WORD;
    "several pieces" |s| s.get("n") > 0 && s.get("n1") > 1;
STREAMED:
    "nothing" |s| s.get("len") == 0;
    "one word" |s| s.get("len") == WORD;
    "several words" |s| s.get("len") > WORD;
    "across bursts" |s| s.get("mem") % BURST + s.get("len") > BURST;
PIECES:
    "nothing" |s| s.count(&["n", "groups", "len"]) == 0;
    "one word" |s| s.count(&["n", "groups"]) > 0 && s.get("len") == WORD;
    "several words" |s| s.count(&["n", "groups"]) > 0 && s.get("len") > WORD;
    "several groups" |s| s.count(&["n", "len"]) > 0 && s.get("groups") > 1;
MATRIX:
    "no tokens" |s| s.get("tokens") <= 0;
    "no weights" |s| s.count(&["rows", "k", "groups"]) == 0;
    "one tile" |s| s.product(|[rows, cols, ..]| rows == 1 && cols == 1);
    "several row tiles" |s| s.product(|[rows, ..]| rows > 1);
    "several column tiles" |s| s.product(|[_, cols, ..]| cols > 1);
    "one token" |s| s.product(|[_, _, tokens, _]| tokens == 1);
    "tokens fill no column" |s| s.tiles().is_some_and(|tiles| tiles[2] % s.chip.matrix.columns as i64 != 0);
    "most tokens" |s| s.tiles().is_some_and(|tiles| tiles[2] == s.chip.matrix.tokens as i64);
    "one group" |s| s.product(|[.., groups]| groups == 1);
    "several groups" |s| s.product(|[.., groups]| groups > 1);
    "groups share tokens" |s| s.product(|[.., groups]| groups > 1) && s.get("sub") > 1;
    "the last share short" |s| s.product(|_| true) && s.get("groups") % s.get("sub").max(1) != 0;
    WINDOW:
    "leaves the window" |s| s.raised(Flags::WINDOW);
ROWS:
    "nothing" |s| s.shape().is_none();
    "one row" |s| s.rows(|rows, _| rows == 1);
    "several rows" |s| s.rows(|rows, _| rows > 1);
COLUMNS:
    "one value" |s| s.rows(|rows, cols| rows == 1 && cols == 1);
    "whole words" |s| s.rows(|_, cols| cols % 8 == 0);
    "parts of words" |s| s.rows(|_, cols| cols % 8 != 0);
OUTER:
    "two dimensions" |s| s.shape().is_some() && s.get("rows") > 1 && s.get("outer") > 1;
BLOCKS:
    "one block" |s| s.rows(|_, cols| cols == 32);
    "several blocks" |s| s.rows(|_, cols| cols > 32);
PLACES:
    "in place" |s| s.shape().is_some() && s.get("dst") == s.get("a");
    "between the source's rows" |s| s.rows(|rows, _| rows > 1) && s.get("dst") > s.get("a")
        && s.get("dst") < s.get("a") + s.get("astep") && s.get("dstep") == s.get("astep");
VALUES:
    "zero" |s| s.any(|value| value == 0.0);
    "subnormal" |s| s.any(f32::is_subnormal);
    "infinity" |s| s.any(f32::is_infinite);
    "NaN" |s| s.any(f32::is_nan);
NANS:
    "raises nan" |s| s.raised(Flags::NAN);
OVERFLOWS:
    "raises overflow" |s| s.raised(Flags::OVERFLOW);
SOFTMAX:
    "window" |s| s.shape().is_some() && s.get("window") > 0;
    "no window" |s| s.shape().is_some() && s.get("window") == 0;
    "whole rows" |s| s.rows(|_, _| true) && s.get("hi") >= s.get("cols");
    "rows cut" |s| s.rows(|_, _| true) && s.get("hi") < s.get("cols");
    "no column" |s| s.shape().is_some() && s.get("window") > 0 && s.get("hi") - s.get("window") >= s.get("cols");
    "several tokens" |s| s.rows(|rows, _| rows > 1) && s.get("tokens") > 1;
ROPE:
    "nothing" |s| s.count(&["rows", "heads", "dim"]) == 0;
    "one head" |s| s.count(&["rows", "dim"]) > 0 && s.get("heads") == 1;
    "several heads" |s| s.count(&["rows", "dim"]) > 0 && s.get("heads") > 1;
    "no rotation" |s| s.count(&["rows", "heads", "dim"]) > 0 && s.get("rot") == 0;
    "part of a head" |s| s.count(&["rows", "heads", "rot"]) > 0 && s.get("rot") < s.get("dim");
    "whole head" |s| s.count(&["rows", "heads", "rot"]) > 0 && s.get("rot") == s.get("dim");
SEGMENTS:
    "several segments" |s| s.shape().is_some() && s.get("segs") > 1;
TOP:
    "one of many" |s| s.shape().is_some() && s.get("k") == 1 && s.get("cols") > 1;
    "several" |s| s.shape().is_some() && s.get("k") > 1;
    "all" |s| s.shape().is_some() && s.get("k") == s.get("cols");
    "equals" |s| s.shape().is_some_and(|(_, cols)| {
        let row: Vec<[u8; 4]> = s.words().take(cols as usize).collect();
        row.iter().enumerate().any(|(at, value)| row[..at].contains(value))
    });
EXCHANGE:
    "nothing" |s| s.get("rows") <= 0 || s.get("bytes") + s.get("bytes2") == 0;
    "one row" |s| s.get("rows") == 1 && s.get("bytes") + s.get("bytes2") > 0;
    "several rows" |s| s.get("rows") > 1 && s.get("bytes") + s.get("bytes2") > 0;
    "first piece alone" |s| s.get("rows") > 0 && s.get("bytes") > 0 && s.get("bytes2") == 0;
    "second piece alone" |s| s.get("rows") > 0 && s.get("bytes") == 0 && s.get("bytes2") > 0;
    "both pieces" |s| s.get("rows") > 0 && s.get("bytes") > 0 && s.get("bytes2") > 0;
    "half words" |s| s.get("rows") > 0 && s.get("bytes") % 4 != 0;
    "in place" |s| s.get("rows") > 0 && s.get("bytes") > 0 && s.get("src") == s.get("dst");
    "elsewhere" |s| s.get("rows") > 0 && s.get("bytes") > 0 && s.get("src") != s.get("dst");
}

/// The classes of an instruction's family.
pub fn classes(instr: &Instr) -> impl Iterator<Item = &'static Class> + Clone + use<> {
    use arch::attr::Reduce;
    let families: &[&'static [Class]] = match instr {
        Instr::Set { .. } | Instr::Add { .. } | Instr::Sub { .. } => &[RESULT],
        Instr::Min { .. } | Instr::Max { .. } | Instr::And { .. } => &[RESULT],
        Instr::Mul { .. } => &[RESULT, PRODUCT],
        Instr::Shr { .. } => &[RESULT, SHIFT],
        Instr::Param { .. } => &[PARAM],
        Instr::Loop { .. } => &[LOOP],
        Instr::Ld { .. } | Instr::St { .. } => &[STRIDED],
        Instr::Ldg { .. } => &[GATHERED, TABLE],
        Instr::Wld { .. } => &[STREAMED],
        Instr::Wgat { .. } => &[PIECES, TABLE],
        Instr::Mm { .. } => &[MATRIX, WINDOW, NANS],
        Instr::Vbin { .. } | Instr::Vrow { .. } => &[ROWS, COLUMNS, OUTER, PLACES, VALUES],
        Instr::Vimm { .. } | Instr::Vun { .. } => &[ROWS, COLUMNS, PLACES, VALUES],
        Instr::Vred { op: Reduce::Max, .. } => &[ROWS, COLUMNS, VALUES, NANS],
        Instr::Vred { .. } => &[ROWS, COLUMNS, VALUES, NANS, OVERFLOWS],
        Instr::Vnorm { .. } => &[ROWS, COLUMNS, PLACES, VALUES, NANS, OVERFLOWS],
        Instr::Vsoft { .. } => &[ROWS, COLUMNS, PLACES, VALUES, NANS, WINDOW, SOFTMAX],
        Instr::Vrope { .. } => &[ROPE, VALUES],
        Instr::Vquant { .. } => &[ROWS, BLOCKS, SEGMENTS, VALUES, NANS],
        Instr::Vdeq { .. } => &[ROWS, BLOCKS, NANS],
        Instr::Vcvt { .. } => &[ROWS, COLUMNS, VALUES],
        Instr::Vtop { .. } => &[ROWS, TOP, VALUES, NANS],
        Instr::Gather { .. } => &[EXCHANGE],
        // No operands; and a new instruction, until its family is told here.
        _ => &[ANY],
    };
    families.iter().copied().flatten()
}
