// A single-ported memory of `Depth` words of `Granules` parts that are written on their own: the place of a compiled memory macro.
//
// A read's data is there in the next cycle and stays until the next read. It has no reset; simulation begins with zeros.
module puce_sram #(
  parameter int unsigned Depth = 1024,
  parameter int unsigned Granules = 8,
  parameter int unsigned GranuleW = 32,
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic                                clk_i,
  input  logic                                en_i,
  // Write enables of the parts; none: a read.
  input  logic [Granules-1:0]                 we_i,
  input  logic [AddrW-1:0]                    addr_i,
  input  logic [Granules-1:0][GranuleW-1:0]   wdata_i,
  output logic [Granules-1:0][GranuleW-1:0]   rdata_o
);

  logic [Granules-1:0][GranuleW-1:0] mem_q [Depth];
  logic [Granules-1:0][GranuleW-1:0] rdata_q;

`ifndef SYNTHESIS
  initial begin
    for (int unsigned i = 0; i < Depth; i++) begin
      mem_q[i] = '0;
    end
  end
`endif

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (we_i == '0) begin
        rdata_q <= mem_q[addr_i];
      end
      for (int unsigned g = 0; g < Granules; g++) begin
        if (we_i[g]) begin
          mem_q[addr_i][g] <= wdata_i[g];
        end
      end
    end
  end

  assign rdata_o = rdata_q;

endmodule
