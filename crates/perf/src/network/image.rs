//! Diffusion image models: a transformer over image and text tokens that runs once per denoising step.

/// An image model by its widths.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Denoising steps of one image, unless a run says otherwise.
    pub steps: u64,
    /// Width of the transformer.
    pub hidden: u64,
    /// Heads; their width is `hidden / heads`.
    pub heads: u64,
    /// Blocks in which image and text have their own weights.
    pub double_blocks: u64,
    /// Blocks with one set of weights, attention and perceptron in parallel.
    pub single_blocks: u64,
    /// Inner width of the perceptrons.
    pub inner: u64,
    /// Pixels of an image token along one axis.
    pub pixels_per_token: u64,
    /// Numbers of an image token before the first product.
    pub channels: u64,
    /// Text tokens.
    pub text_tokens: u64,
    /// Width of a text token as the encoder gives it.
    pub text_width: u64,
    /// Width of the pooled text vector.
    pub pooled_width: u64,
    /// Text encoders, each run once per image.
    pub encoders: Vec<Encoder>,
    /// Decoder from latents to pixels, run once per image.
    pub decoder: Decoder,
}

/// A transformer encoder of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// Name for people.
    pub name: String,
    /// Layers.
    pub layers: u64,
    /// Width.
    pub hidden: u64,
    /// Heads.
    pub heads: u64,
    /// Width of a head.
    pub head_dim: u64,
    /// Inner width of the feed-forward part.
    pub inner: u64,
    /// Whether it is gated.
    pub gated: bool,
    /// Tokens of a prompt (padded).
    pub tokens: u64,
    /// Rows of the embedding.
    pub vocab: u64,
}

/// A convolutional decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// Channels of the latent image.
    pub latent_channels: u64,
    /// Channels of each level, from the latent's resolution upwards; each level but the last doubles the resolution at its end.
    pub levels: Vec<u64>,
    /// Residual blocks of a level, two 3 x 3 convolutions each.
    pub blocks: u64,
}

impl Image {
    /// Image tokens of one image.
    pub fn tokens(&self, width: u64, height: u64) -> u64 {
        width.div_ceil(self.pixels_per_token) * height.div_ceil(self.pixels_per_token)
    }

    /// Weights of the transformer (encoders and decoder not counted, as publishers count).
    pub fn parameters(&self) -> f64 {
        let (d, inner) = (self.hidden as f64, self.inner as f64);
        // Of one stream: 6 vectors of modulation, queries, keys and values, output, two products of the perceptron.
        let stream = 6.0 * d * d + 4.0 * d * d + 2.0 * d * inner;
        let single = 3.0 * d * d + d * (3.0 * d + inner) + (d + inner) * d;
        let embeddings = (self.channels * 2 + self.text_width + self.pooled_width) as f64 * d;
        // Time and guidance enter through two products each after 256 sinusoids; the pooled text through a second product; the last norm has 2 vectors.
        let conditioning = 2.0 * (256.0 * d + d * d) + d * d + 2.0 * d * d;
        2.0 * self.double_blocks as f64 * stream + self.single_blocks as f64 * single + embeddings + conditioning
    }
}

impl Encoder {
    /// Weights.
    pub fn parameters(&self) -> f64 {
        let attention = 4 * self.hidden * self.heads * self.head_dim;
        let feed_forward = (if self.gated { 3 } else { 2 }) * self.hidden * self.inner;
        (self.vocab * self.hidden + self.layers * (attention + feed_forward)) as f64
    }
}
