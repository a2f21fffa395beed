//! A chip description as parameters of the top module.

use arch::Chip;
use arch::attr::Unit;

/// A chip that the design cannot be built for: one sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("chip `{chip}`: {what}")]
pub struct Unbuildable {
    /// The chip's name.
    pub chip: String,
    /// What is asked for and what would do.
    pub what: String,
}

/// Names and values of the parameters of `puce_top` for this chip.
///
/// # Errors
/// When the design has no such shape.
pub fn of_chip(chip: &Chip) -> Result<Vec<(&'static str, u64)>, Unbuildable> {
    shape(chip).map_err(|what| Unbuildable { chip: chip.name.clone(), what })?;
    let matrix = &chip.matrix;
    Ok(vec![
        ("Cores", chip.core.count as u64),
        ("MemPorts", chip.memory_ports() as u64),
        ("PortBytes", chip.memory.port.0),
        ("SpadBytes", chip.core.scratchpad.0),
        ("SpadBanks", chip.core.banks as u64),
        ("MatrixRows", matrix.rows as u64),
        ("MatrixDepth", matrix.depth as u64),
        ("MatrixColumns", matrix.columns as u64),
        ("MatrixTokens", matrix.tokens as u64),
        ("BufferBytes", matrix.buffer.0),
        ("Lanes", chip.vector_lanes as u64),
        ("QueueLoad", chip.queue(Unit::Load) as u64),
        ("QueueWeights", chip.queue(Unit::Weights) as u64),
        ("QueueMatrix", chip.queue(Unit::Matrix) as u64),
        ("QueueVector", chip.queue(Unit::Vector) as u64),
        ("QueueStore", chip.queue(Unit::Store) as u64),
        ("QueueExchange", chip.queue(Unit::Exchange) as u64),
        ("Params", chip.parameters as u64),
    ])
}

fn shape(chip: &Chip) -> Result<(), String> {
    let port = chip.memory.port.0;
    let (banks, lanes, buffer) = (chip.core.banks, chip.vector_lanes, chip.matrix.buffer.0);
    if !port.is_power_of_two() {
        return Err(format!("a memory port of {port} bytes: the design needs a power of two, such as 64 B"));
    }
    if !banks.is_power_of_two() {
        return Err(format!("{banks} scratchpad banks: the design needs a power of two, such as 8"));
    }
    if !lanes.is_multiple_of(8) {
        return Err(format!("{lanes} vector lanes: the design has groups of 8, one scratchpad word of binary32"));
    }
    if !buffer.is_multiple_of(port) || buffer < 2 * port {
        return Err(format!(
            "a weight buffer of {buffer} bytes: the design needs a multiple of the port's {port} bytes, at least two"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_chips_have_ports_for_their_bandwidth() {
        assert_eq!(Chip::builtin("nano").unwrap().memory_ports(), 1);
        assert_eq!(Chip::builtin("one").unwrap().memory_ports(), 16);
    }

    #[test]
    fn what_cannot_be_built_is_said_in_a_sentence() {
        let mut chip = Chip::builtin("nano").unwrap();
        assert!(of_chip(&chip).unwrap().contains(&("QueueExchange", 4)));
        chip.vector_lanes = 12;
        let refused = of_chip(&chip).unwrap_err().to_string();
        assert_eq!(
            refused,
            "chip `nano`: 12 vector lanes: the design has groups of 8, one scratchpad word of binary32"
        );
    }
}
