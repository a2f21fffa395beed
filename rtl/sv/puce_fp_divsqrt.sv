// 1/x or the square root of x in binary32, correctly rounded, one digit (or more) per cycle; any NaN is the canonical one.
//
// `y_o` is valid with `valid_o`, a fixed number of cycles (FpDivSqrtLat) after the operand was taken with valid and ready, and holds until the next.
// One cycle normalises the operand, thirteen find two binary digits each by the restoring recurrence, one rounds. Never takes longer for one value than
// for another.
module puce_fp_divsqrt
  import puce_fp_pkg::*;
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

  // Binary digits after the point, two per step.
  localparam int unsigned Digits = 26;
  localparam logic [3:0]  LastStep = 4'(Digits / 2);

  // `step` counts 1..13 while digits are found, 14 while rounding; 0 is idle.
  logic [3:0] step_d, step_q;
  logic       valid_d, valid_q;

  // What the operand alone decides.
  typedef struct packed {
    logic        sqrt;
    logic        sign;
    logic        special;
    logic [31:0] value;
  } kind_t;

  kind_t              kind_d, kind_q;
  // Unbiased exponent of the result if its integer digit is 1.
  logic signed [9:0]  exponent_d, exponent_q;
  logic [23:0]        divisor_d, divisor_q;
  // 2^j * (what is left), two integer digits.
  logic [Digits+1:0]  rest_d, rest_q;
  logic [Digits:0]    result_d, result_q;
  // The place of the next digit.
  logic [Digits:0]    place_d, place_q;
  logic [31:0]        y_d, y_q;

  assign ready_o = step_q == 4'd0;
  assign valid_o = valid_q;
  assign y_o     = y_q;

  logic take;
  assign take = valid_i & ready_o;

  always_comb begin
    step_d = step_q;
    if (take) step_d = 4'd1;
    else if (step_q == LastStep + 4'd1) step_d = 4'd0;
    else if (step_q != 4'd0) step_d = step_q + 4'd1;
    valid_d = step_q == LastStep + 4'd1;
  end

  // Normalise the operand.
  logic [4:0]        zeros;
  logic [23:0]       mantissa;
  logic signed [9:0] power;
  kind_t             kind;
  always_comb begin
    zeros    = |x_i[30:23] ? 5'd0 : lzc32({1'b0, x_i[22:0], 8'd0});
    mantissa = {|x_i[30:23], x_i[22:0]} << zeros;
    power    = signed'({2'd0, x_i[30:24], x_i[23] | ~|x_i[30:23]}) - 10'sd127 - signed'({5'd0, zeros});
    kind.sqrt    = sqrt_i;
    kind.sign    = x_i[31];
    kind.special = is_special(x_i) | ~|x_i[30:0] | (sqrt_i & x_i[31]);
    kind.value   = CanonicalNan;
    if (!is_nan(x_i)) begin
      if (~|x_i[30:0]) kind.value = sqrt_i ? x_i : {x_i[31], Infinity[30:0]};
      else if (sqrt_i) kind.value = x_i[31] ? CanonicalNan : Infinity;
      else kind.value = {x_i[31], 31'd0};
    end
  end

  // One digit: what would be taken away is 2S + place for a root, the divisor for a quotient.
  function automatic logic [2*Digits+3-1:0] digit(
    input logic sqrt, input logic [23:0] divisor, input logic [Digits+1:0] rest, input logic [Digits:0] result, input logic [Digits:0] place
  );
    logic [Digits+2:0] doubled, away, left;
    doubled = {rest, 1'b0};
    away    = sqrt ? {1'b0, result, 1'b0} | {2'b00, place} : {2'b00, divisor, {Digits - 23{1'b0}}};
    left    = doubled - away;
    return left[Digits+2] ? {doubled[Digits+1:0], result} : {left[Digits+1:0], result | place};
  endfunction

  logic [Digits+1:0] rest_1, rest_2;
  logic [Digits:0]   result_1, result_2;
  always_comb begin
    {rest_1, result_1} = digit(kind_q.sqrt, divisor_q, rest_q, result_q, place_q);
    {rest_2, result_2} = digit(kind_q.sqrt, divisor_q, rest_1, result_1, place_q >> 1);
  end

  // Round. The quotient's leading digit is the integer digit for a power of two, else the one below; the root's is the integer digit.
  logic               whole;
  logic [Digits:0]    normal;
  logic signed [9:0]  field;
  logic [1:0]         places;
  logic [24:0]        kept;
  logic               sticky;
  logic [30:0]        packed_result;
  always_comb begin
    whole  = result_q[Digits];
    normal = whole ? result_q : {result_q[Digits-1:0], 1'b0};
    field  = exponent_q + (whole ? 10'sd127 : 10'sd126);
    // Only a quotient can be subnormal, by two places at most.
    places = field >= 10'sd1 ? 2'd0 : field == 10'sd0 ? 2'd1 : 2'd2;
    kept   = normal[Digits:Digits-24] >> places;
    sticky = (|normal[Digits-25:0]) | (|rest_q) | (places[0] & normal[Digits-24]) | (places[1] & |normal[Digits-23:Digits-24]);
    packed_result = {|places ? 8'd0 : field[7:0] - 8'd1, 23'd0} + {7'd0, kept[24:1]} + {30'd0, rounds_up(kept[1], kept[0], sticky)};
    y_d = y_q;
    if (valid_d) begin
      y_d = {kind_q.sign, packed_result};
      if (field > 10'sd254) y_d = {kind_q.sign, Infinity[30:0]};
      if (kind_q.special) y_d = kind_q.value;
    end
  end

  always_comb begin
    kind_d     = kind_q;
    exponent_d = exponent_q;
    divisor_d  = divisor_q;
    rest_d     = rest_q;
    result_d   = result_q;
    place_d    = place_q;
    if (take) begin
      kind_d    = kind;
      divisor_d = mantissa;
      place_d   = {1'b0, 1'b1, {Digits - 1{1'b0}}};
      if (sqrt_i) begin
        // The radicand is in [1, 4), its root's integer digit 1.
        exponent_d = power >>> 1;
        result_d   = {1'b1, {Digits{1'b0}}};
        rest_d     = power[0] ? {mantissa[22], ~mantissa[22], mantissa[21:0], {Digits - 22{1'b0}}} : {2'b00, mantissa[22:0], {Digits - 23{1'b0}}};
      end else begin
        exponent_d = -power;
        result_d   = {~|mantissa[22:0], {Digits{1'b0}}};
        rest_d     = {1'b0, |mantissa[22:0], {Digits{1'b0}}};
      end
    end else if (step_q != 4'd0 && step_q <= LastStep) begin
      rest_d   = rest_2;
      result_d = result_2;
      place_d  = place_q >> 2;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      step_q  <= 4'd0;
      valid_q <= 1'b0;
    end else begin
      step_q  <= step_d;
      valid_q <= valid_d;
    end
  end

  always_ff @(posedge clk_i) begin
    kind_q     <= kind_d;
    exponent_q <= exponent_d;
    divisor_q  <= divisor_d;
    rest_q     <= rest_d;
    result_q   <= result_d;
    place_q    <= place_d;
    y_q        <= y_d;
  end

endmodule
