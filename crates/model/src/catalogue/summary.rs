//! What a checkpoint is made of, in numbers.

use crate::blocks::Encoding;
use crate::checkpoint::TensorInfo;

/// The tensors of a checkpoint, counted.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Summary {
    /// Number of tensors.
    pub tensors: usize,
    /// Number of elements of all tensors.
    pub parameters: u64,
    /// Bytes of all tensors as stored.
    pub bytes: u64,
    /// Rows of the embedding matrix (`token_embd.weight`), if there is one.
    pub vocab: Option<usize>,
    /// Share of each encoding, most bytes first.
    pub encodings: Vec<EncodingShare>,
}

/// The tensors in one encoding.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodingShare {
    /// Which.
    pub encoding: Encoding,
    /// Number of tensors.
    pub tensors: usize,
    /// Number of elements.
    pub parameters: u64,
    /// Bytes as stored.
    pub bytes: u64,
}

/// Counts tensors, elements and bytes.
pub fn summary(tensors: &[TensorInfo]) -> Summary {
    let mut sum = Summary { tensors: tensors.len(), ..Summary::default() };
    for tensor in tensors {
        let parameters = tensor.shape.iter().fold(1u64, |all, extent| all.saturating_mul(*extent as u64));
        let blocks = parameters.div_ceil(tensor.encoding.block_len() as u64);
        let bytes = blocks.saturating_mul(tensor.encoding.block_bytes() as u64);
        sum.parameters += parameters;
        sum.bytes += bytes;
        add(&mut sum.encodings, EncodingShare { encoding: tensor.encoding, tensors: 1, parameters, bytes });
    }
    let embedding = tensors.iter().find(|tensor| tensor.name == "token_embd.weight");
    sum.vocab = embedding.and_then(|tensor| tensor.shape.first().copied());
    sum.encodings.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    sum
}

fn add(shares: &mut Vec<EncodingShare>, new: EncodingShare) {
    match shares.iter_mut().find(|share| share.encoding == new.encoding) {
        Some(share) => {
            share.tensors += new.tensors;
            share.parameters += new.parameters;
            share.bytes += new.bytes;
        }
        None => shares.push(new),
    }
}
