// puce_fp_mul answers the nearest binary32, ties to even, and infinity from half a unit beyond the largest on; zeros, infinities and NaNs as they must be.
//
// The product of the two mantissas is taken for any number that it can be: that it is the right one is the arithmetic of `*`. Everything before and after
// it is held to what it means: a mantissa's leading one is at bit 23, the exponent makes up for it, and the answer is no farther than half a unit away.
module puce_fp_mul_proof
  import puce_fp_pkg::*;
(
  input logic        clk_i,
  input logic [31:0] a_i,
  input logic [31:0] b_i
);
  logic [31:0] y;

  puce_fp_mul u_mul (
    .clk_i(clk_i),
    .a_i(a_i),
    .b_i(b_i),
    .y_o(y)
  );

  // ---- The operands of each stage.
  logic [2:0][31:0] a_q, b_q;
  logic [1:0]       filled_q;
  initial filled_q = '0;
  always_ff @(posedge clk_i) begin
    a_q <= {a_q[1:0], a_i};
    b_q <= {b_q[1:0], b_i};
    if (filled_q != 2'd3) filled_q <= filled_q + 2'd1;
  end

  function automatic logic zero(input logic [31:0] x);
    return x[30:0] == '0;
  endfunction
  function automatic logic tiny(input logic [31:0] x);
    return x[30:23] == '0;
  endfunction
  function automatic logic infinite(input logic [31:0] x);
    return x[30:0] == 31'h7f80_0000;
  endfunction
  function automatic logic bad(input logic [31:0] x, input logic [31:0] z);
    return is_nan(x) || is_nan(z) || (infinite(x) && zero(z)) || (infinite(z) && zero(x));
  endfunction
  // Neither a special answer nor one that is zero at once.
  function automatic logic plain(input logic [31:0] x, input logic [31:0] z);
    return x[30:23] != 8'hff && z[30:23] != 8'hff && !zero(x) && !zero(z) && !(tiny(x) && tiny(z));
  endfunction
  function automatic logic special(input logic [31:0] x, input logic [31:0] z);
    return x[30:23] == 8'hff || z[30:23] == 8'hff;
  endfunction
  function automatic logic [23:0] mantissa_of(input logic [31:0] x);
    return {!tiny(x), x[22:0]};
  endfunction
  function automatic logic signed [10:0] exponent_of(input logic [31:0] x);
    return tiny(x) ? 11'sd1 : signed'({3'd0, x[30:23]});
  endfunction

  // ---- First stage: mantissas with their leading one at bit 23, and the exponent that makes up for it.
  logic [31:0]        lesser, greater;
  logic signed [10:0] moved;
  always_comb begin
    lesser  = tiny(b_q[0]) ? b_q[0] : a_q[0];
    greater = tiny(b_q[0]) ? a_q[0] : b_q[0];
    moved   = exponent_of(lesser) + exponent_of(greater) - 11'sd127 - 11'(u_mul.factors_q.exponent);
    if (filled_q >= 2'd1 && plain(a_q[0], b_q[0])) begin
      assert (u_mul.factors_q.a[23] && u_mul.factors_q.b == mantissa_of(greater) && u_mul.factors_q.b[23]);
      assert (moved >= 11'sd0 && moved < 11'sd24 && u_mul.factors_q.a == mantissa_of(lesser) << moved[4:0]);
    end
    if (filled_q >= 2'd1 && !special(a_q[0], b_q[0]) && !plain(a_q[0], b_q[0])) begin
      assert ((tiny(a_q[0]) && tiny(b_q[0])) ? u_mul.factors_q.exponent < 10'sd1 : u_mul.factors_q.a == '0);
      assert (u_mul.factors_q.exponent < 10'sd254);
    end
    if (filled_q >= 2'd1) begin
      assert (u_mul.factors_q.kind.sign == (a_q[0][31] ^ b_q[0][31]) && u_mul.factors_q.kind.nan == bad(a_q[0], b_q[0]));
      assert (bad(a_q[0], b_q[0]) || u_mul.factors_q.kind.infinite == (infinite(a_q[0]) || infinite(b_q[0])));
      assert (u_mul.factors_q.kind.zero == (zero(a_q[0]) || zero(b_q[0]) || (tiny(a_q[0]) && tiny(b_q[0]))));
    end
  end

  // ---- Second stage: the product, any that two such mantissas can have, and its exponent.
  logic signed [9:0]  power_q, power2_q;
  logic [47:0]        product, product_q;
  // A mantissa was zero, and so is the product.
  logic               zero_q;
  logic signed [10:0] below;
  assign product = u_mul.product_q.rows[0] + u_mul.product_q.rows[1];
  assign below   = 11'sd1 - 11'(power_q);
  always_ff @(posedge clk_i) begin
    power_q   <= u_mul.factors_q.exponent;
    power2_q  <= power_q;
    zero_q    <= u_mul.factors_q.a == '0;
    product_q <= product;
  end
  always_comb begin
    if (filled_q >= 2'd2) begin
      if (!special(a_q[1], b_q[1]) && zero_q) assume (product == '0);
      if (!special(a_q[1], b_q[1]) && !plain(a_q[1], b_q[1])) assert (zero_q || power_q < 10'sd1);
      if (!special(a_q[1], b_q[1])) assert (power_q < 10'sd254 || plain(a_q[1], b_q[1]));
      if (plain(a_q[1], b_q[1])) assume (product >= 48'h4000_0000_0000);
      assert (u_mul.product_q.kind.sign == (a_q[1][31] ^ b_q[1][31]) && u_mul.product_q.kind.nan == bad(a_q[1], b_q[1]));
      assert (bad(a_q[1], b_q[1]) || u_mul.product_q.kind.infinite == (infinite(a_q[1]) || infinite(b_q[1])));
      assert (u_mul.product_q.kind.zero == (zero(a_q[1]) || zero(b_q[1]) || (tiny(a_q[1]) && tiny(b_q[1]))));
      if (!special(a_q[1], b_q[1])) begin
        assert (u_mul.product_q.subnormal == (power_q < 10'sd1) && u_mul.product_q.beyond == (power_q > 10'sd254));
        assert (u_mul.product_q.exponent == power_q[7:0]);
        assert (32'(u_mul.product_q.places) == (below < 11'sd0 ? 32'd0 : below > 11'sd26 ? 32'd26 : 32'(unsigned'(below[4:0]))));
      end
    end
  end

  // ---- Third stage: the nearest. The answer's mantissa and the product in units of the product's last bit.
  logic [74:0] value, back, unit, distance, limit;
  logic [23:0] mantissa;
  logic [5:0]  shift;
  logic        overflow, binade;
  always_comb begin
    mantissa = mantissa_of(y);
    value    = 75'(product_q);
    // A place of the answer is that of a subnormal, or that of its exponent.
    if (power2_q < 10'sd1) shift = (power2_q < -10'sd25) ? 6'd49 : 6'(10'sd24 - power2_q);
    else shift = (signed'({2'd0, y[30:23]}) == power2_q) ? 6'd23 : 6'd24;
    unit     = 75'd1 << shift;
    back     = 75'(mantissa) << shift;
    distance = back > value ? back - value : value - back;
    binade   = mantissa == 24'h80_0000 && power2_q >= 10'sd1 && back > value;
    // Half a unit beyond the largest, 2^24 - 1 units of 2^23 or 2^24.
    limit    = (power2_q == 10'sd254) ? 75'h1ff_ffff << 22 : 75'h1ff_ffff << 23;
    overflow = power2_q > 10'sd254 || ((power2_q == 10'sd254 || power2_q == 10'sd253) && value >= limit);
    if (filled_q == 2'd3) begin
      if (bad(a_q[2], b_q[2])) assert (y == CanonicalNan);
      else begin
        assert (y[31] == (a_q[2][31] ^ b_q[2][31]));
        if (infinite(a_q[2]) || infinite(b_q[2])) assert (infinite(y));
        else if (!plain(a_q[2], b_q[2])) assert (zero(y));
        else if (overflow) assert (infinite(y));
        else begin
          assert (y[30:23] != 8'hff);
          // The exponent is the product's, or one more.
          if (power2_q >= 10'sd1) assert (signed'({2'd0, y[30:23]}) == power2_q || signed'({2'd0, y[30:23]}) == power2_q + 10'sd1);
          else assert (y[30:23] <= 8'd1);
          assert (2 * distance <= unit && (2 * distance != unit || !mantissa[0]));
          assert (!binade || 4 * distance <= unit || shift == 6'd23);
        end
      end
    end
  end
endmodule
