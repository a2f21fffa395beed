// Reads the words of a walk from one scratchpad port, each with a tag that says what it is. It asks for a word only when there is room for it, and runs
// ahead of the lanes otherwise: rows are read before they are written, in the order of the walk, so work in place is safe.
//
// It never looks at data.
module puce_vector_load
  import puce_pkg::*;
  import puce_vector_pkg::*;
#(
  // Groups of lanes, each with a queue of its own, which have their turns.
  parameter int unsigned Groups = 1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  // Begins a command; the configuration holds until the next.
  input  logic                 start_i,
  input  load_t                load_i,
  // Words that leave each queue, scalars that are used, a result that is written; the scanner's answer to a run (lockstep).
  input  logic [Groups-1:0][1:0] release_i,
  input  logic [Groups-1:0]    scalar_pop_i,
  input  logic                 result_pop_i,
  input  logic                 go_i,
  output spad_req_t            req_o,
  input  spad_rsp_t            rsp_i,
  output logic                 valid_o,
  output tag_t                 tag_o,
  output logic [WordW-1:0]     word_o
);

  localparam int unsigned QueueW = $clog2(Depth + 1);
  localparam int unsigned ScalarW = $clog2(ScalarDepth + 1);
  localparam int unsigned ResultW = $clog2(ResultDepth + 1);

  logic   place_valid, take;
  place_t place;
  logic [CountW-1:0] window_lo, window_hi;
  logic [ValueW-1:0] sink_offset;

  puce_vector_walk u_walk (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .start_i (start_i),
    .walk_i  (load_i.walk),
    .valid_o (place_valid),
    .place_o (place),
    .next_i  (take)
  );

  puce_vector_window u_window (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .start_i (start_i),
    .soft_i  (load_i.rule),
    .cols_i  (load_i.cols),
    .next_i  (take && place.iter_last),
    .lo_o    (window_lo),
    .hi_o    (window_hi),
    .sink_o  (sink_offset)
  );

  // Lanes of word `index` whose column is below `bound`.
  function automatic logic [WordLanes-1:0] below(input logic [CountW-1:0] bound, input logic [CountW-1:0] index);
    logic [WordLanes-1:0] lanes;
    for (int unsigned i = 0; i < WordLanes; i++) lanes[i] = 3'(i) < bound[2:0];
    if ((bound >> 3) > index) return '1;
    return (bound >> 3) == index ? lanes : '0;
  endfunction

  // The group of lanes, and the word of its turn.
  logic [GroupW-1:0]  turn_d, turn_q;
  logic [IndexW-1:0]  turn_word_d, turn_word_q;
  logic               turn_end;

  // The request register.
  logic              valid_d, valid_q;
  logic [ValueW-1:0] addr_d, addr_q;
  tag_t              tag_d, tag_q;
  tag_t              tag;
  logic [ValueW-1:0] addr;
  logic              grant;

  assign grant = valid_q && rsp_i.ready;

  always_comb begin
    addr = place.addr + ((place.y && load_i.sink) ? sink_offset : '0);
    tag.index     = place.index;
    tag.hidden    = place.y ? load_i.sink : load_i.hide_x;
    tag.scan      = place.y ? load_i.scan_y : load_i.scan_x;
    tag.part      = place.y || (load_i.brk == BreakPart && place.index >= load_i.part);
    tag.row_last  = place.row_last;
    tag.subs      = place.run_last ? load_i.subs_last : load_i.subs;
    unique case (load_i.group)
      GroupIter: tag.group_last = place.iter_last;
      GroupFour: tag.group_last = place.run_last || place.index[1:0] == 2'd3;
      default:   tag.group_last = place.run_last;
    endcase
    unique case (load_i.brk)
      BreakRun:  tag.brk = place.run_last;
      BreakPart: tag.brk = place.run_last || place.index + CountW'(1) == load_i.part;
      default:   tag.brk = place.last;
    endcase
    unique case (load_i.mask)
      MaskWindow: tag.mask = below(window_hi, place.index) & ~below(window_lo, place.index);
      MaskLane:   tag.mask = WordLanes'(1) << addr[4:2];
      default:    tag.mask = below(load_i.cols, place.index);
    endcase
    if (place.y && load_i.sink) tag.mask = WordLanes'(1) << addr[4:2];
    tag.lanes = turn_q;
    unique case (load_i.deal)
      DealBatch: begin
        turn_end      = turn_word_q == IndexW'(Batch - 1);
        tag.turn_last = turn_end;
      end
      DealIter: begin
        turn_end      = place.iter_last;
        tag.turn_last = place.run_last && !place.y;
      end
      default: begin
        turn_end      = 1'b0;
        tag.turn_last = 1'b0;
      end
    endcase
    // What comes after a turn goes to other lanes: these shall not wait for it.
    if (Groups > 1 && turn_end) tag.brk = 1'b1;
  end

  // Room.
  logic [Groups-1:0][QueueW-1:0] words_d, words_q;
  logic [ScalarW-1:0] scalars_d, scalars_q;
  logic [ResultW-1:0] results_d, results_q;
  logic               hold_d, hold_q;
  logic               room, scalar, result;

  always_comb begin
    scalar = tag.scan && tag.group_last && load_i.scalars;
    result = tag.scan && tag.group_last && load_i.results != 2'd0;
    room   = !hold_q;
    for (int unsigned g = 0; g < Groups; g++) begin
      if (!tag.scan && turn_q == GroupW'(g) && words_q[g] == QueueW'(Depth)) room = 1'b0;
    end
    if (scalar && scalars_q == ScalarW'(ScalarDepth)) room = 1'b0;
    if (result && results_q > ResultW'(ResultDepth - 2)) room = 1'b0;
    take = place_valid && room && (!valid_q || grant);
  end

  always_comb begin
    valid_d = valid_q && !grant;
    addr_d  = addr_q;
    tag_d   = tag_q;
    if (take) begin
      valid_d = 1'b1;
      addr_d  = addr;
      tag_d   = tag;
    end
    scalars_d = scalars_q;
    results_d = results_q;
    for (int unsigned g = 0; g < Groups; g++) begin
      words_d[g] = words_q[g] - QueueW'(release_i[g]);
      if (take && !tag.scan && turn_q == GroupW'(g)) words_d[g] = words_d[g] + QueueW'(1);
    end
    if (take && scalar) scalars_d = scalars_d + ScalarW'(1);
    if (load_i.scalars) scalars_d = scalars_d - ScalarW'($countones(scalar_pop_i));
    if (take && result) results_d = results_d + ResultW'(load_i.results);
    if (result_pop_i && load_i.results != 2'd0) results_d = results_d - ResultW'(1);
    hold_d = hold_q;
    if (go_i) hold_d = 1'b0;
    if (take && load_i.lockstep && place.run_last) hold_d = 1'b1;
    turn_d      = turn_q;
    turn_word_d = turn_word_q;
    if (take && turn_end) turn_d = (turn_q == GroupW'(Groups - 1)) ? '0 : turn_q + GroupW'(1);
    if (take) turn_word_d = turn_end ? '0 : turn_word_q + IndexW'(1);
    if (start_i) begin
      hold_d      = 1'b0;
      turn_d      = '0;
      turn_word_d = '0;
    end
  end

  always_comb begin
    req_o       = '0;
    req_o.valid = valid_q;
    req_o.addr  = addr_q;
  end

  // Tags travel beside the reads.
  logic [SpadLat-1:0] flying_q;
  tag_t               tags_q [SpadLat];

  assign valid_o = flying_q[SpadLat-1];
  assign tag_o   = tags_q[SpadLat-1];
  assign word_o  = rsp_i.rdata;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q   <= 1'b0;
      addr_q    <= '0;
      words_q   <= '0;
      turn_q    <= '0;
      turn_word_q <= '0;
      scalars_q <= '0;
      results_q <= '0;
      hold_q    <= 1'b0;
      flying_q  <= '0;
    end else begin
      valid_q   <= valid_d;
      addr_q    <= addr_d;
      words_q   <= words_d;
      turn_q    <= turn_d;
      turn_word_q <= turn_word_d;
      scalars_q <= scalars_d;
      results_q <= results_d;
      hold_q    <= hold_d;
      flying_q  <= {flying_q[SpadLat-2:0], grant};
    end
  end

  always_ff @(posedge clk_i) begin
    tag_q     <= tag_d;
    tags_q[0] <= tag_q;
    for (int unsigned i = 1; i < SpadLat; i++) tags_q[i] <= tags_q[i-1];
  end

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) rsp_i.rvalid == flying_q[SpadLat-1]) else $error("the scratchpad's latency is not SpadLat");
`endif
endmodule
