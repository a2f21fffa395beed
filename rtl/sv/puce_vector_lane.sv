// One lane: (pre(x) [* y1] [+ z1]) [* y2] [+ z2], each product and sum rounded, then a tail; 16 cycles from operands to result.
//
//   cycle  0        1..3        3..7       7..10       11       11..15     15..16
//          operands product y1  sum z1     product y2  clamp    sum z2     tail
//
// A product or sum that is left out is a delay of the same length. The control inputs belong to the cycle in their name.
module puce_vector_lane
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic        clk_i,
  // Operands of cycle 0; `n_i` is the exponent of the tail.
  input  logic [31:0] x_i,
  input  logic [31:0] y1_i,
  input  logic [31:0] z1_i,
  input  logic [31:0] y2_i,
  input  logic [31:0] z2_i,
  input  logic [8:0]  n_i,
  input  pre_e        pre0_i,
  input  logic        mul3_i,
  input  logic        add7_i,
  input  logic        mul10_i,
  input  logic        clamp10_i,
  input  logic        negate11_i,
  input  logic        add15_i,
  input  tail_e       tail15_i,
  // The result leaves after the first sum, eight cycles earlier (then the tail is that of cycle 7).
  input  logic        half_way_i,
  output logic [31:0] result_o,
  // What met z2.
  output logic [31:0] tap_o
);

  // What exp2 bounds its operand to: 128 and -127.
  localparam logic [31:0] High = 32'h4300_0000;
  localparam logic [31:0] Low  = 32'hc2fe_0000;

  function automatic logic [31:0] bounded(input logic [31:0] x);
    if (is_nan(x)) return x;
    if (!x[31] && x[30:0] > High[30:0]) return High;
    if (x[31] && x[30:0] > Low[30:0]) return Low;
    return x;
  endfunction

  // p * 2^n for p from 0.7 to 1.42 (or NaN): infinity from 2^128 up, zero below 2^-126.
  function automatic logic [31:0] scaled(input logic [31:0] p, input logic [8:0] n);
    logic signed [10:0] exponent;
    exponent = signed'({3'd0, p[30:23]}) + 11'(signed'(n));
    if (is_nan(p)) return CanonicalNan;
    if (exponent >= 11'sd255) return Infinity;
    if (exponent <= 11'sd0) return '0;
    return {1'b0, exponent[7:0], p[22:0]};
  endfunction

  // First product.
  logic [31:0] pre_d, pre_q, x3, m3, z1_3, v3;
  always_comb begin
    unique case (pre0_i)
      PreMax:  pre_d = puce_fp_pkg::max(x_i, z1_i);
      PreMin:  pre_d = puce_fp_pkg::min(x_i, z1_i);
      default: pre_d = x_i;
    endcase
  end
  puce_fp_mul u_mul1 (.clk_i(clk_i), .a_i(x_i), .b_i(y1_i), .y_o(m3));
  puce_vector_delay #(.Width(32), .Cycles(FpMulLat - 1)) u_x3 (.clk_i(clk_i), .d_i(pre_q), .q_o(x3));
  puce_vector_delay #(.Width(32), .Cycles(FpMulLat)) u_z1 (.clk_i(clk_i), .d_i(z1_i), .q_o(z1_3));
  assign v3 = mul3_i ? m3 : x3;

  // First sum.
  logic [31:0] s7, x7, y2_7, v7;
  puce_fp_add u_add1 (.clk_i(clk_i), .a_i(v3), .b_i(z1_3), .y_o(s7));
  puce_vector_delay #(.Width(32), .Cycles(FpAddLat)) u_x7 (.clk_i(clk_i), .d_i(v3), .q_o(x7));
  puce_vector_delay #(.Width(32), .Cycles(FpMulLat + FpAddLat)) u_y2 (.clk_i(clk_i), .d_i(y2_i), .q_o(y2_7));
  assign v7 = add7_i ? s7 : x7;

  // Second product, and the bound of exp2.
  logic [31:0] m10, x10, v10, v11_q;
  puce_fp_mul u_mul2 (.clk_i(clk_i), .a_i(v7), .b_i(y2_7), .y_o(m10));
  puce_vector_delay #(.Width(32), .Cycles(FpMulLat)) u_x10 (.clk_i(clk_i), .d_i(v7), .q_o(x10));
  assign v10 = mul10_i ? m10 : x10;

  // Second sum.
  logic [31:0] a11, z2_11, s15, x15;
  logic [8:0]  n15;
  assign a11 = {v11_q[31] ^ negate11_i, v11_q[30:0]};
  puce_vector_delay #(.Width(32), .Cycles(2 * FpMulLat + FpAddLat + 1)) u_z2 (.clk_i(clk_i), .d_i(z2_i), .q_o(z2_11));
  puce_fp_add u_add2 (.clk_i(clk_i), .a_i(a11), .b_i(z2_11), .y_o(s15));
  puce_vector_delay #(.Width(32), .Cycles(FpAddLat)) u_x15 (.clk_i(clk_i), .d_i(v11_q), .q_o(x15));
  puce_vector_delay #(.Width(9), .Cycles(2 * FpMulLat + 2 * FpAddLat + 1)) u_n (.clk_i(clk_i), .d_i(n_i), .q_o(n15));

  // Tail.
  logic [31:0] v15, result_d, result_q, tap_q;
  assign v15 = half_way_i ? v7 : add15_i ? s15 : x15;
  always_comb begin
    unique case (tail15_i)
      TailScale: result_d = scaled(v15, n15);
      TailCode:  result_d = {24'd0, rint8(v15)};
      default:   result_d = v15;
    endcase
  end

  always_ff @(posedge clk_i) begin
    pre_q    <= pre_d;
    v11_q    <= clamp10_i ? bounded(v10) : v10;
    result_q <= result_d;
    tap_q    <= x15;
  end

  assign result_o = result_q;
  assign tap_o    = tap_q;
endmodule
