// Rounds a sum on the grid to binary32: RNE(acc * 2^grid), infinity with `overflow_o` beyond; zero is +0. GridF32Lat cycles (`base::grid::to_f32`).
module puce_grid_f32
  import puce_pkg::*;
(
  input  logic                  clk_i,
  input  logic signed [63:0]    acc_i,
  input  logic signed [11:0]    grid_i,
  output logic [31:0]           y_o,
  output logic                  overflow_o
);
endmodule
