//! Attributes: the small closed choices that are part of an instruction's name (`mm.i4m`, `vbin.add`, `sync.v.m`).

use base::tile::WeightKind;

/// A closed choice that is stored in one byte of the instruction's header.
pub trait Attr: Copy + PartialEq + std::fmt::Debug {
    /// The byte in the header.
    fn code(self) -> u8;
    /// The choice with this code.
    fn from_code(code: u8) -> Option<Self>;
    /// The name in listings; never contains a dot or a space.
    fn text(self) -> String;
    /// Every choice, in code order.
    fn all() -> Vec<Self>;
    /// The choice with this name.
    fn parse(text: &str) -> Option<Self> {
        Self::all().into_iter().find(|choice| choice.text() == text)
    }
}

macro_rules! attr_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl Attr for $name {
            fn code(self) -> u8 {
                self as u8
            }
            fn from_code(code: u8) -> Option<Self> {
                [$($name::$variant),+].get(code as usize).copied()
            }
            fn text(self) -> String {
                match self { $($name::$variant => $text),+ }.to_string()
            }
            fn all() -> Vec<Self> {
                vec![$($name::$variant),+]
            }
        }
    };
}

attr_enum! {
    /// The engines of a core; each has an in-order queue.
    Unit {
        /// Memory to scratchpad.
        Load = "l",
        /// Memory to the matrix engine's weight stream.
        Weights = "w",
        /// Matrix products on the grid.
        Matrix = "m",
        /// binary32 vectors.
        Vector = "v",
        /// Scratchpad to memory.
        Store = "s",
        /// Between cores and chips.
        Exchange = "x",
        /// The control unit itself: registers, loops; has no queue.
        Control = "c",
    }
}

attr_enum! {
    /// Elementwise operations of two operands; what each computes is in `docs/numerics.md`.
    Binary {
        /// a + b.
        Add = "add",
        /// a - b.
        Sub = "sub",
        /// a * b.
        Mul = "mul",
        /// The larger; NaN if either is NaN.
        Max = "max",
        /// The smaller; NaN if either is NaN.
        Min = "min",
    }
}

attr_enum! {
    /// Elementwise functions.
    Unary {
        /// The value itself.
        Copy = "copy",
        /// e^x.
        Exp = "exp",
        /// 2^x.
        Exp2 = "exp2",
        /// 1 / (1 + e^-x).
        Sigmoid = "sigmoid",
        /// x * sigmoid(x).
        Silu = "silu",
        /// GELU, tanh form.
        Gelu = "gelu",
        /// Hyperbolic tangent.
        Tanh = "tanh",
        /// 1 / x.
        Recip = "recip",
        /// 1 / sqrt(x).
        Rsqrt = "rsqrt",
    }
}

attr_enum! {
    /// Reductions of a row to one value.
    Reduce {
        /// Sum on the block-floating grid.
        Sum = "sum",
        /// Sum of squares on the block-floating grid.
        SumSq = "sumsq",
        /// Largest value.
        Max = "max",
    }
}

attr_enum! {
    /// Which elements of a head form a rotated pair.
    Pairing {
        /// (2i, 2i+1).
        Interleaved = "even",
        /// (i, i + rot/2).
        Half = "half",
    }
}

attr_enum! {
    /// How many columns share a scale in `vquant`.
    Blocking {
        /// One scale per 32 columns.
        Block = "block",
        /// One scale for the whole segment.
        Segment = "segment",
    }
}

attr_enum! {
    /// Plain element formats that `vcvt` widens.
    Narrow {
        /// IEEE binary16.
        F16 = "f16",
        /// bfloat16.
        Bf16 = "bf16",
    }
}

attr_enum! {
    /// Whether a softmax row has a sink.
    Sink {
        /// No sink.
        No = "plain",
        /// One sink value per row joins maximum and sum.
        Yes = "sink",
    }
}

attr_enum! {
    /// Who takes part in an exchange.
    Scope {
        /// The cores of this chip.
        Chip = "chip",
        /// Every core of every chip of the group.
        Group = "group",
    }
}

impl Attr for WeightKind {
    fn code(self) -> u8 {
        self as u8
    }
    fn from_code(code: u8) -> Option<Self> {
        WeightKind::from_code(code)
    }
    fn text(self) -> String {
        self.name().to_string()
    }
    fn all() -> Vec<Self> {
        WeightKind::ALL.to_vec()
    }
}

/// A scalar register of the control unit. `r0` reads as zero and cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Reg(pub u8);

/// Scalar registers, `r0` included.
pub const REGISTERS: u8 = 64;

impl Attr for Reg {
    fn code(self) -> u8 {
        self.0
    }
    fn from_code(code: u8) -> Option<Self> {
        (1..REGISTERS).contains(&code).then_some(Reg(code))
    }
    fn text(self) -> String {
        format!("r{}", self.0)
    }
    fn all() -> Vec<Self> {
        (1..REGISTERS).map(Reg).collect()
    }
}

/// One choice of an attribute type, as tables outside of Rust need it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The byte in the header.
    pub code: u8,
    /// The name of the variant.
    pub name: String,
    /// The name in listings.
    pub text: String,
}

fn choices<A: Attr>() -> Vec<Choice> {
    A::all().into_iter().map(|a| Choice { code: a.code(), name: format!("{a:?}"), text: a.text() }).collect()
}

/// Every attribute type whose choices have names, with its choices. Registers are numbers and have none.
pub fn named() -> Vec<(&'static str, Vec<Choice>)> {
    vec![
        ("Unit", choices::<Unit>()),
        ("WeightKind", choices::<WeightKind>()),
        ("Binary", choices::<Binary>()),
        ("Unary", choices::<Unary>()),
        ("Reduce", choices::<Reduce>()),
        ("Sink", choices::<Sink>()),
        ("Pairing", choices::<Pairing>()),
        ("Blocking", choices::<Blocking>()),
        ("Narrow", choices::<Narrow>()),
        ("Scope", choices::<Scope>()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::OPS;

    #[test]
    fn every_attribute_type_of_the_table_is_named_or_a_register() {
        let named = named();
        for (_, ty) in OPS.iter().flat_map(|op| op.attrs) {
            assert!(*ty == "Reg" || named.iter().any(|(name, _)| name == ty), "`{ty}` is missing in `named`");
        }
    }
}
