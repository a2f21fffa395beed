// Decides which micro-operation runs on which word in each cycle: takes batches of words from the queues through the command's microprograms, one word of
// one micro-operation per cycle, in order.
//
// A word waits for its data, for its group's scalar, for room where its result goes, for a free divider, and for the same word's previous
// micro-operation. Nothing depends on values.
module puce_vector_issue
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
#(
  parameter int unsigned Dividers = 4
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              start_i,
  input  exec_t             exec_i,
  // Words that have come into the queues (modulo twice their length), and the tag of the first queue's word at `a_index_o`.
  input  logic [IndexW:0]   a_written_i,
  input  logic [IndexW:0]   b_written_i,
  output logic [IndexW:0]   a_index_o,
  output logic [IndexW:0]   b_index_o,
  /* verilator lint_off UNUSEDSIGNAL */ // Index, mask and scan are others' business.
  input  tag_t              a_tag_i,
  /* verilator lint_on UNUSEDSIGNAL */
  // Places in the queues that are free again.
  output logic [1:0]        a_release_o,
  output logic [1:0]        b_release_o,
  // The second queue's next word is taken by the scales (vdeq).
  input  logic              b_take_i,
  input  logic              scalar_valid_i,
  output logic              scalar_take_o,
  input  logic              factor_valid_i,
  output logic              factor_take_o,
  // A word or a result has left for the scratchpad.
  input  logic              out_pop_i,
  input  logic              result_pop_i,
  // A word of a micro-operation is complete: its parity.
  input  logic              chain_done_i,
  input  logic              chain_parity_i,
  input  logic              div_done_i,
  input  logic              div_parity_i,
  // The word that is issued: places in the first and second queue, place in the registers, part of the first queue's word.
  output logic              valid_o,
  output micro_t            micro_o,
  output logic [IndexW-1:0] a_place_o,
  output logic [IndexW-1:0] b_place_o,
  output logic [IndexW-1:0] place_o,
  output logic [2:0]        sub_o,
  // The parity of the micro-operation, and whether another one waits for it.
  output logic              parity_o,
  output logic              awaited_o
);
  localparam int unsigned DivW = $clog2(FpDivSqrtLat + 1);
  localparam int unsigned TurnW = (Dividers > 1) ? $clog2(Dividers) : 1;
  localparam int unsigned OutW = $clog2(OutDepth + 1);
  localparam int unsigned ResultW = $clog2(ResultDepth + 1);

  // What a micro-operation waits for.
  typedef struct packed {
    logic pair_a;
    logic b;
    logic pair_b;
    logic scalar;
    logic out;
    logic code;
    logic sum;
    logic div;
  } need_t;

  /* verilator lint_off UNUSEDSIGNAL */ // A predicate looks at a part of its operand.
  function automatic logic reads(input micro_t op, input operand_e operand);
  /* verilator lint_on UNUSEDSIGNAL */
    return op.y1 == operand || op.z1 == operand || op.y2 == operand || op.z2 == operand;
  endfunction

  /* verilator lint_off UNUSEDSIGNAL */ // A predicate looks at a part of its operands.
  function automatic need_t needs(input micro_t op, input exec_t exec);
  /* verilator lint_on UNUSEDSIGNAL */
    needs.pair_a = op.a_pair != Own;
    needs.b      = reads(op, B) || (reads(op, Second) && exec.second == SecondQueue);
    needs.pair_b = op.b_pair != Own;
    needs.scalar = reads(op, Scalar) || (reads(op, Second) && exec.second == SecondScalar) || op.dst == ToSum;
    needs.out    = op.dst == ToOut || op.dst == ToOutSum;
    needs.code   = op.tail == TailCode;
    needs.sum    = (op.dst == ToSum || op.dst == ToOutSum) && !exec.norm;
    needs.div    = op.dst == ToRecip || op.dst == ToSqrt;
  endfunction

  function automatic line_e line_at(input lines_t list, input logic [StepW:0] step);
    return step < (StepW + 1)'(Steps) ? list[StepW'(Steps - 1) - step[StepW-1:0]] : LEnd;
  endfunction

  logic              run_d, run_q, part_d, part_q;
  logic [StepW:0]    step_d, step_q;
  micro_t            micro_d, micro_q;
  need_t             need_d, need_q;
  // Whether this is the program's last micro-operation.
  logic              last_d, last_q, first_d, first_q, parity_d, parity_q;
  // Start of the batch in the queues; the word that is next.
  logic [IndexW:0]   a_base_d, a_base_q, b_base_d, b_base_q, a_index_d, a_index_q, b_index_d, b_index_q;
  logic [IndexW-1:0] place_d, place_q, batch_last_d, batch_last_q;
  logic [2:0]        sub_d, sub_q;
  // Words of the micro-operation of each parity that are complete.
  logic [1:0][IndexW:0] done_d, done_q;
  logic [OutW-1:0]   out_d, out_q;
  logic [ResultW-1:0] result_d, result_q;
  logic [Dividers-1:0][DivW-1:0] busy_d, busy_q;
  logic [TurnW-1:0]  turn_d, turn_q;

  lines_t  list, start_list;
  program_e start_program;
  logic    start_part;

  assign list          = lines(part_q ? exec_i.program1 : exec_i.program0);
  // A command begins with its first part.
  assign start_part    = a_tag_i.part && !start_i;
  assign start_program = start_part ? exec_i.program1 : exec_i.program0;
  assign start_list    = lines(start_program);

  // Whether the next word can go.
  logic [IndexW:0] a_there, b_there;
  logic            go, word_last, op_last, phase;
  always_comb begin
    phase   = place_q[0];
    a_there = a_written_i - a_index_q;
    b_there = b_written_i - b_index_q;
    go      = run_q;
    if (a_there == '0 || (need_q.pair_a && !phase && a_there == (IndexW + 1)'(1))) go = 1'b0;
    if (need_q.b && (b_there == '0 || (need_q.pair_b && !phase && b_there == (IndexW + 1)'(1)))) go = 1'b0;
    if (need_q.scalar && !scalar_valid_i) go = 1'b0;
    if (need_q.out && out_q == OutW'(OutDepth)) go = 1'b0;
    if (need_q.sum && result_q == ResultW'(ResultDepth)) go = 1'b0;
    if (need_q.div && busy_q[turn_q] != '0) go = 1'b0;
    if (!first_q && done_q[!parity_q] <= {1'b0, place_q}) go = 1'b0;
    // The last part of the queue's word, the last word of the batch.
    word_last = sub_q == a_tag_i.subs;
    op_last   = place_q == batch_last_q;
    if (first_q) op_last = word_last && (a_tag_i.brk || (!last_q && place_q == IndexW'(Batch - 1)));
  end

  // Where the operands are: words of a pair are neighbours, the first where the place in the batch is even.
  /* verilator lint_off UNUSEDSIGNAL */ // Places have no wrap bit.
  function automatic logic [IndexW-1:0] partner(input logic [IndexW:0] index, input pair_e pair, input logic second);
  /* verilator lint_on UNUSEDSIGNAL */
    unique case (pair)
      Lower:   return index[IndexW-1:0] - (second ? IndexW'(1) : '0);
      Upper:   return index[IndexW-1:0] + (second ? '0 : IndexW'(1));
      Other:   return second ? index[IndexW-1:0] - IndexW'(1) : index[IndexW-1:0] + IndexW'(1);
      default: return index[IndexW-1:0];
    endcase
  endfunction

  assign a_place_o = partner(a_index_q, micro_q.a_pair, phase);
  assign b_place_o = partner(b_index_q, micro_q.b_pair, phase);

  assign valid_o   = go;
  assign micro_o   = micro_q;
  assign place_o   = place_q;
  assign sub_o     = sub_q;
  assign parity_o  = parity_q;
  assign awaited_o = !last_q;
  assign a_index_o = run_q ? a_index_q : a_base_q;
  assign b_index_o = b_index_q;

  always_comb begin
    scalar_take_o = go && need_q.scalar && a_tag_i.group_last && word_last;
    // Groups of vdeq are of four words whatever the queue's word holds.
    if (exec_i.unpack >= UnpackI8) scalar_take_o = go && need_q.scalar && sub_q[1:0] == 2'd3;
    factor_take_o = go && micro_q.y1 == Factor && op_last;
    a_release_o   = '0;
    b_release_o   = b_take_i ? 2'd1 : 2'd0;
    if (go && last_q && word_last) a_release_o = !need_q.pair_a ? 2'd1 : phase ? 2'd2 : 2'd0;
    if (go && last_q && need_q.b) b_release_o = !(need_q.pair_a || need_q.pair_b) ? 2'd1 : phase ? 2'd2 : 2'd0;
  end

  // The next word, micro-operation, batch.
  always_comb begin
    run_d        = run_q;
    part_d       = part_q;
    step_d       = step_q;
    micro_d      = micro_q;
    need_d       = need_q;
    last_d       = last_q;
    first_d      = first_q;
    parity_d     = parity_q;
    a_base_d     = a_base_q;
    b_base_d     = b_base_q;
    a_index_d    = a_index_q;
    b_index_d    = b_index_q;
    place_d      = place_q;
    batch_last_d = batch_last_q;
    sub_d        = sub_q;
    done_d       = done_q;
    if (chain_done_i) done_d[chain_parity_i] = done_d[chain_parity_i] + (IndexW + 1)'(1);
    if (div_done_i) done_d[div_parity_i] = done_d[div_parity_i] + (IndexW + 1)'(1);
    if (b_take_i) begin
      b_base_d  = b_base_q + (IndexW + 1)'(1);
      b_index_d = b_index_q + (IndexW + 1)'(1);
    end
    if (go) begin
      place_d = place_q + IndexW'(1);
      sub_d   = word_last ? '0 : sub_q + 3'd1;
      if (word_last) a_index_d = a_index_q + (IndexW + 1)'(1);
      if (need_q.b) b_index_d = b_index_q + (IndexW + 1)'(1);
      if (first_q) batch_last_d = place_q;
      if (op_last) begin
        place_d   = '0;
        first_d   = 1'b0;
        parity_d  = !parity_q;
        done_d[!parity_q] = '0;
        step_d    = step_q + (StepW + 1)'(1);
        micro_d   = micro(line_at(list, step_q + (StepW + 1)'(1)));
        last_d    = line_at(list, step_q + (StepW + 1)'(2)) == LEnd;
        if (last_q) begin
          run_d    = 1'b0;
          a_base_d = a_index_d;
          b_base_d = b_index_d;
        end else begin
          a_index_d = a_base_q;
          b_index_d = b_base_q;
        end
        need_d    = needs(micro_d, exec_i);
      end
    end
    if (start_i || (!run_q && a_written_i != a_base_q && !(exec_i.norm && start_part && !factor_valid_i))) begin
      run_d     = 1'b1;
      part_d    = start_part;
      step_d    = '0;
      first_d   = 1'b1;
      parity_d  = 1'b0;
      done_d[0] = '0;
      place_d   = '0;
      sub_d     = '0;
      a_index_d = a_base_q;
      micro_d   = micro(line_at(start_list, '0));
      last_d    = line_at(start_list, (StepW + 1)'(1)) == LEnd;
      need_d    = needs(micro_d, exec_i);
    end
  end

  // Room where words and results go, and the dividers.
  always_comb begin
    out_d    = out_q;
    result_d = result_q;
    if (go && need_q.out && !(need_q.code && place_q[1:0] != 2'd3) && !a_tag_i.hidden) out_d = out_d + OutW'(1);
    if (out_pop_i) out_d = out_d - OutW'(1);
    if (go && need_q.sum && a_tag_i.group_last) result_d = result_d + ResultW'(1);
    if (result_pop_i && result_q != '0) result_d = result_d - ResultW'(1);
    turn_d = turn_q;
    for (int unsigned i = 0; i < Dividers; i++) busy_d[i] = (busy_q[i] == '0) ? '0 : busy_q[i] - DivW'(1);
    if (go && need_q.div) begin
      turn_d         = (turn_q == TurnW'(Dividers - 1)) ? '0 : turn_q + TurnW'(1);
      busy_d[turn_q] = DivW'(FpDivSqrtLat - 1);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      run_q        <= 1'b0;
      part_q       <= 1'b0;
      step_q       <= '0;
      micro_q      <= micro_t'('0);
      need_q       <= '0;
      last_q       <= 1'b0;
      first_q      <= 1'b0;
      parity_q     <= 1'b0;
      a_base_q     <= '0;
      b_base_q     <= '0;
      a_index_q    <= '0;
      b_index_q    <= '0;
      place_q      <= '0;
      batch_last_q <= '0;
      sub_q        <= '0;
      done_q       <= '0;
      out_q        <= '0;
      result_q     <= '0;
      busy_q       <= '0;
      turn_q       <= '0;
    end else begin
      run_q        <= run_d;
      part_q       <= part_d;
      step_q       <= step_d;
      micro_q      <= micro_d;
      need_q       <= need_d;
      last_q       <= last_d;
      first_q      <= first_d;
      parity_q     <= parity_d;
      a_base_q     <= a_base_d;
      b_base_q     <= b_base_d;
      a_index_q    <= a_index_d;
      b_index_q    <= b_index_d;
      place_q      <= place_d;
      batch_last_q <= batch_last_d;
      sub_q        <= sub_d;
      done_q       <= done_d;
      out_q        <= out_d;
      result_q     <= result_d;
      busy_q       <= busy_d;
      turn_q       <= turn_d;
    end
  end
endmodule
