// The vector engine: binary32 element operations, reductions, norms, softmax, rotary embedding, quantise and dequantise (v*).
//
//   port a -> load a -> queue a ----------------+
//                                               +-> lanes (microprograms) -> words ---+
//   port b -> load b -+-> queue b -> (scales) --+        |                            +-> store -> write port
//                     +-> scan -> scalars ------+        +-> sums on the grid, norm --+
//                           +----------------------------------> single results ------+
//
// More lanes than a word has are groups of as many: functions deal them batches of words in turn, a softmax deals them rows, all else keeps to the first.
//
// One command at a time: the next begins when everything of the last is written. Inside it all parts run as far ahead as their queues allow; rows are
// read before they are written, so work in place is safe. Its time never depends on values.
module puce_vector
  import puce_pkg::*;
  import puce_vector_pkg::*;
#(
  // binary32 lanes: 8 (a scratchpad word) or a multiple.
  parameter int unsigned Lanes = 8
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when all it wrote can be read.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output flags_t                   flags_o,
  output fault_e                   fault_o,
  output spad_req_t                a_req_o,
  input  spad_rsp_t                a_rsp_i,
  output spad_req_t                b_req_o,
  input  spad_rsp_t                b_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i
);
  // Groups of dividers, one per lane in each.
  localparam int unsigned Dividers = 8;
  // Groups of a word's lanes, each with its own queues and registers.
  localparam int unsigned Groups = Lanes / WordLanes;

  typedef enum logic [1:0] {
    Idle  = 2'd0,
    Start = 2'd1,
    Run   = 2'd2
  } state_e;

  state_e state_d, state_q;
  plan_t  plan, plan_d, plan_q;
  logic   done_d, done_q, start, store_idle;

  puce_vector_plan u_plan (
    .cmd_i  (cmd_i),
    .plan_o (plan)
  );

  assign cmd_ready_o = state_q == Idle;
  assign done_o      = done_q;
  assign start       = state_q == Start && !plan_q.empty;
  // What an instruction may touch is checked by the scratchpad, and which instructions there are before they come here.
  assign fault_o     = FaultNone;

  always_comb begin
    state_d = state_q;
    plan_d  = plan_q;
    done_d  = 1'b0;
    unique case (state_q)
      Idle: begin
        if (cmd_valid_i) begin
          plan_d  = plan;
          state_d = Start;
        end
      end
      Start: begin
        state_d = plan_q.empty ? Idle : Run;
        done_d  = plan_q.empty;
      end
      Run: begin
        if (store_idle) begin
          state_d = Idle;
          done_d  = 1'b1;
        end
      end
      default: state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= Idle;
      plan_q  <= plan_t'('0);
      done_q  <= 1'b0;
    end else begin
      state_q <= state_d;
      plan_q  <= plan_d;
      done_q  <= done_d;
    end
  end

  // ---- reading
  logic             a_valid, b_valid, scan_valid, result_take, go;
  logic [Groups-1:0]      scalar_take;
  logic [Groups-1:0][1:0] a_release, b_release;
  tag_t             a_tag, b_tag;
  logic [WordW-1:0] a_word, b_word;

  puce_vector_load #(.Groups(Groups)) u_load_a (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .start_i      (start && plan_q.a_enable),
    .load_i       (plan_q.a),
    .release_i    (a_release),
    .scalar_pop_i ('0),
    .result_pop_i (1'b0),
    .go_i         (1'b0),
    .req_o        (a_req_o),
    .rsp_i        (a_rsp_i),
    .valid_o      (a_valid),
    .tag_o        (a_tag),
    .word_o       (a_word)
  );

  puce_vector_load #(.Groups(Groups)) u_load_b (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .start_i      (start && plan_q.b_enable),
    .load_i       (plan_q.b),
    .release_i    (b_release),
    .scalar_pop_i (scalar_take),
    .result_pop_i (result_take),
    .go_i         (go),
    .req_o        (b_req_o),
    .rsp_i        (b_rsp_i),
    .valid_o      (b_valid),
    .tag_o        (b_tag),
    .word_o       (b_word)
  );

  // ---- scalars and results of the scanner
  logic              scan_done, scan_nan;
  logic [31:0]       scan_value;
  logic [CountW-1:0] scan_index;

  assign scan_valid = b_valid && b_tag.scan;

  puce_vector_scan u_scan (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .scan_i  (plan_q.scan),
    .start_i (start),
    .valid_i (scan_valid),
    .tag_i   (b_tag),
    .word_i  (b_word),
    .valid_o (scan_done),
    .value_o (scan_value),
    .index_o (scan_index),
    .nan_o   (scan_nan)
  );

  logic        quant_done, quant_nan;
  logic [31:0] quant_inverse;
  logic [15:0] quant_scale;

  puce_vector_quant u_quant (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .valid_i   (scan_done && plan_q.scan == ScanQuant),
    .amax_i    (scan_value[30:0]),
    .valid_o   (quant_done),
    .inverse_o (quant_inverse),
    .scale_o   (quant_scale),
    .nan_o     (quant_nan)
  );

  logic             b_next_valid, b_take, scales_valid, scales_ready, scales_nan;
  logic [WordW-1:0] b_next;
  logic [31:0]      scales_scale, scales_min;

  puce_vector_scales u_scales (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .start_i      (start),
    .scales_i     (plan_q.scales),
    .word_valid_i (b_next_valid),
    .word_i       (b_next),
    .word_take_o  (b_take),
    .valid_o      (scales_valid),
    .ready_i      (scales_ready),
    .scale_o      (scales_scale),
    .min_o        (scales_min),
    .nan_o        (scales_nan)
  );

  // Scalars go to the groups of lanes as their rows do.
  logic              scalar_push, scalar_ready;
  logic [1:0][31:0]  scalar_in;
  logic [GroupW-1:0] scalar_turn_d, scalar_turn_q, out_turn_d, out_turn_q, result_turn_d, result_turn_q;

  always_comb begin
    scalar_push = scales_valid;
    scalar_in   = {scales_min, scales_scale};
    if (quant_done) begin
      scalar_push  = 1'b1;
      scalar_in[0] = quant_inverse;
    end else if (scan_done && plan_q.b.scalars && plan_q.scan != ScanQuant) begin
      scalar_push  = 1'b1;
      scalar_in[0] = scan_value;
    end
    scales_ready = scalar_ready;
  end

  // ---- lanes
  logic                         factor_valid, factor_take, out_take, norm_valid;
  logic [31:0]                  norm_sum, factor;
  logic [Groups-1:0]            scalar_readies, scalar_valids, out_valids, out_lasts, out_takes, sum_valids, sum_takes;
  logic [Groups-1:0][WordW-1:0] out_words;
  logic [Groups-1:0][31:0]      sums;
  flags_t [Groups-1:0]          sum_flags;

  for (genvar g = 0; g < int'(Groups); g++) begin : gen_group
    logic             scalar_valid, group_b_next_valid, group_factor_take, group_norm_valid;
    logic [1:0][31:0] scalar;
    logic [WordW-1:0] group_b_next;
    logic [31:0]      group_norm;
    logic [$clog2(ScalarDepth+1)-1:0] unused_scalar_count;

    puce_fifo #(.Width(64), .Depth(ScalarDepth)) u_scalars (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .clear_i     (1'b0),
      .in_valid_i  (scalar_push && scalar_turn_q == GroupW'(g)),
      .in_ready_o  (scalar_readies[g]),
      .in_data_i   (scalar_in),
      .out_valid_o (scalar_valid),
      .out_ready_i (scalar_take[g]),
      .out_data_o  (scalar),
      .count_o     (unused_scalar_count)
    );
    assign scalar_valids[g] = scalar_valid;

    puce_vector_exec #(.Dividers(Dividers)) u_exec (
      .clk_i          (clk_i),
      .rst_ni         (rst_ni),
      .start_i        (start),
      .exec_i         (plan_q.exec),
      .a_valid_i      (a_valid && a_tag.lanes == GroupW'(g)),
      .a_tag_i        (a_tag),
      .a_word_i       (a_word),
      .a_release_o    (a_release[g]),
      .b_valid_i      (b_valid && !b_tag.scan && b_tag.lanes == GroupW'(g)),
      .b_word_i       (b_word),
      .b_release_o    (b_release[g]),
      .b_next_valid_o (group_b_next_valid),
      .b_next_o       (group_b_next),
      .b_take_i       (b_take && g == 0),
      .scalar_valid_i (scalar_valid),
      .scalar_i       (scalar),
      .scalar_take_o  (scalar_take[g]),
      .factor_valid_i (factor_valid),
      .factor_i       (factor),
      .factor_take_o  (group_factor_take),
      .out_valid_o    (out_valids[g]),
      .out_word_o     (out_words[g]),
      .out_last_o     (out_lasts[g]),
      .out_take_i     (out_takes[g]),
      .norm_valid_o   (group_norm_valid),
      .norm_o         (group_norm),
      .result_valid_o (sum_valids[g]),
      .result_o       (sums[g]),
      .result_take_i  (sum_takes[g]),
      .flags_o        (sum_flags[g])
    );

    // Scales and norms are the first group's.
    if (g == 0) begin : gen_first
      assign b_next_valid = group_b_next_valid;
      assign b_next       = group_b_next;
      assign factor_take  = group_factor_take;
      assign norm_valid   = group_norm_valid;
      assign norm_sum     = group_norm;
    end else begin : gen_other
      logic unused_first;
      assign unused_first = ^{group_b_next_valid, group_b_next, group_factor_take, group_norm_valid, group_norm};
    end
  end

  puce_vector_factor u_factor (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .start_i   (start && plan_q.exec.norm),
    .cols_i    (plan_q.cols),
    .eps_i     (plan_q.exec.imm),
    .valid_i   (norm_valid),
    .squares_i (norm_sum),
    .valid_o   (factor_valid),
    .factor_o  (factor),
    .take_i    (factor_take)
  );

  // ---- the groups' words and sums, in turn
  logic             out_valid, out_last, sum_valid;
  logic [WordW-1:0] out_word;
  logic [31:0]      sum;

  function automatic logic [GroupW-1:0] next_turn(input logic [GroupW-1:0] turn);
    return (turn == GroupW'(Groups - 1)) ? '0 : turn + GroupW'(1);
  endfunction

  always_comb begin
    out_valid    = 1'b0;
    out_last     = 1'b0;
    out_word     = '0;
    sum_valid    = 1'b0;
    sum          = '0;
    scalar_ready = 1'b0;
    for (int unsigned g = 0; g < Groups; g++) begin
      out_takes[g] = out_take && out_turn_q == GroupW'(g);
      sum_takes[g] = result_take && !plan_q.scan_results && result_turn_q == GroupW'(g);
      if (out_turn_q == GroupW'(g)) begin
        out_valid = out_valids[g];
        out_last  = out_lasts[g];
        out_word  = out_words[g];
      end
      if (result_turn_q == GroupW'(g)) begin
        sum_valid = sum_valids[g];
        sum       = sums[g];
      end
      if (scalar_turn_q == GroupW'(g)) scalar_ready = scalar_readies[g];
    end
    scalar_turn_d = scalar_turn_q;
    out_turn_d    = out_turn_q;
    result_turn_d = result_turn_q;
    if (scalar_push && plan_q.a.deal == DealIter) scalar_turn_d = next_turn(scalar_turn_q);
    if (out_take && out_last) out_turn_d = next_turn(out_turn_q);
    if (result_take && plan_q.a.deal == DealIter) result_turn_d = next_turn(result_turn_q);
    if (start) begin
      scalar_turn_d = '0;
      out_turn_d    = '0;
      result_turn_d = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      scalar_turn_q <= '0;
      out_turn_q    <= '0;
      result_turn_q <= '0;
    end else begin
      scalar_turn_q <= scalar_turn_d;
      out_turn_q    <= out_turn_d;
      result_turn_q <= result_turn_d;
    end
  end

  // ---- results of the scanner; of what was found (ScanTop) the index first, then the value
  logic        scan_push, scan_ready, found_valid, result_valid, found_d, found_q;
  logic [31:0] scan_in, found, result, found_value_q;
  logic [$clog2(ResultDepth+1)-1:0] unused_result_count;

  assign go      = scan_done;
  assign found_d = scan_done && plan_q.scan == ScanTop;

  always_comb begin
    unique case (plan_q.scan)
      ScanQuant: begin
        scan_push = quant_done;
        scan_in   = {quant_scale, quant_scale};
      end
      ScanTop: begin
        scan_push = scan_done || found_q;
        scan_in   = found_q ? found_value_q : scan_index;
      end
      default: begin
        scan_push = scan_done;
        scan_in   = scan_value;
      end
    endcase
    if (!plan_q.scan_results) scan_push = 1'b0;
    result_valid = plan_q.scan_results ? found_valid : sum_valid;
    result       = plan_q.scan_results ? found : sum;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      found_q       <= 1'b0;
      found_value_q <= '0;
    end else begin
      found_q       <= found_d;
      found_value_q <= scan_value;
    end
  end

  puce_fifo #(.Width(32), .Depth(ResultDepth)) u_results (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (scan_push),
    .in_ready_o  (scan_ready),
    .in_data_i   (scan_in),
    .out_valid_o (found_valid),
    .out_ready_i (result_take && plan_q.scan_results),
    .out_data_o  (found),
    .count_o     (unused_result_count)
  );

  puce_vector_store u_store (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (start),
    .store_i        (plan_q.store),
    .word_valid_i   (out_valid),
    .word_i         (out_word),
    .word_take_o    (out_take),
    .result_valid_i (result_valid),
    .result_i       (result),
    .result_take_o  (result_take),
    .req_o          (write_req_o),
    .rsp_i          (write_rsp_i),
    .idle_o         (store_idle)
  );

  always_comb begin
    flags_o = '0;
    for (int unsigned g = 0; g < Groups; g++) flags_o |= sum_flags[g];
    if (plan_q.exec.norm || plan_q.exec.sum != SumExp) flags_o.window = 1'b0;
    flags_o.nan |= quant_nan || (scales_nan && scales_ready);
    flags_o.nan |= scan_done && scan_nan && (plan_q.scan == ScanTop || (plan_q.scan == ScanMax && plan_q.scan_results));
  end

`ifndef SYNTHESIS
  if (Lanes % WordLanes != 0 || Lanes == 0 || Groups > (1 << GroupW)) begin : gen_lanes
    $error("lanes come in groups of a scratchpad word's values, at most 16 of them");
  end
  assert property (@(posedge clk_i) !scalar_push || scalar_ready || scales_valid) else $error("a scalar is lost");
  assert property (@(posedge clk_i) !scan_push || scan_ready) else $error("a result is lost");
  assert property (@(posedge clk_i) !done_d || !(out_valid || result_valid || (|scalar_valids))) else $error("something is left of a command");
`endif
endmodule
