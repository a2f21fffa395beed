// The binary32 product, rounded to nearest even, subnormals kept; any NaN is the canonical one. A new pair every cycle, the result FpMulLat cycles later.
//
// Three stages: normalise a subnormal operand, multiply, round. Two subnormals never reach half of the least subnormal, so only one is normalised. No carry
// runs along a product before the last stage.
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
    logic infinite;
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

  // The product is the sum of two rows. A subnormal result is shifted right by `places` to have its last place at bit 23.
  typedef struct packed {
    kind_t            kind;
    logic             subnormal;
    logic             beyond;
    logic [4:0]       places;
    logic [7:0]       exponent;
    logic [1:0][47:0] rows;
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
    factors_d.kind.infinite = is_special(a) | is_special(b);
    factors_d.kind.zero = ~|a[30:0] | ~|b[30:23];
    factors_d.a         = {|a[30:23], a[22:0]} << zeros;
    factors_d.b         = {1'b1, b[22:0]};
    factors_d.exponent  = signed'({2'd0, a[30:24], a[23] | ~|a[30:23]}) + signed'({2'd0, b[30:23]}) - 10'sd127 - signed'({5'd0, zeros});
  end

  // Multiply.
  logic [1:0][47:0] rows;
`ifdef SYNTHESIS
  logic [23:0][47:0] parts;
  always_comb begin
    for (int unsigned i = 0; i < 24; i++) parts[i] = {24'd0, factors_q.a & {24{factors_q.b[i]}}} << i;
  end
  puce_compress #(
    .Rows (24),
    .Width(48)
  ) i_compress (
    .rows_i(parts),
    .rows_o(rows)
  );
`else
  // A simulator multiplies quicker than it adds bits: any two rows of the sum will do.
  assign rows = {48'd0, {24'd0, factors_q.a} * {24'd0, factors_q.b}};
`endif

  // How far a subnormal result is shifted is known from the exponent.
  logic signed [9:0] below;
  always_comb begin
    below = 10'sd1 - factors_q.exponent;
    product_d.kind      = factors_q.kind;
    product_d.subnormal = factors_q.exponent < 10'sd1;
    product_d.beyond    = factors_q.exponent > 10'sd254;
    product_d.places    = below < 10'sd0 ? 5'd0 : below > 10'sd26 ? 5'd26 : below[4:0];
    product_d.exponent  = factors_q.exponent[7:0];
    product_d.rows      = rows;
  end

  // Round: the last place is bit 23 of the product, or bit 24 if a normal product is two or more.
  logic [47:0] product, shifted, lost;
  logic        two, half, rest;
  logic [23:0] mantissa;
  logic [7:0]  base;
  logic [31:0] rounded;
  always_comb begin
    product  = product_q.rows[0] + product_q.rows[1];
    shifted  = product >> product_q.places;
    lost     = product & ~(48'hffff_ffff_ffff << product_q.places);
    two      = shifted[47];
    mantissa = two ? shifted[47:24] : shifted[46:23];
    half     = two ? shifted[23] : shifted[22];
    rest     = (two & shifted[22]) | (|shifted[21:0]) | (|lost);
    // The leading one, where there is one, adds itself to the exponent field; so does a carry out of the rounding.
    base     = product_q.subnormal ? 8'd0 : two ? product_q.exponent : product_q.exponent - 8'd1;
    rounded  = {1'b0, base, 23'd0} + {8'd0, mantissa} + {31'd0, rounds_up(mantissa[0], half, rest)};
    y_d = {product_q.kind.sign, rounded[30:0]};
    if (product_q.kind.zero) y_d = {product_q.kind.sign, 31'd0};
    if (product_q.beyond | rounded[31] | (&rounded[30:23]) | product_q.kind.infinite) y_d = {product_q.kind.sign, Infinity[30:0]};
    if (product_q.kind.nan) y_d = CanonicalNan;
  end

  always_ff @(posedge clk_i) begin
    factors_q <= factors_d;
    product_q <= product_d;
    y_q       <= y_d;
  end

  assign y_o = y_q;

endmodule
