//! A network divided among devices, ready for any step.

use super::{Counted, Formats, Part, Work, layers};
use crate::format::Format;
use crate::network::Shape;
use crate::operator::{
    Attention, Collective, CollectiveKind, Experts, Gemm, Latent, Operator, Phase, Spread, Stream, StreamKind,
};
use crate::parallel::Mapping;

/// Most sequences of a step. These three are far above what any machine runs, and far below where products of counts overflow: larger ones are taken as
/// these.
const MOST_SEQUENCES: u64 = 1 << 20;
/// Most positions of a sequence.
const MOST: u64 = 1 << 28;
/// Most rows of an operator.
const MOST_ROWS: u64 = 1 << 36;

/// A network, its formats and a mapping, lowered as far as it goes without knowing the step.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(super) mapping: Mapping,
    pub(super) formats: Formats,
    pub(super) shape: Shape,
    templates: Vec<Template>,
}

/// How many rows an operator has in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// New positions on this device.
    Tokens,
    /// Of those, positions in decode.
    DecodeTokens,
    /// Of those, positions in prefill.
    PrefillTokens,
    /// Positions that prefill sees, cached ones included.
    PrefillSeen,
    /// New positions of prefill over the context-parallel group.
    PrefillGathered,
    /// New positions of decode over the context-parallel group.
    DecodeGathered,
    /// Positions whose logits are wanted.
    Logits,
    /// New positions over all devices.
    GroupTokens,
}

/// An operator without its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Gemm {
        n: u64,
        k: u64,
        count: u64,
        weights: Format,
        activations: Format,
        output: Format,
    },
    Attention {
        heads: u64,
        kv_heads: u64,
        head_dim: u64,
        window: Option<u64>,
    },
    Latent {
        phase: Phase,
        heads: u64,
        kv_rank: u64,
        rope_dim: u64,
        nope_dim: u64,
        value_dim: u64,
    },
    Experts(Experts),
    /// Bytes and operations per row.
    Stream {
        kind: StreamKind,
        width: u64,
        read: f64,
        written: f64,
        operations: f64,
    },
    /// Bytes of the full message per row.
    Collective {
        kind: CollectiveKind,
        ranks: u64,
        bytes: f64,
        format: Format,
    },
}

#[derive(Clone, Debug, PartialEq)]
struct Template {
    label: &'static str,
    part: Part,
    count: f64,
    rows: Rows,
    kind: Kind,
}

/// Collects templates; equal ones of different layers become one with a higher count.
pub(super) struct Builder<'a> {
    pub shape: &'a Shape,
    pub mapping: Mapping,
    pub formats: Formats,
    pub spread: Spread,
    /// Layers that the templates being added belong to.
    pub repeat: f64,
    /// Part that they belong to.
    pub part: Part,
    templates: Vec<Template>,
}

impl Builder<'_> {
    pub fn add(&mut self, label: &'static str, rows: Rows, kind: Kind) {
        let (part, count) = (self.part, self.repeat);
        let same = |t: &&mut Template| t.label == label && t.part == part && t.rows == rows && t.kind == kind;
        match self.templates.iter_mut().find(same) {
            Some(template) => template.count += count,
            None => self.templates.push(Template { label, part, count, rows, kind }),
        }
    }

    /// A product with the network's usual weights and activations, and 16-bit results.
    pub fn product(&mut self, label: &'static str, rows: Rows, n: u64, k: u64) {
        let Formats { weights, activations, .. } = self.formats;
        self.add(label, rows, Kind::Gemm { n, k, count: 1, weights, activations, output: Format::Bf16 });
    }

    /// A product that quantised checkpoints leave at 16 bits.
    pub fn wide_product(&mut self, label: &'static str, rows: Rows, n: u64, k: u64, count: u64) {
        let wide = self.formats.head;
        self.add(label, rows, Kind::Gemm { n, k, count, weights: wide, activations: wide, output: wide });
    }

    /// A streaming operator: bytes read and written per row, operations per element.
    pub fn stream(
        &mut self,
        label: &'static str,
        rows: Rows,
        kind: StreamKind,
        width: u64,
        [read, written]: [f64; 2],
        per_element: f64,
    ) {
        self.add(label, rows, Kind::Stream { kind, width, read, written, operations: per_element * width as f64 });
    }
}

/// The counts of a step that operators ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    tokens: u64,
    decode: u64,
    prefill: u64,
    seen: u64,
    prefill_gathered: u64,
    decode_gathered: u64,
    logits: u64,
    group: u64,
}

impl Counts {
    fn of(&self, rows: Rows) -> u64 {
        let count = match rows {
            Rows::Tokens => self.tokens,
            Rows::DecodeTokens => self.decode,
            Rows::PrefillTokens => self.prefill,
            Rows::PrefillSeen => self.seen,
            Rows::PrefillGathered => self.prefill_gathered,
            Rows::DecodeGathered => self.decode_gathered,
            Rows::Logits => self.logits,
            Rows::GroupTokens => self.group,
        };
        count.min(MOST_ROWS)
    }
}

/// The share of a [`Work`] that one device attends to.
struct Share {
    phase: Phase,
    sequences: u64,
    queries: u64,
    past: u64,
    /// Sequences whose rows this device computes outside of attention.
    linear: u64,
}

impl Plan {
    /// Lowers a network. Widths that a degree does not divide are rounded up, as if the last device idled; [`Mapping::check`] refuses what no software runs.
    pub fn new(shape: &Shape, formats: Formats, mapping: Mapping, spread: Spread) -> Plan {
        let mut builder =
            Builder { shape, mapping, formats, spread, repeat: 1.0, part: Part::Embedding, templates: Vec::new() };
        layers::lower(&mut builder);
        Plan { mapping, formats, shape: shape.clone(), templates: builder.templates }
    }

    /// The mapping.
    pub fn mapping(&self) -> Mapping {
        self.mapping
    }

    /// The formats.
    pub fn formats(&self) -> Formats {
        self.formats
    }

    /// The network.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Parts that go through the pipeline one after the other: at most one per stage.
    pub fn micro_batches(&self, step: &[Work]) -> u64 {
        let sequences = step.iter().map(|work| work.sequences.min(MOST_SEQUENCES)).sum::<u64>();
        self.mapping.pipeline.min(sequences.div_ceil(self.mapping.data)).max(1)
    }

    /// The operators of one device for one micro-batch of a step, through all pipeline stages: each stage runs its share of the layers.
    pub fn operators(&self, step: &[Work]) -> Vec<Counted> {
        let mut list = Vec::with_capacity(self.templates.len() + 8);
        self.visit(step, |counted| list.push(*counted));
        list
    }

    /// Calls `each` with every operator of [`Plan::operators`], without allocating.
    pub fn visit(&self, step: &[Work], mut each: impl FnMut(&Counted)) {
        let micro = self.micro_batches(step);
        let counts = self.counts(step, micro);
        for template in &self.templates {
            let Template { label, part, count, .. } = *template;
            match template.kind {
                Kind::Attention { heads, kv_heads, head_dim, window } => {
                    for work in step {
                        let share = self.share(work, micro);
                        if share.sequences == 0 || share.queries == 0 {
                            continue;
                        }
                        let Share { phase, sequences, queries, past, .. } = share;
                        let Formats { attention: compute, cache, .. } = self.formats;
                        let operator = Operator::Attention(Attention {
                            phase,
                            batch: sequences,
                            queries,
                            past,
                            heads,
                            kv_heads,
                            head_dim,
                            window,
                            compute,
                            cache,
                        });
                        each(&Counted { operator, count, label, part });
                    }
                }
                Kind::Latent { phase, heads, kv_rank, rope_dim, nope_dim, value_dim } => {
                    for work in step.iter().filter(|work| work.phase == phase) {
                        let share = self.share(work, micro);
                        if share.sequences == 0 || share.queries == 0 {
                            continue;
                        }
                        let Share { sequences, queries, past, .. } = share;
                        let Formats { attention: compute, cache, .. } = self.formats;
                        let operator = Operator::Latent(Latent {
                            phase,
                            batch: sequences,
                            queries,
                            past,
                            heads,
                            kv_rank,
                            rope_dim,
                            nope_dim,
                            value_dim,
                            compute,
                            cache,
                        });
                        each(&Counted { operator, count, label, part });
                    }
                }
                kind => {
                    let rows = counts.of(template.rows);
                    if rows > 0 {
                        each(&Counted { operator: with_rows(kind, rows), count, label, part });
                    }
                }
            }
        }
    }

    /// What one device sees of a micro-batch of `work`.
    fn share(&self, work: &Work, micro: u64) -> Share {
        let Mapping { data, context, .. } = self.mapping;
        let sequences = work.sequences.min(MOST_SEQUENCES).div_ceil(micro * data);
        let (queries, past) = (work.queries.min(MOST), work.past.min(MOST));
        match work.phase {
            Phase::Prefill => {
                // Positions are dealt out so that every device has early and late ones: on average a query sees the middle of the new positions.
                let own = queries.div_ceil(context);
                Share {
                    phase: Phase::Prefill,
                    sequences,
                    queries: own,
                    past: past + (queries - own) / 2,
                    linear: sequences,
                }
            }
            Phase::Decode => {
                let linear = sequences.div_ceil(context);
                Share { phase: Phase::Decode, sequences, queries, past: past.div_ceil(context), linear }
            }
        }
    }

    fn counts(&self, step: &[Work], micro: u64) -> Counts {
        let mut counts = Counts::default();
        for work in step {
            let share = self.share(work, micro);
            let tokens = share.linear * share.queries;
            counts.tokens += tokens;
            counts.logits += share.linear * work.logits.min(work.queries).min(MOST);
            counts.group += work.sequences.min(MOST_SEQUENCES).div_ceil(micro) * work.queries.min(MOST);
            let gathered = share.sequences * work.queries.min(MOST);
            match work.phase {
                Phase::Prefill => {
                    counts.prefill += tokens;
                    counts.seen += share.sequences * (work.past.min(MOST) + work.queries.min(MOST));
                    counts.prefill_gathered += gathered;
                }
                Phase::Decode => {
                    counts.decode += tokens;
                    counts.decode_gathered += gathered;
                }
            }
        }
        counts
    }
}

/// The operator of a template other than attention.
fn with_rows(kind: Kind, rows: u64) -> Operator {
    match kind {
        Kind::Gemm { n, k, count, weights, activations, output } => {
            Operator::Gemm(Gemm { m: rows, n, k, count, weights, activations, output })
        }
        Kind::Experts(experts) => Operator::Experts(Experts { tokens: rows, ..experts }),
        Kind::Stream { kind, width, read, written, operations } => {
            let each = rows as f64;
            Operator::Stream(Stream {
                kind,
                rows,
                width,
                read: each * read,
                written: each * written,
                operations: each * operations,
            })
        }
        Kind::Collective { kind, ranks, bytes, format } => {
            Operator::Collective(Collective { kind, ranks, bytes: bytes * rows as f64, format })
        }
        Kind::Attention { .. } | Kind::Latent { .. } => unreachable!("attention has its own rows"),
    }
}
