// puce_fp_add answers the nearest binary32, ties to even, and infinity from half a unit beyond the largest on; zeros, infinities and NaNs as they must be.
//
// Operands whose exponents differ by `Least` to `Most` are looked at; from 27 places on the answer is the greater one.
module puce_fp_add_proof
  import puce_fp_pkg::*;
#(
  parameter int unsigned Least = 0,
  parameter int unsigned Most = 255
) (
  input logic        clk_i,
  input logic [31:0] a_i,
  input logic [31:0] b_i
);
  logic [31:0] y;

  puce_fp_add u_add (
    .clk_i(clk_i),
    .a_i(a_i),
    .b_i(b_i),
    .y_o(y)
  );

  logic [3:0][31:0] a_q, b_q;
  logic [2:0]       filled_q;
  initial filled_q = '0;
  always_ff @(posedge clk_i) begin
    a_q <= {a_q[2:0], a_i};
    b_q <= {b_q[2:0], b_i};
    if (filled_q != 3'd4) filled_q <= filled_q + 3'd1;
  end

  function automatic logic infinite(input logic [31:0] x);
    return x[30:0] == 31'h7f80_0000;
  endfunction
  function automatic logic [23:0] mantissa_of(input logic [31:0] x);
    return {x[30:23] != '0, x[22:0]};
  endfunction
  function automatic logic [7:0] exponent_of(input logic [31:0] x);
    return x[30:23] == '0 ? 8'd1 : x[30:23];
  endfunction

  // The sum and the answer in units of the lesser operand's last place.
  logic [31:0] a, b, greater, lesser;
  logic [7:0]  apart, room, up, down;
  logic [54:0] sum, back, unit, distance;
  logic        subtract, overflow, binade;
  always_comb begin
    a        = a_q[3];
    b        = b_q[3];
    greater  = a[30:0] < b[30:0] ? b : a;
    lesser   = a[30:0] < b[30:0] ? a : b;
    apart    = exponent_of(greater) - exponent_of(lesser);
    subtract = a[31] ^ b[31];
    sum      = (55'(mantissa_of(greater)) << apart[4:0]) + (subtract ? -55'(mantissa_of(lesser)) : 55'(mantissa_of(lesser)));
    up       = exponent_of(y) - exponent_of(lesser);
    down     = exponent_of(lesser) - exponent_of(y);
    unit     = 55'd1 << up[4:0];
    back     = 55'(mantissa_of(y)) << up[4:0];
    distance = back > sum ? back - sum : sum - back;
    // The half of a unit below a power of two is smaller, but not below the least normal one.
    binade   = mantissa_of(y) == 24'h80_0000 && exponent_of(y) > 8'd1 && back > sum;
    room     = 8'd254 - exponent_of(lesser);
    overflow = room <= 8'd28 && 2 * sum >= (55'h1ff_ffff << room[4:0]);
    assume (exponent_of(a_i) >= exponent_of(b_i) ? 32'(exponent_of(a_i) - exponent_of(b_i)) >= Least && 32'(exponent_of(a_i) - exponent_of(b_i)) <= Most
                                                 : 32'(exponent_of(b_i) - exponent_of(a_i)) >= Least && 32'(exponent_of(b_i) - exponent_of(a_i)) <= Most);
    if (filled_q == 3'd4) begin
      if (is_nan(a) || is_nan(b) || (infinite(a) && infinite(b) && subtract)) assert (y == CanonicalNan);
      else if (infinite(a) || infinite(b)) assert (y == greater);
      else if (apart > 8'd26) assert (y == greater);
      else if (sum == '0) assert (y == {a[31] & b[31], 31'd0});
      else begin
        assert (y[31] == greater[31]);
        if (overflow) assert (infinite(y));
        else begin
          assert (y[30:23] != 8'hff);
          if (exponent_of(y) < exponent_of(lesser)) assert (down < 8'd25 && sum << down[4:0] == 55'(mantissa_of(y)));
          else begin
            assert (up < 8'd29 && 2 * distance <= unit && (2 * distance != unit || !y[0]));
            assert (!binade || 4 * distance <= unit);
          end
        end
      end
    end
  end
endmodule
