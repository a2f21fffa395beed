// The 64 scalar registers of control: one read and one write port. r0 reads as zero.
module puce_regfile #(
  parameter int unsigned Registers = 64,
  localparam int unsigned IndexW = $clog2(Registers)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  // All become zero.
  input  logic              clear_i,
  input  logic              we_i,
  input  logic [IndexW-1:0] waddr_i,
  input  logic [63:0]       wdata_i,
  input  logic [IndexW-1:0] raddr_i,
  output logic [63:0]       rdata_o
);
  logic [63:0]          value_q [Registers];
  // Registers that were written since the last clear; the others read as zero.
  logic [Registers-1:0] written_d, written_q;

  assign rdata_o = written_q[raddr_i] ? value_q[raddr_i] : '0;

  always_comb begin
    written_d = written_q;
    if (we_i) written_d[waddr_i] = 1'b1;
    if (clear_i) written_d = '0;
    written_d[0] = 1'b0;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) written_q <= '0;
    else         written_q <= written_d;
  end

  always_ff @(posedge clk_i) begin
    if (we_i) value_q[waddr_i] <= wdata_i;
  end
endmodule
