// The lanes with all that is around them: input queues, registers, operands, dividers, sums, and the queue of words that leave.
//
// A word of a micro-operation takes 18 cycles: two to fetch its operands, 16 in the lanes (8 where that is enough); its result is then written to a register, given to the dividers,
// to the sums or to the output queue. Where it stands is known by the control words that travel beside it.
module puce_vector_exec
  import puce_pkg::*;
  import puce_vector_pkg::*;
#(
  parameter int unsigned Dividers = 4
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             start_i,
  input  exec_t            exec_i,
  // Words of the two queues; places that are free again.
  input  logic             a_valid_i,
  input  tag_t             a_tag_i,
  input  logic [WordW-1:0] a_word_i,
  output logic [1:0]       a_release_o,
  input  logic             b_valid_i,
  input  logic [WordW-1:0] b_word_i,
  output logic [1:0]       b_release_o,
  // The next word of the second queue, for the scales.
  output logic             b_next_valid_o,
  output logic [WordW-1:0] b_next_o,
  input  logic             b_take_i,
  // The group's scalars, the norm's factor.
  input  logic             scalar_valid_i,
  input  logic [1:0][31:0] scalar_i,
  output logic             scalar_take_o,
  input  logic             factor_valid_i,
  input  logic [31:0]      factor_i,
  output logic             factor_take_o,
  // Words for the scratchpad.
  output logic             out_valid_o,
  output logic [WordW-1:0] out_word_o,
  // Another group of lanes has its turn after it.
  output logic             out_last_o,
  input  logic             out_take_i,
  // Sums of a norm's rows; other sums, for the scratchpad.
  output logic             norm_valid_o,
  output logic [31:0]      norm_o,
  output logic             result_valid_o,
  output logic [31:0]      result_o,
  input  logic             result_take_i,
  output flags_t           flags_o
);
  // Cycles of the lanes.
  localparam int unsigned LaneLat = 16;
  localparam int unsigned HalfLat = 8;

  // What travels beside a word.
  typedef struct packed {
    logic [IndexW-1:0]    place;
    logic                 parity;
    logic                 awaited;
    logic                 tap;
    tail_e                tail;
    dst_e                 dst;
    logic                 mul1;
    logic                 add1;
    logic                 mul2;
    logic                 add2;
    logic                 clamp;
    logic                 negate;
    pre_e                 pre;
    logic [WordLanes-1:0] mask;
    logic                 group_last;
    logic                 hidden;
    logic                 turn_last;
    logic [7:0]           top;
  } control_t;

  // ---- issue
  logic              issue, issue_parity, issue_awaited;
  micro_t            issue_micro;
  /* verilator lint_off UNUSEDSIGNAL */ // The tag is looked up without the wrap bit.
  logic [IndexW:0]   a_index, b_index, a_written_q, b_written_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [IndexW-1:0] a_place, b_place, issue_place;
  logic [2:0]        issue_sub;
  tag_t              tag;
  logic              chain_done, div_done;
  /* verilator lint_off UNUSEDSIGNAL */ // Beyond the lanes only destination and place count.
  control_t          done_control;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [IndexW:0]   div_place;

  puce_vector_issue #(.Dividers(Dividers)) u_issue (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (start_i),
    .exec_i         (exec_i),
    .a_written_i    (a_written_q),
    .b_written_i    (b_written_q),
    .a_index_o      (a_index),
    .b_index_o      (b_index),
    .a_tag_i        (tag),
    .a_release_o    (a_release_o),
    .b_release_o    (b_release_o),
    .b_take_i       (b_take_i),
    .scalar_valid_i (scalar_valid_i),
    .scalar_take_o  (scalar_take_o),
    .factor_valid_i (factor_valid_i),
    .factor_take_o  (factor_take_o),
    .out_pop_i      (out_take_i),
    .result_pop_i   (result_take_i),
    .chain_done_i   (chain_done && done_control.awaited && done_control.dst inside {ToR0, ToR1, ToR2}),
    .chain_parity_i (done_control.parity),
    .div_done_i     (div_done),
    .div_parity_i   (div_place[IndexW]),
    .valid_o        (issue),
    .micro_o        (issue_micro),
    .a_place_o      (a_place),
    .b_place_o      (b_place),
    .place_o        (issue_place),
    .sub_o          (issue_sub),
    .parity_o       (issue_parity),
    .awaited_o      (issue_awaited)
  );

  // ---- queues and registers
  logic [WordW-1:0] a_mem_q [Depth];
  tag_t             tag_mem_q [Depth];
  logic [WordW-1:0] b_mem_q [Depth];
  logic [WordW-1:0] r0_mem_q [Depth];
  logic [WordW-1:0] r1_mem_q [Depth];
  logic [WordW-1:0] r2_mem_q [Depth];

  assign tag            = tag_mem_q[a_index[IndexW-1:0]];
  assign b_next_valid_o = b_index != b_written_q;
  assign b_next_o       = b_mem_q[b_index[IndexW-1:0]];

  always_ff @(posedge clk_i) begin
    if (a_valid_i) a_mem_q[a_written_q[IndexW-1:0]] <= a_word_i;
    if (a_valid_i) tag_mem_q[a_written_q[IndexW-1:0]] <= a_tag_i;
    if (b_valid_i) b_mem_q[b_written_q[IndexW-1:0]] <= b_word_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      a_written_q <= '0;
      b_written_q <= '0;
    end else begin
      if (a_valid_i) a_written_q <= a_written_q + (IndexW + 1)'(1);
      if (b_valid_i) b_written_q <= b_written_q + (IndexW + 1)'(1);
    end
  end

  // ---- fetch, first cycle: read
  logic              fetch_q, fetch_odd_q;
  /* verilator lint_off UNUSEDSIGNAL */ // What the lanes do is told by the control word.
  micro_t            micro_q;
  /* verilator lint_on UNUSEDSIGNAL */
  control_t          fetch_control_d, fetch_control_q;
  logic [2:0]        sub_q;
  logic [WordW-1:0]  a_q, b_q, r0_q, r1_q, r2_q;
  logic [1:0][31:0]  scalar_q;
  logic [31:0]       factor_q;

  always_comb begin
    fetch_control_d.place      = issue_place;
    fetch_control_d.parity     = issue_parity;
    fetch_control_d.awaited    = issue_awaited;
    fetch_control_d.tap        = issue_micro.tap;
    fetch_control_d.tail       = issue_micro.tail;
    fetch_control_d.dst        = issue_micro.dst;
    fetch_control_d.mul1       = issue_micro.y1 != None;
    fetch_control_d.add1       = issue_micro.z1 != None && issue_micro.pre == PreNone;
    fetch_control_d.mul2       = issue_micro.y2 != None;
    fetch_control_d.add2       = issue_micro.z2 != None;
    fetch_control_d.clamp      = issue_micro.clamp;
    fetch_control_d.negate     = issue_micro.negate;
    fetch_control_d.pre        = issue_micro.pre;
    fetch_control_d.mask       = tag.mask;
    fetch_control_d.group_last = tag.group_last;
    fetch_control_d.hidden     = tag.hidden;
    fetch_control_d.turn_last  = tag.turn_last;
    fetch_control_d.top        = scalar_i[0][30:23];
  end

  always_ff @(posedge clk_i) begin
    if (issue) begin
      micro_q         <= issue_micro;
      fetch_control_q <= fetch_control_d;
      fetch_odd_q     <= issue_place[0];
      sub_q           <= issue_sub;
      a_q             <= a_mem_q[a_place];
      b_q             <= b_mem_q[b_place];
      r0_q            <= r0_mem_q[issue_place];
      r1_q            <= r1_mem_q[issue_place];
      r2_q            <= r2_mem_q[issue_place];
      scalar_q        <= scalar_i;
      factor_q        <= factor_i;
    end
  end

  // ---- fetch, second cycle: select
  logic [WordW-1:0] unpacked, x_d, y1_d, z1_d, y2_d, z2_d, x_q, y1_q, z1_q, y2_q, z2_q;
  logic [WordLanes-1:0][8:0] n_q;
  logic [WordW-1:0] swapped, spread;

  puce_vector_unpack u_unpack (
    .unpack_i (exec_i.unpack),
    .sub_i    (sub_q),
    .word_i   (a_q),
    .word_o   (unpacked)
  );

  // What an operand may be.
  typedef struct packed {
    logic [WordW-1:0] a;
    logic [WordW-1:0] b;
    logic [WordW-1:0] second;
    logic [WordW-1:0] r1;
    logic [WordW-1:0] r2;
  } source_t;

  source_t source;

  function automatic logic [WordW-1:0] pick(input source_t from, input operand_e operand, input logic [31:0] constant);
    unique case (operand)
      A:       return from.a;
      B:       return from.b;
      Second:  return from.second;
      R1:      return from.r1;
      R2:      return from.r2;
      default: return {WordLanes{constant}};
    endcase
  endfunction

  // The one value that all lanes see, where the operand is one.
  function automatic logic [31:0] common(input operand_e operand, input logic [31:0] k, input logic [1:0][31:0] scalars, input logic [31:0] imm,
                                         input logic [31:0] norm);
    unique case (operand)
      Scalar:  return scalars[0];
      Scalar1: return scalars[1];
      Imm:     return imm;
      Factor:  return norm;
      default: return k;
    endcase
  endfunction

  always_comb begin
    for (int unsigned i = 0; i < WordLanes; i++) begin
      swapped[32*i+:32] = unpacked[32*(i^1)+:32];
      spread[32*i+:32]  = fetch_odd_q ? b_q[32*(WordLanes/2+i/2)+:32] : b_q[32*(i/2)+:32];
    end
    source.a  = unpacked;
    source.b  = micro_q.spread ? spread : b_q;
    source.r1 = r1_q;
    source.r2 = r2_q;
    unique case (exec_i.second)
      SecondScalar: source.second = {WordLanes{scalar_q[0]}};
      SecondImm:    source.second = {WordLanes{exec_i.imm}};
      default:      source.second = b_q;
    endcase
    unique case (micro_q.x)
      XSwap:   x_d = swapped;
      XR0:     x_d = r0_q;
      XR1:     x_d = r1_q;
      XR2:     x_d = r2_q;
      default: x_d = unpacked;
    endcase
    y1_d = pick(source, micro_q.y1, common(micro_q.y1, micro_q.k1, scalar_q, exec_i.imm, factor_q));
    z1_d = pick(source, micro_q.z1, common(micro_q.z1, micro_q.k2, scalar_q, exec_i.imm, factor_q));
    y2_d = pick(source, micro_q.y2, common(micro_q.y2, micro_q.k3, scalar_q, exec_i.imm, factor_q));
    z2_d = pick(source, micro_q.z2, common(micro_q.z2, micro_q.k4, scalar_q, exec_i.imm, factor_q));
    for (int unsigned i = 0; i < WordLanes; i++) begin
      unique case (micro_q.z1_sign)
        Minus:     z1_d[32*i+31] = !z1_d[32*i+31];
        MinusLane: z1_d[32*i+31] = z1_d[32*i+31] ^ (i % 2 == 0);
        MinusWord: z1_d[32*i+31] = z1_d[32*i+31] ^ !fetch_odd_q;
        default:   z1_d[32*i+31] = z1_d[32*i+31];
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (fetch_q) begin
      x_q  <= x_d;
      y1_q <= y1_d;
      z1_q <= z1_d;
      y2_q <= y2_d;
      z2_q <= z2_d;
      for (int unsigned i = 0; i < WordLanes; i++) n_q[i] <= r0_q[32*i+:9];
    end
  end

  // ---- lanes; control words of cycles 0 to LaneLat
  // A word that left half way is gone.
  logic [LaneLat:0]     valid_q;
  control_t [LaneLat:0] control_q;
  logic [WordW-1:0]     result, tap;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fetch_q <= 1'b0;
      valid_q <= '0;
    end else begin
      fetch_q <= issue;
      valid_q <= {valid_q[LaneLat-1:HalfLat+1], valid_q[HalfLat] && !exec_i.half_way, valid_q[HalfLat-1:0], fetch_q};
    end
  end

  always_ff @(posedge clk_i) control_q <= {control_q[LaneLat-1:0], fetch_control_q};

  for (genvar i = 0; i < WordLanes; i++) begin : gen_lane
    puce_vector_lane u_lane (
      .clk_i      (clk_i),
      .x_i        (x_q[32*i+:32]),
      .y1_i       (y1_q[32*i+:32]),
      .z1_i       (z1_q[32*i+:32]),
      .y2_i       (y2_q[32*i+:32]),
      .z2_i       (z2_q[32*i+:32]),
      .n_i        (n_q[i]),
      .pre0_i     (control_q[0].pre),
      .mul3_i     (control_q[3].mul1),
      .add7_i     (control_q[7].add1),
      .mul10_i    (control_q[10].mul2),
      .clamp10_i  (control_q[10].clamp),
      .negate11_i (control_q[11].negate),
      .add15_i    (control_q[15].add2),
      .tail15_i   (exec_i.half_way ? control_q[HalfLat-1].tail : control_q[LaneLat-1].tail),
      .half_way_i (exec_i.half_way),
      .result_o   (result[32*i+:32]),
      .tap_o      (tap[32*i+:32])
    );
  end

  // ---- results
  logic             div_give;
  logic [WordW-1:0] div_word, masked;
  logic             r2_write;

  assign chain_done   = exec_i.half_way ? valid_q[HalfLat] : valid_q[LaneLat];
  assign done_control = exec_i.half_way ? control_q[HalfLat] : control_q[LaneLat];
  assign div_give     = chain_done && done_control.dst inside {ToRecip, ToSqrt};
  assign r2_write     = chain_done && (done_control.dst == ToR2 || done_control.tap);

  puce_vector_div #(.Dividers(Dividers)) u_div (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (div_give),
    .sqrt_i  (done_control.dst == ToSqrt),
    .index_i ({done_control.parity, done_control.place}),
    .word_i  (result),
    .valid_o (div_done),
    .index_o (div_place),
    .word_o  (div_word)
  );

  always_ff @(posedge clk_i) begin
    if (chain_done && done_control.dst == ToR0) r0_mem_q[done_control.place] <= result;
    if (chain_done && done_control.dst == ToR1) r1_mem_q[done_control.place] <= result;
    if (r2_write) r2_mem_q[done_control.place] <= done_control.tap ? tap : result;
    else if (div_done) r2_mem_q[div_place[IndexW-1:0]] <= div_word;
  end

  logic        sum_valid, result_ready;
  logic [31:0] sum;
  logic [$clog2(ResultDepth+1)-1:0] unused_result_count;

  puce_vector_sum u_sum (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .sum_i   (exec_i.sum),
    .valid_i (chain_done && done_control.dst inside {ToSum, ToOutSum}),
    .last_i  (done_control.group_last),
    .mask_i  (done_control.mask),
    .top_i   (done_control.top),
    .word_i  (result),
    .valid_o (sum_valid),
    .value_o (sum),
    .flags_o (flags_o)
  );

  assign norm_valid_o = sum_valid && exec_i.norm;
  assign norm_o       = sum;

  puce_fifo #(.Width(32), .Depth(ResultDepth)) u_results (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (sum_valid && !exec_i.norm),
    .in_ready_o  (result_ready),
    .in_data_i   (sum),
    .out_valid_o (result_valid_o),
    .out_ready_i (result_take_i),
    .out_data_o  (result_o),
    .count_o     (unused_result_count)
  );

  // Words for the scratchpad; codes are packed, four words to one.
  logic             push;
  logic [WordW-1:0] out_word;
  logic [191:0]     codes_d, codes_q;
  logic [63:0]      code;
  logic             out_ready;
  logic [$clog2(OutDepth+1)-1:0] unused_out_count;

  always_comb begin
    for (int unsigned i = 0; i < WordLanes; i++) begin
      masked[32*i+:32] = (done_control.dst == ToOutSum && !done_control.mask[i]) ? '0 : result[32*i+:32];
      code[8*i+:8]     = result[32*i+:8];
    end
    codes_d  = codes_q;
    push     = chain_done && done_control.dst inside {ToOut, ToOutSum} && !done_control.hidden;
    out_word = masked;
    if (done_control.tail == TailCode) begin
      if (push) codes_d = {code, codes_q[191:64]};
      out_word = {code, codes_q};
      push     = push && done_control.place[1:0] == 2'd3;
    end
  end

  always_ff @(posedge clk_i) codes_q <= codes_d;

  puce_fifo #(.Width(WordW + 1), .Depth(OutDepth)) u_out (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (push),
    .in_ready_o  (out_ready),
    .in_data_i   ({done_control.turn_last, out_word}),
    .out_valid_o (out_valid_o),
    .out_ready_i (out_take_i),
    .out_data_o  ({out_last_o, out_word_o}),
    .count_o     (unused_out_count)
  );

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) !push || out_ready) else $error("a word for the scratchpad is lost");
  assert property (@(posedge clk_i) !(r2_write && div_done)) else $error("two results for register 2");
  assert property (@(posedge clk_i) !sum_valid || exec_i.norm || result_ready) else $error("a sum is lost");
`endif
endmodule
