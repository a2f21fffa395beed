use arch::Chip;
use compiler::session::{Chunk, Session, Want};
use compiler::{Options, compile};
use model::checkpoint::Checkpoint;
use model::network::Network;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let chip = Chip::builtin(&args[2]).unwrap();
    let cores: usize = args[3].parse().unwrap();
    let seqs: usize = args[4].parse().unwrap();
    let steps: usize = args[5].parse().unwrap();
    let cp = Checkpoint::open(args[1].as_ref()).unwrap();
    let net = Network::of(&cp).unwrap();
    let options = Options {
        cores,
        context: 1024,
        cache_tokens: 1024.max(seqs * 128),
        sequences: seqs.max(1),
        ..Options::default()
    };
    let compiled = compile(&cp, &net, &chip, &options).unwrap();
    let machine = emu::Emulator::new(&chip, emu::Settings { threads: cores, ..Default::default() }).unwrap();
    let mut s = Session::new(&compiled, machine).unwrap();
    compiler::image::write(&compiled.map, &cp, s.machine_mut(), |_, _| {}).unwrap();
    drop(cp);
    if seqs == 0 {
        let ids: Vec<u32> = (0..512).map(|i| (i * 37 + 11) % 49000).collect();
        for _ in 0..steps {
            let seq = s.open();
            let t = Instant::now();
            s.prefill(seq, &ids, 0).unwrap();
            eprintln!("prefill 512 {:.1} tok/s", 512.0 / t.elapsed().as_secs_f64());
            s.close(seq);
        }
        return;
    }
    let ids: Vec<_> = (0..seqs).map(|_| s.open()).collect();
    for (i, id) in ids.iter().enumerate() {
        let p: Vec<u32> = (0..32).map(|k| ((k * 37 + i * 91) % 49000) as u32).collect();
        s.prefill(*id, &p, 0).unwrap();
    }
    for round in 0..3 {
        let t = Instant::now();
        for k in 0..steps {
            let toks: Vec<[u32; 1]> = (0..seqs).map(|i| [((k * 17 + i * 7 + round) % 49000) as u32]).collect();
            let chunks: Vec<Chunk> =
                ids.iter().zip(&toks).map(|(id, t)| Chunk { sequence: *id, tokens: t, want: Want::Last }).collect();
            s.step(&chunks).unwrap();
        }
        eprintln!("decode {seqs}: {:.1} tok/s", (steps * seqs) as f64 / t.elapsed().as_secs_f64());
    }
}
