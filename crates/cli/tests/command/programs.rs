//! `puce asm` and `puce objdump`.

use crate::tool::{Scratch, command, puce, run};

const TEXT: &str = "\
memory 64
core 0
  loop count=r3
    ld dst=0 mem=0 elem=32 n0=1 s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0
  end
  halt
core 1
  halt
";

#[test]
fn text_and_program_are_the_same_thing() {
    let scratch = Scratch::new();
    let text = scratch.write("program.txt", format!("# a comment\n{TEXT}"));
    let (binary, copy) = (scratch.path("program.puce"), scratch.path("copy.puce"));
    let note = puce(&["asm", &text, "-o", &binary]).good();
    assert!(note.out.is_empty() && note.err.contains("5 instructions for 2 cores"), "{note:?}");
    assert_eq!(puce(&["objdump", &binary]).good().out, TEXT);
    run(&mut command(&["asm", "-", "-o", &copy]), TEXT.as_bytes()).good();
    assert_eq!(std::fs::read(&binary).unwrap(), std::fs::read(&copy).unwrap());
    let json = puce(&["objdump", "--json", &binary]).json();
    assert_eq!(
        (&json["memory"], &json["cores"][0][3], &json["cores"][1][0]),
        (&64.into(), &"halt".into(), &"halt".into())
    );
}

#[test]
fn legality_is_checked_for_a_chip() {
    let scratch = Scratch::new();
    let (text, binary) = (scratch.write("program.txt", TEXT), scratch.path("program.puce"));
    puce(&["asm", &text, "-o", &binary, "--chip", "nano"]).refused(&["program.txt", "`nano`", "2 cores"]);
    assert!(!std::path::Path::new(&binary).exists(), "nothing is written for a refused program");
    puce(&["asm", &text, "-o", &binary, "--chip", "one"]).good();
    puce(&["objdump", &binary, "--chip", "one"]).good();
    puce(&["objdump", &binary, "--chip", "nano"]).refused(&["program.puce", "`nano`"]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let scratch = Scratch::new();
    let text = scratch.write("bad.txt", TEXT.replace("elem=32", "elem=x"));
    let out = scratch.path("out.puce");
    puce(&["asm", &text, "-o", &out]).refused(&["bad.txt, line 4", "`x`"]);
    puce(&["asm", &scratch.path("none.txt"), "-o", &out]).refused(&["none.txt", "no such file"]);
    let good = scratch.write("good.txt", TEXT);
    puce(&["asm", &good, "-o", &scratch.path("no/where.puce")]).refused(&["where.puce", "no such file"]);
}

#[test]
fn damaged_programs_are_refused_wherever_they_are_damaged() {
    let scratch = Scratch::new();
    let binary = scratch.path("program.puce");
    puce(&["asm", &scratch.write("program.txt", TEXT), "-o", &binary]).good();
    let whole = std::fs::read(&binary).unwrap();
    for len in [0, 3, 7, 15, 19, whole.len() / 2, whole.len() - 1] {
        let file = scratch.write("cut.puce", &whole[..len]);
        puce(&["objdump", &file]).refused(&["cut.puce", "byte "]);
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    puce(&["objdump", &scratch.write("flipped.puce", flipped)]).refused(&["flipped.puce", "checksum"]);
}
