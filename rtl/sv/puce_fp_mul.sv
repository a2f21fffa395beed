// The binary32 product, rounded to nearest even, subnormals kept; any NaN is the canonical one. A new pair every cycle, the result FpMulLat cycles later.
//
// Three stages: normalise a subnormal operand, multiply, round. Two subnormals never reach half of the least subnormal, so only one is normalised.
// Never stalls and keeps no state.
module puce_fp_mul
  import puce_fp_pkg::*;
(
  input  logic        clk_i,
  input  logic [31:0] a_i,
  input  logic [31:0] b_i,
  output logic [31:0] y_o
);

  // What is known before the product.
  typedef struct packed {
    logic nan;
    logic inf;
    logic zero;
    logic sign;
  } kind_t;

  // `exponent` is the field of the product if that is below two.
  typedef struct packed {
    kind_t              kind;
    logic signed [9:0]  exponent;
    logic [23:0]        a;
    logic [23:0]        b;
  } factors_t;

  typedef struct packed {
    kind_t              kind;
    logic signed [9:0]  exponent;
    logic [47:0]        product;
  } product_t;

  factors_t factors_d, factors_q;
  product_t product_d, product_q;
  logic [31:0] y_d, y_q;

  // Normalise: `a` is the subnormal one if there is one.
  logic        swap;
  logic [31:0] a, b;
  logic [4:0]  zeros;
  always_comb begin
    swap  = ~|b_i[30:23];
    a     = swap ? b_i : a_i;
    b     = swap ? a_i : b_i;
    zeros = |a[30:23] ? 5'd0 : lzc32({1'b0, a[22:0], 8'd0});
    factors_d.kind.sign = a[31] ^ b[31];
    factors_d.kind.nan  = is_nan(a) | is_nan(b) | (is_special(a) & ~|b[30:0]) | (is_special(b) & ~|a[30:0]);
    factors_d.kind.inf  = is_special(a) | is_special(b);
    factors_d.kind.zero = ~|a[30:0] | ~|b[30:23];
    factors_d.a         = {|a[30:23], a[22:0]} << zeros;
    factors_d.b         = {1'b1, b[22:0]};
    factors_d.exponent  = signed'({2'd0, a[30:24], a[23] | ~|a[30:23]}) + signed'({2'd0, b[30:23]}) - 10'sd127 - signed'({5'd0, zeros});
  end

  always_comb begin
    product_d.kind     = factors_q.kind;
    product_d.exponent = factors_q.exponent;
    product_d.product  = {24'd0, factors_q.a} * {24'd0, factors_q.b};
  end

  // Round: the last place is bit 23 of the product, bit 24 if it is two or more, and higher up for a subnormal result.
  logic               subnormal, beyond;
  logic signed [9:0]  below;
  logic [4:0]         places;
  logic [46:0]        shifted;
  logic [47:0]        lost;
  logic [8:0]         base;
  logic [31:0]        packed_product;
  always_comb begin
    subnormal = product_q.exponent < 10'sd1;
    beyond    = product_q.exponent > 10'sd254;
    below     = 10'sd1 - product_q.exponent;
    places    = !subnormal ? {4'd0, product_q.product[47]} : below > 10'sd26 ? 5'd26 : below[4:0];
    shifted   = 47'(product_q.product >> places);
    lost      = product_q.product & ~(48'hffff_ffff_ffff << places);
    base      = subnormal ? 9'd0 : 9'(product_q.exponent) - 9'd1 + {8'd0, product_q.product[47]};
    packed_product = {base, 23'd0} + {8'd0, shifted[46:23]} + {31'd0, shifted[22] & (shifted[23] | (|shifted[21:0]) | (|lost))};
    y_d = {product_q.kind.sign, packed_product[30:0]};
    if (product_q.kind.zero) y_d = {product_q.kind.sign, 31'd0};
    if (beyond | packed_product[31] | (&packed_product[30:23]) | product_q.kind.inf) y_d = {product_q.kind.sign, Infinity[30:0]};
    if (product_q.kind.nan) y_d = CanonicalNan;
  end

  always_ff @(posedge clk_i) begin
    factors_q <= factors_d;
    product_q <= product_d;
    y_q       <= y_d;
  end

  assign y_o = y_q;

endmodule
