// 1/x or the square root of x in binary32, correctly rounded, one digit (or more) per cycle; any NaN is the canonical one.
//
// `y_o` is valid with `valid_o`, a fixed number of cycles (Latency) after the operand was taken with valid and ready, and holds until the next.
module puce_fp_divsqrt
  import puce_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        valid_i,
  output logic        ready_o,
  input  logic        sqrt_i,
  input  logic [31:0] x_i,
  output logic        valid_o,
  output logic [31:0] y_o
);
endmodule
