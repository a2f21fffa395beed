// puce_lane_dot, as cells make it, adds what simulators multiply: each factor's partial products are its value times the activation, too large by a
// constant, once its negative digits are counted; and, where there are few pairs, so are the two rows together.
//
// Digits are such as puce_lane makes: at most one multiple, a high digit never 4. That adding loses nothing is puce_compress_proof.
module puce_lane_dot_proof
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Pairs = 4,
  // Whether the rows' sum is held to the products as well.
  parameter bit Whole = 1'b0,
  localparam int unsigned NegW = $clog2(5 * Pairs + 1),
  localparam int unsigned StepW = 16 + $clog2(Pairs)
) (
  input logic                    byte_i,
  input factor_t [Pairs-1:0]     low_i,
  input factor_t [Pairs-1:0]     high_i,
  input logic [2*Pairs-1:0][7:0] x_i
);
  logic [NegW-1:0]       low_neg, high_neg;
  logic [1:0][StepW-1:0] rows;

  puce_lane_dot #(
    .Pairs(Pairs)
  ) u_dot (
    .byte_i(byte_i),
    .low_i(low_i),
    .high_i(high_i),
    .valid_i(1'b1),
    .low_neg_i(low_neg),
    .high_neg_i(high_neg),
    .x_i(x_i),
    .rows_o(rows)
  );

  function automatic logic legal(input factor_t f);
    return !f.high.four && !(f.high.one && f.high.two) && !(f.low.one && f.low.two) && !(f.low.one && f.low.four) && !(f.low.two && f.low.four);
  endfunction

  function automatic logic [StepW-1:0] product(input factor_t f, input logic [7:0] x);
    return StepW'($signed(value_of(f))) * StepW'($signed(x));
  endfunction

  function automatic logic [StepW-1:0] negatives(input factor_t f);
    return StepW'({f.high.neg, 1'b0, f.low.neg});
  endfunction

  logic [StepW-1:0] low, high;
  always_comb begin
    low      = StepW'(Pairs * DotExcess);
    high     = StepW'(Pairs * DotExcess);
    low_neg  = '0;
    high_neg = '0;
    for (int unsigned b = 0; b < Pairs; b++) begin
      assume (legal(low_i[b]) && legal(high_i[b]));
      low_neg  = low_neg + NegW'(negatives(low_i[b]));
      high_neg = high_neg + NegW'(negatives(high_i[b]));
      low      = low + product(low_i[b], x_i[2*b]);
      high     = high + product(high_i[b], x_i[2*b+1]);
      assert (StepW'(u_dot.low_parts[b]) + StepW'(u_dot.low_parts[Pairs+b]) + negatives(low_i[b]) == product(low_i[b], x_i[2*b]) + StepW'(DotExcess));
      assert (StepW'(u_dot.high_parts[b]) + StepW'(u_dot.high_parts[Pairs+b]) + negatives(high_i[b]) == product(high_i[b], x_i[2*b+1]) + StepW'(DotExcess));
    end
    assert (32'(u_dot.low_parts[2*Pairs]) == 32'(low_neg) && 32'(u_dot.high_parts[2*Pairs]) == 32'(high_neg));
    if (Whole) assert (StepW'(rows[0] + rows[1]) == StepW'(low + (byte_i ? high << 4 : high)));
  end
endmodule
