//! Quantities as types, of physics and of money: what a chip description says, what a run reports, what a price list states.
//!
//! Each quantity is a newtype over its SI base unit ([`Bytes`] over `u64`, since bytes are counted; the others over `f64`). One row of a table gives a
//! quantity its name, an example and its unit symbols; reading, printing and every refusal follow from that row. Products and quotients exist where
//! they mean something: `Bytes / BytesPerSecond` is `Seconds`, and `Bytes + Seconds` does not compile.
//!
//! **Reading** takes a number, optional spaces and a unit: `512 KiB`, `1.8 GHz`, `8 TB/s`, `0.7 V`. `KiB` is 1024 bytes and `kB` is 1000; the case of a
//! symbol matters, for `mW` is not `MW`. A bare number, an unknown unit, a unit of another quantity, a negative number, NaN, and a number beyond the type
//! are each refused in one sentence. A size must come out as a whole number of bytes.
//!
//! **Printing** rounds to four significant digits in the largest unit that leaves a number of at least one. The alternate form `{:#}` is exact and can be
//! read back: whole bytes in the largest unit that divides them, or the shortest decimal in the base unit.
//!
//! ```
//! use base::units::{Bytes, BytesPerSecond, Seconds};
//! let size: Bytes = "12 GiB".parse().unwrap();
//! let link: BytesPerSecond = "1.5 TB/s".parse().unwrap();
//! let time: Seconds = size / link;
//! assert_eq!(time.to_string(), "8.59 ms");
//! assert_eq!("1.8".parse::<Bytes>().unwrap_err().to_string(), "`1.8` has no unit: write a size like `512 KiB`");
//! ```

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};
use std::str::FromStr;

use thiserror::Error;

/// One row of the table: a quantity and the ways to write it.
#[derive(Debug, PartialEq)]
pub struct Quantity {
    /// What it is, with its article: `a frequency`.
    pub name: &'static str,
    /// How to write one.
    pub example: &'static str,
    /// Unit symbols and their worth in the base unit. The first is the base unit.
    pub units: &'static [(&'static str, f64)],
    /// How many of `units`, from the first, printing may choose from; the rest are only read.
    pub printed: usize,
}

/// Every quantity, for those who list the units that they accept.
pub static QUANTITIES: [&Quantity; 21] = [
    &BYTES,
    &BYTES_PER_SECOND,
    &HERTZ,
    &OPERATIONS_PER_SECOND,
    &SECONDS,
    &YEARS,
    &JOULES,
    &WATTS,
    &VOLTS,
    &KELVIN,
    &CONDUCTIVITY,
    &HEAT_TRANSFER,
    &HEAT_CAPACITY,
    &MILLIMETRES,
    &SQUARE_MILLIMETRES,
    &PER_SQUARE_MILLIMETRE,
    &USD,
    &USD_PER_HOUR,
    &USD_PER_JOULE,
    &USD_PER_WATT,
    &USD_PER_BYTE,
];

const KIB: f64 = 1024.0;

static BYTES: Quantity = Quantity {
    name: "a size",
    example: "512 KiB",
    units: &[
        ("B", 1.0),
        ("KiB", KIB),
        ("MiB", KIB * KIB),
        ("GiB", KIB * KIB * KIB),
        ("TiB", KIB * KIB * KIB * KIB),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
    ],
    printed: 5,
};

static BYTES_PER_SECOND: Quantity = Quantity {
    name: "a bandwidth",
    example: "8 TB/s",
    units: &[
        ("B/s", 1.0),
        ("kB/s", 1e3),
        ("MB/s", 1e6),
        ("GB/s", 1e9),
        ("TB/s", 1e12),
        ("PB/s", 1e15),
        ("KiB/s", KIB),
        ("MiB/s", KIB * KIB),
        ("GiB/s", KIB * KIB * KIB),
        ("TiB/s", KIB * KIB * KIB * KIB),
    ],
    printed: 6,
};

static HERTZ: Quantity = Quantity {
    name: "a frequency",
    example: "1.8 GHz",
    units: &[("Hz", 1.0), ("kHz", 1e3), ("MHz", 1e6), ("GHz", 1e9), ("THz", 1e12)],
    printed: 5,
};

static OPERATIONS_PER_SECOND: Quantity = Quantity {
    name: "a rate of operations",
    example: "2 POP/s",
    units: &[
        ("OP/s", 1.0),
        ("GOP/s", 1e9),
        ("TOP/s", 1e12),
        ("POP/s", 1e15),
        ("GFLOP/s", 1e9),
        ("TFLOP/s", 1e12),
        ("PFLOP/s", 1e15),
    ],
    printed: 4,
};

static SECONDS: Quantity = Quantity {
    name: "a time",
    example: "20 ns",
    units: &[
        ("s", 1.0),
        ("ms", 1e-3),
        ("us", 1e-6),
        ("ns", 1e-9),
        ("ps", 1e-12),
        ("µs", 1e-6),
        ("min", 60.0),
        ("h", SECONDS_PER_HOUR),
    ],
    printed: 5,
};

/// Seconds of an hour.
pub const SECONDS_PER_HOUR: f64 = 3600.0;

/// Hours of a year of 365 days, as prices per hour and per year are set beside each other.
pub const HOURS_PER_YEAR: f64 = 8760.0;

/// Joules of a kilowatt-hour.
const KWH: f64 = 1e3 * SECONDS_PER_HOUR;

static YEARS: Quantity =
    Quantity { name: "a number of years", example: "5 y", units: &[("y", 1.0), ("months", 1.0 / 12.0)], printed: 1 };

static JOULES: Quantity = Quantity {
    name: "an energy",
    example: "1.2 pJ",
    units: &[
        ("J", 1.0),
        ("kJ", 1e3),
        ("MJ", 1e6),
        ("mJ", 1e-3),
        ("uJ", 1e-6),
        ("nJ", 1e-9),
        ("pJ", 1e-12),
        ("fJ", 1e-15),
        ("µJ", 1e-6),
        ("Wh", SECONDS_PER_HOUR),
        ("kWh", KWH),
        ("MWh", 1e3 * KWH),
        ("GWh", 1e6 * KWH),
    ],
    printed: 8,
};

static WATTS: Quantity = Quantity {
    name: "a power",
    example: "45 W",
    units: &[("W", 1.0), ("kW", 1e3), ("MW", 1e6), ("GW", 1e9), ("mW", 1e-3), ("uW", 1e-6), ("nW", 1e-9), ("µW", 1e-6)],
    printed: 7,
};

static VOLTS: Quantity =
    Quantity { name: "a voltage", example: "0.7 V", units: &[("V", 1.0), ("mV", 1e-3), ("kV", 1e3)], printed: 3 };

static KELVIN: Quantity = Quantity {
    name: "a temperature or a difference of two",
    example: "358 K",
    units: &[("K", 1.0), ("mK", 1e-3)],
    printed: 2,
};

static CONDUCTIVITY: Quantity =
    Quantity { name: "a thermal conductivity", example: "118 W/(m K)", units: &[("W/(m K)", 1.0)], printed: 1 };

static HEAT_TRANSFER: Quantity = Quantity {
    name: "a coefficient of heat transfer",
    example: "20000 W/(m2 K)",
    units: &[("W/(m2 K)", 1.0)],
    printed: 1,
};

static HEAT_CAPACITY: Quantity = Quantity {
    name: "a heat capacity per volume",
    example: "1.66 MJ/(m3 K)",
    units: &[("J/(m3 K)", 1.0), ("MJ/(m3 K)", 1e6)],
    printed: 2,
};

static MILLIMETRES: Quantity = Quantity {
    name: "a length",
    example: "26 mm",
    units: &[("mm", 1.0), ("um", 1e-3), ("nm", 1e-6), ("m", 1e3), ("µm", 1e-3)],
    printed: 3,
};

static PER_SQUARE_MILLIMETRE: Quantity = Quantity {
    name: "a density of defects",
    example: "0.1 /cm2",
    units: &[("/mm2", 1.0), ("/cm2", 1e-2), ("1/cm2", 1e-2), ("/cm²", 1e-2)],
    printed: 2,
};

static USD: Quantity = Quantity {
    name: "an amount of money",
    example: "20 kUSD",
    units: &[("USD", 1.0), ("kUSD", 1e3), ("MUSD", 1e6), ("BUSD", 1e9), ("TUSD", 1e12)],
    printed: 5,
};

static USD_PER_HOUR: Quantity =
    Quantity { name: "a rate of money", example: "2.35 USD/h", units: &[("USD/h", 1.0)], printed: 1 };

static USD_PER_JOULE: Quantity = Quantity {
    name: "a price of energy",
    example: "0.085 USD/kWh",
    units: &[("USD/J", 1.0), ("USD/kWh", 1.0 / KWH), ("USD/MWh", 1e-3 / KWH)],
    printed: 2,
};

static USD_PER_WATT: Quantity = Quantity {
    name: "a price of capacity",
    example: "11.3 USD/W",
    units: &[("USD/W", 1.0), ("USD/kW", 1e-3), ("MUSD/MW", 1.0), ("BUSD/GW", 1.0)],
    printed: 1,
};

static USD_PER_BYTE: Quantity = Quantity {
    name: "a price of memory",
    example: "15.1 USD/GB",
    units: &[("USD/B", 1.0), ("USD/GB", 1e-9)],
    printed: 2,
};

static SQUARE_MILLIMETRES: Quantity = Quantity {
    name: "an area",
    example: "120 mm2",
    units: &[("mm2", 1.0), ("um2", 1e-6), ("mm²", 1.0), ("um²", 1e-6), ("µm²", 1e-6), ("µm2", 1e-6)],
    printed: 2,
};

/// Why a text is not the quantity that was asked for. The text is quoted shortened; whoever knows file and line puts them in front.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum UnitError {
    /// A number and nothing else.
    #[error("`{text}` has no unit: write {} like `{}`", wanted.name, wanted.example)]
    Bare {
        /// What was read.
        text: String,
        /// What was asked for.
        wanted: &'static Quantity,
    },
    /// It does not begin with a decimal number.
    #[error("`{text}` does not begin with a number: write {} like `{}`", wanted.name, wanted.example)]
    NotANumber {
        /// What was read.
        text: String,
        /// What was asked for.
        wanted: &'static Quantity,
    },
    /// No quantity has this unit.
    #[error("`{text}`: `{unit}` is not a unit of {} (use {})", wanted.name, symbols(wanted))]
    UnknownUnit {
        /// What was read.
        text: String,
        /// The part after the number.
        unit: String,
        /// What was asked for.
        wanted: &'static Quantity,
    },
    /// The unit belongs to another quantity.
    #[error("`{text}` is {}, where {} is wanted: write it like `{}`", found.name, wanted.name, wanted.example)]
    WrongQuantity {
        /// What was read.
        text: String,
        /// What the unit stands for.
        found: &'static Quantity,
        /// What was asked for.
        wanted: &'static Quantity,
    },
    /// Below zero.
    #[error("`{text}` is negative: {} is zero or more", wanted.name)]
    Negative {
        /// What was read.
        text: String,
        /// What was asked for.
        wanted: &'static Quantity,
    },
    /// Beyond the range of the type.
    #[error("`{text}` is too large for {}: check the unit", wanted.name)]
    TooLarge {
        /// What was read.
        text: String,
        /// What was asked for.
        wanted: &'static Quantity,
    },
    /// A size with a part of a byte.
    #[error("`{text}` is not a whole number of bytes: choose a smaller unit")]
    PartOfAByte {
        /// What was read.
        text: String,
    },
}

/// A text cut into its number and its unit, both checked.
struct Parsed<'a> {
    text: String,
    digits: &'a str,
    worth: f64,
    /// In the base unit.
    amount: f64,
}

impl Quantity {
    /// Cuts `text` into number and unit, and refuses what is not a non-negative finite amount of this quantity.
    fn parse<'a>(&'static self, text: &'a str) -> Result<Parsed<'a>, UnitError> {
        let wanted = self;
        let (digits, unit) = split(text.trim());
        let text = shorten(text.trim());
        let Ok(number) = digits.parse::<f64>() else {
            return Err(UnitError::NotANumber { text, wanted });
        };
        if unit.is_empty() {
            return Err(UnitError::Bare { text, wanted });
        }
        let Some(worth) = self.worth(unit) else {
            let other = QUANTITIES.iter().find(|q| q.worth(unit).is_some());
            return Err(match other {
                Some(found) => UnitError::WrongQuantity { text, found, wanted },
                None => UnitError::UnknownUnit { text, unit: shorten(unit), wanted },
            });
        };
        if digits.starts_with('-') {
            return Err(UnitError::Negative { text, wanted });
        }
        // Dividing by the power of ten, which binary64 holds, is exact where multiplying by its rounded inverse is not: `20 ns` must be 2e-8.
        let amount = if worth < 1.0 { number / (1.0 / worth).round() } else { number * worth };
        if !amount.is_finite() {
            return Err(UnitError::TooLarge { text, wanted });
        }
        Ok(Parsed { text, digits, worth, amount })
    }

    fn worth(&self, symbol: &str) -> Option<f64> {
        self.units.iter().find(|(name, _)| *name == symbol).map(|(_, worth)| *worth)
    }

    /// Prints `value` (in the base unit) with four significant digits in the fitting unit.
    fn print(&self, value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.units[0];
        if value == 0.0 || !value.is_finite() {
            return write!(f, "{value} {}", base.0);
        }
        let units = || self.units[..self.printed].iter().copied();
        let by_worth = |a: &(&str, f64), b: &(&str, f64)| a.1.total_cmp(&b.1);
        let fits = |unit: &(&str, f64)| four_digits(value / unit.1).abs() >= 1.0;
        let fitting = units().filter(fits).max_by(by_worth);
        let (symbol, worth) = fitting.or(units().min_by(by_worth)).unwrap_or(base);
        let shown = four_digits(value / worth);
        if shown.abs() < 1e6 && shown.abs() >= 1e-3 {
            write!(f, "{shown} {symbol}")
        } else {
            write!(f, "{shown:e} {symbol}")
        }
    }
}

/// `x` rounded to four significant decimal digits.
fn four_digits(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

/// Number and unit of a trimmed text. An `e` belongs to the number if digits follow it.
fn split(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let digit_at = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let sign_at = |i: usize| matches!(bytes.get(i), Some(b'+' | b'-'));
    let mut end = usize::from(sign_at(0));
    while digit_at(end) || bytes.get(end) == Some(&b'.') {
        end += 1;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + usize::from(sign_at(end + 1));
        if digit_at(exponent) {
            end = exponent;
            while digit_at(end) {
                end += 1;
            }
        }
    }
    (&text[..end], text[end..].trim_start())
}

/// At most 40 characters of `text`, for quoting.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn symbols(quantity: &Quantity) -> String {
    let names: Vec<_> = quantity.units[..quantity.printed].iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// An amount of memory or traffic, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The number of bytes as a real number, for ratios; rounded above 2^53.
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl Real for Bytes {
    fn amount(self) -> f64 {
        self.as_f64()
    }
    fn of(amount: f64) -> Bytes {
        Bytes(amount.round() as u64)
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Bytes, UnitError> {
        let Parsed { text, digits, worth, amount } = BYTES.parse(text)?;
        if let Ok(whole) = digits.parse::<u64>() {
            let bytes = whole.checked_mul(worth as u64);
            return bytes.map(Bytes).ok_or(UnitError::TooLarge { text, wanted: &BYTES });
        }
        // Binary64 holds every whole number up to 2^53; beyond, a fraction could vanish unseen.
        if amount > (1u64 << 53) as f64 {
            Err(UnitError::TooLarge { text, wanted: &BYTES })
        } else if amount.fract() != 0.0 {
            Err(UnitError::PartOfAByte { text })
        } else {
            Ok(Bytes(amount as u64))
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return BYTES.print(self.as_f64(), f);
        }
        let whole = |unit: &&(&str, f64)| self.0.is_multiple_of(unit.1 as u64);
        let units = if self.0 == 0 { &BYTES.units[..1] } else { &BYTES.units[..BYTES.printed] };
        let (symbol, worth) = units.iter().rev().find(whole).unwrap_or(&BYTES.units[0]);
        write!(f, "{} {symbol}", self.0 / *worth as u64)
    }
}

impl Mul<u64> for Bytes {
    type Output = Bytes;
    fn mul(self, count: u64) -> Bytes {
        Bytes(self.0 * count)
    }
}

/// The newtypes over `f64`: reading, printing, scaling by a number.
macro_rules! real_quantities {
    ($($(#[$doc:meta])* $name:ident: $row:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(pub f64);

        impl FromStr for $name {
            type Err = UnitError;
            fn from_str(text: &str) -> Result<$name, UnitError> {
                $row.parse(text).map(|parsed| $name(parsed.amount))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if f.alternate() {
                    return write!(f, "{:?} {}", self.0, $row.units[0].0);
                }
                $row.print(self.0, f)
            }
        }

        impl Real for $name {
            fn amount(self) -> f64 {
                self.0
            }
            fn of(amount: f64) -> $name {
                $name(amount)
            }
        }

        impl Mul<f64> for $name {
            type Output = $name;
            fn mul(self, factor: f64) -> $name {
                $name(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = $name;
            fn div(self, divisor: f64) -> $name {
                $name(self.0 / divisor)
            }
        }

        impl Div for $name {
            type Output = f64;
            fn div(self, other: $name) -> f64 {
                self.0 / other.0
            }
        }
    )*};
}

real_quantities! {
    /// A rate of traffic, in bytes per second.
    BytesPerSecond: BYTES_PER_SECOND;
    /// A frequency, in cycles per second.
    Hertz: HERTZ;
    /// A rate of arithmetic, in operations per second; a multiply-accumulate counts as two.
    OperationsPerSecond: OPERATIONS_PER_SECOND;
    /// A duration.
    Seconds: SECONDS;
    /// An energy.
    Joules: JOULES;
    /// A power.
    Watts: WATTS;
    /// A voltage.
    Volts: VOLTS;
    /// A span of years, of 365 days each.
    Years: YEARS;
    /// A temperature above absolute zero, or a difference of two.
    Kelvin: KELVIN;
    /// How well a material conducts heat, in W/(m K).
    WattsPerMetreKelvin: CONDUCTIVITY;
    /// Heat that a cooled surface gives off per area and difference of temperature, in W/(m2 K).
    WattsPerSquareMetreKelvin: HEAT_TRANSFER;
    /// Heat that a volume takes up per degree, in J/(m3 K).
    JoulesPerCubicMetreKelvin: HEAT_CAPACITY;
    /// A length on a die, a wafer or a package.
    Millimetres: MILLIMETRES;
    /// An area of silicon, in mm².
    SquareMillimetres: SQUARE_MILLIMETRES;
    /// Defects per mm² of silicon.
    PerSquareMillimetre: PER_SQUARE_MILLIMETRE;
    /// Money, in dollars of the United States.
    Usd: USD;
    /// Money per hour, as rent is quoted.
    UsdPerHour: USD_PER_HOUR;
    /// A price of energy.
    UsdPerJoule: USD_PER_JOULE;
    /// A price of electrical capacity.
    UsdPerWatt: USD_PER_WATT;
    /// A price of memory.
    UsdPerByte: USD_PER_BYTE;
}

/// What every quantity has: sums, differences, and the exact form as its debug form.
macro_rules! additive {
    ($($name:ident)*) => {$(
        impl Add for $name {
            type Output = $name;
            fn add(self, other: $name) -> $name {
                $name(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = $name;
            fn sub(self, other: $name) -> $name {
                $name(self.0 - other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: $name) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: $name) {
                *self = *self - other;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = $name>>(items: I) -> $name {
                items.fold($name::default(), Add::add)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self:#}")
            }
        }
    )*};
}

additive! { Bytes BytesPerSecond Hertz OperationsPerSecond Seconds Years Joules Watts Volts Kelvin }
additive! { WattsPerMetreKelvin WattsPerSquareMetreKelvin JoulesPerCubicMetreKelvin }
additive! { Millimetres SquareMillimetres PerSquareMillimetre Usd UsdPerHour UsdPerJoule UsdPerWatt UsdPerByte }

/// A plain number or a quantity, by its amount in the base unit: what the relations below compute with.
trait Real {
    fn amount(self) -> f64;
    fn of(amount: f64) -> Self;
}

impl Real for f64 {
    fn amount(self) -> f64 {
        self
    }
    fn of(amount: f64) -> f64 {
        amount
    }
}

/// Products and quotients of quantities that are quantities again (or plain numbers).
macro_rules! relations {
    ($($left:ident $op:tt $right:ident = $result:ident;)*) => {
        $(relations!(@ $left $op $right = $result);)*
    };
    (@ $left:ident * $right:ident = $result:ident) => {
        impl Mul<$right> for $left {
            type Output = $result;
            fn mul(self, right: $right) -> $result {
                $result::of(self.amount() * right.amount())
            }
        }
    };
    (@ $left:ident / $right:ident = $result:ident) => {
        impl Div<$right> for $left {
            type Output = $result;
            fn div(self, right: $right) -> $result {
                $result::of(self.amount() / right.amount())
            }
        }
    };
}

// A plain number stands for a count: of cycles, or of events. `Bytes * Hertz` reads the bytes as moved per cycle; a product that is
// `Bytes` is rounded to a whole number, and a negative one is zero.
relations! {
    Bytes / BytesPerSecond = Seconds;
    Bytes / Seconds = BytesPerSecond;
    Bytes * Hertz = BytesPerSecond;
    Bytes / Bytes = f64;
    BytesPerSecond * Seconds = Bytes;
    BytesPerSecond / Hertz = f64;
    Hertz * Seconds = f64;
    f64 / Hertz = Seconds;
    f64 / OperationsPerSecond = Seconds;
    f64 * Hertz = OperationsPerSecond;
    OperationsPerSecond * Seconds = f64;
    OperationsPerSecond / BytesPerSecond = f64;
    f64 / Seconds = Hertz;
    Joules / Seconds = Watts;
    Joules / Watts = Seconds;
    Joules * Hertz = Watts;
    Watts * Seconds = Joules;
    Watts / Hertz = Joules;
    Millimetres * Millimetres = SquareMillimetres;
    SquareMillimetres / Millimetres = Millimetres;
    SquareMillimetres * PerSquareMillimetre = f64;
    Joules * UsdPerJoule = Usd;
    Watts * UsdPerWatt = Usd;
    Bytes * UsdPerByte = Usd;
}
