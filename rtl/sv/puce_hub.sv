// The hub of a chip: carries out one all-gather at a time for the exchange engines of its cores.
//
// When every core that runs has arrived, each of them sends in turn, the lowest first; a beat goes to all in the cycle in which all have room for it. When
// the last beat has gone out all are released. It never looks into a beat.
module puce_hub
  import puce_pkg::*;
#(
  parameter int unsigned Cores = 1
) (
  input  logic                              clk_i,
  input  logic                              rst_ni,
  // Cores that run a program.
  input  logic [Cores-1:0]                  running_i,
  input  logic [Cores-1:0]                  arrived_i,
  output logic [Cores-1:0]                  turn_o,
  input  logic [Cores-1:0]                  tx_valid_i,
  output logic [Cores-1:0]                  tx_ready_o,
  input  logic [Cores-1:0][ValueW-1:0]      tx_addr_i,
  input  logic [Cores-1:0][WordBytes-1:0]   tx_strb_i,
  input  logic [Cores-1:0][WordW-1:0]       tx_data_i,
  input  logic [Cores-1:0]                  tx_end_i,
  output logic                              rx_valid_o,
  input  logic [Cores-1:0]                  rx_ready_i,
  output logic [ValueW-1:0]                 rx_addr_o,
  output logic [WordBytes-1:0]              rx_strb_o,
  output logic [WordW-1:0]                  rx_data_o,
  output logic                              release_o
);
  localparam int unsigned BeatW = ValueW + WordBytes + WordW;

  typedef enum logic [1:0] {
    Waiting,
    Sending,
    Ending
  } state_e;

  state_e           state_d, state_q;
  // Members of the gather, those that have not had their turn, and whose turn it is.
  logic [Cores-1:0] members_d, members_q, left_d, left_q, turn_d, turn_q;
  logic             all_arrived, all_ready, turn_ends;
  logic             beat_in_valid, beat_in_ready, beat_valid, empty;
  logic [BeatW-1:0] beat_in;
  logic [1:0]       beat_count;

  // The lowest of them.
  function automatic logic [Cores-1:0] lowest(input logic [Cores-1:0] set);
    return set & (~set + Cores'(1));
  endfunction

  assign all_arrived = arrived_i != '0 && (running_i & ~arrived_i) == '0;
  assign turn_ends   = (turn_q & tx_end_i) != '0;
  assign all_ready   = (members_q & ~rx_ready_i) == '0;
  assign empty       = beat_count == 2'd0;

  always_comb begin
    state_d   = state_q;
    members_d = members_q;
    left_d    = left_q;
    turn_d    = turn_q;
    unique case (state_q)
      Waiting: if (all_arrived) begin
        state_d   = Sending;
        members_d = arrived_i;
        turn_d    = lowest(arrived_i);
        left_d    = arrived_i & ~lowest(arrived_i);
      end
      Sending: if (turn_ends) begin
        turn_d = lowest(left_q);
        left_d = left_q & ~lowest(left_q);
        if (left_q == '0) state_d = Ending;
      end
      Ending: if (empty) state_d = Waiting;
      default: state_d = Waiting;
    endcase
  end

  always_comb begin
    beat_in_valid = 1'b0;
    beat_in       = '0;
    for (int unsigned c = 0; c < Cores; c++) begin
      if (turn_q[c]) begin
        beat_in_valid = tx_valid_i[c];
        beat_in       = {tx_addr_i[c], tx_strb_i[c], tx_data_i[c]};
      end
    end
  end

  puce_fifo #(
    .Width (BeatW),
    .Depth (2)
  ) u_beats (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (beat_in_valid),
    .in_ready_o  (beat_in_ready),
    .in_data_i   (beat_in),
    .out_valid_o (beat_valid),
    .out_ready_i (all_ready),
    .out_data_o  ({rx_addr_o, rx_strb_o, rx_data_o}),
    .count_o     (beat_count)
  );

  assign turn_o     = turn_q;
  assign tx_ready_o = turn_q & {Cores{beat_in_ready}};
  assign rx_valid_o = beat_valid && all_ready;
  assign release_o  = state_q == Ending && empty;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= Waiting;
      members_q <= '0;
      left_q    <= '0;
      turn_q    <= '0;
    end else begin
      state_q   <= state_d;
      members_q <= members_d;
      left_q    <= left_d;
      turn_q    <= turn_d;
    end
  end

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) disable iff (!rst_ni) (turn_q & (turn_q - Cores'(1))) == '0) else $error("two cores have the turn");
  assert property (@(posedge clk_i) disable iff (!rst_ni) (turn_q & ~members_q) == '0) else $error("a core that is no member has the turn");
`endif
endmodule
