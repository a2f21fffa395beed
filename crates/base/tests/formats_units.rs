//! Units: reading, printing, refusals and the arithmetic between quantities.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use base::units::*;
use proptest::prelude::*;

fn parse<T: FromStr<Err = UnitError>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn sizes_are_exact() {
    let table: &[(&str, u64)] = &[
        ("0 B", 0),
        ("512 KiB", 512 << 10),
        ("512KiB", 512 << 10),
        ("  12   GiB ", 12 << 30),
        ("1.5 MiB", 3 << 19),
        ("80 GB", 80_000_000_000),
        ("64 kB", 64_000),
        ("2.5e3 B", 2500),
        ("+7 B", 7),
        ("18446744073709551615 B", u64::MAX),
        ("9007199254740993 B", (1 << 53) + 1),
        ("16777215 TiB", 16_777_215 << 40),
    ];
    for (text, bytes) in table {
        assert_eq!(parse::<Bytes>(text), Bytes(*bytes), "{text}");
    }
}

#[test]
fn reals_are_the_nearest_to_what_is_written() {
    assert_eq!(parse::<Hertz>("1.8 GHz"), Hertz(1.8e9));
    assert_eq!(parse::<Hertz>("32768 Hz"), Hertz(32768.0));
    assert_eq!(parse::<BytesPerSecond>("8 TB/s"), BytesPerSecond(8e12));
    assert_eq!(parse::<BytesPerSecond>("2 GiB/s"), BytesPerSecond(2147483648.0));
    assert_eq!(parse::<Volts>("0.7 V"), Volts(0.7));
    assert_eq!(parse::<Volts>("700mV"), Volts(0.7));
    assert_eq!(parse::<Seconds>("20 ns"), Seconds(20e-9));
    assert_eq!(parse::<Seconds>("3 µs"), Seconds(3e-6));
    assert_eq!(parse::<Seconds>("1e-3 s"), Seconds(1e-3));
    assert_eq!(parse::<Joules>("64 fJ"), Joules(64e-15));
    assert_eq!(parse::<Watts>("3 MW"), Watts(3e6));
    assert_eq!(parse::<Watts>("3 mW"), Watts(3e-3));
    assert_eq!(parse::<SquareMillimetres>("814 mm²"), SquareMillimetres(814.0));
    assert_eq!(parse::<SquareMillimetres>("21 um2"), SquareMillimetres(21e-6));
    assert_eq!(parse::<Seconds>("2 h"), Seconds(7200.0));
    assert_eq!(parse::<Joules>("1.5 kWh"), Joules(5.4e6));
    assert_eq!(parse::<Years>("18 months"), Years(1.5));
    assert_eq!(parse::<Millimetres>("300 um"), Millimetres(0.3));
    assert_eq!(parse::<PerSquareMillimetre>("0.1 /cm2"), PerSquareMillimetre(1e-3));
    assert_eq!(parse::<Usd>("1.4 TUSD"), Usd(1.4e12));
    assert_eq!(parse::<UsdPerWatt>("11.3 MUSD/MW"), UsdPerWatt(11.3));
    assert_eq!(parse::<UsdPerJoule>("90 USD/MWh"), parse::<UsdPerJoule>("0.09 USD/kWh"));
    assert_eq!(parse::<UsdPerByte>("15 USD/GB"), UsdPerByte(15e-9));
}

#[test]
fn examples_and_symbols_of_the_table_can_be_read() {
    fn check<T: FromStr<Err = UnitError>>(quantity: &Quantity) {
        parse::<T>(quantity.example);
        for (symbol, _) in quantity.units {
            parse::<T>(&format!("3 {symbol}"));
        }
    }
    let checks: [fn(&Quantity); QUANTITIES.len()] = [
        check::<Bytes>,
        check::<BytesPerSecond>,
        check::<Hertz>,
        check::<OperationsPerSecond>,
        check::<Seconds>,
        check::<Years>,
        check::<Joules>,
        check::<Watts>,
        check::<Volts>,
        check::<Kelvin>,
        check::<WattsPerMetreKelvin>,
        check::<WattsPerSquareMetreKelvin>,
        check::<JoulesPerCubicMetreKelvin>,
        check::<Millimetres>,
        check::<SquareMillimetres>,
        check::<PerSquareMillimetre>,
        check::<Usd>,
        check::<UsdPerHour>,
        check::<UsdPerJoule>,
        check::<UsdPerWatt>,
        check::<UsdPerByte>,
    ];
    for (quantity, check) in QUANTITIES.iter().zip(checks) {
        check(quantity);
        assert_eq!(quantity.units[0].1, 1.0, "the first unit of {} is its base", quantity.name);
    }
    let symbols = QUANTITIES.iter().flat_map(|quantity| quantity.units).map(|(symbol, _)| *symbol);
    let mut symbols: Vec<_> = symbols.collect();
    let all = symbols.len();
    symbols.sort_unstable();
    symbols.dedup();
    assert_eq!(symbols.len(), all, "a symbol has one meaning");
}

#[test]
fn refusals_are_sentences() {
    fn refusal<T: FromStr<Err = UnitError> + Debug>(text: &str) -> String {
        text.parse::<T>().expect_err(text).to_string()
    }
    let long = "9".repeat(400) + " B";
    let table = [
        (refusal::<Bytes>("512"), "`512` has no unit: write a size like `512 KiB`"),
        (refusal::<Hertz>("1.8e9"), "`1.8e9` has no unit: write a frequency like `1.8 GHz`"),
        (refusal::<Bytes>(""), "`` does not begin with a number: write a size like `512 KiB`"),
        (refusal::<Volts>("V"), "`V` does not begin with a number: write a voltage like `0.7 V`"),
        (refusal::<Volts>("NaN V"), "`NaN V` does not begin with a number: write a voltage like `0.7 V`"),
        (refusal::<Watts>("inf W"), "`inf W` does not begin with a number: write a power like `45 W`"),
        (refusal::<Watts>("1.2.3 W"), "`1.2.3 W` does not begin with a number: write a power like `45 W`"),
        (refusal::<Bytes>("512 KB"), "`512 KB`: `KB` is not a unit of a size (use B, KiB, MiB, GiB, TiB)"),
        (refusal::<Hertz>("1.8 ghz"), "`1.8 ghz`: `ghz` is not a unit of a frequency (use Hz, kHz, MHz, GHz, THz)"),
        (refusal::<Hertz>("1,8 GHz"), "`1,8 GHz`: `,8 GHz` is not a unit of a frequency (use Hz, kHz, MHz, GHz, THz)"),
        (refusal::<Volts>("1e V"), "`1e V`: `e V` is not a unit of a voltage (use V, mV, kV)"),
        (refusal::<Bytes>("8 TB/s"), "`8 TB/s` is a bandwidth, where a size is wanted: write it like `512 KiB`"),
        (refusal::<Seconds>("1.8 GHz"), "`1.8 GHz` is a frequency, where a time is wanted: write it like `20 ns`"),
        (refusal::<Hertz>("-1 GHz"), "`-1 GHz` is negative: a frequency is zero or more"),
        (refusal::<Bytes>("-0 B"), "`-0 B` is negative: a size is zero or more"),
        (refusal::<Bytes>("16777216 TiB"), "`16777216 TiB` is too large for a size: check the unit"),
        (
            refusal::<Bytes>("18446744073709551616 B"),
            "`18446744073709551616 B` is too large for a size: check the unit",
        ),
        (refusal::<Bytes>("1e300 B"), "`1e300 B` is too large for a size: check the unit"),
        (refusal::<Hertz>("1e400 Hz"), "`1e400 Hz` is too large for a frequency: check the unit"),
        (refusal::<Hertz>("1e300 GHz"), "`1e300 GHz` is too large for a frequency: check the unit"),
        (refusal::<Bytes>("1.3 KiB"), "`1.3 KiB` is not a whole number of bytes: choose a smaller unit"),
        (refusal::<Bytes>(&long), &format!("`{}...` is too large for a size: check the unit", "9".repeat(40))),
    ];
    for (found, expected) in &table {
        assert_eq!(found, expected);
    }
}

#[test]
fn printing_picks_the_unit() {
    fn show(value: impl Display, expected: &str) {
        assert_eq!(value.to_string(), expected);
    }
    show(Bytes(0), "0 B");
    show(Bytes(1023), "1023 B");
    show(Bytes(1536), "1.5 KiB");
    show(Bytes(1_048_575), "1 MiB");
    show(Bytes(12 << 30), "12 GiB");
    show(Bytes(5000 << 40), "5000 TiB");
    show(BytesPerSecond(8e12), "8 TB/s");
    show(BytesPerSecond(1_234_567.0), "1.235 MB/s");
    show(Hertz(999_960.0), "1 MHz");
    show(Hertz(1.8e9), "1.8 GHz");
    show(Hertz(0.25), "0.25 Hz");
    show(Seconds(8.59e-3), "8.59 ms");
    show(Seconds(2e-8), "20 ns");
    show(Seconds(-2e-8), "-20 ns");
    show(Seconds(86400.0), "86400 s");
    show(Seconds(1e-21), "1e-9 ps");
    show(Seconds(f64::INFINITY), "inf s");
    show(Joules(1.25e-12), "1.25 pJ");
    show(Watts(0.0), "0 W");
    show(Watts(1450.0), "1.45 kW");
    show(Volts(0.7), "700 mV");
    show(SquareMillimetres(21e-6), "21 um2");
    show(SquareMillimetres(814.0), "814 mm2");
    show(Hertz(1.5e30), "1.5e18 THz");
    show(Usd(5612.4), "5.612 kUSD");
    show(Usd(0.0603), "0.0603 USD");
    show(UsdPerHour(1.95), "1.95 USD/h");
    show(parse::<UsdPerJoule>("0.085 USD/kWh"), "0.085 USD/kWh");
    show(UsdPerByte(15.1e-9), "15.1 USD/GB");
    show(PerSquareMillimetre(1e-3), "0.1 /cm2");
    show(Kelvin(358.15), "358.1 K");
    assert_eq!(format!("{:#} {:#} {:#}", Bytes(0), Bytes(1537), Bytes(3 << 20)), "0 B 1537 B 3 MiB");
    assert_eq!(format!("{:#} {:?}", Hertz(1.8e9), Volts(0.1)), "1800000000.0 Hz 0.1 V");
}

#[test]
fn quantities_combine() {
    let (size, rate, time) = (Bytes(3_000_000_000), BytesPerSecond(1.5e12), Seconds(2e-3));
    assert_eq!(size / rate, time);
    assert_eq!(size / time, rate);
    assert_eq!(rate * time, size);
    assert_eq!(Bytes(64) * Hertz(2e9), BytesPerSecond(128e9));
    assert_eq!(BytesPerSecond(128e9) / Hertz(2e9), 64.0);
    assert_eq!((Hertz(2e9) * Seconds(0.5), 1e9 / Hertz(2e9), 1e9 / Seconds(0.5)), (1e9, Seconds(0.5), Hertz(2e9)));
    assert_eq!((Joules(6.0) / Seconds(2.0), Joules(6.0) / Watts(3.0)), (Watts(3.0), Seconds(2.0)));
    assert_eq!((Watts(3.0) * Seconds(2.0), Joules(2.0) * Hertz(3.0)), (Joules(6.0), Watts(6.0)));
    assert_eq!(Watts(6.0) / Hertz(3.0), Joules(2.0));
    assert_eq!(Bytes(1 << 20) / Bytes(1 << 10), 1024.0);
    assert_eq!(Millimetres(26.0) * Millimetres(33.0), SquareMillimetres(858.0));
    assert_eq!(SquareMillimetres(800.0) * PerSquareMillimetre(1e-3), 0.8);
    assert_eq!(Watts(2.0) * UsdPerWatt(3.0) + Joules(3.0) * UsdPerJoule(2.0), Usd(12.0));
    assert_eq!(Bytes(1 << 30) * UsdPerByte(0.5), Usd((1u64 << 29) as f64));
    assert_eq!(Volts(0.9) / Volts(0.6), 1.5);
    assert_eq!((Seconds(3.0) * 2.0, Seconds(3.0) / 2.0), (Seconds(6.0), Seconds(1.5)));
    assert_eq!(Bytes(3) * 5 + Bytes(1) - Bytes(2), Bytes(14));
    assert_eq!([Watts(1.5), Watts(2.5)].into_iter().sum::<Watts>(), Watts(4.0));
    let mut total = Bytes(1);
    total += Bytes(9);
    total -= Bytes(4);
    assert_eq!(total, Bytes(6));
    assert!(Hertz(1e9) < Hertz(2e9));
}

proptest! {
    #[test]
    fn the_exact_form_reads_back(bytes in any::<u64>(), shift in 0..64u32, real in 0.0..1e30f64) {
        let size = Bytes(bytes >> shift);
        prop_assert_eq!(parse::<Bytes>(&format!("{size:#}")), size);
        let (time, power) = (Seconds(real), Watts(1.0 / real));
        prop_assert_eq!(parse::<Seconds>(&format!("{time:#}")), time);
        prop_assert_eq!(parse::<Watts>(&format!("{power:#}")), power);
    }

    #[test]
    fn the_short_form_is_near(exponent in -14..14i32, mantissa in 1.0..10.0f64) {
        let energy = Joules(mantissa * 10f64.powi(exponent));
        let read = parse::<Joules>(&energy.to_string());
        prop_assert!((read / energy - 1.0).abs() < 5.1e-4, "{:#} as {}", energy, energy);
    }

    #[test]
    fn no_text_panics(text in ".{0,60}", number in "[-+0-9.eE]{0,12} ?[KMGkmBHzsJWV/µ²2i]{0,5}") {
        for text in [text, number] {
            for error in [text.parse::<Bytes>().err(), text.parse::<Hertz>().err(), text.parse::<Seconds>().err()] {
                prop_assert!(error.is_none_or(|error| error.to_string().len() < 400));
            }
        }
    }
}
