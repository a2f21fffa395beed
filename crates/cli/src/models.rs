//! `puce model`: which models there are, and what is in one.

use crate::failure::Result;
use crate::setup::{ModelArguments, Opened, cache, fetch};
use crate::ui::{self, Align, Sheet};
use clap::Subcommand;
use model::catalogue::{Catalogue, Entry, summary};
use model::chat::Template;
use model::network::{Attention, FeedForward, Layer, NormKind};
use serde::Serialize;
use std::path::Path;

/// The subcommands of `puce model`.
#[derive(Subcommand)]
pub enum Command {
    /// List the models that can be fetched by name
    #[command(after_help = "\
Examples:
  puce model list
  puce model list --json")]
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model into the cache
    #[command(after_help = "\
Examples:
  puce model pull smollm2
  PUCE_CACHE=/mnt/models puce model pull smollm2")]
    Pull {
        /// Name from `puce model list`
        name: String,
    },
    /// Describe a model: network, tensors, tokenizer
    #[command(after_help = "\
Examples:
  puce model show smollm2
  puce model show ./model.gguf --json")]
    Show {
        /// Name from `puce model list`, or a path
        #[arg(value_name = "NAME|PATH")]
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print where a fetched model lies
    #[command(after_help = "\
Examples:
  puce model path smollm2
  ls -l \"$(puce model path smollm2)\"")]
    Path {
        /// Name from `puce model list`, or a path
        #[arg(value_name = "NAME|PATH")]
        name: String,
    },
}

/// Runs the command.
pub fn run(command: &Command) -> Result {
    let catalogue = Catalogue::builtin();
    match command {
        Command::List { json } => list(&catalogue, *json),
        Command::Pull { name } => {
            let path = fetch(catalogue.find(name)?, &cache()?)?;
            ui::print(&format!("{}\n", path.display()))
        }
        Command::Show { name, json } => show(&catalogue, name, *json),
        Command::Path { name } => ui::print(&format!("{}\n", catalogue.resolve(name, &cache()?)?.display())),
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: &'a str,
    family: &'a str,
    parameters: u64,
    bytes: u64,
    licence: &'a str,
    source: &'a str,
    fetched: bool,
}

fn listed<'a>(entry: &'a Entry, cache: &Path) -> Listed<'a> {
    Listed {
        name: &entry.name,
        title: &entry.title,
        family: &entry.family,
        parameters: entry.parameters,
        bytes: entry.file.bytes,
        licence: &entry.licence,
        source: &entry.source,
        fetched: entry.cached(cache).is_some(),
    }
}

fn list(catalogue: &Catalogue, json: bool) -> Result {
    let cache = cache()?;
    let models: Vec<Listed> = catalogue.entries().iter().map(|entry| listed(entry, &cache)).collect();
    if json {
        return ui::json(&models);
    }
    let rows = models.iter().map(|model| {
        vec![
            ui::styled(ui::STRONG, model.name),
            ui::large(model.parameters as f64),
            ui::bytes(model.bytes),
            if model.fetched { "yes" } else { "no" }.into(),
            model.licence.into(),
        ]
    });
    let (left, right) = (Align::Left, Align::Right);
    let head = [("name", left), ("parameters", right), ("size", right), ("fetched", left), ("licence", left)];
    ui::print(&ui::table(&head, &rows.collect::<Vec<_>>()))
}

#[derive(Serialize)]
struct Shown {
    path: String,
    name: String,
    family: String,
    parameters: u64,
    active_parameters: u64,
    layers: usize,
    hidden: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    /// Attention, feed-forward part and norm in words.
    attention: String,
    ffn: String,
    norm: &'static str,
    /// Whether the layers differ from the first, which is the one described.
    layers_differ: bool,
    context: usize,
    vocab: usize,
    tied_head: bool,
    tensors: usize,
    bytes: u64,
    encodings: Vec<Share>,
    tokens: usize,
    bos: Option<String>,
    eos: Option<String>,
    ends: Vec<String>,
    template: bool,
}

#[derive(Serialize)]
struct Share {
    encoding: String,
    tensors: usize,
    parameters: u64,
    bytes: u64,
}

/// An entry of the catalogue must have been fetched: `show` never downloads.
fn show(catalogue: &Catalogue, name: &str, json: bool) -> Result {
    catalogue.resolve(name, &cache()?)?;
    let shown = describe(&ModelArguments { model: name.to_string() }.open()?);
    if json { ui::json(&shown) } else { ui::print(&shown.text()) }
}

fn describe(opened: &Opened) -> Shown {
    let Opened { checkpoint, network, tokenizer } = opened;
    let summary = summary(checkpoint.tensors());
    let spelling = |id: u32| String::from_utf8_lossy(tokenizer.piece(id).unwrap_or_default()).into_owned();
    let first = &network.layers[0];
    let (heads, kv_heads, head_dim) = heads(first);
    let share = |share: model::catalogue::EncodingShare| Share {
        encoding: share.encoding.name().to_string(),
        tensors: share.tensors,
        parameters: share.parameters,
        bytes: share.bytes,
    };
    Shown {
        path: checkpoint.path().display().to_string(),
        name: network.name.clone(),
        family: network.family.clone(),
        parameters: network.parameters(),
        active_parameters: network.active_parameters(),
        layers: network.layers.len(),
        hidden: network.hidden,
        heads,
        kv_heads,
        head_dim,
        attention: attention(first),
        ffn: ffn(first),
        norm: if network.final_norm.kind == NormKind::Rms { "RMS" } else { "layer" },
        layers_differ: network.layers.iter().any(|layer| layer != first),
        context: network.context,
        vocab: network.vocab,
        tied_head: network.tied_head,
        tensors: summary.tensors,
        bytes: summary.bytes,
        encodings: summary.encodings.into_iter().map(share).collect(),
        tokens: tokenizer.vocab_size(),
        bos: tokenizer.bos().map(spelling),
        eos: tokenizer.eos().map(spelling),
        ends: tokenizer.ends().iter().map(|id| spelling(*id)).collect(),
        template: Template::of(checkpoint, tokenizer).is_ok(),
    }
}

/// Query heads, key/value heads and head width.
fn heads(layer: &Layer) -> (usize, usize, usize) {
    match &layer.attention {
        Attention::Grouped(attention) => (attention.heads, attention.kv_heads, attention.head_dim),
        Attention::Latent(attention) => (attention.heads, attention.heads, attention.nope_dim + attention.rope_dim),
    }
}

fn attention(layer: &Layer) -> String {
    match &layer.attention {
        Attention::Grouped(attention) => {
            let mut text = format!(
                "{} heads of {}, {} for keys and values",
                attention.heads, attention.head_dim, attention.kv_heads
            );
            let extras = [
                (attention.qkv_bias, "biases"),
                (attention.qk_norm.is_some(), "normalised queries and keys"),
                (attention.window.is_some(), "a sliding window"),
                (attention.sinks, "sinks"),
                (attention.softcap.is_some(), "soft-capped scores"),
            ];
            extras.iter().filter(|(has, _)| *has).for_each(|(_, what)| text += &format!(", {what}"));
            text
        }
        Attention::Latent(attention) => format!("{} latent heads of rank {}", attention.heads, attention.kv_rank),
    }
}

fn ffn(layer: &Layer) -> String {
    match &layer.ffn {
        FeedForward::Dense(ffn) => {
            format!("{} wide, {:?}{}", ffn.inner, ffn.activation, if ffn.gated { ", gated" } else { "" })
        }
        FeedForward::Experts(ffn) => {
            format!("{} experts of {}, {} per token, {:?}", ffn.experts, ffn.inner, ffn.top_k, ffn.activation)
        }
    }
}

impl Shown {
    fn text(&self) -> String {
        let count = |number: usize| ui::count(number as u64);
        let mut sheet = Sheet::new();
        sheet.row("model", ui::styled(ui::STRONG, if self.name.is_empty() { "without a name" } else { &self.name }));
        sheet.row("file", &self.path);
        let active = if self.active_parameters < self.parameters {
            format!(", {} of them for each token", ui::large(self.active_parameters as f64))
        } else {
            String::new()
        };
        sheet.row("parameters", ui::count(self.parameters) + &active);
        sheet.row(
            "network",
            format!("family {}, {} layers, {} wide, {} norms", self.family, self.layers, self.hidden, self.norm),
        );
        sheet.row("attention", &self.attention);
        sheet.row("feed-forward", &self.ffn);
        if self.layers_differ {
            sheet.row("", "(of the first layer; others differ)");
        }
        sheet.row("context", format!("{} tokens", count(self.context)));
        let head = if self.tied_head { "the embedding is the head" } else { "a head of its own" };
        sheet.row("vocabulary", format!("{} rows, {} tokens; {head}", count(self.vocab), count(self.tokens)));
        let or_none = |token: &Option<String>| token.as_deref().unwrap_or("none").to_string();
        let (bos, eos) = (or_none(&self.bos), or_none(&self.eos));
        sheet.row("control tokens", format!("begin {bos}, end {eos}, stop at {}", self.ends.join(" ")));
        sheet.row("chat template", if self.template { "yes" } else { "no" });
        let (left, right) = (Align::Left, Align::Right);
        let head = [("encoding", left), ("tensors", right), ("parameters", right), ("bytes", right)];
        let row = |share: &Share| {
            vec![share.encoding.clone(), count(share.tensors), ui::count(share.parameters), ui::bytes(share.bytes)]
        };
        let mut rows: Vec<Vec<String>> = self.encodings.iter().map(row).collect();
        let parameters = self.encodings.iter().map(|share| share.parameters).sum();
        rows.push(vec!["all".into(), count(self.tensors), ui::count(parameters), ui::bytes(self.bytes)]);
        format!("{}\n{}", sheet.text(), ui::table(&head, &rows))
    }
}
