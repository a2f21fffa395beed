//! Which number format each kind of tensor has.
//!
//! A network is rarely in one format: experts in 4 bits beside attention in 16, a cache in 8. [`Formats`] names the choices that change time or memory.
//! Text forms: a single format (`fp8`: everything that quantised checkpoints quantise), or `part=format` pairs (`experts=mxfp4,cache=fp8`), or both.

use crate::device::Device;
use crate::format::Format;

/// The formats of a network as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Formats {
    /// Projections and dense feed-forward parts.
    pub weights: Format,
    /// Routed experts.
    pub experts: Format,
    /// Embedding and head.
    pub head: Format,
    /// Activations that enter projections and dense feed-forward parts.
    pub activations: Format,
    /// Activations that enter routed experts.
    pub expert_activations: Format,
    /// Arithmetic of attention.
    pub attention: Format,
    /// Keys, values and compressed rows in memory.
    pub cache: Format,
}

/// Why a text is no set of formats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatsError {
    /// A format is not known.
    #[error(transparent)]
    Format(#[from] crate::format::UnknownFormat),
    /// A part is not known.
    #[error("`{0}` is no part of a network that has a format; parts: {parts}", parts = PARTS.join(", "))]
    Part(String),
}

const PARTS: [&str; 7] = ["weights", "experts", "head", "activations", "expert-activations", "attention", "cache"];

impl Default for Formats {
    fn default() -> Formats {
        Formats::uniform(Format::Bf16)
    }
}

impl Formats {
    /// What a checkpoint quantised to `format` quantises: projections and experts, and the activations that enter them if the format has products of its
    /// own. Embedding, head, attention and cache stay at 16 bits, as in the published FP8, NVFP4 and INT4 checkpoints.
    pub fn uniform(format: Format) -> Formats {
        let wide = match format {
            Format::Fp32 | Format::Tf32 | Format::Fp16 => format,
            _ => Format::Bf16,
        };
        let activations = activations_of(format);
        Formats {
            weights: format,
            experts: format,
            head: wide,
            activations,
            expert_activations: activations,
            attention: wide,
            cache: wide,
        }
    }

    /// Reads `text` as changes to these formats: a single format replaces all, pairs replace parts. Setting weights or experts sets the activations that
    /// enter them, unless those are named too (later pairs win).
    ///
    /// # Errors
    /// If a part or a format is not known.
    pub fn read(mut self, text: &str) -> Result<Formats, FormatsError> {
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.split_once('=') {
                None => self = Formats::uniform(item.parse()?),
                Some((part, format)) => self.set(part.trim(), format.trim().parse()?)?,
            }
        }
        Ok(self)
    }

    /// Sets one part by its name.
    ///
    /// # Errors
    /// If no part has this name.
    pub fn set(&mut self, part: &str, format: Format) -> Result<(), FormatsError> {
        match part {
            "weights" => (self.weights, self.activations) = (format, activations_of(format)),
            "experts" => (self.experts, self.expert_activations) = (format, activations_of(format)),
            "head" => self.head = format,
            "activations" => self.activations = format,
            "expert-activations" => self.expert_activations = format,
            "attention" => self.attention = format,
            "cache" => self.cache = format,
            other => return Err(FormatsError::Part(other.chars().take(40).collect())),
        }
        Ok(())
    }

    /// These formats as `device` would run them. Where it has no products of an activation's format, the next wider one that it has takes its place, and
    /// narrower weights are widened on their way to the units (weight-only quantisation), as the usual software does. A device whose widest products are
    /// narrower than the network's formats gets weights, activations and cache quantised to those.
    pub fn on(self, device: &Device) -> Formats {
        let multiplied = |format: Format| device.arithmetic(format).0;
        let stored = |format: Format| {
            let there = multiplied(format);
            // What streams through the units is stored as they take it; elsewhere narrow weights are widened on their way.
            let taken = device.weight_reuse.is_none() || device.matrix_rate(format).is_some();
            if there.bits() < format.bits() || !taken { there } else { format }
        };
        Formats {
            weights: stored(self.weights),
            experts: stored(self.experts),
            head: stored(self.head),
            activations: multiplied(self.activations),
            expert_activations: multiplied(self.expert_activations),
            attention: multiplied(self.attention),
            cache: stored(self.cache),
        }
    }
}

/// The activations that usually meet weights of `format`: its own, or 16 bits where it is a format for weights only.
fn activations_of(format: Format) -> Format {
    match format {
        Format::Int4 => Format::Bf16,
        other => other,
    }
}

impl std::fmt::Display for Formats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "weights {}", self.weights)?;
        if self.experts != self.weights {
            write!(f, ", experts {}", self.experts)?;
        }
        write!(f, ", activations {}", self.activations)?;
        if self.expert_activations != self.activations {
            write!(f, " (experts {})", self.expert_activations)?;
        }
        write!(f, ", cache {}", self.cache)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_changes_parts() {
        let formats = Formats::default().read("fp8, cache=fp8, experts=mxfp4, expert-activations=bf16").unwrap();
        assert_eq!((formats.weights, formats.activations, formats.head), (Format::Fp8, Format::Fp8, Format::Bf16));
        assert_eq!((formats.experts, formats.expert_activations), (Format::Mxfp4, Format::Bf16));
        assert_eq!(formats.cache, Format::Fp8);
        assert_eq!(Formats::default().read("int4").unwrap().activations, Format::Bf16);
        assert!(Formats::default().read("kv=fp8").unwrap_err().to_string().contains("cache"));
        assert!(Formats::default().read("fp9").unwrap_err().to_string().contains("fp8"));
    }
}
