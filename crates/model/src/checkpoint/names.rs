//! Tensor names of every family, as a table: the file's name, the model's name, and the recipe between them.
//!
//! A family is a list of small tables; the first table with a row for a name decides, and all rows of that table with this pattern apply (a fused
//! tensor has several). A row whose source has a hole `{e}` and whose target has none stacks the experts. To support a family, add a line to
//! [`FAMILIES`] and the rows in which it differs.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::pattern::{Holes, fill, matches};
use super::view::{Axis, Recipe, Source, View};

/// One row: names that match `from` become `to`, by `recipe`. An empty `to` means that the tensor is not needed.
struct Rule {
    from: &'static str,
    to: &'static str,
    recipe: Recipe,
}

/// Rows of a table: `"from" => "to" recipe;`.
macro_rules! rules {
    ($($from:literal => $to:literal $recipe:expr;)*) => {
        &[$(Rule { from: $from, to: $to, recipe: $recipe },)*]
    };
}

/// As it is stored.
const SAME: Recipe = Recipe { axis: Axis::Rows, part: 0, parts: 1, alternate: false, add: 0.0, flatten: false };
/// Not needed.
const UNUSED: Recipe = SAME;
/// Stored as a matrix of one row.
const VECTOR: Recipe = Recipe { flatten: true, ..SAME };
/// Stored less one (Gemma's norms).
const PLUS_ONE: Recipe = Recipe { add: 1.0, ..SAME };
/// Stored as `[inputs, outputs]`.
const TRANSPOSED: Recipe = Recipe { axis: Axis::Transposed, ..SAME };

/// Row-wise third of a matrix.
const fn third(part: usize) -> Recipe {
    Recipe { part, parts: 3, ..SAME }
}

/// Third of a vector.
const fn third_of_vector(part: usize) -> Recipe {
    Recipe { axis: Axis::Columns, ..third(part) }
}

/// Third of the outputs of an `[inputs, outputs]` matrix.
const fn third_transposed(part: usize) -> Recipe {
    Recipe { axis: Axis::Transposed, ..third(part) }
}

/// Every other row, column, or transposed column.
const fn every_other(axis: Axis, part: usize) -> Recipe {
    Recipe { axis, part, parts: 2, alternate: true, ..SAME }
}

/// The Llama skeleton, which most families share. Names are without leading `model.`.
const LLAMA: &[Rule] = rules! {
    "embed_tokens.weight"                        => "token_embd.weight"          SAME;
    "norm.weight"                                => "output_norm.weight"         SAME;
    "lm_head.{w}"                                => "output.{w}"                 SAME;
    "layers.{l}.input_layernorm.weight"          => "blk.{l}.attn_norm.weight"   SAME;
    "layers.{l}.post_attention_layernorm.weight" => "blk.{l}.ffn_norm.weight"    SAME;
    "layers.{l}.self_attn.q_proj.{w}"            => "blk.{l}.attn_q.{w}"         SAME;
    "layers.{l}.self_attn.k_proj.{w}"            => "blk.{l}.attn_k.{w}"         SAME;
    "layers.{l}.self_attn.v_proj.{w}"            => "blk.{l}.attn_v.{w}"         SAME;
    "layers.{l}.self_attn.o_proj.{w}"            => "blk.{l}.attn_output.{w}"    SAME;
    "layers.{l}.self_attn.q_norm.weight"         => "blk.{l}.attn_q_norm.weight" SAME;
    "layers.{l}.self_attn.k_norm.weight"         => "blk.{l}.attn_k_norm.weight" SAME;
    "layers.{l}.mlp.gate_proj.{w}"               => "blk.{l}.ffn_gate.{w}"       SAME;
    "layers.{l}.mlp.up_proj.{w}"                 => "blk.{l}.ffn_up.{w}"         SAME;
    "layers.{l}.mlp.down_proj.{w}"               => "blk.{l}.ffn_down.{w}"       SAME;
    "layers.{l}.self_attn.rotary_emb.inv_freq"   => ""                           UNUSED;
};

/// A router and one set of projections per expert (Qwen, DeepSeek).
const EXPERTS: &[Rule] = rules! {
    "layers.{l}.mlp.gate.weight"                  => "blk.{l}.ffn_gate_inp.weight"  SAME;
    "layers.{l}.mlp.experts.{e}.gate_proj.weight" => "blk.{l}.ffn_gate_exps.weight" SAME;
    "layers.{l}.mlp.experts.{e}.up_proj.weight"   => "blk.{l}.ffn_up_exps.weight"   SAME;
    "layers.{l}.mlp.experts.{e}.down_proj.weight" => "blk.{l}.ffn_down_exps.weight" SAME;
};

/// Qwen2-MoE's gated shared expert.
const SHARED_EXPERT: &[Rule] = rules! {
    "layers.{l}.mlp.shared_expert.gate_proj.weight" => "blk.{l}.ffn_gate_shexp.weight"     SAME;
    "layers.{l}.mlp.shared_expert.up_proj.weight"   => "blk.{l}.ffn_up_shexp.weight"       SAME;
    "layers.{l}.mlp.shared_expert.down_proj.weight" => "blk.{l}.ffn_down_shexp.weight"     SAME;
    "layers.{l}.mlp.shared_expert_gate.weight"      => "blk.{l}.ffn_gate_inp_shexp.weight" VECTOR;
};

const MIXTRAL: &[Rule] = rules! {
    "layers.{l}.block_sparse_moe.gate.weight"           => "blk.{l}.ffn_gate_inp.weight"  SAME;
    "layers.{l}.block_sparse_moe.experts.{e}.w1.weight" => "blk.{l}.ffn_gate_exps.weight" SAME;
    "layers.{l}.block_sparse_moe.experts.{e}.w3.weight" => "blk.{l}.ffn_up_exps.weight"   SAME;
    "layers.{l}.block_sparse_moe.experts.{e}.w2.weight" => "blk.{l}.ffn_down_exps.weight" SAME;
};

const DEEPSEEK: &[Rule] = rules! {
    "layers.{l}.self_attn.q_a_proj.{w}"              => "blk.{l}.attn_q_a.{w}"          SAME;
    "layers.{l}.self_attn.q_a_layernorm.weight"      => "blk.{l}.attn_q_a_norm.weight"  SAME;
    "layers.{l}.self_attn.q_b_proj.weight"           => "blk.{l}.attn_q_b.weight"       SAME;
    "layers.{l}.self_attn.kv_a_proj_with_mqa.{w}"    => "blk.{l}.attn_kv_a_mqa.{w}"     SAME;
    "layers.{l}.self_attn.kv_a_layernorm.weight"     => "blk.{l}.attn_kv_a_norm.weight" SAME;
    "layers.{l}.self_attn.kv_b_proj.weight"          => "blk.{l}.attn_kv_b.weight"      SAME;
    "layers.{l}.mlp.gate.e_score_correction_bias"    => "blk.{l}.exp_probs_b.bias"      SAME;
    "layers.{l}.mlp.shared_experts.gate_proj.weight" => "blk.{l}.ffn_gate_shexp.weight" SAME;
    "layers.{l}.mlp.shared_experts.up_proj.weight"   => "blk.{l}.ffn_up_shexp.weight"   SAME;
    "layers.{l}.mlp.shared_experts.down_proj.weight" => "blk.{l}.ffn_down_shexp.weight" SAME;
};

/// Gemma's norms multiply by one plus the stored weight.
const GEMMA: &[Rule] = rules! {
    "norm.weight"                                => "output_norm.weight"         PLUS_ONE;
    "layers.{l}.input_layernorm.weight"          => "blk.{l}.attn_norm.weight"   PLUS_ONE;
    "layers.{l}.post_attention_layernorm.weight" => "blk.{l}.ffn_norm.weight"    PLUS_ONE;
    "layers.{l}.self_attn.q_norm.weight"         => "blk.{l}.attn_q_norm.weight" PLUS_ONE;
    "layers.{l}.self_attn.k_norm.weight"         => "blk.{l}.attn_k_norm.weight" PLUS_ONE;
    "vision_tower.**"                            => ""                           UNUSED;
    "multi_modal_projector.**"                   => ""                           UNUSED;
};

/// Gemma 2 and 3 have norms on both sides of each part.
const GEMMA_SANDWICH: &[Rule] = rules! {
    "layers.{l}.post_attention_layernorm.weight"   => "blk.{l}.post_attention_norm.weight" PLUS_ONE;
    "layers.{l}.pre_feedforward_layernorm.weight"  => "blk.{l}.ffn_norm.weight"            PLUS_ONE;
    "layers.{l}.post_feedforward_layernorm.weight" => "blk.{l}.post_ffw_norm.weight"       PLUS_ONE;
};

const GPT2: &[Rule] = rules! {
    "wte.weight"               => "token_embd.weight"          SAME;
    "wpe.weight"               => "position_embd.weight"       SAME;
    "lm_head.weight"           => "output.weight"              SAME;
    "ln_f.{w}"                 => "output_norm.{w}"            SAME;
    "h.{l}.ln_1.{w}"           => "blk.{l}.attn_norm.{w}"      SAME;
    "h.{l}.ln_2.{w}"           => "blk.{l}.ffn_norm.{w}"       SAME;
    "h.{l}.attn.c_attn.weight" => "blk.{l}.attn_q.weight"      third_transposed(0);
    "h.{l}.attn.c_attn.weight" => "blk.{l}.attn_k.weight"      third_transposed(1);
    "h.{l}.attn.c_attn.weight" => "blk.{l}.attn_v.weight"      third_transposed(2);
    "h.{l}.attn.c_attn.bias"   => "blk.{l}.attn_q.bias"        third_of_vector(0);
    "h.{l}.attn.c_attn.bias"   => "blk.{l}.attn_k.bias"        third_of_vector(1);
    "h.{l}.attn.c_attn.bias"   => "blk.{l}.attn_v.bias"        third_of_vector(2);
    "h.{l}.attn.c_proj.weight" => "blk.{l}.attn_output.weight" TRANSPOSED;
    "h.{l}.attn.c_proj.bias"   => "blk.{l}.attn_output.bias"   SAME;
    "h.{l}.mlp.c_fc.weight"    => "blk.{l}.ffn_up.weight"      TRANSPOSED;
    "h.{l}.mlp.c_fc.bias"      => "blk.{l}.ffn_up.bias"        SAME;
    "h.{l}.mlp.c_proj.weight"  => "blk.{l}.ffn_down.weight"    TRANSPOSED;
    "h.{l}.mlp.c_proj.bias"    => "blk.{l}.ffn_down.bias"      SAME;
    "h.{l}.attn.bias"          => ""                           UNUSED;
    "h.{l}.attn.masked_bias"   => ""                           UNUSED;
};

/// Gate and up share a tensor, alternating; as `[inputs, outputs]` in BF16, as `[outputs, inputs]` in MXFP4 (whose two tensors go by `_blocks`).
const GPT_OSS: &[Rule] = rules! {
    "layers.{l}.self_attn.sinks"                 => "blk.{l}.attn_sinks.weight"    SAME;
    "layers.{l}.mlp.router.{w}"                  => "blk.{l}.ffn_gate_inp.{w}"     SAME;
    "layers.{l}.mlp.experts.gate_up_proj"        => "blk.{l}.ffn_gate_exps.weight" every_other(Axis::Transposed, 0);
    "layers.{l}.mlp.experts.gate_up_proj"        => "blk.{l}.ffn_up_exps.weight"   every_other(Axis::Transposed, 1);
    "layers.{l}.mlp.experts.gate_up_proj_blocks" => "blk.{l}.ffn_gate_exps.weight" every_other(Axis::Rows, 0);
    "layers.{l}.mlp.experts.gate_up_proj_blocks" => "blk.{l}.ffn_up_exps.weight"   every_other(Axis::Rows, 1);
    "layers.{l}.mlp.experts.gate_up_proj_bias"   => "blk.{l}.ffn_gate_exps.bias"   every_other(Axis::Columns, 0);
    "layers.{l}.mlp.experts.gate_up_proj_bias"   => "blk.{l}.ffn_up_exps.bias"     every_other(Axis::Columns, 1);
    "layers.{l}.mlp.experts.down_proj"           => "blk.{l}.ffn_down_exps.weight" TRANSPOSED;
    "layers.{l}.mlp.experts.down_proj_blocks"    => "blk.{l}.ffn_down_exps.weight" SAME;
    "layers.{l}.mlp.experts.down_proj_bias"      => "blk.{l}.ffn_down_exps.bias"   SAME;
};

/// Tables of a family, the most specific first.
type Family = (&'static str, &'static [&'static [Rule]]);

/// Families of Hugging Face's `model_type`.
const FAMILIES: &[Family] = &[
    ("llama", &[LLAMA]),
    ("mistral", &[LLAMA]),
    ("qwen2", &[LLAMA]),
    ("qwen3", &[LLAMA]),
    ("qwen2_moe", &[SHARED_EXPERT, EXPERTS, LLAMA]),
    ("qwen3_moe", &[EXPERTS, LLAMA]),
    ("mixtral", &[MIXTRAL, LLAMA]),
    ("gemma", &[GEMMA, LLAMA]),
    ("gemma2", &[GEMMA_SANDWICH, GEMMA, LLAMA]),
    ("gemma3", &[GEMMA_SANDWICH, GEMMA, LLAMA]),
    ("gemma3_text", &[GEMMA_SANDWICH, GEMMA, LLAMA]),
    ("gpt2", &[GPT2]),
    ("gpt_oss", &[GPT_OSS, LLAMA]),
    ("deepseek_v2", &[DEEPSEEK, EXPERTS, LLAMA]),
    ("deepseek_v3", &[DEEPSEEK, EXPERTS, LLAMA]),
];

/// Old Mixtral files hold experts one by one.
const GGUF_MIXTRAL: &[Rule] = rules! {
    "blk.{l}.ffn_gate.{e}.weight" => "blk.{l}.ffn_gate_exps.weight" SAME;
    "blk.{l}.ffn_up.{e}.weight"   => "blk.{l}.ffn_up_exps.weight"   SAME;
    "blk.{l}.ffn_down.{e}.weight" => "blk.{l}.ffn_down_exps.weight" SAME;
};

/// GPT-2 files hold a fused projection.
const GGUF_GPT2: &[Rule] = rules! {
    "blk.{l}.attn_qkv.weight" => "blk.{l}.attn_q.weight" third(0);
    "blk.{l}.attn_qkv.weight" => "blk.{l}.attn_k.weight" third(1);
    "blk.{l}.attn_qkv.weight" => "blk.{l}.attn_v.weight" third(2);
    "blk.{l}.attn_qkv.bias"   => "blk.{l}.attn_q.bias"   third_of_vector(0);
    "blk.{l}.attn_qkv.bias"   => "blk.{l}.attn_k.bias"   third_of_vector(1);
    "blk.{l}.attn_qkv.bias"   => "blk.{l}.attn_v.bias"   third_of_vector(2);
};

/// gpt-oss files call the second norm of a layer after the output of the first part.
const GGUF_GPT_OSS: &[Rule] = rules! {
    "blk.{l}.post_attention_norm.weight" => "blk.{l}.ffn_norm.weight" SAME;
};

/// Families of GGUF's `general.architecture` whose names or layouts differ from this project's. All other names stay.
const GGUF_FAMILIES: &[Family] = &[("llama", &[GGUF_MIXTRAL]), ("gpt2", &[GGUF_GPT2]), ("gpt-oss", &[GGUF_GPT_OSS])];

/// Leading words of Hugging Face names that say nothing.
const PREFIXES: &[&str] = &["model.", "language_model.", "transformer."];

/// A tensor that is being gathered: its sources by expert (0 if it has no experts).
struct Target {
    name: String,
    recipe: Recipe,
    stacked: bool,
    layer: Option<u32>,
    sources: BTreeMap<u32, usize>,
}

/// The views on a GGUF file's tensors, in the file's order.
pub(super) fn gguf_views(architecture: &str, sources: &[Source]) -> Result<Vec<View>, String> {
    let tables = GGUF_FAMILIES.iter().find(|f| f.0 == architecture).map_or(&[][..], |f| f.1);
    let mut targets = Targets::default();
    for (at, source) in sources.iter().enumerate() {
        if !targets.add_by_rules(tables, sources, at, &source.name)? {
            targets.add(sources, at, source.name.clone(), SAME, Holes::default())?;
        }
    }
    targets.views(sources)
}

/// The views on the tensors of a safetensors model, by layer and name.
pub(super) fn hugging_face_views(config: &Value, sources: &[Source]) -> Result<Vec<View>, String> {
    let family = config["model_type"].as_str().ok_or("config.json has no `model_type`, which names the family")?;
    let known = || FAMILIES.iter().map(|f| f.0).collect::<Vec<_>>().join(", ");
    let tables = FAMILIES
        .iter()
        .find(|f| f.0 == family)
        .ok_or_else(|| format!("config.json says `model_type` is {family:?}, and these are supported: {}", known()))?
        .1;
    let mut targets = Targets::default();
    for (at, source) in sources.iter().enumerate() {
        let name = without_prefixes(&source.name);
        if !is_unneeded(config, name) && !targets.add_by_rules(tables, sources, at, name)? {
            return Err(format!("tensor `{}` is not known of the family {family}", source.name));
        }
    }
    targets.list.sort_by(|a, b| (a.layer, &a.name).cmp(&(b.layer, &b.name)));
    targets.views(sources)
}

fn without_prefixes(mut name: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

/// Whether a tensor is a copy, or belongs to a part of the model that is not run: a head that the configuration says is tied to the embedding, and
/// layers beyond the last (DeepSeek's prediction of the token after next).
fn is_unneeded(config: &Value, name: &str) -> bool {
    let tied = config["tie_word_embeddings"] == true && name == "lm_head.weight";
    let layers = config["num_hidden_layers"].as_u64();
    let extra = config["num_nextn_predict_layers"].as_u64().unwrap_or(0) > 0
        && matches("layers.{l}.**", name).and_then(|h| h.layer).zip(layers).is_some_and(|(l, n)| u64::from(l) >= n);
    tied || extra
}

/// Tensors that are being gathered, in order of first appearance.
#[derive(Default)]
struct Targets {
    list: Vec<Target>,
    index: HashMap<String, usize>,
}

impl Targets {
    /// Adds a source by all matching rules of the first table that has one. False if there is none.
    fn add_by_rules(&mut self, tables: &[&[Rule]], all: &[Source], at: usize, name: &str) -> Result<bool, String> {
        for table in tables {
            let mut found = false;
            for rule in *table {
                let Some(holes) = matches(rule.from, name) else {
                    continue;
                };
                found = true;
                if !rule.to.is_empty() {
                    self.add(all, at, fill(rule.to, holes), rule.recipe, holes)?;
                }
            }
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds a source to the target of this name.
    fn add(&mut self, all: &[Source], at: usize, name: String, recipe: Recipe, holes: Holes) -> Result<(), String> {
        let stacked = holes.expert.is_some();
        let slot = *self.index.entry(name.clone()).or_insert(self.list.len());
        if slot == self.list.len() {
            self.list.push(Target { name, recipe, stacked, layer: holes.layer, sources: BTreeMap::new() });
        }
        let target = &mut self.list[slot];
        let clash = match target.stacked == stacked {
            true => target.sources.insert(holes.expert.unwrap_or(0), at),
            false => target.sources.values().next().copied(),
        };
        match clash.map(|other| &all[other].name) {
            None => Ok(()),
            Some(other) => {
                Err(format!("tensors `{other}` and `{}` both are `{}`: keep one", all[at].name, target.name))
            }
        }
    }

    fn views(self, all: &[Source]) -> Result<Vec<View>, String> {
        self.list.into_iter().map(|target| target.view(all)).collect()
    }
}

impl Target {
    fn view(self, all: &[Source]) -> Result<View, String> {
        if let Some((missing, _)) = self.sources.keys().enumerate().find(|&(i, &expert)| i != expert as usize) {
            return Err(format!("`{}` lacks expert {missing} of {}", self.name, self.sources.len()));
        }
        View::new(self.name, all, self.sources.into_values().collect(), self.recipe, self.stacked)
    }
}
