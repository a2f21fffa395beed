// puce_fp_add answers the binary32 that is nearest to its sum, ties to even, and infinity from half a unit beyond the largest on; whatever the sum is, of which
// puce_fp_add_sum_proof speaks: its last bit may stand for anything cut off, and no tie and no bound lies so low.
//
// The sum is any whose leading one stands in one of the three upper places, or whose two lower bits are zero.
module puce_fp_add_round_proof
  import puce_fp_pkg::*;
(
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

  logic        filled_q, sign_q, nan_q, infinite_q;
  logic [27:0] sum_q;
  logic [7:0]  exponent_q;
  initial filled_q = 1'b0;
  always_ff @(posedge clk_i) begin
    filled_q   <= 1'b1;
    sum_q      <= u_add.sum_q.sum;
    exponent_q <= u_add.sum_q.exponent;
    sign_q     <= u_add.sum_q.sign;
    nan_q      <= u_add.sum_q.kind.nan;
    infinite_q <= u_add.sum_q.kind.infinite;
  end

  always_comb begin
    assume (u_add.sum_q.exponent != '0 && (u_add.sum_q.exponent != 8'hff || u_add.sum_q.kind.nan || u_add.sum_q.kind.infinite));
    assume (u_add.sum_q.sum[1:0] == '0 || u_add.sum_q.sum[27:25] != '0);
    assume (u_add.sum_q.sum == '0 ? u_add.sum_q.zeros == 5'd31 : u_add.sum_q.sum >> (5'd27 - u_add.sum_q.zeros) == 28'd1);
  end

  // The answer's mantissa, and its unit, in units of the sum's last bit.
  logic [7:0]        exponent;
  logic [23:0]       mantissa;
  logic signed [9:0] up;
  logic [31:0]       back, unit, distance;
  logic              overflow, binade;
  always_comb begin
    exponent = y[30:23] == '0 ? 8'd1 : y[30:23];
    mantissa = {y[30:23] != '0, y[22:0]};
    up       = signed'({2'd0, exponent}) - signed'({2'd0, exponent_q}) + 10'sd3;
    unit     = 32'd1 << up[4:0];
    back     = 32'(mantissa) << up[4:0];
    distance = back > 32'(sum_q) ? back - 32'(sum_q) : 32'(sum_q) - back;
    binade   = mantissa == 24'h80_0000 && exponent > 8'd1 && back > 32'(sum_q);
    overflow = (exponent_q == 8'd254 && {sum_q, 1'b0} >= 29'h1ff_ffff << 3) || (exponent_q == 8'd253 && {1'b0, sum_q, 1'b0} >= 30'h1ff_ffff << 4);
    if (filled_q) begin
      if (nan_q) assert (y == CanonicalNan);
      else begin
        assert (y[31] == sign_q);
        if (infinite_q || overflow) assert (y[30:0] == Infinity[30:0]);
        else if (sum_q == '0) assert (y[30:0] == '0);
        else begin
          assert (y[30:23] != 8'hff && up >= -10'sd24 && up <= 10'sd7);
          if (up < 10'sd0) assert (52'(sum_q) << 5'(-up) == 52'(mantissa));
          else begin
            assert (2 * distance <= unit && (2 * distance != unit || !mantissa[0]));
            assert (!binade || 4 * distance <= unit);
            // Ties stand at even sums.
            assert (!sum_q[0] || up >= (binade ? 10'sd3 : 10'sd2));
          end
        end
      end
    end
  end
endmodule
