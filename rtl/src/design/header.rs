//! The ports of a verilated model, read from the header that Verilator writes.

use std::fmt::Write as _;

use crate::{Error, Result};

/// A port as the header declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Port {
    name: String,
    bits: u32,
    input: bool,
}

/// Every port, in the header's order. Lines look like `VL_IN8(&clk_i,0,0);` and `VL_OUTW(&data_o,511,0,16);`.
pub(super) fn ports(header: &str) -> Result<Vec<Port>> {
    let lines = header.lines().map(str::trim).filter(|line| line.starts_with("VL_IN") || line.starts_with("VL_OUT"));
    lines
        .map(|line| {
            port(line).ok_or_else(|| Error::Build(format!("Verilator declares a port in an unknown way: `{line}`")))
        })
        .collect()
}

fn port(line: &str) -> Option<Port> {
    let inside = line.split_once("(&")?.1.split_once(')')?.0;
    let mut words = inside.split(',');
    let name = words.next()?.to_owned();
    let (high, low): (u32, u32) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Port { name, bits: high.checked_sub(low)? + 1, input: line.starts_with("VL_IN") })
}

/// The macro that the shim includes.
pub(super) fn table(ports: &[Port]) -> String {
    let mut text = String::from("#define PUCE_PORTS");
    for Port { name, bits, input } in ports {
        write!(text, " \\\n  {{\"{name}\", &dut.{name}, {bits}, {}}},", u32::from(*input)).expect("a string grows");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_the_macros() {
        let header = "  // VL_IN\n    VL_IN8(&clk_i,0,0);\n    VL_OUTW(&w_o,99,0,4);\n    VL_IN64(&x_i,47,0);\n";
        let port = |name: &str, bits, input| Port { name: name.into(), bits, input };
        let found = ports(header).unwrap();
        assert_eq!(found, [port("clk_i", 1, true), port("w_o", 100, false), port("x_i", 48, true)]);
        assert!(table(&found).contains("{\"w_o\", &dut.w_o, 100, 0},"));
        assert!(ports("VL_IN8(clk_i);").unwrap_err().to_string().contains("unknown way"));
    }
}
