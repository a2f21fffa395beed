//! A diffusion image model as operators: text encoders once, the transformer once per denoising step, the decoder once.
//!
//! Image and text tokens attend to all of each other. The attention operator is causal, so it is asked for as many queries after half as many past
//! positions: the number of query-key pairs is the same. Convolutions are products over nine neighbours of each pixel.

use super::{Counted, Formats, Part};
use crate::format::Format;
use crate::network::{Decoder, Encoder, Image};
use crate::operator::{Attention, Collective, CollectiveKind, Gemm, Operator, Phase, Stream, StreamKind};

/// A request for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageRun {
    /// Images made together.
    pub images: u64,
    /// Pixels from left to right.
    pub width: u64,
    /// Pixels from top to bottom.
    pub height: u64,
    /// Denoising steps.
    pub steps: u64,
}

/// Positions around a pixel that a 3 x 3 convolution reads.
const TAPS: u64 = 9;
/// Sinusoids of a time step.
const SINUSOIDS: u64 = 256;
/// Channels of a picture.
const COLOURS: u64 = 3;
/// Bytes of an activation at 16 bits.
const WIDE: f64 = 2.0;

/// The operators of one device for all steps of a request; `tensor` devices share each block.
pub fn operators(image: &Image, run: &ImageRun, formats: &Formats, tensor: u64) -> Vec<Counted> {
    let mut list =
        List { formats: *formats, tensor: tensor.max(1), repeat: 1.0, part: Part::Embedding, list: Vec::new() };
    image.encoders.iter().for_each(|encoder| list.encoder(encoder, run.images));
    list.transformer(image, run);
    let latent = (run.width / 8 * (run.height / 8)).max(1);
    list.decoder(&image.decoder, run.images, latent);
    list.list
}

struct List {
    formats: Formats,
    tensor: u64,
    repeat: f64,
    part: Part,
    list: Vec<Counted>,
}

impl List {
    fn add(&mut self, label: &'static str, operator: Operator) {
        self.list.push(Counted { operator, count: self.repeat, label, part: self.part });
    }

    fn product(&mut self, label: &'static str, m: u64, n: u64, k: u64) {
        let Formats { weights, activations, .. } = self.formats;
        self.add(label, Operator::Gemm(Gemm { m, n, k, count: 1, weights, activations, output: Format::Bf16 }));
    }

    /// So many inputs of `width` per row become one output.
    fn stream(&mut self, label: &'static str, kind: StreamKind, rows: u64, width: u64, inputs: f64) {
        let elements = rows as f64 * width as f64;
        let (read, written) = (inputs * elements * WIDE, elements * WIDE);
        self.add(label, Operator::Stream(Stream { kind, rows, width, read, written, operations: 8.0 * elements }));
    }

    /// Every position sees every position.
    fn attention(&mut self, batch: u64, positions: u64, heads: u64, head_dim: u64) {
        let heads = heads.div_ceil(self.tensor);
        let Formats { attention: compute, .. } = self.formats;
        let past = positions.saturating_sub(1) / 2;
        self.add(
            "attention",
            Operator::Attention(Attention {
                phase: Phase::Prefill,
                batch,
                queries: positions,
                past,
                heads,
                kv_heads: heads,
                head_dim,
                window: None,
                compute,
                cache: Format::Bf16,
            }),
        );
    }

    fn all_reduce(&mut self, rows: u64, width: u64) {
        if self.tensor > 1 {
            let bytes = (rows * width) as f64 * WIDE;
            let (kind, ranks) = (CollectiveKind::AllReduce, self.tensor);
            self.add("all-reduce", Operator::Collective(Collective { kind, ranks, bytes, format: Format::Bf16 }));
        }
    }

    fn encoder(&mut self, e: &Encoder, images: u64) {
        self.part = Part::Embedding;
        self.repeat = e.layers as f64;
        let (rows, width) = (images * e.tokens, e.heads * e.head_dim);
        self.stream("text norm", StreamKind::Norm, rows, e.hidden, 2.0);
        self.product("text queries, keys, values", rows, (3 * width).div_ceil(self.tensor), e.hidden);
        self.attention(images, e.tokens, e.heads, e.head_dim);
        self.product("text output projection", rows, e.hidden, width.div_ceil(self.tensor));
        self.all_reduce(rows, e.hidden);
        let inner = e.inner.div_ceil(self.tensor);
        let into = if e.gated { 2 } else { 1 };
        self.product("text up", rows, into * inner, e.hidden);
        self.stream("text activation", StreamKind::Activation, rows, inner, into as f64);
        self.product("text down", rows, e.hidden, inner);
        self.all_reduce(rows, e.hidden);
    }

    fn transformer(&mut self, image: &Image, run: &ImageRun) {
        let (steps, batch, d) = (run.steps as f64, run.images, image.hidden);
        let (pixels, text) = (image.tokens(run.width, run.height), image.text_tokens);
        self.repeat = steps;
        self.product("image embedding", batch * pixels, d, image.channels);
        self.product("text embedding", batch * text, d, image.text_width);
        for k in [SINUSOIDS, d, SINUSOIDS, d, image.pooled_width, d] {
            self.product("conditioning", batch, d, k);
        }
        self.repeat = steps * image.double_blocks as f64;
        for rows in [batch * pixels, batch * text] {
            self.stream_block(image, batch, rows);
        }
        self.rotary(batch * (pixels + text), d);
        self.part = Part::Mixer;
        self.attention(batch, pixels + text, image.heads, d / image.heads);
        self.repeat = steps * image.single_blocks as f64;
        self.single_block(image, batch, pixels + text);
        self.repeat = steps;
        self.part = Part::Head;
        self.product("modulation", batch, 2 * d, d);
        self.stream("norm", StreamKind::Norm, batch * pixels, d, 1.0);
        self.product("to latents", batch * pixels, image.channels, d);
    }

    fn rotary(&mut self, rows: u64, d: u64) {
        self.part = Part::Mixer;
        self.stream("head norms, rotary", StreamKind::Rotary, rows, (2 * d).div_ceil(self.tensor), 1.0);
    }

    /// What one of two streams does by itself in a double block.
    fn stream_block(&mut self, image: &Image, batch: u64, rows: u64) {
        let (d, t) = (image.hidden, self.tensor);
        self.part = Part::Mixer;
        self.product("modulation", batch, 6 * d, d);
        self.stream("norm", StreamKind::Norm, rows, d, 2.0);
        self.product("queries, keys, values", rows, (3 * d).div_ceil(t), d);
        self.product("output projection", rows, d, d.div_ceil(t));
        self.all_reduce(rows, d);
        self.part = Part::Dense;
        self.stream("norm", StreamKind::Norm, rows, d, 2.0);
        self.product("up", rows, image.inner.div_ceil(t), d);
        self.stream("activation", StreamKind::Activation, rows, image.inner.div_ceil(t), 1.0);
        self.product("down", rows, d, image.inner.div_ceil(t));
        self.all_reduce(rows, d);
    }

    fn single_block(&mut self, image: &Image, batch: u64, positions: u64) {
        let (d, t, rows) = (image.hidden, self.tensor, batch * positions);
        self.part = Part::Mixer;
        self.product("modulation", batch, 3 * d, d);
        self.stream("norm", StreamKind::Norm, rows, d, 2.0);
        self.product("queries, keys, values, up", rows, (3 * d + image.inner).div_ceil(t), d);
        self.rotary(rows, d);
        self.attention(batch, positions, image.heads, d / image.heads);
        self.stream("activation", StreamKind::Activation, rows, image.inner.div_ceil(t), 1.0);
        self.product("output and down", rows, d, (d + image.inner).div_ceil(t));
        self.all_reduce(rows, d);
    }

    /// The decoder is not divided: it is a few percent of the time and runs on one device of the group.
    fn decoder(&mut self, decoder: &Decoder, images: u64, latent: u64) {
        (self.part, self.repeat) = (Part::Head, 1.0);
        let Some(first) = decoder.levels.first() else { return };
        let mut pixels = images * latent;
        let mut channels = *first;
        self.convolution(pixels, channels, decoder.latent_channels, 1.0);
        // Two residual blocks around one attention at the lowest resolution.
        self.convolution(pixels, channels, channels, 4.0);
        self.repeat = 1.0;
        self.product("queries, keys, values", pixels, 4 * channels, channels);
        for (index, level) in decoder.levels.iter().enumerate() {
            if index > 0 {
                pixels *= 4;
                self.convolution(pixels, channels, channels, 1.0);
            }
            self.convolution(pixels, *level, channels, 1.0);
            self.convolution(pixels, *level, *level, (2 * decoder.blocks - 1) as f64);
            channels = *level;
        }
        self.convolution(pixels, COLOURS, channels, 1.0);
        self.repeat = 1.0;
    }

    /// `count` convolutions with the norm and activation before each.
    fn convolution(&mut self, pixels: u64, outputs: u64, inputs: u64, count: f64) {
        self.repeat = count;
        self.stream("norm", StreamKind::Norm, pixels, inputs, 2.0);
        let wide = self.formats.head;
        let gemm =
            Gemm { m: pixels, n: outputs, k: TAPS * inputs, count: 1, weights: wide, activations: wide, output: wide };
        self.add("convolution", Operator::Gemm(gemm));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{self, Body};

    #[test]
    fn operations_follow_from_the_weights_and_the_tokens() {
        let known = network::find("flux.1-dev").unwrap();
        let Body::Image(image) = &known.body else { panic!("an image model") };
        let run = ImageRun { images: 1, width: 1024, height: 1024, steps: 1 };
        let list = operators(image, &run, &known.formats, 1);
        let of =
            |part: &dyn Fn(&Counted) -> bool| list.iter().filter(|c| part(c)).map(Counted::operations).sum::<f64>();
        let transformer = of(&|c| matches!(c.part, Part::Mixer | Part::Dense));
        // Image tokens pass half of a double block's weights, text tokens the other; all pass the single blocks. Modulation sees one row.
        let (d, tokens) = (3072.0, 4096.0 + 512.0);
        let products = 19.0 * (4.0 * d * d + 8.0 * d * d) * tokens + 38.0 * (3.0 + 4.0 + 5.0) * d * d * tokens;
        let attention = 57.0 * 2.0 * tokens * tokens * d;
        let expected = 2.0 * (products + attention);
        assert!((transformer / expected - 1.0).abs() < 0.01, "{transformer} {expected}");
        let twice = operators(image, &ImageRun { steps: 2, ..run }, &known.formats, 1);
        let more: f64 = twice.iter().map(Counted::operations).sum::<f64>() - of(&|_| true);
        assert!((more / expected - 1.0).abs() < 0.02, "a further step costs a pass of the transformer: {more}");
    }

    #[test]
    fn blocks_divide_among_devices() {
        let known = network::find("flux").unwrap();
        let Body::Image(image) = &known.body else { panic!("an image model") };
        let run = ImageRun { images: 2, width: 512, height: 768, steps: 4 };
        let sum = |tensor| {
            let list = operators(image, &run, &known.formats, tensor);
            let blocks = list.iter().filter(|c| c.part == Part::Dense);
            blocks.filter(|c| matches!(c.operator, Operator::Gemm(_))).map(Counted::operations).sum::<f64>()
                * tensor as f64
        };
        assert_eq!(sum(1), sum(4));
    }
}
