//! The benches' own scratchpad and commands, on a small module that copies.

use arch::Instr;
use arch::isa::Operand;
use rtl::bench::{Scratchpad, put_command};
use rtl::block::Block;
use rtl::design::Design;

/// Copies `cmd_i.arg[2]` words from `arg[1]` to `arg[0]`, one read at a time.
const COPIER: &str = "
module copier
  import puce_pkg::*;
(
  input  logic      clk_i,
  input  logic      rst_ni,
  input  cmd_t      cmd_i,
  output logic [7:0] op_o,
  output spad_req_t read_req_o,
  input  spad_rsp_t read_rsp_i,
  output spad_req_t write_req_o,
  input  spad_rsp_t write_rsp_i,
  output logic      end_o
);
  logic [ValueW-1:0] at_q;
  logic [1:0] state_q;
  logic [WordW-1:0] data_q;
  assign op_o = cmd_i.op;
  assign end_o = at_q == cmd_i.arg[2];
  always_comb begin
    read_req_o = '0;
    read_req_o.valid = state_q == 2'd0 && !end_o;
    read_req_o.addr = cmd_i.arg[1] + (at_q << 5);
    write_req_o = '0;
    write_req_o.valid = state_q == 2'd2;
    write_req_o.we = 1'b1;
    write_req_o.strb = 32'hffff_fffe;
    write_req_o.addr = cmd_i.arg[0] + (at_q << 5);
    write_req_o.wdata = data_q;
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      at_q <= '0;
      state_q <= 2'd0;
      data_q <= '0;
    end else begin
      if (state_q == 2'd0 && read_req_o.valid && read_rsp_i.ready) state_q <= 2'd1;
      if (read_rsp_i.rvalid) begin
        state_q <= 2'd2;
        data_q <= read_rsp_i.rdata;
      end
      if (state_q == 2'd2 && write_rsp_i.ready) begin
        state_q <= 2'd0;
        at_q <= at_q + 48'd1;
      end
    end
  end
endmodule
";

#[test]
fn words_are_read_and_written_through_the_ports() {
    let Some(mut block) = Block::in_test(&Design::new("copier").source("copier.sv", COPIER)) else { return };
    let instr = Instr::Add { rd: arch::attr::Reg(1), a: Operand::imm(512), b: Operand::imm(64) };
    let command = block.port("cmd_i");
    put_command(&mut block, command, &instr, |operand| operand.imm);
    block.put_field(command, 96, 48, 3);
    let mut spad = Scratchpad::new(1024, 3, 1);
    (0..512).for_each(|at| spad.bytes[at] = at as u8);
    spad.bytes[512..].fill(0xee);
    spad.connect(&block, "read_req_o", "read_rsp_i");
    spad.connect(&block, "write_req_o", "write_rsp_i");
    block.eval();
    while block.get("end_o") == 0 {
        spad.drive(&mut block);
        block.eval();
        spad.sample(&block);
        block.tick();
        assert!(block.cycle() < 100);
    }
    assert_eq!(block.get("op_o"), 0x02);
    assert_eq!(spad.bytes[512..][..3], [0xee, 65, 66]);
    assert_eq!(spad.bytes[512 + 95..][..2], [64 + 95, 0xee]);
    assert_eq!(spad.bytes[512 + 32], 0xee, "byte 0 of each word is not written");
    assert_eq!(spad.outside, 0);
}
