// One row of the matrix engine: dot products of a row's codes with the codes of Columns tokens, summed over the steps of a block.
//
// A byte of codes is two 4-bit columns or one 8-bit column. Each half of it is a signed factor between -12 and 12, so that one pair of multipliers
// serves both: two codes against two activations, or the halves of one code against the same activation twice, the upper product worth 16 times.
// An integer half without sign is taken as (value - 8): a sum then lacks 8 times the sum of the activation codes, which the caller adds, except for
// the kind whose codes are offset by 8 in earnest. E2M1 elements are taken as twice their value.
//
// A factor is recoded once per row into two digits, low + 4 * high, of which each selects 0, 1 or 2 times an activation (the low one 4 times, too) and
// its sign; that is shared by all tokens, as is the number of negative digits. Partial products are summed without carries, and without the weights of
// their signs: a block's sum starts with what they make up.
//
// The lane never sees scales, and never rounds.
module puce_lane
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4
) (
  input  logic                                  clk_i,
  input  logic                                  rst_ni,
  // A step: bytes of codes, and how they are read; `first` and `last` step of a block.
  input  logic                                  valid_i,
  input  logic                                  first_i,
  input  logic                                  last_i,
  input  mode_e                                 mode_i,
  input  logic [Depth/2-1:0][7:0]               codes_i,
  // The activations of the step before: those of byte `b` in elements 2b (lower half) and 2b + 1 (upper half).
  input  logic [Columns-1:0][Depth-1:0][7:0]    x_i,
  // LaneLat cycles after the last step, for one cycle.
  output logic                                  done_o,
  output logic signed [Columns-1:0][SumW-1:0]   sum_o
);
  localparam int unsigned Pairs = Depth / 2;
  localparam int unsigned NegW = $clog2(5 * Pairs + 1);
  localparam int unsigned StepW = 16 + $clog2(Pairs);
  // Where the sum of a block begins: minus the excess of its products, of which the upper ones of 8-bit codes are worth 16 times.
  localparam logic [SumW-1:0] StartNibbles = SumW'(-int'(Block * DotExcess));
  localparam logic [SumW-1:0] StartBytes = SumW'(-int'(Block * DotExcess * 17));

  // The digits of one half of a byte.
  function automatic factor_t factor(logic [3:0] half, logic upper, mode_e mode);
    logic [3:0] w;
    w = {half[3] ^ ~(upper & (mode == ModeInt8)), half[2:0]};
    factor.high = '{neg: w[3] & ~(w[2] & w[1]), four: 1'b0, two: w[3] ? ~w[2] & ~w[1] : w[2] & w[1], one: w[2] ^ w[1]};
    factor.low  = '{neg: w[1], four: 1'b0, two: w[1] & ~w[0], one: w[0]};
    // 0, 1, 2, 4 - 1, 4, 4 + 2, 8, 8 + 4.
    if (mode == ModeFp4) begin
      factor.high = '{neg: half[3], four: 1'b0, two: half[2] & half[1], one: half[2] ? ~half[1] : half[1] & half[0]};
      factor.low  = '{
        neg:  half[3] ^ (half[2:0] == 3'd3),
        four: half[2:0] == 3'd7,
        two:  (half[2:0] == 3'd2) | (half[2:0] == 3'd5),
        one:  ~half[2] & half[0]
      };
    end
  endfunction

  factor_t [Pairs-1:0] low_d, low_q, high_d, high_q;
  logic [NegW-1:0] low_neg_d, low_neg_q, high_neg_d, high_neg_q;
  logic [2:0] valid_d, valid_q;
  logic [1:0] first_d, first_q;
  logic [2:0] last_d, last_q;
  logic [1:0] byte_d, byte_q;
  logic [Columns-1:0][1:0][StepW-1:0] step, step_d, step_q;
  logic [Columns-1:0][SumW-1:0] sum_d, sum_q;

  always_comb begin
    valid_d = {valid_q[1:0], valid_i};
    last_d  = {last_q[1:0], last_i};
    first_d = {first_q[0], first_i};
    byte_d  = {byte_q[0], mode_i == ModeInt8};
  end

  // ---- Digits, of the row

  always_comb begin
    low_d      = low_q;
    high_d     = high_q;
    low_neg_d  = low_neg_q;
    high_neg_d = high_neg_q;
    if (valid_i) begin
      low_neg_d  = '0;
      high_neg_d = '0;
      for (int unsigned b = 0; b < Pairs; b++) begin
        low_d[b]   = factor(codes_i[b][3:0], 1'b0, mode_i);
        high_d[b]  = factor(codes_i[b][7:4], 1'b1, mode_i);
        low_neg_d  = low_neg_d + NegW'({low_d[b].high.neg, 1'b0, low_d[b].low.neg});
        high_neg_d = high_neg_d + NegW'({high_d[b].high.neg, 1'b0, high_d[b].low.neg});
      end
    end
  end

  // ---- A step's products, of each token: two rows

  for (genvar c = 0; c < Columns; c++) begin : gen_column
    puce_lane_dot #(
      .Pairs(Pairs)
    ) i_dot (
      .valid_i   (valid_q[0]),
      .byte_i    (byte_q[0]),
      .low_i     (low_q),
      .high_i    (high_q),
      .low_neg_i (low_neg_q),
      .high_neg_i(high_neg_q),
      .x_i       (x_i[c]),
      .rows_o    (step[c])
    );
  end

  // ---- Their sums

  always_comb begin
    step_d = valid_q[0] ? step : step_q;
    sum_d  = sum_q;
    if (valid_q[1]) begin
      for (int unsigned c = 0; c < Columns; c++) begin
        sum_d[c] = (first_q[1] ? (byte_q[1] ? StartBytes : StartNibbles) : sum_q[c]) + SumW'(step_q[c][0]) + SumW'(step_q[c][1]);
      end
    end
  end

  assign done_o = valid_q[2] && last_q[2];
  assign sum_o  = sum_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else         valid_q <= valid_d;
  end

  always_ff @(posedge clk_i) begin
    first_q    <= first_d;
    last_q     <= last_d;
    byte_q     <= byte_d;
    low_q      <= low_d;
    high_q     <= high_d;
    low_neg_q  <= low_neg_d;
    high_neg_q <= high_neg_d;
    step_q     <= step_d;
    sum_q      <= sum_d;
  end
endmodule
