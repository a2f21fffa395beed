// Small combinational functions of binary32 and of the short formats (docs/numerics.md): order, larger and smaller, conversions that are exact.
//
// Never an operation that takes more than a short chain of gates: those are the pipelined units puce_fp_*, puce_grid_*.
package puce_fp_pkg;

  // A package names everything; each block uses some of it.
  /* verilator lint_off UNUSEDPARAM */
  // The only NaN that the chip produces.
  localparam logic [31:0] CanonicalNan = 32'h7fc0_0000;
  localparam logic [31:0] Infinity = 32'h7f80_0000;
  localparam logic [31:0] One = 32'h3f80_0000;

  // Cycles from the take of an operand to the result of puce_fp_divsqrt.
  localparam int unsigned FpDivSqrtLat = 15;
  /* verilator lint_on UNUSEDPARAM */

  // A scale of the short formats as (-1)^sign * mantissa * 2^exponent (base::tile::Exact); `special` is NaN or infinite, and then counts as zero.
  typedef struct packed {
    logic               special;
    logic               sign;
    logic [10:0]        mantissa;
    logic signed [11:0] exponent;
  } exact_t;

  // The same of a binary32.
  typedef struct packed {
    logic               special;
    logic               sign;
    logic [23:0]        mantissa;
    logic signed [11:0] exponent;
  } exact_f32_t;

  // Ties to even: whether a value is rounded up in magnitude whose last kept bit is `odd`, whose first lost bit is `half` and whose other lost bits are
  // not all zero if `rest`.
  function automatic logic rounds_up(input logic odd, input logic half, input logic rest);
    return half & (odd | rest);
  endfunction

  // Zeros above the leading one; 31 for zero and for one.
  /* verilator lint_off UNUSEDSIGNAL */ // So the last bit makes no difference.
  function automatic logic [4:0] lzc32(input logic [31:0] x);
    logic [4:0]  n;
    logic [15:0] x16;
    logic [7:0]  x8;
    logic [3:0]  x4;
    n[4] = ~|x[31:16];
    x16  = n[4] ? x[15:0] : x[31:16];
    n[3] = ~|x16[15:8];
    x8   = n[3] ? x16[7:0] : x16[15:8];
    n[2] = ~|x8[7:4];
    x4   = n[2] ? x8[3:0] : x8[7:4];
    n[1] = ~|x4[3:2];
    n[0] = ~(n[1] ? x4[1] : x4[3]);
    return n;
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  // Zeros above the leading one; 63 for zero and for one.
  function automatic logic [5:0] lzc64(input logic [63:0] x);
    logic upper_zero;
    logic [4:0] upper, lower;
    upper_zero = ~|x[63:32];
    upper = lzc32(x[63:32]);
    lower = lzc32(x[31:0]);
    return {upper_zero, upper_zero ? lower : upper};
  endfunction

  /* verilator lint_off UNUSEDSIGNAL */ // A predicate takes the whole pattern and looks at a part of it.
  function automatic logic is_nan(input logic [31:0] x);
    return (&x[30:23]) & (|x[22:0]);
  endfunction

  // NaN or infinite.
  function automatic logic is_special(input logic [31:0] x);
    return &x[30:23];
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  // `x`, and for any NaN the canonical one.
  function automatic logic [31:0] canonical(input logic [31:0] x);
    return is_nan(x) ? CanonicalNan : x;
  endfunction

  // A signed integer that orders binary32 values as their real values do, -0 below +0 (NaN aside); its own inverse.
  function automatic logic signed [31:0] order(input logic [31:0] x);
    return {x[31], x[30:0] ^ {31{x[31]}}};
  endfunction

  // Whether `a` is the larger by `order`.
  function automatic logic above(input logic [31:0] a, input logic [31:0] b);
    return order(a) > order(b);
  endfunction

  // The larger value, -0 below +0; the canonical NaN if either is NaN.
  function automatic logic [31:0] max(input logic [31:0] a, input logic [31:0] b);
    return is_nan(a) | is_nan(b) ? CanonicalNan : above(a, b) ? a : b;
  endfunction

  // The smaller value, -0 below +0; the canonical NaN if either is NaN.
  function automatic logic [31:0] min(input logic [31:0] a, input logic [31:0] b);
    return is_nan(a) | is_nan(b) ? CanonicalNan : above(b, a) ? a : b;
  endfunction

  function automatic exact_t exact_e8m0(input logic [7:0] x);
    exact_t e;
    e.special  = &x;
    e.sign     = 1'b0;
    e.mantissa = &x ? 11'd0 : 11'd1;
    e.exponent = signed'({4'd0, x}) - 12'sd127;
    return e;
  endfunction

  function automatic exact_t exact_f16(input logic [15:0] x);
    exact_t e;
    e.special  = &x[14:10];
    e.sign     = x[15];
    e.mantissa = e.special ? 11'd0 : {|x[14:10], x[9:0]};
    e.exponent = signed'({7'd0, x[14:11], x[10] | ~|x[14:10]}) - 12'sd25;
    return e;
  endfunction

  function automatic exact_t exact_bf16(input logic [15:0] x);
    exact_t e;
    e.special  = &x[14:7];
    e.sign     = x[15];
    e.mantissa = e.special ? 11'd0 : {3'd0, |x[14:7], x[6:0]};
    e.exponent = signed'({4'd0, x[14:8], x[7] | ~|x[14:7]}) - 12'sd134;
    return e;
  endfunction

  function automatic exact_f32_t exact_f32(input logic [31:0] x);
    exact_f32_t e;
    e.special  = &x[30:23];
    e.sign     = x[31];
    e.mantissa = e.special ? 24'd0 : {|x[30:23], x[22:0]};
    e.exponent = signed'({4'd0, x[30:24], x[23] | ~|x[30:23]}) - 12'sd150;
    return e;
  endfunction

  // The binary32 equal to an FP16 pattern (any NaN becomes the canonical one).
  function automatic logic [31:0] f16_to_f32(input logic [15:0] x);
    logic [4:0] lz;
    logic [8:0] fraction;
    // A subnormal's fraction in a word with its first bit on top, so that `lz` is 0 for 2^-15.
    lz = lzc32({x[9:0], 22'd0});
    fraction = x[8:0] << lz;
    if (&x[14:10]) return |x[9:0] ? CanonicalNan : {x[15], Infinity[30:0]};
    if (|x[14:10]) return {x[15], 8'd112 + {3'd0, x[14:10]}, x[9:0], 13'd0};
    if (~|x[9:0]) return {x[15], 31'd0};
    return {x[15], 8'd112 - {3'd0, lz}, fraction, 14'd0};
  endfunction

  // The binary32 equal to a BF16 pattern (any NaN becomes the canonical one).
  function automatic logic [31:0] bf16_to_f32(input logic [15:0] x);
    return canonical({x, 16'd0});
  endfunction

  // The binary32 equal to a signed code.
  function automatic logic [31:0] i8_to_f32(input logic [7:0] x);
    logic [7:0] magnitude;
    logic [6:0] normal;
    logic [4:0] lz;
    magnitude = x[7] ? 8'd0 - x : x;
    lz = lzc32({magnitude, 24'd0});
    normal = magnitude[6:0] << lz;
    return ~|x ? 32'd0 : {x[7], 8'd134 - {3'd0, lz}, normal, 16'd0};
  endfunction

  // The binary32 nearest to a count (ties to even).
  function automatic logic [31:0] u32_to_f32(input logic [31:0] x);
    logic [4:0]  lz;
    logic [31:0] normal;
    lz = lzc32(x);
    normal = x << lz;
    // The leading one is counted by the exponent field, and a carry out of the fraction falls into it.
    return ~|x ? 32'd0 : {1'b0, 8'd157 - {3'd0, lz}, 23'd0} + {8'd0, normal[31:8]} + {31'd0, rounds_up(normal[8], normal[7], |normal[6:0])};
  endfunction

  // The integer nearest to `x` (ties to even), held to -127..127; 0 for NaN.
  function automatic logic [7:0] rint8(input logic [31:0] x);
    logic        half;
    logic [2:0]  places;
    logic [29:0] fixed;
    logic [7:0]  rounded, magnitude;
    // From a half to below one the integer part is 0 and the leading one is the half; from there on 23 fraction bits follow the integer's seven.
    half    = x[30:23] == 8'd126;
    places  = 3'(x[30:23] - 8'd127);
    fixed   = half ? {7'd0, 1'b1, |x[22:0], 21'd0} : {6'd0, 1'b1, x[22:0]} << places;
    rounded = {1'b0, fixed[29:23]} + {7'd0, rounds_up(fixed[23], fixed[22], |fixed[21:0])};
    if (x[30:23] < 8'd126 || is_nan(x)) magnitude = 8'd0;
    else if (x[30:23] >= 8'd134 || rounded[7]) magnitude = 8'd127;
    else magnitude = rounded;
    return x[31] ? 8'd0 - magnitude : magnitude;
  endfunction

endpackage
