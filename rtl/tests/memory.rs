//! The memory behind AXI4 ports: times, order, and the rules that a master must keep.

use arch::random::Random;
use rtl::block::Block;
use rtl::design::Design;
use rtl::memory::{AxiPort, Memory, Timing};

/// Copies bursts of four beats of 8 bytes, one after the other, and breaks rule number `Breaks` if it is not 0.
const COPIER: &str = "
module axi_copier #(parameter int unsigned Breaks = 0) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [15:0] source_i,
  input  logic [15:0] target_i,
  input  logic [7:0]  bursts_i,
  output logic [7:0]  done_o,
  output logic        error_o,
  output logic        m_ar_valid_o,
  input  logic        m_ar_ready_i,
  output logic [47:0] m_ar_addr_o,
  output logic [7:0]  m_ar_len_o,
  output logic [1:0]  m_ar_id_o,
  input  logic        m_r_valid_i,
  output logic        m_r_ready_o,
  input  logic [1:0]  m_r_id_i,
  input  logic [63:0] m_r_data_i,
  input  logic [1:0]  m_r_resp_i,
  input  logic        m_r_last_i,
  output logic        m_aw_valid_o,
  input  logic        m_aw_ready_i,
  output logic [47:0] m_aw_addr_o,
  output logic [7:0]  m_aw_len_o,
  output logic        m_w_valid_o,
  input  logic        m_w_ready_i,
  output logic [63:0] m_w_data_o,
  output logic [7:0]  m_w_strb_o,
  output logic        m_w_last_o,
  input  logic        m_b_valid_i,
  output logic        m_b_ready_o,
  input  logic [1:0]  m_b_resp_i
);
  logic [2:0]  state_q, beat_q;
  logic        aw_q, wait_q;
  logic [63:0] data_q [4];
  logic [47:0] offset;
  assign offset = {35'b0, done_o, 5'b0};
  assign m_ar_valid_o = state_q == 3'd0 && done_o != bursts_i;
  assign m_ar_addr_o  = {32'b0, source_i} + offset + (Breaks == 2 && wait_q ? 48'd32 : 48'd0) + (Breaks == 4 ? 48'd4 : 48'd0);
  assign m_ar_len_o   = Breaks == 1 ? 8'd255 : 8'd3;
  assign m_ar_id_o    = 2'd2;
  assign m_r_ready_o  = beat_q[0] || state_q == 3'd1;
  assign m_aw_valid_o = state_q == 3'd2 && !aw_q;
  assign m_aw_addr_o  = {32'b0, target_i} + offset;
  assign m_aw_len_o   = 8'd3;
  assign m_w_valid_o  = state_q == 3'd2 && !beat_q[2];
  assign m_w_data_o   = data_q[beat_q[1:0]];
  assign m_w_strb_o   = 8'h7f;
  assign m_w_last_o   = beat_q == (Breaks == 3 ? 3'd1 : 3'd3);
  assign m_b_ready_o  = state_q == 3'd3;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= '0;
      beat_q  <= '0;
      aw_q    <= 1'b0;
      wait_q  <= 1'b0;
      done_o  <= '0;
      error_o <= 1'b0;
    end else begin
      wait_q <= m_ar_valid_o && !m_ar_ready_i;
      if (m_ar_valid_o && m_ar_ready_i) state_q <= 3'd1;
      if (m_r_valid_i && m_r_ready_o) begin
        data_q[beat_q[1:0]] <= m_r_data_i;
        beat_q <= beat_q + 3'd1;
        error_o <= error_o || m_r_resp_i != '0 || m_r_id_i != 2'd2;
        if (m_r_last_i) begin
          state_q <= 3'd2;
          beat_q  <= '0;
        end
      end
      if (m_aw_valid_o && m_aw_ready_i) aw_q <= 1'b1;
      if (m_w_valid_o && m_w_ready_i) beat_q <= beat_q + 3'd1;
      if (state_q == 3'd2 && aw_q && beat_q[2]) state_q <= 3'd3;
      if (state_q == 3'd3 && m_b_valid_i) begin
        state_q <= 3'd0;
        beat_q  <= '0;
        aw_q    <= 1'b0;
        done_o  <= done_o + 8'd1;
        error_o <= error_o || m_b_resp_i != '0;
      end
    end
  end
endmodule
";

/// The copier with memory, run to its end or to the first broken rule.
struct Copier {
    block: Block,
    port: AxiPort,
    memory: Memory,
}

fn copier(breaks: u32, timing: Timing) -> Option<Copier> {
    let mut block = Block::in_test(&Design::new("axi_copier").param("Breaks", breaks).source("copier.sv", COPIER))?;
    block.set("source_i", 256);
    block.set("target_i", 4096);
    block.set("bursts_i", 20);
    let mut random = Random::new(7);
    let mut memory = Memory { data: (0..4096).map(|_| random.bits() as u8).collect(), ..Memory::default() };
    memory.data.resize(8192, 0);
    Some(Copier { port: AxiPort::connect(&block, "m_", 0, timing), block, memory })
}

impl Copier {
    fn run(&mut self) -> Result<u64, String> {
        while self.block.get("done_o") != self.block.get("bursts_i") {
            self.port.drive(&mut self.block, &mut self.memory);
            self.block.eval();
            self.port.sample(&self.block)?;
            self.block.tick();
            assert!(self.block.cycle() < 20_000);
        }
        Ok(self.block.cycle())
    }

    /// All bytes but every eighth.
    fn copied(&self) -> bool {
        let (from, to) = (&self.memory.data[256..][..640], &self.memory.data[4096..][..640]);
        from.iter().zip(to).enumerate().all(|(at, (from, to))| *to == if at % 8 == 7 { 0 } else { *from })
    }
}

#[test]
fn bursts_are_copied_with_any_timing() {
    for seed in 0..8 {
        let timing = Timing::Random { seed, latency: 1 + 8 * seed };
        let Some(mut copier) = copier(0, timing) else { return };
        copier.run().unwrap();
        assert!(copier.copied() && copier.port.idle());
        assert_eq!((copier.port.moved, copier.block.get("error_o")), ([80, 80], 0));
    }
}

#[test]
fn with_one_latency_the_cycles_are_known() {
    let Some(mut slow) = copier(0, Timing::Fixed { latency: 30 }) else { return };
    let Some(mut quick) = copier(0, Timing::Fixed { latency: 10 }) else { return };
    let (slow, quick) = (slow.run().unwrap(), quick.run().unwrap());
    // A read: 1 cycle of request that the latency covers, 4 beats. A write: 4 beats, 1 cycle in the copier, of which the latency covers that and the last.
    assert_eq!(slow - quick, 20 * 2 * 20);
    assert_eq!(quick, 20 * (10 + 4 + 3 + 10 + 1));
}

#[test]
fn broken_rules_are_told() {
    let sentences =
        ["crosses 4096 bytes", "changed before it was taken", "says it is the last", "no multiple of the port's"];
    for (breaks, sentence) in (1..).zip(sentences) {
        // A request that changes is seen where it is held up.
        let run = |seed| {
            let mut copier = copier(breaks, Timing::Random { seed, latency: 3 })?;
            copier.block.set("source_i", 2304);
            Some(copier.run())
        };
        let Some(runs) = (0..4).map(run).collect::<Option<Vec<_>>>() else { return };
        let error = runs.into_iter().find_map(Result::err).expect(sentence);
        assert!(error.contains(sentence), "{breaks}: {error}");
    }
}

#[test]
fn broken_addresses_and_code_answer_with_an_error() {
    for (broken, target, errors) in [(300..301, 4096, 1), (4200..4201, 4096, 1), (0..0, 4096, 0), (0..0, 8000, 1)] {
        let Some(mut copier) = copier(0, Timing::Fixed { latency: 1 }) else { return };
        copier.memory.broken = broken.clone();
        copier.block.set("target_i", target);
        copier.run().unwrap();
        assert_eq!(copier.block.get("error_o"), errors, "{broken:?} {target}");
    }
}
