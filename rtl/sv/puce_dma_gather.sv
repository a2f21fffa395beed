// Reads a table of 32-bit indices in the scratchpad and gives an address for each: base + index * step, in order, one per cycle.
//
// An address that does not fit is given as the largest there is, which lies outside of every memory. It never looks at limits.
module puce_dma_gather
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input  logic                clk_i,
  input  logic                rst_ni,
  // `n` indices (at least one) from byte `table` on, a multiple of four.
  input  logic                start_valid_i,
  output logic                start_ready_o,
  input  logic [ValueW-1:0]   base_i,
  input  logic [ValueW-1:0]   step_i,
  input  logic [ValueW-1:0]   table_i,
  input  logic [ValueW-1:0]   n_i,
  output spad_req_t           req_o,
  input  spad_rsp_t           rsp_i,
  output logic                addr_valid_o,
  input  logic                addr_ready_i,
  output logic [ValueW-1:0]   addr_o
);

  localparam int unsigned IndexW = 32;
  localparam int unsigned PartW = 4;
  localparam int unsigned Parts = IndexW / PartW;
  localparam int unsigned HalfW = IndexW / 2;
  localparam int unsigned SumW = ValueW + HalfW;
  localparam int unsigned Indices = WordW / IndexW;
  localparam int unsigned SlotW = $clog2(Indices);
  localparam int unsigned WordAddrW = ValueW - WordOffW;
  // Addresses are below 2^AddrW.
  localparam int unsigned AddrW = ValueW - 1;
  // Words of the table that wait or are on their way.
  localparam int unsigned Ahead = 4;
  localparam int unsigned AheadW = $clog2(Ahead + 1);

  logic                          busy_d, busy_q;
  logic [ValueW-1:0]             base_d, base_q, step_d, step_q, left_d, left_q;
  logic [SlotW-1:0]              slot_d, slot_q;
  // Words still to be asked for.
  logic [WordAddrW-1:0]          ask_d, ask_q, ask_left_d, ask_left_q;
  logic [ValueW-1:0]             span;
  logic [AheadW-1:0]             room_d, room_q;
  logic                          asked, word_pop, take;

  logic                          word_valid, word_space;
  logic [Indices-1:0][IndexW-1:0] word;
  logic [AheadW-1:0]             word_count;

  // Steps: products with the parts of an index, their sums in pairs, those of its halves, the offset, the address.
  logic                          flow;
  logic                          index_valid_q, part_valid_q, pair_valid_q, half_valid_q, offset_valid_q, addr_valid_q;
  logic [IndexW-1:0]             index_q;
  logic [ValueW+1:0]             triple_d, triple_q;
  logic [ValueW+PartW-1:0]       part_d [Parts];
  logic [ValueW+PartW-1:0]       part_q [Parts];
  logic [ValueW+2*PartW-1:0]     pair_d [Parts/2];
  logic [ValueW+2*PartW-1:0]     pair_q [Parts/2];
  logic [SumW-1:0]               low_d, low_q, high_d, high_q;
  logic [AddrW:0]                offset;
  logic                          far_d, far_q;
  logic [AddrW-1:0]              offset_d, offset_q;
  logic [ValueW:0]               sum;
  logic [ValueW-1:0]             addr_d, addr_q;

  assign start_ready_o = !busy_q;
  // Bytes from the start of the table's first word to its end, and a word less one.
  assign span = (n_i << 2) + ValueW'(table_i[WordOffW-1:0]) + ValueW'(WordBytes - 1);
  assign asked = req_o.valid && rsp_i.ready;
  assign flow = !addr_valid_q || addr_ready_i;
  assign take = busy_q && word_valid && flow && (left_q != '0);
  assign word_pop = take && ((slot_q == '1) || (left_q == ValueW'(1)));

  always_comb begin
    busy_d = busy_q;
    base_d = base_q;
    step_d = step_q;
    left_d = left_q;
    slot_d = slot_q;
    ask_d = ask_q;
    ask_left_d = ask_left_q;
    room_d = room_q + AheadW'(word_pop) - AheadW'(asked);
    if (take) begin
      left_d = left_q - ValueW'(1);
      slot_d = slot_q + SlotW'(1);
    end
    if (asked) begin
      ask_d = ask_q + WordAddrW'(1);
      ask_left_d = ask_left_q - WordAddrW'(1);
    end
    // The base is used until the last address is known.
    if ((left_q == '0) && !index_valid_q && !part_valid_q && !pair_valid_q && !half_valid_q && !offset_valid_q) begin
      busy_d = 1'b0;
    end
    if (start_valid_i && start_ready_o) begin
      busy_d = 1'b1;
      base_d = base_i;
      step_d = step_i;
      left_d = n_i;
      slot_d = table_i[WordOffW-1:2];
      ask_d = table_i[ValueW-1:WordOffW];
      ask_left_d = span[ValueW-1:WordOffW];
    end
  end

  always_comb begin
    req_o = '0;
    req_o.valid = (ask_left_q != '0) && (room_q != '0);
    req_o.addr = {ask_q, WordOffW'(0)};
  end

  puce_fifo #(
    .Width(WordW),
    .Depth(Ahead)
  ) u_words (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(rsp_i.rvalid),
    .in_ready_o(word_space),
    .in_data_i(rsp_i.rdata),
    .out_valid_o(word_valid),
    .out_ready_i(word_pop),
    .out_data_o(word),
    .count_o(word_count)
  );

  // The step times two bits of an index.
  function automatic logic [ValueW+1:0] times(input logic [1:0] digit, input logic [ValueW-1:0] one, input logic [ValueW+1:0] three);
    unique case (digit)
      2'd1: return {2'b0, one};
      2'd2: return {1'b0, one, 1'b0};
      2'd3: return three;
      default: return '0;
    endcase
  endfunction

  // The first index comes cycles after the step.
  assign triple_d = {2'b0, step_q} + {1'b0, step_q, 1'b0};

  always_comb begin
    for (int unsigned i = 0; i < Parts; i++) begin
      part_d[i] = {2'b0, times(index_q[PartW*i+:2], step_q, triple_q)} + {times(index_q[PartW*i+2+:2], step_q, triple_q), 2'b0};
    end
    for (int unsigned i = 0; i < Parts / 2; i++) begin
      pair_d[i] = (ValueW + 2 * PartW)'(part_q[2*i]) + {part_q[2*i+1], PartW'(0)};
    end
  end

  assign low_d = SumW'(pair_q[0]) + {pair_q[1], (2 * PartW)'(0)};
  assign high_d = SumW'(pair_q[2]) + {pair_q[3], (2 * PartW)'(0)};
  assign offset = {1'b0, low_q[AddrW-1:0]} + {1'b0, high_q[AddrW-HalfW-1:0], HalfW'(0)};
  assign offset_d = offset[AddrW-1:0];
  assign far_d = (low_q[SumW-1:AddrW] != '0) || (high_q[SumW-1:AddrW-HalfW] != '0) || offset[AddrW];
  assign sum = {2'b0, offset_q} + {1'b0, base_q};
  assign addr_d = (far_q || (sum[ValueW:AddrW] != '0)) ? {1'b0, {AddrW{1'b1}}} : sum[ValueW-1:0];
  assign addr_valid_o = addr_valid_q;
  assign addr_o = addr_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      base_q <= '0;
      step_q <= '0;
      left_q <= '0;
      triple_q <= '0;
      slot_q <= '0;
      ask_q <= '0;
      ask_left_q <= '0;
      room_q <= AheadW'(Ahead);
      index_valid_q <= 1'b0;
      part_valid_q <= 1'b0;
      pair_valid_q <= 1'b0;
      half_valid_q <= 1'b0;
      offset_valid_q <= 1'b0;
      addr_valid_q <= 1'b0;
    end else begin
      busy_q <= busy_d;
      base_q <= base_d;
      step_q <= step_d;
      left_q <= left_d;
      triple_q <= triple_d;
      slot_q <= slot_d;
      ask_q <= ask_d;
      ask_left_q <= ask_left_d;
      room_q <= room_d;
      if (flow) begin
        index_valid_q <= take;
        part_valid_q <= index_valid_q;
        pair_valid_q <= part_valid_q;
        half_valid_q <= pair_valid_q;
        offset_valid_q <= half_valid_q;
        addr_valid_q <= offset_valid_q;
      end
    end
  end

  // Data without reset: the valid bits beside it say what it is worth.
  always_ff @(posedge clk_i) begin
    if (flow) begin
      index_q <= word[slot_q];
      part_q <= part_d;
      pair_q <= pair_d;
      low_q <= low_d;
      high_q <= high_d;
      offset_q <= offset_d;
      far_q <= far_d;
      addr_q <= addr_d;
    end
  end

  logic unused;
  assign unused = ^{span[WordOffW-1:0], table_i[1:0], word_space, word_count, rsp_i.ready};

  Room: assert property (@(posedge clk_i) !rsp_i.rvalid || word_space) else $error("a word of the table finds no place");

endmodule
