// The binary32 product, rounded to nearest even, subnormals kept; any NaN is the canonical one. A new pair every cycle, the result FpMulLat cycles later.
module puce_fp_mul
  import puce_pkg::*;
(
  input  logic        clk_i,
  input  logic [31:0] a_i,
  input  logic [31:0] b_i,
  output logic [31:0] y_o
);
endmodule
