// The binary32 sum, rounded to nearest even, subnormals kept; any NaN is the canonical one. A new pair every cycle, the result FpAddLat cycles later.
//
// Four stages: order by magnitude, align, add, normalise and round. Never stalls and keeps no state: what was in flight belongs to whoever counts cycles.
module puce_fp_add
  import puce_fp_pkg::*;
(
  input  logic        clk_i,
  input  logic [31:0] a_i,
  input  logic [31:0] b_i,
  output logic [31:0] y_o
);

  // What the special operands make of the sum.
  typedef struct packed {
    logic nan;
    logic infinite;
  } kind_t;

  // Operands in order of magnitude. Exponents are fields, 1 for subnormals.
  typedef struct packed {
    kind_t       kind;
    logic        sign;
    logic        subtract;
    logic [7:0]  exponent;
    logic [7:0]  distance;
    logic [23:0] greater;
    logic [23:0] lesser;
  } ordered_t;

  // Three bits below the last place: guard, round, sticky.
  typedef struct packed {
    kind_t       kind;
    logic        sign;
    logic        subtract;
    logic [7:0]  exponent;
    logic [26:0] greater;
    logic [26:0] lesser;
  } aligned_t;

  typedef struct packed {
    kind_t       kind;
    logic        sign;
    logic [7:0]  exponent;
    logic [27:0] sum;
    logic [4:0]  zeros;
  } sum_t;

  ordered_t ordered_d, ordered_q;
  aligned_t aligned_d, aligned_q;
  sum_t     sum_d, sum_q;
  logic [31:0] y_d, y_q;

  // Order by magnitude.
  logic        swap;
  logic [31:0] greater, lesser;
  logic [7:0]  exponent_a, exponent_b;
  always_comb begin
    swap  = a_i[30:0] < b_i[30:0];
    greater = swap ? b_i : a_i;
    lesser = swap ? a_i : b_i;
    exponent_a = {a_i[30:24], a_i[23] | ~|a_i[30:23]};
    exponent_b = {b_i[30:24], b_i[23] | ~|b_i[30:23]};
    ordered_d.subtract = a_i[31] ^ b_i[31];
    ordered_d.kind.infinite = is_special(greater);
    ordered_d.kind.nan = is_nan(greater) | (is_special(lesser) & ordered_d.subtract);
    ordered_d.sign     = greater[31];
    ordered_d.exponent = swap ? exponent_b : exponent_a;
    ordered_d.distance = swap ? exponent_b - exponent_a : exponent_a - exponent_b;
    ordered_d.greater    = {|greater[30:23], greater[22:0]};
    ordered_d.lesser    = {|lesser[30:23], lesser[22:0]};
  end

  // Align: 26 places and more leave only the sticky bit.
  logic [4:0]  places;
  logic [26:0] shifted, lost;
  always_comb begin
    places  = ordered_q.distance > 8'd26 ? 5'd26 : ordered_q.distance[4:0];
    shifted = {ordered_q.lesser, 3'd0} >> places;
    lost    = {ordered_q.lesser, 3'd0} & ~(27'h7ff_ffff << places);
    aligned_d.kind     = ordered_q.kind;
    aligned_d.sign     = ordered_q.sign;
    aligned_d.subtract = ordered_q.subtract;
    aligned_d.exponent = ordered_q.exponent;
    aligned_d.greater    = {ordered_q.greater, 3'd0};
    aligned_d.lesser    = {shifted[26:1], shifted[0] | (|lost)};
  end

  // Add. An exact zero is +0 unless both operands were negative.
  logic [27:0] sum;
  always_comb begin
    sum = {1'b0, aligned_q.greater} + ({28{aligned_q.subtract}} ^ {1'b0, aligned_q.lesser}) + {27'd0, aligned_q.subtract};
    sum_d.kind     = aligned_q.kind;
    sum_d.sign     = aligned_q.sign & ~(aligned_q.subtract & ~|sum);
    sum_d.exponent = aligned_q.exponent;
    sum_d.sum      = sum;
    sum_d.zeros    = lzc32({sum, 4'd0});
  end

  // Normalise as far as the exponent allows, round, pack. `zeros` is 0 after a carry, 1 for a sum in place.
  logic        limited;
  logic [4:0]  left;
  logic [27:0] normal;
  logic [8:0]  base;
  logic [31:0] packed_sum;
  always_comb begin
    // The leading one stands at bit 27 after a shift by `zeros`; bit 27 has the weight of the exponent plus one.
    limited    = {3'd0, sum_q.zeros} > sum_q.exponent;
    left       = limited ? sum_q.exponent[4:0] : sum_q.zeros;
    normal     = sum_q.sum << left;
    // The leading one, where there is one, adds itself to the exponent field; so does a carry out of the rounding.
    base       = normal[27] ? {1'b0, sum_q.exponent} - {4'd0, left} : 9'd0;
    packed_sum = {base, 23'd0} + {8'd0, normal[27:4]} + {31'd0, rounds_up(normal[4], normal[3], |normal[2:0])};
    y_d = {sum_q.sign, packed_sum[30:0]};
    if (packed_sum[31] | (&packed_sum[30:23]) | sum_q.kind.infinite) y_d = {sum_q.sign, Infinity[30:0]};
    if (sum_q.kind.nan) y_d = CanonicalNan;
  end

  always_ff @(posedge clk_i) begin
    ordered_q <= ordered_d;
    aligned_q <= aligned_d;
    sum_q     <= sum_d;
    y_q       <= y_d;
  end

  assign y_o = y_q;

endmodule
