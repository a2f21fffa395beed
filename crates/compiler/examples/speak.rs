use arch::Chip;
use compiler::session::{Chunk, Session, Want};
use compiler::{Options, compile};
use model::checkpoint::Checkpoint;
use model::network::Network;
use std::time::Instant;

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let chip = Chip::builtin(&std::env::args().nth(2).unwrap()).unwrap();
    let cores: usize = std::env::args().nth(3).map_or(1, |s| s.parse().unwrap());
    let t = Instant::now();
    let cp = Checkpoint::open(path.as_ref()).unwrap();
    let net = Network::of(&cp).unwrap();
    let options = Options { cores, context: 0, ..Options::default() };
    let compiled = compile(&cp, &net, &chip, &options).unwrap();
    eprintln!(
        "compile {:?} instrs {} spad {} tokens {}",
        t.elapsed(),
        compiled.programs[0].len(),
        compiled.scratchpad_peak,
        compiled.abi.sizes.tokens
    );
    if let Some(dir) = std::env::args().nth(4) {
        for (n, t) in &compiled.passes {
            std::fs::write(format!("{dir}/{n}.txt"), t).unwrap();
        }
    }
    let machine = emu::Emulator::new(&chip, emu::Settings { threads: cores, ..Default::default() }).unwrap();
    eprintln!("kernels {}", machine.kernels());
    let mut s = Session::new(&compiled, machine).unwrap();
    let t = Instant::now();
    compiler::image::write(&compiled.map, &cp, s.machine_mut(), |_, _| {}).unwrap();
    eprintln!("image {:?}", t.elapsed());
    let tok = model::tokenizer::Tokenizer::of(&cp).unwrap();
    let ids =
        tok.encode("<|im_start|>user\nWrite a haiku about silicon.<|im_end|>\n<|im_start|>assistant\n", true).unwrap();
    let seq = s.open();
    let t = Instant::now();
    let mut logits = s.prefill(seq, &ids, 0).unwrap();
    eprintln!("prefill {} {:?}", ids.len(), t.elapsed());
    let t = Instant::now();
    let mut out = vec![];
    for _ in 0..30 {
        let row = logits.rows().next().unwrap();
        let next = model::sample::argmax(row).unwrap() as u32;
        if tok.is_end(next) {
            break;
        }
        out.push(next);
        logits = s.step(&[Chunk { sequence: seq, tokens: &[next], want: Want::Last }]).unwrap();
    }
    eprintln!("decode {} {:?} flags {}", out.len(), t.elapsed(), arch::machine::Machine::flags(s.machine(), 0));
    println!("{}", tok.decode(&out, false));
}
