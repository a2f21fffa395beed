//! Tokenizers against llama.cpp's ids (`golden/tokens_*.txt`) and against themselves.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use model::catalogue::{Catalogue, cache_dir};
use model::checkpoint::Checkpoint;
use model::tokenizer::{TokenKind, Tokenizer, Vocabulary};
use proptest::prelude::*;

/// The tokenizer of a fetched model; `None`, said aloud, if the model has not been fetched.
fn fetched(name: &str) -> Option<Tokenizer> {
    let path = path_of(name)?;
    Some(Tokenizer::of(&Checkpoint::open(&path).unwrap()).unwrap())
}

/// The file of a fetched model; `None`, said aloud, if it has not been fetched.
fn path_of(name: &str) -> Option<PathBuf> {
    let cache = cache_dir(|variable| std::env::var_os(variable))?;
    let path = Catalogue::builtin().find(name).unwrap().cached(&cache);
    if path.is_none() {
        eprintln!("skipped: `{name}` has not been fetched (puce model pull {name})");
    }
    path
}

fn golden_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

static SMOLLM2: LazyLock<Option<Tokenizer>> = LazyLock::new(|| fetched("smollm2"));

/// A line of a golden file: the text, its ids with control tokens read, and without.
fn parse(line: &str) -> (String, Vec<u32>, Vec<u32>) {
    let end = line.rfind('"').unwrap() + 1;
    let lists: Vec<Vec<u32>> = line[end..]
        .split('|')
        .skip(1)
        .map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect())
        .collect();
    let text = serde_json::from_str(&line[..end]).unwrap();
    (text, lists[0].clone(), lists.last().unwrap().clone())
}

fn matches_golden(tokenizer: &Tokenizer, file: &str) {
    let lines = std::fs::read_to_string(golden_file(file)).unwrap();
    let (mut wrong, mut count) = (String::new(), 0);
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let (text, marked, plain) = parse(line);
        count += 1;
        for (special, want) in [(true, marked), (false, plain)] {
            let got = tokenizer.encode(&text, special).unwrap();
            if got != want {
                writeln!(wrong, "{text:?} special={special}\n  got  {got:?}\n  want {want:?}").unwrap();
            }
            if tokenizer.decode(&got, true) != text {
                writeln!(wrong, "{text:?} special={special} comes back as {:?}", tokenizer.decode(&got, true)).unwrap();
            }
        }
    }
    assert!(count >= 80, "{count} lines");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn smollm2_gives_llama_cpp_s_ids() {
    if let Some(tokenizer) = &*SMOLLM2 {
        matches_golden(tokenizer, "tokens_smollm2.txt");
    }
}

#[test]
fn qwen2_gives_llama_cpp_s_ids() {
    if let Some(tokenizer) = fetched("qwen2.5-coder-0.5b") {
        matches_golden(&tokenizer, "tokens_qwen2.txt");
        assert!(tokenizer.is_end(tokenizer.token("<|endoftext|>").unwrap()));
        assert!(tokenizer.is_end(tokenizer.token("<|im_end|>").unwrap()));
    }
}

#[test]
fn smollm2_knows_its_control_tokens() {
    let Some(tokenizer) = &*SMOLLM2 else { return };
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.prefix()), (Some(1), Some(2), None));
    assert_eq!(tokenizer.ends(), [0, 2]);
    assert_eq!(tokenizer.vocab_size(), 49152);
    assert_eq!(tokenizer.piece(1), Some(&b"<|im_start|>"[..]));
    assert_eq!(tokenizer.piece(49152), None);
    assert_eq!(tokenizer.decode(&[1, 2, 99_999], false), "");
}

#[test]
fn long_runs_take_linear_time() {
    let Some(tokenizer) = &*SMOLLM2 else { return };
    for text in [" ".repeat(200_000), "a".repeat(200_000), "\n ".repeat(100_000), " ".repeat(200_000) + "x"] {
        let ids = tokenizer.encode(&text, true).unwrap();
        assert_eq!(tokenizer.decode(&ids, true), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_comes_back(text in "(\\PC|[\\s<|>]|[a-z]{1,8}|<\\|im_end\\|>){0,40}") {
        if let Some(tokenizer) = &*SMOLLM2 {
            for special in [false, true] {
                let ids = tokenizer.encode(&text, special).unwrap();
                prop_assert_eq!(&tokenizer.decode(&ids, true), &text);
                prop_assert!(special || ids.iter().all(|id| !tokenizer.is_control(*id)));
            }
        }
    }

    #[test]
    fn a_stream_is_the_whole(ids in proptest::collection::vec(0..49_200u32, 0..60), special: bool) {
        if let Some(tokenizer) = &*SMOLLM2 {
            let mut decoder = tokenizer.decoder(special);
            let mut text: String = ids.iter().map(|id| decoder.push(*id)).collect();
            text += &decoder.finish();
            let kept = ids.iter().filter(|id| special || !tokenizer.is_control(**id));
            let bytes: Vec<u8> = kept.flat_map(|id| tokenizer.piece(*id).unwrap_or_default().to_vec()).collect();
            prop_assert_eq!(&text, &String::from_utf8_lossy(&bytes).into_owned());
            prop_assert_eq!(text, tokenizer.decode(&ids, special));
        }
    }
}

/// Every pre-tokenizer over one vocabulary: what differs is the cutting alone. (The golden file says whose ids they are.)
#[test]
fn every_pre_tokenizer_cuts_where_it_should() {
    let texts = std::fs::read_to_string(golden_file("pre_vocabulary.json")).unwrap();
    let lists: std::collections::HashMap<String, Vec<String>> = serde_json::from_str(&texts).unwrap();
    let vocabulary = Vocabulary {
        model: "gpt2".into(),
        tokens: lists["tokens"].clone(),
        merges: lists["merges"].clone(),
        ..Vocabulary::default()
    };
    let golden = std::fs::read_to_string(golden_file("tokens_pre.txt")).unwrap();
    let (mut wrong, mut count) = (String::new(), 0);
    for section in golden.split("\n= ").skip(1) {
        let (name, lines) = section.split_once('\n').unwrap();
        let vocabulary = Vocabulary { pre: Some(name.into()), ..vocabulary.clone() };
        let tokenizer = Tokenizer::from_vocabulary(&vocabulary, Path::new(name)).unwrap();
        for line in lines.lines() {
            let (text, want, _) = parse(line);
            let got = tokenizer.encode(&text, false).unwrap();
            count += 1;
            if got != want {
                writeln!(wrong, "{name}: {text:?}\n  got  {got:?}\n  want {want:?}").unwrap();
            }
        }
    }
    assert!(count >= 900, "{count} lines");
    assert!(wrong.is_empty(), "{wrong}");
}

/// A SentencePiece vocabulary: control tokens, all bytes, then scored pieces.
fn sentence_piece() -> Vocabulary {
    let mut tokens: Vec<(String, f32, TokenKind)> =
        ["<unk>", "<s>", "</s>"].map(|token| (token.to_string(), 0.0, TokenKind::Control)).into();
    tokens[0].2 = TokenKind::Unknown;
    tokens.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), 0.0, TokenKind::Byte)));
    let pieces = ["▁t", "he", "▁the", "▁a", "in", "er", "▁c", "at", "▁cat", "ca", "é"];
    let letters = "▁abcdefghijklmnopqrstuvwxyz".chars().map(String::from);
    let scored = pieces.map(String::from).into_iter().chain(letters);
    tokens.extend(scored.zip(1i16..).map(|(token, rank)| (token, -f32::from(rank), TokenKind::Normal)));
    tokens.push(("<turn>".into(), 0.0, TokenKind::UserDefined));
    Vocabulary {
        model: "llama".into(),
        kinds: tokens.iter().map(|token| token.2).collect(),
        scores: tokens.iter().map(|token| token.1).collect(),
        tokens: tokens.into_iter().map(|token| token.0).collect(),
        bos: Some(1),
        eos: Some(2),
        unknown: Some(0),
        ..Vocabulary::default()
    }
}

/// SentencePiece's own algorithm, plainly: join the neighbours whose whole scores best, leftmost first, until none is a piece; the rest is bytes.
fn joined_by_score(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
    let id = |piece: &str| vocabulary.tokens.iter().position(|token| token == piece);
    let mut parts: Vec<String> = text.replace(' ', "▁").chars().map(String::from).collect();
    loop {
        let joins = (1..parts.len()).filter_map(|at| {
            let whole = parts[at - 1].clone() + &parts[at];
            Some((vocabulary.scores[id(&whole)?], at, whole))
        });
        let Some((_, at, whole)) = joins.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))) else {
            break;
        };
        parts.splice(at - 1..=at, [whole]);
    }
    let bytes = |part: &str| part.bytes().map(|byte| u32::from(byte) + 3).collect::<Vec<_>>();
    parts.iter().flat_map(|part| id(part).map_or_else(|| bytes(part), |id| vec![id as u32])).collect()
}

proptest! {
    #[test]
    fn scores_merge_as_in_sentence_piece(text in "([a-z]|the| cat| a|in|er|é|漢|🎉| |\n){0,30}", prefix: bool) {
        let vocabulary = Vocabulary { add_space_prefix: Some(prefix), ..sentence_piece() };
        let tokenizer = Tokenizer::from_vocabulary(&vocabulary, Path::new("test")).unwrap();
        let spaced = if prefix && !text.is_empty() { format!(" {text}") } else { text.clone() };
        let ids = tokenizer.encode(&text, false).unwrap();
        prop_assert_eq!(&ids, &joined_by_score(&vocabulary, &spaced));
        prop_assert_eq!(tokenizer.decode(&ids, false), text);
    }
}

#[test]
fn sentence_piece_markup_is_read_only_on_request() {
    let vocabulary = sentence_piece();
    let tokenizer = Tokenizer::from_vocabulary(&vocabulary, Path::new("test")).unwrap();
    let turn = vocabulary.tokens.len() as u32 - 1;
    assert_eq!(tokenizer.prefix(), Some(1));
    // These four from llama.cpp with the same vocabulary.
    let ids = |text, special| tokenizer.encode(text, special).unwrap();
    assert_eq!(ids("</s><turn>the", true), [2, 297, 261]);
    assert_eq!(ids("</s><turn>the", false), [270, 63, 50, 289, 65, 297, 261]);
    assert_eq!(ids("a<turn> b", true), [262, 297, 270, 270, 272]);
    assert_eq!(ids("hé漢 cat<turn>", true), [270, 278, 269, 233, 191, 165, 267, 297]);
    assert_eq!(tokenizer.encode("</s><turn>", true).unwrap(), [2, turn]);
    let plain = tokenizer.encode("</s><turn>", false).unwrap();
    assert!(!plain.contains(&2) && plain.contains(&turn), "{plain:?}");
    assert_eq!(tokenizer.decode(&[1, 5], false), "\u{2}");
}

#[test]
fn damaged_vocabularies_are_refused_in_a_sentence() {
    let byte_level = || Vocabulary {
        model: "gpt2".into(),
        pre: Some("smollm".into()),
        tokens: ["a", "b", "ab"].map(String::from).into(),
        merges: vec!["a b".into()],
        ..Vocabulary::default()
    };
    let cases: [(&str, Vocabulary); 9] = [
        ("`tokenizer.ggml.model` is `t5`", Vocabulary { model: "t5".into(), ..byte_level() }),
        ("has 0 entries", Vocabulary { tokens: vec![], ..byte_level() }),
        ("eos_token_id` is 3", Vocabulary { eos: Some(3), ..byte_level() }),
        ("entry 0 is `ab`", Vocabulary { merges: vec!["ab".into()], ..byte_level() }),
        ("do not fit the tokens", Vocabulary { merges: vec!["b a".into()], ..byte_level() }),
        ("`tokenizer.ggml.pre` is `x`", Vocabulary { pre: Some("x".into()), ..byte_level() }),
        ("token_type` has 1 entries", Vocabulary { kinds: vec![TokenKind::Normal], ..byte_level() }),
        ("scores` is missing", Vocabulary { model: "llama".into(), ..byte_level() }),
        ("longer than 4096", Vocabulary { tokens: vec!["x".repeat(5000)], ..byte_level() }),
    ];
    assert!(Tokenizer::from_vocabulary(&byte_level(), Path::new("f.gguf")).is_ok());
    for (want, vocabulary) in cases {
        let error = Tokenizer::from_vocabulary(&vocabulary, Path::new("f.gguf")).unwrap_err().to_string();
        assert!(error.starts_with("f.gguf: ") && error.contains(want), "{error}");
    }
}

const JSON: &str = r#"{"version":"1.0","truncation":null,"padding":null,
 "added_tokens":[{"id":4,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
 "normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
 "post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
 "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,
 "byte_fallback":false,"vocab":{"a":0,"Ġ":1,"Ġa":2,"Ã":3},"merges":["Ġ a"]}}"#;

#[test]
fn a_tokenizer_json_is_read() {
    let config = r#"{"eos_token":{"content":"<|end|>"},"bos_token":null}"#;
    let tokenizer = Tokenizer::from_json(JSON, Some(config), Path::new("tokenizer.json")).unwrap();
    assert_eq!(tokenizer.encode("a a<|end|>", true).unwrap(), [0, 2, 4]);
    assert_eq!(tokenizer.encode("a a", false).unwrap(), [0, 2]);
    assert_eq!(tokenizer.decode(&[0, 2, 4], true), "a a<|end|>");
    assert_eq!(tokenizer.decode(&[3, 0], false), "\u{fffd}a");
    assert_eq!((tokenizer.eos(), tokenizer.ends(), tokenizer.prefix()), (Some(4), &[4][..], None));
    for (bad, want) in [("{", "not a tokenizer"), (&*JSON.replace("\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}", "\"decoder\":null"), "decoder")] {
        let error = Tokenizer::from_json(bad, None, Path::new("tokenizer.json")).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}
