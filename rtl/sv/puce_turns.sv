// Chooses one of those that ask, in turn: after an asker was served, all others come before it. Nobody waits for more than Askers - 1 others.
module puce_turns #(
  parameter int unsigned Askers = 2,
  localparam int unsigned IndexW = (Askers > 1) ? $clog2(Askers) : 1
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic [Askers-1:0]  ask_i,
  // The chosen one is served in this cycle.
  input  logic               take_i,
  output logic               any_o,
  output logic [IndexW-1:0]  chosen_o
);
  // The one that was served last.
  logic [IndexW-1:0] last_d, last_q;
  logic [IndexW-1:0] first_all, first_after;
  logic              some_after;

  always_comb begin
    first_all   = '0;
    first_after = '0;
    some_after  = 1'b0;
    for (int unsigned i = Askers; i > 0; i--) begin
      if (ask_i[i-1]) begin
        first_all = IndexW'(i - 1);
        if (IndexW'(i - 1) > last_q) begin
          first_after = IndexW'(i - 1);
          some_after  = 1'b1;
        end
      end
    end
  end

  assign any_o    = ask_i != '0;
  assign chosen_o = some_after ? first_after : first_all;
  assign last_d   = take_i ? chosen_o : last_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) last_q <= '0;
    else         last_q <= last_d;
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
    end else begin
      assert (!take_i || ask_i[chosen_o]) else $error("served who did not ask");
    end
  end
`endif
endmodule
