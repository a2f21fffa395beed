//! A row of the matrix engine by itself, in the view that becomes cells: digits, partial products and carry-save sums against plain products. The adders
//! below it against a plain sum, of any rows.

use arch::random::Random;
use base::tile::{E2M1_DOUBLED, WeightKind};
use rtl::block::Block;
use rtl::design::Design;

const LATENCY: usize = 3;
const SUM_BITS: u32 = 21;

/// The view that becomes cells.
fn cells(depth: usize, columns: usize) -> Design {
    Design::new("puce_lane").param("Depth", depth).param("Columns", columns).define("SYNTHESIS")
}

/// How a byte of codes is read: the lane's modes in the order of their codes, with what their kinds mean.
const MODES: [WeightKind; 3] = [WeightKind::I4s, WeightKind::Mx4, WeightKind::U8];

/// The products of a byte of codes with its two activations, as the lane counts them: 8-bit codes less 8.
fn products(mode: usize, code: u8, low: i8, high: i8) -> i64 {
    let factor = |nibble: u8| match MODES[mode] {
        WeightKind::Mx4 => i64::from(E2M1_DOUBLED[nibble as usize]),
        kind => i64::from(kind.decode(nibble)),
    };
    match MODES[mode] {
        WeightKind::U8 => (i64::from(code as i8) - 8) * i64::from(low),
        _ => factor(code & 15) * i64::from(low) + factor(code >> 4) * i64::from(high),
    }
}

/// Bytes: any, or the extremes alone.
fn bytes(count: usize, random: &mut Random) -> Vec<u8> {
    let extreme = random.one_in(3);
    (0..count).map(|_| if extreme { random.pick(&[0x80, 0x7f, 0xff, 0x88]) } else { random.bits() as u8 }).collect()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    bytes.chunks(4).map(word).collect()
}

/// One block of random length and mode, with pauses; the sums that are due after it.
fn block(lane: &mut Block, depth: usize, columns: usize, random: &mut Random) {
    let mode = random.below(3) as usize;
    let steps = if MODES[mode] == WeightKind::U8 { 64 / depth } else { 32 / depth };
    let mut sums = vec![0i64; columns];
    for step in 0..steps {
        let codes = bytes(depth / 2, random);
        let mut x: Vec<u8> = bytes(depth * columns, random);
        for pair in x.chunks_exact_mut(2).filter(|_| MODES[mode] == WeightKind::U8) {
            pair[1] = pair[0];
        }
        for (sum, x) in sums.iter_mut().zip(x.chunks_exact(depth)) {
            let pairs = codes.iter().zip(x.chunks_exact(2));
            *sum += pairs.map(|(code, x)| products(mode, *code, x[0] as i8, x[1] as i8)).sum::<i64>();
        }
        lane.set("valid_i", 1);
        lane.set("first_i", u64::from(step == 0));
        lane.set("last_i", u64::from(step + 1 == steps));
        lane.set("mode_i", mode as u64);
        lane.set_wide("codes_i", &words(&codes));
        lane.tick();
        lane.set_wide("x_i", &words(&x));
        lane.set("valid_i", 0);
        lane.ticks(random.below(2) as usize);
    }
    for _ in 0..LATENCY {
        if lane.get("done_o") == 1 {
            break;
        }
        lane.tick();
    }
    assert_eq!(lane.get("done_o"), 1, "the sum is late");
    let port = lane.port("sum_o");
    for (column, sum) in sums.iter().enumerate() {
        let bits = lane.field(port, SUM_BITS * column as u32, SUM_BITS);
        let got = (bits << (64 - SUM_BITS)) as i64 >> (64 - SUM_BITS);
        assert_eq!(got, *sum, "mode {mode}, column {column}");
    }
    lane.tick();
}

#[test]
fn cells_sum_the_products() {
    for (depth, columns) in [(8, 2), (2, 1), (32, 1)] {
        let Some(mut lane) = Block::in_test(&cells(depth, columns)) else { return };
        let mut random = Random::new(depth as u64);
        (0..300).for_each(|_| block(&mut lane, depth, columns, &mut random));
    }
}

/// The adders of lanes of 32 and of 8 columns, of their two halves, and of an accumulator.
const ADDERS: &str = "
module adders (
  input  logic [32:0][15:0] rows32_i,
  input  logic [8:0][13:0]  rows8_i,
  input  logic [3:0][19:0]  halves_i,
  input  logic [2:0][63:0]  terms_i,
  output logic [1:0][15:0]  rows32_o,
  output logic [1:0][13:0]  rows8_o,
  output logic [1:0][19:0]  halves_o,
  output logic [1:0][63:0]  terms_o
);
  puce_compress #(.Rows(33), .Width(16)) i_rows32 (.rows_i(rows32_i), .rows_o(rows32_o));
  puce_compress #(.Rows(9), .Width(14)) i_rows8 (.rows_i(rows8_i), .rows_o(rows8_o));
  puce_compress #(.Rows(4), .Width(20)) i_halves (.rows_i(halves_i), .rows_o(halves_o));
  puce_compress #(.Rows(3), .Width(64)) i_terms (.rows_i(terms_i), .rows_o(terms_o));
endmodule
";

#[test]
fn two_rows_have_the_sum_of_all() {
    let Some(mut block) = Block::in_test(&Design::new("adders").source("adders.sv", ADDERS)) else { return };
    let mut random = Random::new(3);
    for (name, rows, width) in [("rows32", 33, 16), ("rows8", 9, 14), ("halves", 4, 20), ("terms", 3, 64)] {
        let (from, to) = (block.port(&format!("{name}_i")), block.port(&format!("{name}_o")));
        let mask = u64::MAX >> (64 - width);
        for _ in 0..200 {
            let values: Vec<u64> = (0..rows).map(|_| random.bits() & mask).collect();
            (0..).zip(&values).for_each(|(row, value)| block.put_field(from, row * width, width, *value));
            block.eval();
            let two = [0, 1].map(|row| block.field(to, row * width, width));
            let sum = |rows: &[u64]| rows.iter().fold(0u64, |sum, row| sum.wrapping_add(*row)) & mask;
            assert_eq!(sum(&two), sum(&values), "{name}: {values:x?}");
        }
    }
}
