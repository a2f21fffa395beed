//! Networks: what a language model is, apart from any machine.
//!
//! Three things live here. **Import**: GGUF and safetensors files become named tensors in known encodings, and every malformed byte is refused with
//! a sentence. **Description**: one configuration-driven [`network::Network`] covers every family; there is no file per family. **Reference**: a
//! plain binary32 forward pass that every faster or narrower execution is measured against. Around them stand the tokenizer and chat template of the
//! file, the sampler, and the catalogue of models that can be fetched.
//!
//! It never knows a chip: how a tensor is tiled, quantised for a machine or scheduled is the compiler's concern.

pub mod blocks;
#[cfg(feature = "catalogue")]
pub mod catalogue;
#[cfg(feature = "text")]
pub mod chat;
pub mod checkpoint;
pub mod error;
pub mod gguf;
pub mod network;
pub mod reference;
pub mod safetensors;
pub mod sample;
#[cfg(feature = "text")]
pub mod tokenizer;

pub use error::{Error, Result};
