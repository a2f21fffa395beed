//! The modules that a synthesis looks at, and their parameters for a chip.

use arch::Chip;

use crate::params::{self, Unbuildable};

/// A module that stands for a part of the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// The name that people ask for.
    pub key: &'static str,
    /// The module.
    pub top: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Its parameters, each with the parameter of the whole chip that it is.
    params: &'static [(&'static str, &'static str)],
    /// Parameters of the chip whose product is the number of products of a 4-bit weight and an 8-bit activation per cycle.
    products: &'static [&'static str],
    /// Modules below it that are mapped apart, each once.
    pub(super) apart: &'static [&'static str],
    /// Modules of the list that are boxes while it is mapped: their own results come in afterwards.
    pub(super) blocks: &'static [&'static str],
    /// Whether it has places of its own where it is a block: all of its instances look alike.
    pub(super) hard: bool,
    /// The input that is high when the module takes something in.
    pub(super) busy: Option<&'static str>,
}

const fn plain(key: &'static str, top: &'static str, what: &'static str) -> Module {
    Module { key, top, what, params: &[], products: &[], apart: &[], blocks: &[], hard: false, busy: None }
}

/// Modules of which a recording is worth having: they take most of the power of the engines, and hold no memory.
pub const RECORDED: &[&str] = &["puce_lane", "puce_matrix_row", "puce_vector_lane"];

/// The standard list.
pub const MODULES: &[Module] = &[
    Module {
        params: &[("Depth", "MatrixDepth"), ("Columns", "MatrixColumns")],
        products: &["MatrixDepth", "MatrixColumns"],
        busy: Some("valid_i"),
        hard: true,
        ..plain("lane", "puce_lane", "dot products of one row of weights, every kind")
    },
    Module {
        params: &[("Rows", "MatrixRows"), ("Depth", "MatrixDepth"), ("Columns", "MatrixColumns")],
        products: &["MatrixRows", "MatrixDepth", "MatrixColumns"],
        blocks: &["lane"],
        ..plain("array", "synth_array", "the lanes of the matrix engine")
    },
    plain("fp-add", "puce_fp_add", "binary32 sum"),
    plain("fp-mul", "puce_fp_mul", "binary32 product"),
    plain("divsqrt", "puce_fp_divsqrt", "binary32 reciprocal and root"),
    plain("grid-place", "puce_grid_place", "a product placed on the grid"),
    plain("grid-f32", "puce_grid_f32", "a sum on the grid to binary32"),
    Module {
        params: &[("Columns", "MatrixColumns")],
        busy: Some("add_i"),
        hard: true,
        ..plain("row", "puce_matrix_row", "scales, grid and sums of one row of weights")
    },
    Module { hard: true, ..plain("vector-lane", "puce_vector_lane", "one binary32 lane: two products, two sums") },
    plain("vector-sum", "puce_vector_sum", "the sums on the grid of the vector engine"),
    Module {
        params: &[("Params", "Params")],
        ..plain("control", "puce_control", "instruction decoder, registers, loops")
    },
    Module { params: &[("PortBytes", "PortBytes")], ..plain("fetch", "puce_fetch", "instruction fetch and its cache") },
    plain("queue", "puce_queue", "a queue of instructions"),
    plain("front", "puce_front", "a command's assembly and what it waits for"),
    Module { params: &[("PortBytes", "PortBytes")], ..plain("load", "puce_load", "the load engine") },
    Module { params: &[("PortBytes", "PortBytes")], ..plain("store", "puce_store", "the store engine") },
    Module {
        params: &[("PortBytes", "PortBytes"), ("BufferBytes", "BufferBytes")],
        ..plain("weights", "puce_weights", "the weights engine")
    },
    plain("exchange", "puce_exchange", "the exchange engine"),
    Module {
        params: &[("Bytes", "SpadBytes"), ("Banks", "SpadBanks")],
        apart: &["puce_bank"],
        ..plain("scratchpad", "puce_scratchpad", "the scratchpad's ports, banks and guards")
    },
    Module {
        params: &[
            ("Rows", "MatrixRows"),
            ("Depth", "MatrixDepth"),
            ("Columns", "MatrixColumns"),
            ("Tokens", "MatrixTokens"),
            ("PortBytes", "PortBytes"),
        ],
        products: &["MatrixRows", "MatrixDepth", "MatrixColumns"],
        apart: &["puce_grid_f32"],
        blocks: &["lane", "row"],
        ..plain("matrix", "puce_matrix", "the matrix engine")
    },
    Module {
        params: &[("Lanes", "Lanes")],
        apart: &["puce_fp_divsqrt", "puce_grid_place"],
        blocks: &["vector-lane"],
        ..plain("vector", "puce_vector", "the vector engine")
    },
    Module {
        params: &[
            ("PortBytes", "PortBytes"),
            ("SpadBytes", "SpadBytes"),
            ("SpadBanks", "SpadBanks"),
            ("MatrixRows", "MatrixRows"),
            ("MatrixDepth", "MatrixDepth"),
            ("MatrixColumns", "MatrixColumns"),
            ("MatrixTokens", "MatrixTokens"),
            ("BufferBytes", "BufferBytes"),
            ("Lanes", "Lanes"),
            ("QueueLoad", "QueueLoad"),
            ("QueueWeights", "QueueWeights"),
            ("QueueMatrix", "QueueMatrix"),
            ("QueueVector", "QueueVector"),
            ("QueueStore", "QueueStore"),
            ("QueueExchange", "QueueExchange"),
            ("Params", "Params"),
        ],
        products: &["MatrixRows", "MatrixDepth", "MatrixColumns"],
        apart: &["puce_front"],
        blocks: &["control", "fetch", "load", "weights", "matrix", "vector", "store", "exchange", "scratchpad"],
        ..plain("core", "puce_core", "the core as a whole")
    },
];

/// Modules that stand for compiled memories: they are left out, and their bits are counted.
pub const MEMORIES: &[&str] = &["puce_sram", "puce_ram"];

impl Module {
    /// The module of this name.
    pub fn named(key: &str) -> Option<&'static Module> {
        MODULES.iter().find(|module| module.key == key)
    }

    /// The modules of the list that are blocks of it, and the blocks of those.
    pub(super) fn all_blocks(&self) -> Vec<&'static Module> {
        let mut found: Vec<&'static Module> = Vec::new();
        for key in self.blocks {
            let block = Module::named(key).expect("the list names its own modules");
            for each in block.all_blocks().into_iter().chain([block]) {
                if !found.contains(&each) {
                    found.push(each);
                }
            }
        }
        found
    }

    /// The module's parameters for a chip.
    ///
    /// # Errors
    /// When the design has no such shape.
    pub fn params(&self, chip: &Chip) -> Result<Vec<(&'static str, u64)>, Unbuildable> {
        let all = params::of_chip(chip)?;
        Ok(self.params.iter().map(|(own, whole)| (*own, value(&all, whole))).collect())
    }

    /// Products of a 4-bit weight and an 8-bit activation per cycle; `None` where the module is not made of them.
    ///
    /// # Errors
    /// When the design has no such shape.
    pub fn products(&self, chip: &Chip) -> Result<Option<u64>, Unbuildable> {
        let all = params::of_chip(chip)?;
        let product = self.products.iter().map(|whole| value(&all, whole)).product();
        Ok((!self.products.is_empty()).then_some(product))
    }
}

fn value(all: &[(&'static str, u64)], name: &str) -> u64 {
    all.iter().find(|(known, _)| *known == name).expect("the list names parameters of the chip").1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources;

    #[test]
    fn every_module_of_the_list_is_in_the_design_and_has_its_parameters() {
        let chip = Chip::builtin("nano").unwrap();
        for module in MODULES {
            let sources = sources::all().iter().chain(super::super::EXTRA);
            let source = sources.copied().find(|(path, _)| sources::unit(path) == module.top);
            let (_, text) = source.unwrap_or_else(|| panic!("{} is not in the design", module.top));
            for (name, _) in module.params(&chip).unwrap() {
                let words = text.split(|c: char| !c.is_ascii_alphanumeric());
                assert!(words.into_iter().any(|word| word == name), "{} has no {name}", module.top);
            }
        }
        let names: Vec<&str> = sources::all().iter().map(|(path, _)| sources::unit(path)).collect();
        for module in MODULES {
            assert!(module.apart.iter().all(|name| names.contains(name)), "{}", module.key);
            assert!(module.blocks.iter().all(|key| Module::named(key).is_some()), "{}", module.key);
            // A block that is placed once holds no other.
            assert!(!module.hard || module.blocks.is_empty(), "{}", module.key);
        }
        let core: Vec<&str> = Module::named("core").unwrap().all_blocks().iter().map(|block| block.key).collect();
        assert!(["lane", "row", "vector-lane", "matrix", "control"].iter().all(|key| core.contains(key)), "{core:?}");
        assert_eq!(Module::named("array").unwrap().products(&chip).unwrap(), Some(16 * 8 * 4));
        assert_eq!(Module::named("fp-add").unwrap().products(&chip).unwrap(), None);
    }
}
