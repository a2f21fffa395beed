// puce_turns chooses one who asks whenever somebody does, and nobody who keeps asking sees more than Askers - 1 others served before.
module puce_turns_proof #(
  parameter int unsigned Askers = 4
) (
  input logic              clk_i,
  input logic              rst_ni,
  input logic [Askers-1:0] ask_i,
  input logic              take_i
);
  localparam int unsigned IndexW = (Askers > 1) ? $clog2(Askers) : 1;

  logic              any;
  logic [IndexW-1:0] chosen;

  puce_turns #(
    .Askers(Askers)
  ) u_turns (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .ask_i(ask_i),
    .take_i(take_i),
    .any_o(any),
    .chosen_o(chosen)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (take_i) assume (ask_i != '0);
  end

  // How many others were served while each was asking.
  logic [Askers-1:0][31:0] waited_q;
  for (genvar i = 0; i < Askers; i++) begin : gen_asker
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni)                                                  waited_q[i] <= '0;
      else if (!ask_i[i] || (take_i && 32'(chosen) == i)) waited_q[i] <= '0;
      else if (take_i)                                              waited_q[i] <= waited_q[i] + 32'd1;
    end

    always_comb begin
      if (rst_ni && past_q) begin
        assert (waited_q[i] <= Askers - 1);
        // What the induction needs: those who come before `i` from now on, and those who came, are not more than all others.
        assert (waited_q[i] + (i + 2 * Askers - 1 - 32'(u_turns.last_q)) % Askers <= Askers - 1);
      end
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      assert (any == (ask_i != '0));
      assert (!any || ask_i[chosen]);
      assert (32'(u_turns.last_q) < Askers);
    end
  end
endmodule
