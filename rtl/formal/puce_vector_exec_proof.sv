// puce_vector_exec, with puce_vector_issue and puce_vector_div: a word for the scratchpad and a sum always have room when they come, the credits that say so
// are those of what is under way and waits, and a group of dividers is given a word when the one before is done.
//
// Of lanes, sums and dividers only the ports are taken: sums come for groups that ended, a divider takes FpDivSqrtLat cycles (puce_fp_divsqrt_proof). A
// command begins, and its configuration changes, when nothing of the one before is under way. Words and results are taken only where they are. Values and
// microprograms may be any; that a word's operands are complete when it is issued is not said here.
module puce_vector_exec_proof
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
#(
  parameter int unsigned Dividers = 4
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic             start_i,
  input exec_t            exec_i,
  input logic             a_valid_i,
  input tag_t             a_tag_i,
  input logic [WordW-1:0] a_word_i,
  input logic             b_valid_i,
  input logic [WordW-1:0] b_word_i,
  input logic             b_take_i,
  input logic             scalar_valid_i,
  input logic [1:0][31:0] scalar_i,
  input logic             factor_valid_i,
  input logic [31:0]      factor_i,
  input logic             out_take_i,
  input logic             result_take_i
);
  localparam int unsigned LaneLat = 16;
  localparam int unsigned HalfLat = 8;
  localparam int unsigned TurnW = $clog2(Dividers);
  // Cycles since a word was issued, up to its result.
  localparam int unsigned Ages = LaneLat + 2;
  localparam int unsigned SinceW = $clog2(FpDivSqrtLat + 1);

  logic [1:0]       a_release, b_release;
  logic             b_next_valid, scalar_take, factor_take, out_valid, out_last, norm_valid, result_valid;
  logic [WordW-1:0] b_next, out_word;
  logic [31:0]      norm, result;
  flags_t           flags;

  puce_vector_exec #(
    .Dividers(Dividers)
  ) u_exec (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .exec_i(exec_i),
    .a_valid_i(a_valid_i),
    .a_tag_i(a_tag_i),
    .a_word_i(a_word_i),
    .a_release_o(a_release),
    .b_valid_i(b_valid_i),
    .b_word_i(b_word_i),
    .b_release_o(b_release),
    .b_next_valid_o(b_next_valid),
    .b_next_o(b_next),
    .b_take_i(b_take_i),
    .scalar_valid_i(scalar_valid_i),
    .scalar_i(scalar_i),
    .scalar_take_o(scalar_take),
    .factor_valid_i(factor_valid_i),
    .factor_i(factor_i),
    .factor_take_o(factor_take),
    .out_valid_o(out_valid),
    .out_word_o(out_word),
    .out_last_o(out_last),
    .out_take_i(out_take_i),
    .norm_valid_o(norm_valid),
    .norm_o(norm),
    .result_valid_o(result_valid),
    .result_o(result),
    .result_take_i(result_take_i),
    .flags_o(flags)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Words under way, by the cycles since they were issued, less one: what comes of each, and to which group of dividers it goes.
  logic [Ages-1:0]            there, outs, sums, divs;
  logic [Ages-1:0][TurnW-1:0] group_q;
  always_comb begin
    there[0] = u_exec.fetch_q;
    outs[0]  = u_exec.fetch_control_q.dst inside {ToOut, ToOutSum} && !u_exec.fetch_control_q.hidden
               && (u_exec.fetch_control_q.tail != TailCode || u_exec.fetch_control_q.place[1:0] == 2'd3);
    sums[0]  = u_exec.fetch_control_q.dst inside {ToSum, ToOutSum} && u_exec.fetch_control_q.group_last;
    divs[0]  = u_exec.fetch_control_q.dst inside {ToRecip, ToSqrt};
    for (int unsigned i = 0; i <= LaneLat; i++) begin
      there[i+1] = u_exec.valid_q[i];
      outs[i+1]  = u_exec.control_q[i].dst inside {ToOut, ToOutSum} && !u_exec.control_q[i].hidden
                   && (u_exec.control_q[i].tail != TailCode || u_exec.control_q[i].place[1:0] == 2'd3);
      sums[i+1]  = u_exec.control_q[i].dst inside {ToSum, ToOutSum} && u_exec.control_q[i].group_last;
      divs[i+1]  = u_exec.control_q[i].dst inside {ToRecip, ToSqrt};
    end
    outs = outs & there;
    sums = sums & there;
    divs = divs & there;
  end

  // ---- Groups whose sum is being made; cycles since each group of dividers was given a word.
  logic [5:0]                      making_q;
  logic [Dividers-1:0][SinceW-1:0] since_q;
  exec_t                           exec_q;
  logic                            ends;
  assign ends = u_exec.chain_done && u_exec.done_control.dst inside {ToSum, ToOutSum} && u_exec.done_control.group_last;

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (out_take_i) assume (out_valid);
    if (result_take_i) assume (result_valid);
    if (u_exec.sum_valid) assume (making_q != '0);
    if (start_i || exec_i != exec_q) begin
      assume (there == '0 && making_q == '0 && !u_exec.u_issue.run_q);
      for (int unsigned g = 0; g < Dividers; g++) assume (32'(since_q[g]) == FpDivSqrtLat);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      making_q <= '0;
      since_q  <= {Dividers{SinceW'(FpDivSqrtLat)}};
    end else begin
      making_q <= making_q + 6'(ends) - 6'(u_exec.sum_valid);
      for (int unsigned g = 0; g < Dividers; g++) begin
        since_q[g] <= u_exec.u_div.give[g] ? SinceW'(1) : since_q[g] + SinceW'(32'(since_q[g]) < FpDivSqrtLat);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    exec_q  <= exec_i;
    group_q <= {group_q[Ages-2:0], u_exec.u_issue.turn_q};
  end

  // The age at which results are there.
  logic [5:0] last_age;
  assign last_age = exec_i.half_way ? 6'(HalfLat + 2) : 6'(LaneLat + 2);

  // Words for the dividers that are older.
  logic [Ages:0][TurnW-1:0] older;
  always_comb begin
    older = '0;
    for (int unsigned i = 0; i < Ages; i++) begin
      for (int unsigned j = i + 1; j < Ages; j++) older[i] = older[i] + TurnW'(divs[j]);
    end
    older[Ages] = older[0] + TurnW'(divs[0]);
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // Room for words and for sums: credits are what is under way and what waits.
      assert (32'(u_exec.u_issue.out_q) == 32'($countones(outs)) + 32'(u_exec.unused_out_count) && 32'(u_exec.u_issue.out_q) <= OutDepth);
      if (u_exec.push) assert (u_exec.out_ready);
      assert (32'(u_exec.u_issue.result_q) == (exec_i.norm ? 32'd0 : 32'($countones(sums)) + 32'(making_q)) + 32'(u_exec.unused_result_count));
      assert (32'(u_exec.u_issue.result_q) <= ResultDepth && 32'(u_exec.unused_result_count) <= ResultDepth);
      if (u_exec.sum_valid && !exec_i.norm) assert (u_exec.result_ready);
      if (!exec_i.norm) assert (32'(making_q) <= ResultDepth);
      // A group of dividers is given a word when the one before is done.
      for (int unsigned g = 0; g < Dividers; g++) if (u_exec.u_div.give[g]) assert (32'(since_q[g]) >= FpDivSqrtLat);
      // What the induction needs to know of the inside: what is issued comes as it was said, and not later than it can.
      if (u_exec.u_issue.run_q) begin
        assert (u_exec.u_issue.need_q.out == u_exec.u_issue.micro_q.dst inside {ToOut, ToOutSum});
        assert (u_exec.u_issue.need_q.code == (u_exec.u_issue.micro_q.tail == TailCode));
        assert (u_exec.u_issue.need_q.sum == (u_exec.u_issue.micro_q.dst inside {ToSum, ToOutSum} && !exec_i.norm));
        assert (u_exec.u_issue.need_q.div == u_exec.u_issue.micro_q.dst inside {ToRecip, ToSqrt});
      end
      if (exec_i.half_way) assert (there[Ages-1:HalfLat+2] == '0);
      // Dividers take turns; what is under way to one was issued FpDivSqrtLat cycles after what went there before.
      assert (u_exec.u_issue.turn_q == u_exec.u_div.turn_q + older[Ages]);
      for (int unsigned g = 0; g < Dividers; g++) begin
        assert (32'(u_exec.u_issue.busy_q[g]) < FpDivSqrtLat && since_q[g] != '0 && 32'(since_q[g]) <= FpDivSqrtLat);
        assert (32'(u_exec.u_issue.busy_q[g]) + 32'(last_age) + 32'(since_q[g]) >= FpDivSqrtLat);
      end
      for (int unsigned i = 0; i < Ages; i++) begin
        if (divs[i]) begin
          assert (group_q[i] == u_exec.u_div.turn_q + older[i]);
          assert (32'(u_exec.u_issue.busy_q[group_q[i]]) + i + 1 >= FpDivSqrtLat);
          assert (32'(since_q[group_q[i]]) + 32'(last_age) >= i + 1 + FpDivSqrtLat);
          for (int unsigned j = i + 1; j < Ages; j++) if (divs[j] && group_q[j] == group_q[i]) assert (j - i >= FpDivSqrtLat);
        end
      end
    end
  end
endmodule
