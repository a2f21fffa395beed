// puce_vector_issue lets a word of a micro-operation go when what it reads is complete. Registers: of the micro-operation before, as many words are complete as come up to the
// same place, and of those before that all; the first micro-operation of a program reads no register. The first queue: the word, and its neighbour where they are a pair, has
// come and is not given back.
//
// Taken for granted: what is issued with `awaited_o` is told complete once, words of a micro-operation in their order (the lanes are a shift register,
// puce_vector_exec_proof), and no other. Queues have Depth words (puce_vector_load_proof), and what the scales take of the second one is there, beside a
// program of one micro-operation that takes none. A command begins, and its configuration changes, when nothing of the one
// before is under way. Programs of several micro-operations take words whole, and batches of pairs have an even number (puce_vector_plan). Programs may be any.
module puce_vector_issue_proof
  import puce_pkg::*;
  import puce_vector_pkg::*;
#(
  parameter int unsigned Dividers = 4
) (
  input logic            clk_i,
  input logic            rst_ni,
  input logic            start_i,
  input exec_t           exec_i,
  input logic [IndexW:0] a_written_i,
  input logic [IndexW:0] b_written_i,
  input tag_t            a_tag_i,
  input logic            b_take_i,
  input logic            scalar_valid_i,
  input logic            factor_valid_i,
  input logic            out_pop_i,
  input logic            result_pop_i,
  input logic            chain_done_i,
  input logic            chain_parity_i,
  input logic            div_done_i,
  input logic            div_parity_i
);
  logic [IndexW:0]   a_index, b_index;
  logic [1:0]        a_release, b_release;
  logic              scalar_take, factor_take, go, parity, awaited;
  micro_t            op;
  logic [IndexW-1:0] a_place, b_place, place;
  logic [2:0]        sub;

  puce_vector_issue #(
    .Dividers(Dividers)
  ) u_issue (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .exec_i(exec_i),
    .a_written_i(a_written_i),
    .b_written_i(b_written_i),
    .a_index_o(a_index),
    .b_index_o(b_index),
    .a_tag_i(a_tag_i),
    .a_release_o(a_release),
    .b_release_o(b_release),
    .b_take_i(b_take_i),
    .scalar_valid_i(scalar_valid_i),
    .scalar_take_o(scalar_take),
    .factor_valid_i(factor_valid_i),
    .factor_take_o(factor_take),
    .out_pop_i(out_pop_i),
    .result_pop_i(result_pop_i),
    .chain_done_i(chain_done_i),
    .chain_parity_i(chain_parity_i),
    .div_done_i(div_done_i),
    .div_parity_i(div_parity_i),
    .valid_o(go),
    .micro_o(op),
    .a_place_o(a_place),
    .b_place_o(b_place),
    .place_o(place),
    .sub_o(sub),
    .parity_o(parity),
    .awaited_o(awaited)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- The program.
  function automatic line_e line_at(input lines_t list, input logic [StepW:0] step);
    return step < (StepW + 1)'(Steps) ? list[StepW'(Steps - 1) - step[StepW-1:0]] : LEnd;
  endfunction
  function automatic logic reads_register(input micro_t of_op);
    return of_op.x inside {XR0, XR1, XR2} || of_op.y1 inside {R1, R2} || of_op.z1 inside {R1, R2} || of_op.y2 inside {R1, R2} || of_op.z2 inside {R1, R2};
  endfunction
  function automatic logic reads_second(input micro_t of_op);
    logic second;
    second = exec_i.second == SecondQueue;
    return of_op.y1 == B || of_op.z1 == B || of_op.y2 == B || of_op.z2 == B
           || (second && (of_op.y1 == Second || of_op.z1 == Second || of_op.y2 == Second || of_op.z2 == Second));
  endfunction
  lines_t                   list;
  logic                     run, first, last, pairs;
  logic [IndexW-1:0]        batch_last;
  logic [StepW:0]           step;
  assign list       = lines(u_issue.part_q ? exec_i.program1 : exec_i.program0);
  assign run        = u_issue.run_q;
  assign first      = u_issue.first_q;
  assign last       = u_issue.last_q;
  assign step       = u_issue.step_q;
  assign batch_last = u_issue.batch_last_q;
  always_comb begin
    micro_t each;
    pairs = 1'b0;
    for (int unsigned s = 0; s < Steps; s++) begin
      each = micro(line_at(list, (StepW + 1)'(s)));
      if (each.a_pair != Own || each.b_pair != Own) pairs = 1'b1;
    end
  end

  // ---- Words under way that are awaited, of either parity; words of the queues that were given back.
  logic [1:0][IndexW:0] under_d, under_q;
  logic [IndexW:0]      back_q, written_q, held, ahead, b_back_q, b_written_q, b_held, b_ahead;
  exec_t                exec_q;
  always_comb begin
    under_d = under_q;
    if (go && awaited) under_d[parity] = under_d[parity] + (IndexW + 1)'(1);
    if (chain_done_i) under_d[chain_parity_i] = under_d[chain_parity_i] - (IndexW + 1)'(1);
    if (div_done_i) under_d[div_parity_i] = under_d[div_parity_i] - (IndexW + 1)'(1);
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      under_q     <= '0;
      back_q      <= '0;
      written_q   <= '0;
      b_back_q    <= '0;
      b_written_q <= '0;
    end else begin
      under_q     <= under_d;
      back_q      <= back_q + (IndexW + 1)'(a_release);
      written_q   <= a_written_i;
      b_back_q    <= b_back_q + (IndexW + 1)'(b_release);
      b_written_q <= b_written_i;
    end
  end
  always_ff @(posedge clk_i) exec_q <= exec_i;
  assign held    = a_written_i - back_q;
  assign ahead   = u_issue.a_index_q - back_q;
  assign b_held  = b_written_i - b_back_q;
  assign b_ahead = u_issue.b_index_q - b_back_q;

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (chain_done_i) assume (under_q[chain_parity_i] != '0);
    if (div_done_i) assume (under_q[div_parity_i] != '0);
    if (chain_done_i && div_done_i && chain_parity_i == div_parity_i) assume (under_q[div_parity_i] != (IndexW + 1)'(1));
    assume (a_written_i == written_q || a_written_i == written_q + (IndexW + 1)'(1));
    assume (32'(held) <= Depth);
    assume (b_written_i == b_written_q || b_written_i == b_written_q + (IndexW + 1)'(1));
    assume (32'(b_held) <= Depth);
    if (b_take_i) assume (b_written_i != b_index && (!run || (first && last && !u_issue.need_q.b)));
    if (start_i || exec_i != exec_q) assume (under_q == '0 && !run);
    if (start_i) assume (!run);
    if (run && !(first && last)) assume (a_tag_i.subs == '0);
    if (run && pairs) assume (a_tag_i.subs == '0 && (!a_tag_i.brk || place[0]));
  end

  // ---- The places of the queues that are read, as distances from the oldest word that is there.
  logic [IndexW:0] read, b_read;
  assign read   = {1'b0, a_place - back_q[IndexW-1:0]};
  assign b_read = {1'b0, b_place - b_back_q[IndexW-1:0]};

  always_comb begin
    if (rst_ni && past_q) begin
      // Registers.
      if (go && first) assert (!reads_register(op));
      if (go && !first) assert (32'(batch_last) + 32'd1 - 32'(under_q[!parity]) > 32'(place) && under_q[!parity] <= {1'b0, batch_last});
      if (go && awaited) assert (op.dst inside {ToR0, ToR1, ToR2, ToRecip, ToSqrt});
      if (go && !awaited) assert (!(op.dst inside {ToRecip, ToSqrt}));
      // What is complete before a micro-operation begins: nothing of its own parity is under way.
      if (go && place == '0 && sub == '0 && !first) assert (under_q[parity] == '0);
      // The queues.
      if (go) assert (read < held);
      if (go && reads_second(op)) assert (b_read < b_held);
      // What the induction needs to know of the inside.
      assert (32'(held) <= Depth && 32'(b_held) <= Depth);
      if (run) begin
        assert (op == micro(line_at(list, step)) && u_issue.need_q.pair_a == (op.a_pair != Own));
        assert (u_issue.need_q.pair_b == (op.b_pair != Own) && u_issue.need_q.b == reads_second(op));
        assert (last == (line_at(list, step + (StepW + 1)'(1)) == LEnd) && first == (step == '0));
        assert (32'(step) < Steps && (first || line_at(list, step) != LEnd));
        if (!last || !first) assert (place < IndexW'(Batch) && sub == '0);
        if (!first) assert (batch_last < IndexW'(Batch) && place <= batch_last && (!pairs || batch_last[0]));
        if (last) assert (under_q[parity] == '0);
        else      assert ({1'b0, place} == u_issue.done_q[parity] + under_q[parity] && under_q[parity] <= {1'b0, place});
        if (first) assert (under_q[!parity] == '0 && !parity);
        else       assert ({1'b0, batch_last} + (IndexW + 1)'(1) == u_issue.done_q[!parity] + under_q[!parity] && under_q[!parity] <= {1'b0, batch_last} + (IndexW + 1)'(1));
        if (pairs) assert (sub == '0);
        // What was given back: all words of former batches, and those of the last micro-operation that are done with.
        if (!last) assert (back_q == u_issue.a_base_q);
        if (last) assert (ahead == (IndexW + 1)'(u_issue.need_q.pair_a && place[0]));
        if (!last) assert (ahead == {1'b0, place});
        assert (ahead <= held && b_ahead <= b_held);
        if (!last) assert (b_back_q == u_issue.b_base_q && b_ahead == (u_issue.need_q.b ? {1'b0, place} : '0));
        if (last) assert (b_ahead == (IndexW + 1)'(u_issue.need_q.b && (u_issue.need_q.pair_a || u_issue.need_q.pair_b) && place[0]));
      end else begin
        assert (under_q == '0 && back_q == u_issue.a_base_q && b_back_q == u_issue.b_base_q && b_ahead == '0);
      end
    end
  end
endmodule
