//! A mapping as a loop nest that a person can read.

use super::{Found, Mapping, Order, Product, Source};
use base::tile::BLOCK;
use base::units::Bytes;
use std::fmt;

/// A mapping of a product, for printing.
pub struct Nest<'a> {
    mapping: &'a Mapping,
    product: &'a Product,
}

impl Found {
    /// The mapping as a loop nest over `product`.
    pub fn nest<'a>(&'a self, product: &'a Product) -> Nest<'a> {
        Nest { mapping: &self.mapping, product }
    }
}

impl Nest<'_> {
    fn activations(&self) -> String {
        let mapping = self.mapping;
        let bytes = Bytes(mapping.tokens * self.product.activation_row());
        let how = match mapping.source {
            Source::Memory => "load",
            Source::Gather => "load a share, gather the rest of",
        };
        format!(
            "{how} activations: {} x {} ({bytes}), {}",
            mapping.tokens,
            self.product.k,
            buffers(mapping.activation_buffers)
        )
    }
}

fn buffers(count: u64) -> &'static str {
    if count == 1 { "one buffer" } else { "two buffers" }
}

impl fmt::Display for Nest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mapping, product) = (self.mapping, self.product);
        let row_tiles = product.row_tiles().div_ceil(mapping.row_cores);
        let (rows, all_rows) = (mapping.rows * BLOCK as u64, row_tiles * BLOCK as u64);
        let tokens = product.m.div_ceil(mapping.token_cores);
        let cores = mapping.row_cores * mapping.token_cores;
        writeln!(
            f,
            "on {cores} cores: {} groups of rows x {} groups of tokens",
            mapping.row_cores, mapping.token_cores
        )?;
        let over_tokens = format!("for tokens in 0..{tokens} step {}", mapping.tokens);
        let over_rows = format!("for rows in 0..{all_rows} step {rows}");
        let load = self.activations();
        match mapping.order {
            Order::TokensOuter => writeln!(f, "  {over_tokens}\n    {load}\n    {over_rows}")?,
            Order::RowsOuter => writeln!(f, "  {over_rows}\n    {over_tokens}\n      {load}")?,
        }
        let weights = Bytes(mapping.rows * product.column_tiles() * product.weights.tile_bytes() as u64);
        writeln!(f, "      stream weights: {rows} x {} {} ({weights})", product.k, product.weights.name())?;
        writeln!(f, "      mm: {rows} rows x {} inputs x {} tokens", product.k, mapping.tokens)?;
        let result = Bytes(rows * mapping.tokens * 4);
        writeln!(f, "      store results: {} x {rows} ({result}), {}", mapping.tokens, buffers(mapping.result_buffers))
    }
}
