//! Where devices exchange, and how much.

use super::plan::{Builder, Kind, Rows};
use crate::format::Format;
use crate::network::Experts;
use crate::operator::CollectiveKind;
use crate::parallel::Mapping;

impl Builder<'_> {
    fn exchange(
        &mut self,
        label: &'static str,
        rows: Rows,
        kind: CollectiveKind,
        ranks: u64,
        bytes: f64,
        format: Format,
    ) {
        if ranks > 1 {
            self.add(label, rows, Kind::Collective { kind, ranks, bytes, format });
        }
    }

    fn hidden_bytes(&self, format: Format) -> f64 {
        self.shape.hidden as f64 * format.bytes()
    }

    /// The sum of partial results over the tensor-parallel devices.
    pub fn all_reduce(&mut self, label: &'static str) {
        let bytes = self.hidden_bytes(Format::Bf16);
        self.exchange(label, Rows::Tokens, CollectiveKind::AllReduce, self.mapping.tensor, bytes, Format::Bf16);
    }

    /// Every tensor-parallel device gets all logits.
    pub fn gather_logits(&mut self) {
        let bytes = self.shape.vocab as f64 * Format::Bf16.bytes();
        self.exchange(
            "gather of logits",
            Rows::Logits,
            CollectiveKind::AllGather,
            self.mapping.tensor,
            bytes,
            Format::Bf16,
        );
    }

    /// The residual stream goes from stage to stage, each tensor-parallel device sending its part.
    pub fn pipeline(&mut self) {
        let Mapping { pipeline, tensor, .. } = self.mapping;
        if pipeline > 1 {
            self.repeat = (pipeline - 1) as f64;
            let bytes = self.hidden_bytes(Format::Bf16) / tensor as f64;
            self.exchange("to the next stage", Rows::Tokens, CollectiveKind::SendReceive, 2, bytes, Format::Bf16);
            self.repeat = 1.0;
        }
    }

    /// Context parallelism: in prefill all keys and values (`kept` elements a position) come to every device; in decode all queries (`queries` elements)
    /// do, and partial results of the same width go back.
    pub fn context_exchange(&mut self, queries: f64, kept: f64) {
        let (ranks, cache) = (self.mapping.context, self.formats.cache);
        let bytes = queries * Format::Bf16.bytes();
        self.exchange(
            "gather of keys and values",
            Rows::PrefillGathered,
            CollectiveKind::AllGather,
            ranks,
            kept * cache.bytes(),
            cache,
        );
        self.exchange("gather of queries", Rows::DecodeGathered, CollectiveKind::AllGather, ranks, bytes, Format::Bf16);
        self.exchange(
            "sum of partial results",
            Rows::DecodeGathered,
            CollectiveKind::ReduceScatter,
            ranks,
            bytes,
            Format::Bf16,
        );
    }

    /// Tokens to the devices of their experts. Devices that share all tokens already (tensor parallelism alone) exchange nothing here.
    pub fn dispatch(&mut self, experts: &Experts) {
        let format = self.formats.expert_activations;
        let bytes = self.hidden_bytes(format);
        match self.routed_by() {
            Exchange::None => {}
            Exchange::AllToAll => {
                let copies = self.copies(experts) / self.mapping.tensor as f64;
                self.exchange(
                    "dispatch",
                    Rows::Tokens,
                    CollectiveKind::AllToAll,
                    self.mapping.expert,
                    copies * bytes,
                    format,
                );
            }
            Exchange::Gather => {
                let ranks = self.mapping.data * self.mapping.context;
                self.exchange("gather of tokens", Rows::GroupTokens, CollectiveKind::AllGather, ranks, bytes, format);
            }
        }
    }

    /// Results back from the experts, at 16 bits.
    pub fn combine(&mut self, experts: &Experts) {
        let bytes = self.hidden_bytes(Format::Bf16);
        let tensor = self.mapping.tensor;
        match self.routed_by() {
            Exchange::None => return self.all_reduce("FFN all-reduce"),
            Exchange::AllToAll => {
                let copies = self.copies(experts) / tensor as f64;
                self.exchange(
                    "combine",
                    Rows::Tokens,
                    CollectiveKind::AllToAll,
                    self.mapping.expert,
                    copies * bytes,
                    Format::Bf16,
                );
            }
            Exchange::Gather => {
                let ranks = self.mapping.stage_devices();
                self.exchange(
                    "scatter of sums",
                    Rows::GroupTokens,
                    CollectiveKind::ReduceScatter,
                    ranks,
                    bytes,
                    Format::Bf16,
                );
            }
        }
        // Each tensor-parallel device holds a part of its group's tokens now.
        self.exchange("gather of results", Rows::Tokens, CollectiveKind::AllGather, tensor, bytes, Format::Bf16);
        if experts.shared_inner > 0 {
            self.all_reduce("shared all-reduce");
        }
    }

    fn routed_by(&self) -> Exchange {
        match (self.mapping.data * self.mapping.context, self.mapping.expert_tensor()) {
            (1, _) => Exchange::None,
            (_, 1) => Exchange::AllToAll,
            _ => Exchange::Gather,
        }
    }

    /// Devices that hold at least one of a token's experts, on average for an even choice: a token travels once to each.
    fn copies(&self, experts: &Experts) -> f64 {
        let devices = self.mapping.expert as f64;
        let missed = 1.0 - 1.0 / devices;
        devices * (1.0 - missed.powf(experts.top_k as f64))
    }
}

/// How tokens reach experts.
enum Exchange {
    /// All devices have all tokens.
    None,
    /// Each token goes to the devices of its experts.
    AllToAll,
    /// All tokens go everywhere: experts are split by width across the data-parallel devices.
    Gather,
}
