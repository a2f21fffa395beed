//! Writes the first inputs of the `program` target: `cargo run --example seed`, in this workspace's directory. `seed.py` writes those of the others.

use std::path::Path;

use arch::program::Program;

const PROGRAMS: [(&str, &str); 4] = [
    ("empty", "memory 0\n"),
    ("halt", "memory 64\ncore 0\n  halt\ncore 1\n  halt\n"),
    ("vector", "memory 64\ncore 0\n  vimm.add dst=0 dstep=0 a=0 astep=0 rows=1 cols=8 imm=1.5f\n  halt\n"),
    (
        "loop",
        "memory 65536
core 0
  loop count=r3
    ld dst=0 mem=r2+64 elem=32 n0=4 s0=32 d0=32 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0
    sync.l.v
    vimm.mul dst=0 dstep=32 a=0 astep=32 rows=4 cols=8 imm=0.5f
    add.r2 a=r2 b=128
  end
  halt
",
    ),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = Path::new("corpus/program");
    std::fs::create_dir_all(directory)?;
    for (name, text) in PROGRAMS {
        let bytes = Program::parse(name, text)?.to_bytes();
        // The target supplies the checksum.
        std::fs::write(directory.join(name), &bytes[..bytes.len() - 4])?;
    }
    Ok(())
}
