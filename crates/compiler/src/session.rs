//! The host's side of a step program: parameters, page tables, pages and logits.

use crate::Error;
use crate::map::{Map, Sizes};
use arch::machine::Machine;
use base::tile::BLOCK;
use std::collections::BTreeMap;
use std::ops::Range;

/// Parameter words of a step program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Abi {
    /// Sizes that the words obey.
    pub sizes: Sizes,
    /// Tokens of the vocabulary (rows of logits are padded to `sizes.vocab`).
    pub vocab: usize,
}

impl Abi {
    /// Word: tokens in this step.
    pub const TOKENS: usize = 0;
    /// Word: sequences in this step.
    pub const SEGMENTS: usize = 1;
    /// Word: tokens whose logits are asked for.
    pub const LOGITS: usize = 2;
    /// Word: 1 if any logits are asked for.
    pub const ANY_LOGITS: usize = 3;
    /// Words: pages that the step's tokens fill from their first place to their last, those whose tokens are of the step's first half and those of its second.
    /// No such page has tokens of both.
    pub const WHOLE_PAGES: usize = 4;
    /// Words: the other tokens of the first half and of the second.
    pub const SINGLE_TOKENS: usize = 6;
    /// First token record: token, position, page, place in the page.
    pub const TOKEN_RECORDS: usize = 16;
    /// Words of a token record.
    pub const TOKEN_WORDS: usize = 4;
    /// Words of a segment record: first token, tokens, first position, pages, row of the page table.
    pub const SEGMENT_WORDS: usize = 8;

    /// First segment record.
    pub fn segment_records(&self) -> usize {
        Abi::TOKEN_RECORDS + Abi::TOKEN_WORDS * self.sizes.tokens
    }

    /// First word of the list of tokens whose logits are asked for.
    pub fn logit_list(&self) -> usize {
        self.segment_records() + Abi::SEGMENT_WORDS * self.sizes.sequences
    }

    /// Most pages that a step can fill.
    pub fn pages(&self) -> usize {
        self.sizes.tokens / BLOCK
    }

    /// First word of the list of the first tokens of whole pages.
    pub fn page_list(&self) -> usize {
        self.logit_list() + self.sizes.tokens
    }

    /// First word of the list of the other tokens; where no page can be filled there is none.
    pub fn token_list(&self) -> usize {
        self.page_list() + self.pages()
    }

    /// Words in all.
    pub fn words(&self) -> usize {
        self.token_list() + if self.pages() > 0 { self.sizes.tokens } else { 0 }
    }
}

/// A running sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceId(u64);

#[derive(Debug, Default)]
struct Sequence {
    len: usize,
    pages: Vec<u32>,
}

/// Which logits a chunk asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// None: a prompt goes on.
    Nothing,
    /// Those after its last token.
    Last,
    /// Those after every token.
    All,
}

/// Tokens that continue one sequence.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The sequence.
    pub sequence: SequenceId,
    /// Its next tokens.
    pub tokens: &'a [u32],
    /// Logits asked for.
    pub want: Want,
}

/// Logits of one step: rows of `vocab` values, chunk after chunk, token after token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logits {
    /// The values.
    pub values: Vec<f32>,
    /// Values per row.
    pub vocab: usize,
}

impl Logits {
    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.vocab.max(1))
    }
}

/// A compiled model on a machine, with its sequences.
pub struct Session<M: Machine> {
    machine: M,
    map: Map,
    abi: Abi,
    heads: Vec<(usize, Range<usize>)>,
    free: Vec<u32>,
    sequences: BTreeMap<SequenceId, Sequence>,
    next: u64,
}

impl<M: Machine> Session<M> {
    /// Load the programs of a compiled model; the image must be written with [`crate::image::write`].
    pub fn new(compiled: &crate::Compiled, mut machine: M) -> Result<Session<M>, Error> {
        for (chip, program) in compiled.programs.iter().enumerate() {
            machine.load(chip, program)?;
        }
        let sizes = compiled.abi.sizes;
        let heads = (0..sizes.chips).map(|chip| {
            let part = &compiled.plan.head.parts[0];
            let first = part.slice(chip * sizes.cores, sizes.members()).start;
            let last = part.slice((chip + 1) * sizes.cores - 1, sizes.members()).end;
            (chip, first..last)
        });
        Ok(Session {
            machine,
            map: compiled.map.clone(),
            abi: compiled.abi,
            heads: heads.collect(),
            free: (0..sizes.pages as u32).rev().collect(),
            sequences: BTreeMap::new(),
            next: 0,
        })
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, for loading the image or clearing counters.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Most tokens of one step.
    pub fn step_tokens(&self) -> usize {
        self.abi.sizes.tokens
    }

    /// Positions of a sequence that are in the cache.
    pub fn len(&self, sequence: SequenceId) -> usize {
        self.sequences.get(&sequence).map_or(0, |s| s.len)
    }

    /// Whether no sequence is open.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Start a sequence.
    pub fn open(&mut self) -> SequenceId {
        let id = SequenceId(self.next);
        self.next += 1;
        self.sequences.insert(id, Sequence::default());
        id
    }

    /// End a sequence and free its pages.
    pub fn close(&mut self, sequence: SequenceId) {
        if let Some(sequence) = self.sequences.remove(&sequence) {
            self.free.extend(sequence.pages);
        }
    }

    /// Run one step: every chunk continues its own sequence.
    ///
    /// # Errors
    /// When the chunks do not fit a step, a sequence does not fit its context, the pool has no page left, or the machine stops.
    pub fn step(&mut self, chunks: &[Chunk<'_>]) -> Result<Logits, Error> {
        let mut logits = Logits::default();
        self.step_into(chunks, &mut logits)?;
        Ok(logits)
    }

    /// As [`Session::step`], into a buffer that is used again: rows of logits are large.
    pub fn step_into(&mut self, chunks: &[Chunk<'_>], logits: &mut Logits) -> Result<(), Error> {
        self.check(chunks)?;
        self.take_pages(chunks)?;
        let (params, wanted) = self.params(chunks);
        let tables: Vec<Vec<u8>> = chunks.iter().map(|chunk| table(&self.sequences[&chunk.sequence].pages)).collect();
        for chip in 0..self.abi.sizes.chips {
            let map = &self.map.chips[chip];
            for (row, table) in tables.iter().enumerate() {
                let at = map.tables + row * self.abi.sizes.table_step;
                self.machine.write(chip, at as u64, table)?;
            }
            self.machine.set_params(chip, 0, &params)?;
        }
        self.machine.run()?;
        for chunk in chunks {
            self.sequences.get_mut(&chunk.sequence).expect("checked").len += chunk.tokens.len();
        }
        self.logits(wanted, logits)
    }

    /// Run a prompt of any length in steps of at most `step` tokens (0: as many as fit) and return the logits after its last token.
    pub fn prefill(&mut self, sequence: SequenceId, tokens: &[u32], step: usize) -> Result<Logits, Error> {
        let step = if step == 0 { self.step_tokens() } else { step.min(self.step_tokens()) };
        let mut logits = Logits::default();
        let count = tokens.chunks(step).len();
        for (index, tokens) in tokens.chunks(step).enumerate() {
            let want = if index + 1 == count { Want::Last } else { Want::Nothing };
            logits = self.step(&[Chunk { sequence, tokens, want }])?;
        }
        Ok(logits)
    }

    fn check(&self, chunks: &[Chunk<'_>]) -> Result<(), Error> {
        let sizes = self.abi.sizes;
        let refuse = |what: String| Err(Error::Request(what));
        let total: usize = chunks.iter().map(|chunk| chunk.tokens.len()).sum();
        if total == 0 || total > sizes.tokens || chunks.len() > sizes.sequences {
            let (n, s) = (sizes.tokens, sizes.sequences);
            return refuse(format!(
                "a step takes 1 to {n} tokens of at most {s} sequences, not {total} of {}",
                chunks.len()
            ));
        }
        for (index, chunk) in chunks.iter().enumerate() {
            let Some(sequence) = self.sequences.get(&chunk.sequence) else {
                return refuse(format!("chunk {index} continues a sequence that is not open"));
            };
            if chunk.tokens.is_empty() || chunks[..index].iter().any(|other| other.sequence == chunk.sequence) {
                return refuse(format!("chunk {index} is empty or its sequence comes twice in one step"));
            }
            let len = sequence.len + chunk.tokens.len();
            if len > sizes.context {
                return refuse(format!("the sequence would grow to {len} tokens; the context holds {}", sizes.context));
            }
            if let Some(token) = chunk.tokens.iter().find(|token| **token as usize >= self.abi.vocab) {
                return refuse(format!("token {token} is not in the vocabulary of {}", self.abi.vocab));
            }
        }
        Ok(())
    }

    fn take_pages(&mut self, chunks: &[Chunk<'_>]) -> Result<(), Error> {
        let missing = |sequence: &Sequence, new: usize| {
            (sequence.len + new).div_ceil(BLOCK) - sequence.pages.len().min((sequence.len + new).div_ceil(BLOCK))
        };
        let need: usize = chunks.iter().map(|c| missing(&self.sequences[&c.sequence], c.tokens.len())).sum();
        if need > self.free.len() {
            let (free, all) = (self.free.len() * BLOCK, self.abi.sizes.pages * BLOCK);
            return Err(Error::Request(format!(
                "the key/value cache is full: {free} of {all} tokens are free and the step needs {}; close a sequence or compile with more --cache",
                need * BLOCK
            )));
        }
        for chunk in chunks {
            let sequence = self.sequences.get_mut(&chunk.sequence).expect("checked");
            let count = missing(sequence, chunk.tokens.len());
            sequence.pages.extend(self.free.split_off(self.free.len() - count));
        }
        Ok(())
    }

    fn params(&self, chunks: &[Chunk<'_>]) -> (Vec<u32>, usize) {
        let abi = &self.abi;
        let mut words = vec![0u32; abi.words()];
        let (mut token, mut wanted) = (0usize, 0usize);
        for (index, chunk) in chunks.iter().enumerate() {
            let sequence = &self.sequences[&chunk.sequence];
            let pages = (sequence.len + chunk.tokens.len()).div_ceil(BLOCK);
            let segment = [token, chunk.tokens.len(), sequence.len, pages, index].map(|word| word as u32);
            words[abi.segment_records() + Abi::SEGMENT_WORDS * index..][..5].copy_from_slice(&segment);
            for (offset, id) in chunk.tokens.iter().enumerate() {
                let position = sequence.len + offset;
                let record = [*id, position as u32, sequence.pages[position / BLOCK], (position % BLOCK) as u32];
                words[Abi::TOKEN_RECORDS + Abi::TOKEN_WORDS * token..][..4].copy_from_slice(&record);
                let last = offset + 1 == chunk.tokens.len();
                if chunk.want == Want::All || (chunk.want == Want::Last && last) {
                    words[abi.logit_list() + wanted] = token as u32;
                    wanted += 1;
                }
                token += 1;
            }
        }
        self.stores(chunks, &mut words);
        words[Abi::TOKENS] = token as u32;
        words[Abi::SEGMENTS] = chunks.len() as u32;
        words[Abi::LOGITS] = wanted as u32;
        words[Abi::ANY_LOGITS] = wanted.min(1) as u32;
        (words, wanted)
    }

    /// The lists of whole pages and of other tokens.
    fn stores(&self, chunks: &[Chunk<'_>], words: &mut [u32]) {
        let (abi, half) = (&self.abi, self.abi.sizes.tokens / 2);
        if abi.pages() == 0 {
            return;
        }
        let mut first = 0;
        let mut count = |counter: usize, list: usize, token: usize| {
            let place = words[counter] + words[counter + 1];
            words[list + place as usize] = token as u32;
            words[counter + usize::from(token >= half)] += 1;
        };
        for chunk in chunks {
            let (end, position) = (first + chunk.tokens.len(), self.sequences[&chunk.sequence].len);
            let mut token = first;
            while token < end {
                let fills = (position + token - first).is_multiple_of(BLOCK) && token + BLOCK <= end;
                if fills && (token >= half || token + BLOCK <= half) {
                    count(Abi::WHOLE_PAGES, abi.page_list(), token);
                    token += BLOCK;
                } else {
                    count(Abi::SINGLE_TOKENS, abi.token_list(), token);
                    token += 1;
                }
            }
            first = end;
        }
    }

    fn logits(&self, wanted: usize, logits: &mut Logits) -> Result<(), Error> {
        let (vocab, step) = (self.abi.vocab, 4 * self.abi.sizes.vocab);
        logits.vocab = vocab;
        logits.values.resize(wanted * vocab, 0.0);
        let values = &mut logits.values;
        for (chip, rows) in &self.heads {
            for (index, row) in values.chunks_exact_mut(vocab.max(1)).enumerate() {
                let at = self.map.chips[*chip].logits + index * step + 4 * rows.start;
                let own = &mut row[rows.clone()];
                self.machine.read(*chip, at as u64, bytemuck::cast_slice_mut(own))?;
                if cfg!(target_endian = "big") {
                    own.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
                }
            }
        }
        Ok(())
    }
}

fn table(pages: &[u32]) -> Vec<u8> {
    pages.iter().flat_map(|page| page.to_le_bytes()).collect()
}
