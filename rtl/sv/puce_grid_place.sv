// Places an exact value on the grid: RNE(mantissa * 2^(exponent - grid)), or +-2^51 with `window_o` when the magnitude before rounding reaches 2^51.
// GridPlaceLat cycles (`base::grid::place`).
module puce_grid_place
  import puce_pkg::*;
#(
  parameter int unsigned MantissaW = 40
) (
  input  logic                  clk_i,
  input  logic                  sign_i,
  input  logic [MantissaW-1:0]  mantissa_i,
  input  logic signed [11:0]    exponent_i,
  input  logic signed [11:0]    grid_i,
  output logic signed [52:0]    term_o,
  output logic                  window_o
);
endmodule
