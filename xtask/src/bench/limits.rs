//! What this machine can do at most: bytes per second from memory, and integer products per second
//! in registers.
//!
//! Both are instruction sequences written out, so that neither the optimiser nor the build profile
//! has a say. Products are those of the widest instruction that multiplies bytes and adds:
//! `vpdpbusd` where there is one, else `vpmaddubsw` with a widening after eight (4-bit codes times
//! 8-bit codes: 8 x 2 x 15 x 127 still fits 16 bits). On other architectures memory is read by
//! plain code and products have no limit here.

use std::fmt;
use std::time::Instant;

use serde::Serialize;

use super::Workload;

/// The weights of SmolLM2-135M in 4-bit blocks: what decoding one step must read.
const BYTES_PER_STEP: f64 = 96.6e6;
/// Products of one token through every matrix, the output matrix included.
const PRODUCTS_WITH_LOGITS: f64 = 134.5e6;
/// Products of a prompt's token, whose logits nobody asks for.
const PRODUCTS_WITHOUT_LOGITS: f64 = 106.2e6;

/// Far larger than any cache.
const BUFFER_BYTES: usize = 256 << 20;
/// Both limits take the best of so many tries: a limit is what the machine can do, not what it did.
const TRIES: usize = 3;

/// The limits with a given number of threads.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    threads: u32,
    bytes_per_second: f64,
    products_per_second: Option<f64>,
    /// The instruction that made the products.
    instruction: Option<&'static str>,
}

impl Limits {
    /// Measures both, in about a second.
    pub fn measure(threads: u32) -> Self {
        let dot = dot_instruction();
        Self {
            threads,
            bytes_per_second: read_bandwidth(threads),
            products_per_second: dot.map(|dot| dot_products(dot, threads)),
            instruction: dot.map(|dot| dot.name),
        }
    }

    /// The middle of several measurements, each figure on its own. There is at least one.
    pub fn median(all: &[Self]) -> Self {
        let middle = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Self {
            bytes_per_second: middle(all.iter().map(|one| one.bytes_per_second).collect())
                .expect("at least one measurement"),
            products_per_second: middle(all.iter().filter_map(|one| one.products_per_second).collect()),
            ..all[0].clone()
        }
    }

    /// Tokens per second that no program can exceed which reads each weight once for each step and
    /// multiplies it once for each token. `None` where products have no known limit.
    pub fn tokens_per_second(&self, workload: Workload) -> Option<f64> {
        let (tokens, products) = match workload {
            Workload::Decode { sequences } => {
                let tokens = f64::from(sequences);
                (tokens, tokens * PRODUCTS_WITH_LOGITS)
            }
            Workload::Prefill { tokens } => {
                let tokens = f64::from(tokens);
                (tokens, (tokens - 1.0) * PRODUCTS_WITHOUT_LOGITS + PRODUCTS_WITH_LOGITS)
            }
        };
        let reading = BYTES_PER_STEP / self.bytes_per_second;
        let multiplying = products / self.products_per_second?;
        Some(tokens / reading.max(multiplying))
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} threads: {:.1} GB/s read", self.threads, self.bytes_per_second / 1e9)?;
        match (self.products_per_second, self.instruction) {
            (Some(rate), Some(name)) => write!(f, ", {:.0} G products/s ({name})", rate / 1e9),
            _ => Ok(()),
        }
    }
}

/// Seconds of the best of [`TRIES`] runs of `work` on every thread at once; each thread is given
/// its number.
fn best_seconds(threads: u32, work: impl Fn(usize) + Sync) -> f64 {
    let once = || {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads as usize {
                let work = &work;
                scope.spawn(move || work(thread));
            }
        });
        start.elapsed().as_secs_f64()
    };
    (0..TRIES).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Bytes per second when each thread reads its share of a buffer, once through.
fn read_bandwidth(threads: u32) -> f64 {
    // Written, not only reserved: unwritten pages would all be the one page of zeros.
    let buffer = vec![1u64; BUFFER_BYTES / 8];
    let share = buffer.len() / threads as usize / 32 * 32;
    let seconds = best_seconds(threads, |thread| {
        read(&buffer[thread * share..][..share]);
    });
    (threads as usize * share * 8) as f64 / seconds
}

/// Reads every word. The length is a multiple of 32 words.
#[cfg(target_arch = "x86_64")]
fn read(words: &[u64]) {
    if !std::is_x86_feature_detected!("avx2") || words.is_empty() {
        return read_plainly(words);
    }
    // SAFETY: the loop reads `words.len() / 32` times 256 bytes from the start of the slice, which
    // are inside it; the processor has the instructions; the registers that change are named.
    unsafe {
        std::arch::asm!(
            "2:",
            "vmovdqu ymm0, [{at}]",
            "vmovdqu ymm1, [{at} + 32]",
            "vmovdqu ymm0, [{at} + 64]",
            "vmovdqu ymm1, [{at} + 96]",
            "vmovdqu ymm0, [{at} + 128]",
            "vmovdqu ymm1, [{at} + 160]",
            "vmovdqu ymm0, [{at} + 192]",
            "vmovdqu ymm1, [{at} + 224]",
            "add {at}, 256",
            "dec {n}",
            "jnz 2b",
            at = inout(reg) words.as_ptr() => _,
            n = inout(reg) words.len() / 32 => _,
            out("ymm0") _,
            out("ymm1") _,
            options(nostack, readonly),
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn read(words: &[u64]) {
    read_plainly(words);
}

fn read_plainly(words: &[u64]) {
    std::hint::black_box(words.iter().fold(0u64, |sum, word| sum ^ word));
}

/// A loop that multiplies in registers.
#[derive(Clone, Copy)]
struct Dot {
    name: &'static str,
    /// Products of one turn of the loop.
    products: u64,
    /// Runs so many turns, at least one.
    turns: fn(u64),
}

/// Products per second of all threads together.
fn dot_products(dot: Dot, threads: u32) -> f64 {
    const TURNS: u64 = 3_000_000;
    let seconds = best_seconds(threads, |_| (dot.turns)(TURNS));
    (u64::from(threads) * TURNS * dot.products) as f64 / seconds
}

/// The widest byte product of this processor.
#[cfg(target_arch = "x86_64")]
fn dot_instruction() -> Option<Dot> {
    if std::is_x86_feature_detected!("avx512vnni") {
        return Some(Dot { name: "vpdpbusd, 64 bytes", products: 12 * 64, turns: x86::vpdpbusd });
    }
    let maddubs = Dot { name: "vpmaddubsw, 32 bytes", products: 16 * 32, turns: x86::vpmaddubsw };
    std::is_x86_feature_detected!("avx2").then_some(maddubs)
}

#[cfg(not(target_arch = "x86_64"))]
fn dot_instruction() -> Option<Dot> {
    None
}

/// The loops. The values in the registers do not matter: integer instructions take the same time
/// for all.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    /// Twelve independent sums of 64 products each.
    pub fn vpdpbusd(turns: u64) {
        // SAFETY: called only where the processor has the instruction; touches registers alone, all
        // of them named.
        unsafe {
            asm!(
                "2:",
                "vpdpbusd zmm0, zmm14, zmm15",
                "vpdpbusd zmm1, zmm14, zmm15",
                "vpdpbusd zmm2, zmm14, zmm15",
                "vpdpbusd zmm3, zmm14, zmm15",
                "vpdpbusd zmm4, zmm14, zmm15",
                "vpdpbusd zmm5, zmm14, zmm15",
                "vpdpbusd zmm6, zmm14, zmm15",
                "vpdpbusd zmm7, zmm14, zmm15",
                "vpdpbusd zmm8, zmm14, zmm15",
                "vpdpbusd zmm9, zmm14, zmm15",
                "vpdpbusd zmm10, zmm14, zmm15",
                "vpdpbusd zmm11, zmm14, zmm15",
                "dec {n}",
                "jnz 2b",
                n = inout(reg) turns.max(1) => _,
                out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
                out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
                out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
                options(nostack, nomem),
            );
        }
    }

    /// Two independent 16-bit sums of eight times 32 products, each then widened into a 32-bit sum.
    pub fn vpmaddubsw(turns: u64) {
        // SAFETY: called only where the processor has AVX2; touches registers alone, all of them
        // named.
        unsafe {
            asm!(
                "2:",
                "vpmaddubsw ymm0, ymm14, ymm15",
                "vpmaddubsw ymm1, ymm13, ymm15",
                ".rept 7",
                "vpmaddubsw ymm2, ymm14, ymm15",
                "vpmaddubsw ymm3, ymm13, ymm15",
                "vpaddw ymm0, ymm0, ymm2",
                "vpaddw ymm1, ymm1, ymm3",
                ".endr",
                "vpmaddwd ymm0, ymm0, ymm12",
                "vpmaddwd ymm1, ymm1, ymm12",
                "vpaddd ymm4, ymm4, ymm0",
                "vpaddd ymm5, ymm5, ymm1",
                "dec {n}",
                "jnz 2b",
                n = inout(reg) turns.max(1) => _,
                out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
                out("ymm4") _, out("ymm5") _,
                options(nostack, nomem),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(bytes_per_second: f64, products_per_second: Option<f64>) -> Limits {
        Limits { threads: 1, bytes_per_second, products_per_second, instruction: None }
    }

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a / b - 1.0).abs() < 1e-9)
    }

    #[test]
    fn the_slower_of_memory_and_products_is_the_limit() {
        let slow_memory = limits(9.66e9, Some(1e15));
        assert!(close(slow_memory.tokens_per_second(Workload::Decode { sequences: 1 }), 100.0));
        assert!(close(slow_memory.tokens_per_second(Workload::Decode { sequences: 8 }), 800.0));
        let slow_products = limits(1e15, Some(134.5e8));
        assert!(close(slow_products.tokens_per_second(Workload::Decode { sequences: 1 }), 100.0));
        assert!(close(slow_products.tokens_per_second(Workload::Decode { sequences: 8 }), 100.0));
        assert!(close(slow_products.tokens_per_second(Workload::Prefill { tokens: 1 }), 100.0));
        let long = slow_products.tokens_per_second(Workload::Prefill { tokens: 512 }).unwrap();
        assert!((126.0..126.65).contains(&long), "{long}");
        assert_eq!(limits(1e9, None).tokens_per_second(Workload::Decode { sequences: 1 }), None);
    }

    #[test]
    fn medians_are_taken_figure_by_figure() {
        let all = [limits(3.0, Some(10.0)), limits(1.0, Some(30.0)), limits(2.0, Some(20.0))];
        let middle = Limits::median(&all);
        assert_eq!((middle.bytes_per_second, middle.products_per_second), (2.0, Some(20.0)));
    }

    #[test]
    fn the_instruction_sequences_run_and_reading_stays_inside() {
        read(&[]);
        read(&[7; 32]);
        read(&[7; 96]);
        if let Some(dot) = dot_instruction() {
            assert!(dot_products(dot, 1) > 1e6, "{}", dot.name);
        }
    }
}
