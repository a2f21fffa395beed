// A memory of `Depth` words with one write port and one read port: the place of a compiled two-port macro.
//
// A word is read one cycle after it is asked for and stays until the next read. The word that is being written is never read in the same cycle. It has no
// reset; simulation begins with zeros.
module puce_ram #(
  parameter int unsigned Width = 256,
  parameter int unsigned Depth = 256,
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic              clk_i,
  input  logic              write_i,
  input  logic [AddrW-1:0]  waddr_i,
  input  logic [Width-1:0]  wdata_i,
  input  logic              read_i,
  input  logic [AddrW-1:0]  raddr_i,
  output logic [Width-1:0]  rdata_o
);
  logic [Width-1:0] mem_q [Depth];
  logic [Width-1:0] rdata_q;

`ifndef SYNTHESIS
  initial begin
    for (int unsigned i = 0; i < Depth; i++) begin
      mem_q[i] = '0;
    end
  end
`endif

  always_ff @(posedge clk_i) begin
    if (write_i) mem_q[waddr_i] <= wdata_i;
  end

  always_ff @(posedge clk_i) begin
    if (read_i) rdata_q <= mem_q[raddr_i];
  end

  assign rdata_o = rdata_q;

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) !(write_i && read_i && waddr_i == raddr_i)) else $error("a word is read while it is written");
`endif
endmodule
