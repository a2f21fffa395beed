//! Networks as a timing model sees them: what each layer computes, by widths alone.
//!
//! A [`Shape`] is made from a [`model::network::Network`] (from any Hugging Face config or GGUF file, no weights needed) or read directly from a data
//! file where no family of `model` computes the network. It keeps what costs time or memory and forgets the rest: epsilons, rotary bases, routing rules.
//! Layers of equal cost are one [`LayerGroup`] with a count.
//!
//! The catalogue ([`find`], [`list`]) is `data/networks/*.toml`, one file per network: where its numbers come from, its names elsewhere, the formats it
//! is published in, and either a `[config]` (the keys of its `config.json`), a `[shape]`, or an `[image]` model ([`Image`]). Names are matched without
//! regard to case, owner and the suffixes that publishers add to the same shape (`-Instruct`, `-FP8`, ...); an unknown one is refused with the nearest.

mod catalogue;
mod file;
mod image;
mod shape;

pub use catalogue::{UnknownNetwork, find, language, list};
pub use file::{Body, Known, NetworkError};
pub use image::{Decoder, Encoder, Image};
pub use shape::{Delta, Dense, Experts, FeedForward, Grouped, Latent, LayerGroup, Mixer, Shape};
