// The scale of a block of A8 codes and its inverse, from the block's largest magnitude (docs/numerics.md, "Quantise"). A new block every cycle, the result
// FpMulLat cycles later.
//
// A scale has three fraction bits, so its correctly rounded inverse is one of eight fractions.
module puce_vector_quant
  import puce_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        valid_i,
  // Bits of the largest magnitude.
  input  logic [30:0] amax_i,
  output logic        valid_o,
  // binary32, zero where the codes are.
  output logic [31:0] inverse_o,
  // BF16.
  output logic [15:0] scale_o,
  // An infinity or NaN was met.
  output logic        nan_o
);
  // 23 fraction bits of RNE(16 / (8 + m)) for m from 1 (never a tie).
  function automatic logic [22:0] fraction(input logic [2:0] m);
    logic [31:0] twice;
    twice = (32'd1 << 28) / (32'd8 + 32'(m));
    return 23'((twice + 32'd1) >> 1);
  endfunction

  logic [7:0][22:0] fractions;
  for (genvar m = 0; m < 8; m++) begin : gen_fraction
    localparam logic [22:0] Fraction = fraction(3'(m));
    assign fractions[m] = Fraction;
  end

  /* verilator lint_off UNUSEDSIGNAL */ // The lower half of a scale is zero.
  logic [31:0] t, rounded;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [FpMulLat-1:0] valid_q, zero_q, nan_q;

  puce_fp_mul u_mul (.clk_i(clk_i), .a_i({1'b0, amax_i}), .b_i(Inverse127), .y_o(t));

  always_comb begin
    rounded   = (t + 32'h000f_ffff) & 32'hfff0_0000;
    valid_o   = valid_q[FpMulLat-1];
    nan_o     = valid_o && nan_q[FpMulLat-1];
    scale_o   = rounded[31:16];
    inverse_o = {1'b0, 8'd253 - rounded[30:23], fractions[rounded[22:20]]};
    if (rounded[22:20] == 3'd0) inverse_o = {1'b0, 8'd254 - rounded[30:23], 23'd0};
    if (zero_q[FpMulLat-1]) begin
      scale_o   = '0;
      inverse_o = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q <= '0;
      zero_q  <= '0;
      nan_q   <= '0;
    end else begin
      valid_q <= {valid_q[FpMulLat-2:0], valid_i};
      zero_q  <= {zero_q[FpMulLat-2:0], amax_i < Tiny || (&amax_i[30:23])};
      nan_q   <= {nan_q[FpMulLat-2:0], &amax_i[30:23]};
    end
  end
endmodule
