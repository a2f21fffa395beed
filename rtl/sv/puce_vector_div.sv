// Reciprocals and square roots of whole words: `Dividers` groups of one digit-serial unit per lane, taken in turn.
//
// A word may be given only to a group that is free; who gives it counts (`free_o` of the group that came longest ago, one result per word, in order).
module puce_vector_div
  import puce_pkg::*;
  import puce_vector_pkg::*;
#(
  parameter int unsigned Dividers = 4
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              valid_i,
  input  logic              sqrt_i,
  // The word's place, given back with the result.
  input  logic [IndexW:0]   index_i,
  input  logic [WordW-1:0]  word_i,
  output logic              valid_o,
  output logic [IndexW:0]   index_o,
  output logic [WordW-1:0]  word_o
);
  localparam int unsigned TurnW = (Dividers > 1) ? $clog2(Dividers) : 1;

  logic [TurnW-1:0]                 turn_d, turn_q;
  logic [Dividers-1:0]              give, done;
  logic [Dividers-1:0][WordW-1:0]   results;
  logic [Dividers-1:0][IndexW:0]    index_d, index_q;

  for (genvar g = 0; g < Dividers; g++) begin : gen_group
    logic [WordLanes-1:0] readies, valids;
    assign give[g] = valid_i && turn_q == TurnW'(g);
    for (genvar i = 0; i < WordLanes; i++) begin : gen_lane
      puce_fp_divsqrt u_divsqrt (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (give[g]),
        .ready_o (readies[i]),
        .sqrt_i  (sqrt_i),
        .x_i     (word_i[32*i+:32]),
        .valid_o (valids[i]),
        .y_o     (results[g][32*i+:32])
      );
    end
    assign done[g] = valids[0];
`ifndef SYNTHESIS
  assert property (@(posedge clk_i) !(give[g]) || (&readies)) else $error("a busy group of dividers is given a word");
  assert property (@(posedge clk_i) valids == '0 || valids == '1) else $error("lanes of dividers run apart");
`else
    logic unused_ready;
    assign unused_ready = ^{readies, valids};
`endif
  end

  always_comb begin
    turn_d  = turn_q;
    index_d = index_q;
    if (valid_i) begin
      turn_d          = (turn_q == TurnW'(Dividers - 1)) ? '0 : turn_q + TurnW'(1);
      index_d[turn_q] = index_i;
    end
    index_o = '0;
    word_o  = '0;
    for (int unsigned g = 0; g < Dividers; g++) begin
      if (done[g]) index_o |= index_q[g];
      if (done[g]) word_o |= results[g];
    end
  end

  assign valid_o = |done;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      turn_q  <= '0;
      index_q <= '0;
    end else begin
      turn_q  <= turn_d;
      index_q <= index_d;
    end
  end
endmodule
