// puce_agu3 names every byte of a strided copy once, in order, and no other: the runs are those of the nest of loops that the command is, base after base.
//
// Index `i` of dimension `j` stands `i` steps behind the dimension's begin: its offset grows by a step when the index grows by one, and begins at zero. Runs of
// merged dimensions are held to the command: each was of one round, or its step was the bytes inside it on both sides, so that those bytes are contiguous.
// Counts, bytes of an element and the number of bases have at most RunW bits; steps and addresses are any.
module puce_agu3_proof
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   start_valid_i,
  input logic [ValueW-1:0]      elem_i,
  input logic [2:0][ValueW-1:0] n_i,
  input logic [2:0][ValueW-1:0] from_step_i,
  input logic [2:0][ValueW-1:0] to_step_i,
  input logic [ValueW-1:0]      to_i,
  input logic [ValueW-1:0]      bases_n_i,
  input logic [ValueW-1:0]      base_step_i,
  input logic                   base_valid_i,
  input logic [ValueW-1:0]      base_i,
  input logic                   run_ready_i
);
  localparam int unsigned CountW = RunW + 1;

  // States of the walker, as it numbers them.
  typedef enum logic [2:0] {
    StIdle,
    StMultiply,
    StSum,
    StMerge,
    StBase,
    StRun,
    StEmpty
  } state_e;

  logic start_ready, start_moves, base_ready, run_valid;
  run_t run;

  puce_agu3 u_agu (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_valid_i(start_valid_i),
    .start_ready_o(start_ready),
    .start_moves_o(start_moves),
    .elem_i(elem_i),
    .n_i(n_i),
    .from_step_i(from_step_i),
    .to_step_i(to_step_i),
    .to_i(to_i),
    .bases_n_i(bases_n_i),
    .base_step_i(base_step_i),
    .base_valid_i(base_valid_i),
    .base_ready_o(base_ready),
    .base_i(base_i),
    .run_valid_o(run_valid),
    .run_ready_i(run_ready_i),
    .run_o(run)
  );

  function automatic logic none(input logic [ValueW-1:0] count);
    return $signed(count) <= 0;
  endfunction

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    assume (none(elem_i) || elem_i >> RunW == '0);
    assume (none(bases_n_i) || bases_n_i >> RunW == '0);
    for (int unsigned j = 0; j < 3; j++) assume (none(n_i[j]) || n_i[j] >> RunW == '0);
  end

  // ---- The command at work, a dimension of one round behind each of its own; how many of its dimensions were merged, and the bytes of a run.
  logic                   active_q, moves_q, walks_q, contiguous_q, merges;
  logic [5:0][CountW-1:0] n_q;
  logic [5:0][ValueW-1:0] from_step_q, to_step_q;
  logic [ValueW-1:0]      to_q, base_step_q, base_q;
  logic [CountW-1:0]      bases_q, len_q;
  logic [1:0]             merged_q;
  logic [3:0]             waited_q;
  // ---- The round at work: its indices, and how far they are from where their dimensions begin.
  logic [5:0][CountW-1:0] at_d, at_q;
  logic [5:0][ValueW-1:0] from_at_d, from_at_q, to_at_d, to_at_q;
  logic [CountW-1:0]      base_at_d, base_at_q;
  logic [ValueW-1:0]      base_to_d, base_to_q;
  logic                   take, fire, base_take, around;

  assign take      = start_valid_i && start_ready;
  assign fire      = run_valid && run_ready_i;
  assign base_take = base_ready && base_valid_i;
  assign merges    = u_agu.state_q == StMerge && u_agu.merge && !u_agu.flat;

  always_comb begin
    at_d      = at_q;
    from_at_d = from_at_q;
    to_at_d   = to_at_q;
    around    = fire;
    for (int unsigned j = 0; j < 3; j++) begin
      if (around && j >= 32'(merged_q)) begin
        around       = at_q[j] == n_q[j] - 1'b1;
        at_d[j]      = around ? '0 : at_q[j] + 1'b1;
        from_at_d[j] = around ? '0 : from_at_q[j] + from_step_q[j];
        to_at_d[j]   = around ? '0 : to_at_q[j] + to_step_q[j];
      end
    end
    base_at_d = around ? base_at_q + 1'b1 : base_at_q;
    base_to_d = around ? base_to_q + base_step_q : base_to_q;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      walks_q  <= 1'b0;
      moves_q  <= 1'b0;
    end else begin
      if (fire && (!moves_q || (around && base_at_q == bases_q - 1'b1))) active_q <= 1'b0;
      if (fire && around) walks_q <= 1'b0;
      if (base_take) walks_q <= 1'b1;
      if (take) begin
        active_q <= 1'b1;
        moves_q  <= !none(elem_i) && !none(n_i[0]) && !none(n_i[1]) && !none(n_i[2]) && !none(bases_n_i);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    at_q      <= at_d;
    from_at_q <= from_at_d;
    to_at_q   <= to_at_d;
    base_at_q <= base_at_d;
    base_to_q <= base_to_d;
    waited_q  <= waited_q + 1'b1;
    if (base_take) base_q <= base_i;
    if (merges) begin
      merged_q     <= merged_q + 1'b1;
      len_q        <= len_q * n_q[merged_q];
      contiguous_q <= contiguous_q && (n_q[merged_q] == CountW'(1) || (from_step_q[merged_q] == ValueW'(len_q) && to_step_q[merged_q] == ValueW'(len_q)));
    end
    if (take) begin
      for (int unsigned j = 0; j < 3; j++) n_q[j] <= CountW'(n_i[j]);
      n_q[5:3]     <= {3{CountW'(1)}};
      from_step_q  <= {{3{ValueW'(0)}}, from_step_i};
      to_step_q    <= {{3{ValueW'(0)}}, to_step_i};
      to_q         <= to_i;
      base_step_q  <= base_step_i;
      bases_q      <= CountW'(bases_n_i);
      len_q        <= CountW'(elem_i);
      merged_q     <= '0;
      contiguous_q <= 1'b1;
      waited_q     <= '0;
      at_q         <= '0;
      from_at_q    <= '0;
      to_at_q      <= '0;
      base_at_q    <= '0;
      base_to_q    <= '0;
    end
  end

  // Dimension `k` of the walk is dimension `merged_q + k` of the command.
  logic [2:0]             rounds_left;
  logic [2:0][CountW-1:0] n, at;
  logic [2:0][ValueW-1:0] from_at, to_at, from_step, to_step;
  always_comb begin
    for (int unsigned k = 0; k < 3; k++) begin
      n[k]           = n_q[3'(merged_q) + 3'(k)];
      at[k]          = at_q[3'(merged_q) + 3'(k)];
      from_at[k]     = from_at_q[3'(merged_q) + 3'(k)];
      to_at[k]       = to_at_q[3'(merged_q) + 3'(k)];
      from_step[k]   = from_step_q[3'(merged_q) + 3'(k)];
      to_step[k]     = to_step_q[3'(merged_q) + 3'(k)];
      rounds_left[k] = at[k] != n[k] - 1'b1;
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // One command at a time; a base for each of its rounds, when the round before is done; a run for each round of the loops that were not merged.
      assert (start_ready == !active_q);
      assert (run_valid == (walks_q || (active_q && !moves_q)));
      if (base_ready) assert (active_q && moves_q && !walks_q && base_at_q < bases_q);
      if (take) assert (start_moves == (!none(elem_i) && !none(n_i[0]) && !none(n_i[1]) && !none(n_i[2]) && !none(bases_n_i)));
      // It never stands still: a run is named in every cycle once its base is there, which is asked for after at most twelve cycles.
      if (active_q && moves_q && !walks_q) assert (base_ready || waited_q < 4'd12);
      if (run_valid) begin
        assert (run.empty == !moves_q);
        if (moves_q) begin
          assert (run.from == base_q + from_at[2] + from_at[1] + from_at[0]);
          assert (run.to == to_q + base_to_q + to_at[2] + to_at[1] + to_at[0]);
          assert (run.len_m1 == RunW'(len_q - 1'b1) && contiguous_q);
        end
        assert (run.last == (!moves_q || (rounds_left == '0 && base_at_q == bases_q - 1'b1)));
      end

      // What the induction needs to know of the inside.
      if (!active_q) assert (u_agu.state_q == StIdle && !walks_q);
      if (active_q && !moves_q) assert (u_agu.state_q == StEmpty && !walks_q);
      if (active_q && moves_q) begin
        assert (u_agu.state_q inside {StMultiply, StSum, StMerge, StBase, StRun});
        assert (walks_q == (u_agu.state_q == StRun));
        assert (contiguous_q && bases_q != '0 && bases_q >> RunW == '0 && base_at_q < bases_q);
        assert (u_agu.elem_q == len_q && u_agu.n_q == n && u_agu.from_step_q == from_step && u_agu.to_step_q == to_step);
        assert (u_agu.base_step_q == base_step_q && u_agu.left_q[3] == bases_q - 1'b1 - base_at_q);
        for (int unsigned j = 0; j < 6; j++) begin
          assert (n_q[j] != '0 && n_q[j] >> RunW == '0 && at_q[j] < n_q[j]);
          if (j >= 3) assert (n_q[j] == CountW'(1));
          if (j < 32'(merged_q) || j >= 3) assert (at_q[j] == '0 && from_at_q[j] == '0 && to_at_q[j] == '0);
        end
        if (!walks_q) begin
          assert (at_q == '0 && from_at_q == '0 && to_at_q == '0);
          assert (u_agu.to_q == {4{to_q + base_to_q}});
        end
        unique case (u_agu.state_q)
          StMultiply: assert (waited_q == 4'd3 * merged_q);
          StSum: begin
            assert (waited_q == 4'd3 * merged_q + 4'd1);
            assert (CountW'(u_agu.low_q + (CountW'(u_agu.high_q) << (RunW / 2))) == CountW'(len_q * n[0]));
          end
          StMerge: begin
            assert (waited_q == 4'd3 * merged_q + 4'd2);
            assert (u_agu.product_q == CountW'(len_q * n[0]));
          end
          default: begin
            for (int unsigned k = 0; k < 3; k++) assert (u_agu.left_q[k] == n[k] - 1'b1 - at[k]);
          end
        endcase
        if (!(u_agu.state_q inside {StBase, StRun})) assert (base_at_q == '0 && base_to_q == '0);
        if (walks_q) begin
          assert (u_agu.from_q[2] == base_q + from_at[2] && u_agu.from_q[1] == u_agu.from_q[2] + from_at[1] && u_agu.from_q[0] == u_agu.from_q[1] + from_at[0]);
          assert (u_agu.to_q[3] == to_q + base_to_q && u_agu.to_q[2] == u_agu.to_q[3] + to_at[2]);
          assert (u_agu.to_q[1] == u_agu.to_q[2] + to_at[1] && u_agu.to_q[0] == u_agu.to_q[1] + to_at[0]);
        end
      end
    end
  end
endmodule
