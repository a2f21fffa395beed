// Moves the bytes of segments to where they go: turns a 32-byte word by the difference of the two places and gathers what follows each other in one word.
//
// Two steps (turn, gather), each a register; a segment per cycle as long as runs follow each other or fit a word. Every command ends with a word that is
// marked `last`, and no word holds bytes of two commands.
module puce_dma_align
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic               in_valid_i,
  output logic               in_ready_o,
  input  segment_t           segment_i,
  // The word that the segment comes from.
  input  logic [WordW-1:0]   data_i,
  output logic               out_valid_o,
  input  logic               out_ready_i,
  output word_t              out_o
);

  localparam int unsigned WordAddrW = ValueW - WordOffW;

  // Turned data, the strobes of the first and of the following word.
  logic                   t_valid_d, t_valid_q, t_empty_d, t_empty_q, t_last_d, t_last_q;
  logic [WordW-1:0]       t_data_d, t_data_q;
  logic [WordBytes-1:0]   t_low_d, t_low_q, t_high_d, t_high_q;
  logic [WordAddrW-1:0]   t_word_d, t_word_q;
  logic                   t_go;
  logic [WordOffW-1:0]    turn;
  logic [2*WordBytes-1:0] strobes;
  logic [2*WordW-1:0]     doubled;

  // The word being gathered.
  logic                   h_valid_d, h_valid_q, h_flush_d, h_flush_q;
  logic [WordAddrW-1:0]   h_word_d, h_word_q;
  logic [WordBytes-1:0]   h_strb_d, h_strb_q, merged_strb;
  logic [WordW-1:0]       h_data_d, h_data_q, merged_data;
  logic                   other, spills;

  logic                   out_push, out_space;
  word_t                  out_word;
  logic [1:0]             out_count;

  assign turn = segment_i.to[WordOffW-1:0] - segment_i.from[WordOffW-1:0];
  assign strobes = ((2 * WordBytes)'({WordBytes{1'b1}} >> (~segment_i.len_m1))) << segment_i.to[WordOffW-1:0];
  assign doubled = {data_i, data_i} << {turn, 3'd0};
  assign in_ready_o = !t_valid_q || t_go;

  always_comb begin
    t_valid_d = t_valid_q && !t_go;
    t_empty_d = t_empty_q;
    t_last_d = t_last_q;
    t_data_d = t_data_q;
    t_low_d = t_low_q;
    t_high_d = t_high_q;
    t_word_d = t_word_q;
    if (in_valid_i && in_ready_o) begin
      t_valid_d = 1'b1;
      t_empty_d = segment_i.empty;
      t_last_d = segment_i.last;
      t_data_d = doubled[2*WordW-1:WordW];
      t_low_d = segment_i.empty ? '0 : strobes[WordBytes-1:0];
      t_high_d = segment_i.empty ? '0 : strobes[2*WordBytes-1:WordBytes];
      t_word_d = segment_i.to[ValueW-1:WordOffW];
    end
  end

  assign other = h_valid_q && !t_empty_q && (h_word_q != t_word_q);
  assign spills = t_high_q != '0;
  assign merged_strb = h_valid_q ? (h_strb_q | t_low_q) : t_low_q;
  always_comb begin
    for (int unsigned b = 0; b < WordBytes; b++) begin
      merged_data[8*b+:8] = t_low_q[b] ? t_data_q[8*b+:8] : h_data_q[8*b+:8];
    end
  end

  always_comb begin
    t_go = 1'b0;
    h_valid_d = h_valid_q;
    h_flush_d = h_flush_q;
    h_word_d = h_word_q;
    h_strb_d = h_strb_q;
    h_data_d = h_data_q;
    out_push = 1'b0;
    out_word = '{addr: {h_word_q, WordOffW'(0)}, strb: h_strb_q, data: h_data_q, last: 1'b0};
    if (out_space) begin
      if (h_flush_q) begin
        out_push = 1'b1;
        out_word.last = 1'b1;
        h_valid_d = 1'b0;
        h_flush_d = 1'b0;
      end else if (t_valid_q && other) begin
        // What was gathered goes out; the new word is begun, and looked at again if there is more to do with it.
        out_push = 1'b1;
        h_word_d = t_word_q;
        h_strb_d = t_low_q;
        h_data_d = t_data_q;
        t_go = !spills && !t_last_q;
      end else if (t_valid_q) begin
        t_go = 1'b1;
        out_push = spills || t_last_q;
        out_word.addr = {t_word_q, WordOffW'(0)};
        out_word.strb = merged_strb;
        out_word.data = merged_data;
        out_word.last = t_last_q && !spills;
        h_valid_d = spills || !t_last_q;
        h_flush_d = spills && t_last_q;
        h_word_d = spills ? t_word_q + WordAddrW'(1) : t_word_q;
        h_strb_d = spills ? t_high_q : merged_strb;
        h_data_d = spills ? t_data_q : merged_data;
      end
    end
  end

  puce_fifo #(
    .Width($bits(word_t)),
    .Depth(2)
  ) u_out (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(out_push),
    .in_ready_o(out_space),
    .in_data_i(out_word),
    .out_valid_o(out_valid_o),
    .out_ready_i(out_ready_i),
    .out_data_o(out_o),
    .count_o(out_count)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      t_valid_q <= 1'b0;
      t_empty_q <= 1'b0;
      t_last_q <= 1'b0;
      t_data_q <= '0;
      t_low_q <= '0;
      t_high_q <= '0;
      t_word_q <= '0;
      h_valid_q <= 1'b0;
      h_flush_q <= 1'b0;
      h_word_q <= '0;
      h_strb_q <= '0;
      h_data_q <= '0;
    end else begin
      t_valid_q <= t_valid_d;
      t_empty_q <= t_empty_d;
      t_last_q <= t_last_d;
      t_data_q <= t_data_d;
      t_low_q <= t_low_d;
      t_high_q <= t_high_d;
      t_word_q <= t_word_d;
      h_valid_q <= h_valid_d;
      h_flush_q <= h_flush_d;
      h_word_q <= h_word_d;
      h_strb_q <= h_strb_d;
      h_data_q <= h_data_d;
    end
  end

  // Which word a segment comes from is known before; how full the queue is, its handshake says.
  logic unused;
  assign unused = ^{segment_i.from[ValueW-1:WordOffW], segment_i.first, segment_i.fresh, doubled[WordW-1:0], out_count};

endmodule
