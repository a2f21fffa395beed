// The lanes of the matrix engine, for synthesis alone: every row of weights meets the same activations.
module synth_array
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Rows = 16,
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4
) (
  input  logic                                          clk_i,
  input  logic                                          rst_ni,
  input  logic                                          valid_i,
  input  logic                                          first_i,
  input  logic                                          last_i,
  input  mode_e                                         mode_i,
  input  logic [Rows-1:0][Depth/2-1:0][7:0]             codes_i,
  input  logic [Columns-1:0][Depth-1:0][7:0]            x_i,
  output logic [Rows-1:0]                               done_o,
  output logic signed [Rows-1:0][Columns-1:0][SumW-1:0] sum_o
);
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    puce_lane #(
      .Depth   (Depth),
      .Columns (Columns)
    ) u_lane (
      .clk_i   (clk_i),
      .rst_ni  (rst_ni),
      .valid_i (valid_i),
      .first_i (first_i),
      .last_i  (last_i),
      .mode_i  (mode_i),
      .codes_i (codes_i[r]),
      .x_i     (x_i),
      .done_o  (done_o[r]),
      .sum_o   (sum_o[r])
    );
  end
endmodule
