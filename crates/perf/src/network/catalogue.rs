//! The networks that are known by name.

use super::file::{Body, Known};
use super::shape::Shape;
use std::sync::LazyLock;

/// No network has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownNetwork {
    /// The name is not known.
    #[error("no network is called `{name}`; the nearest are {nearest}")]
    Name {
        /// What was asked for.
        name: String,
        /// The nearest names, quoted.
        nearest: String,
    },
    /// It is an image model, and text was asked for.
    #[error("`{0}` makes images and not text")]
    Image(String),
}

static NETWORKS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let parse = |path: &str| {
        let text = data::file(path).expect("listed files have a text");
        Known::parse(path, text).unwrap_or_else(|error| panic!("data/{error}"))
    };
    data::list("networks/").map(parse).collect()
});

/// What publishers append to the name of a shape without changing it.
const SUFFIXES: [&str; 22] = [
    "-instruct",
    "-chat",
    "-hf",
    "-base",
    "-it",
    "-fp8",
    "-fp8-kv",
    "-fp8-dynamic",
    "-nvfp4",
    "-fp4",
    "-mxfp4",
    "-bf16",
    "-awq",
    "-gptq",
    "-int4",
    "-w4a16",
    "-w8a8",
    "-2507",
    "-v0.1",
    "-v0.3",
    "-quantized",
    "-block",
];

/// Every network, by key.
pub fn list() -> &'static [Known] {
    &NETWORKS
}

/// The network of a key, a Hugging Face path or another alias.
///
/// # Errors
/// If there is none; names the nearest.
pub fn find(name: &str) -> Result<&'static Known, UnknownNetwork> {
    let exact = |known: &&Known| {
        known.key.eq_ignore_ascii_case(name) || known.aliases.iter().any(|a| a.eq_ignore_ascii_case(name))
    };
    if let Some(known) = NETWORKS.iter().find(exact) {
        return Ok(known);
    }
    let wanted = plain(name);
    let similar =
        |known: &&Known| plain(&known.key) == wanted || known.aliases.iter().any(|alias| plain(alias) == wanted);
    NETWORKS.iter().find(similar).ok_or_else(|| unknown(name))
}

/// The shape of a language model by name.
///
/// # Errors
/// If there is none, or it makes images.
pub fn language(name: &str) -> Result<(&'static Known, &'static Shape), UnknownNetwork> {
    let known = find(name)?;
    match &known.body {
        Body::Language(shape) => Ok((known, shape)),
        Body::Image(_) => Err(UnknownNetwork::Image(known.key.clone())),
    }
}

/// A name without owner, case and suffixes.
fn plain(name: &str) -> String {
    let mut name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    while let Some(shorter) = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)) {
        name = shorter.to_owned();
    }
    name
}

fn unknown(name: &str) -> UnknownNetwork {
    let wanted: String = plain(name).chars().take(60).collect();
    let closeness = |known: &Known| {
        let names = known.aliases.iter().map(|alias| plain(alias)).chain([known.key.clone()]);
        names.map(|name| strsim::jaro_winkler(&name, &wanted)).fold(0.0, f64::max)
    };
    let mut all: Vec<(f64, &str)> = NETWORKS.iter().map(|known| (closeness(known), known.key.as_str())).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let nearest: Vec<String> = all.iter().take(3).map(|(_, key)| format!("`{key}`")).collect();
    UnknownNetwork::Name { name: name.chars().take(60).collect(), nearest: nearest.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_the_published_number_of_weights() {
        for known in list() {
            let counted = match &known.body {
                Body::Language(shape) => shape.parameters(),
                Body::Image(image) => image.parameters(),
            };
            let error = counted / known.parameters as f64 - 1.0;
            assert!(error.abs() < 0.01, "{}: {counted} of {}", known.key, known.parameters);
        }
        assert!(list().len() >= 30);
    }

    #[test]
    fn shapes_count_weights_as_the_networks_they_are_made_of() {
        for known in list() {
            let text = data::file(&format!("networks/{}.toml", known.key)).expect("a file of that name");
            let table: toml::Table = text.parse().unwrap();
            let (Some(config), Body::Language(shape)) = (table.get("config"), &known.body) else { continue };
            let network = model::network::Network::from_hf(&serde_json::to_value(config).unwrap()).unwrap();
            let error = shape.parameters() / network.parameters() as f64 - 1.0;
            assert!(error.abs() < 2e-4, "{}: {error}", known.key);
            let error = shape.active_parameters() / network.active_parameters() as f64 - 1.0;
            assert!(error.abs() < 1e-3, "{}: active {error}", known.key);
        }
    }

    #[test]
    fn names_of_publishers_lead_to_the_shape() {
        let cases = [
            ("openai/gpt-oss-120b", "gpt-oss-120b"),
            ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"),
            ("meta-llama/Llama-3.1-70B", "llama-3.1-70b"),
            ("RedHatAI/Llama-3.1-70B-Instruct-FP8-dynamic", "llama-3.1-70b"),
            ("deepseek-ai/DeepSeek-R1", "deepseek-v3"),
            ("nvidia/DeepSeek-V3.1-NVFP4", "deepseek-v3"),
            ("Qwen/Qwen3.5-397B-A17B", "qwen3.5-397b-a17b"),
            ("Qwen3-30B-A3B-Instruct-2507-FP8", "qwen3-30b-a3b"),
        ];
        for (name, key) in cases {
            assert_eq!(find(name).map(|known| known.key.as_str()), Ok(key), "{name}");
        }
        let refusal = find("gpt-os-120b").unwrap_err().to_string();
        assert!(refusal.contains("`gpt-oss-120b`"), "{refusal}");
        assert!(language("flux.1-dev").unwrap_err().to_string().contains("images"));
    }

    #[test]
    fn caches_have_the_published_sizes() {
        let bytes = |name: &str, positions: u64| {
            language(name).unwrap().1.cache_bytes(positions, &crate::workload::Formats::default())
        };
        // DeepSeek-V3: 61 layers x (512 + 64) x 2 bytes = 70.3 kB a token (arXiv 2505.09343, table 1). Llama 3.1: 80 x 2 x 8 x 128 x 2 bytes = 320 KiB.
        assert_eq!(bytes("deepseek-v3", 1000), 70_272.0 * 1000.0);
        assert_eq!(bytes("llama-3.1-70b", 1000), 327_680.0 * 1000.0);
        // Of gpt-oss's 36 layers, 18 keep 128 positions only.
        assert_eq!(bytes("gpt-oss-120b", 8192), (18 * 2 * 8 * 64 * 2) as f64 * (8192.0 + 128.0));
        // A state does not grow.
        let (short, long) = (bytes("qwen3.5-397b-a17b", 1000), bytes("qwen3.5-397b-a17b", 2000));
        assert_eq!(long - short, (15 * 2 * 2 * 256 * 2 * 1000) as f64);
    }
}
