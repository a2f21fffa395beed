// puce_weights_bursts asks for every word of every piece once, in order, in bursts that keep the rules, and never for more than the buffer has room for.
//
// Memory answers only what it was asked; no more words leave the buffer than are in it. Pieces lie where the parameter says. Of the queues only the ports
// are taken.
module puce_weights_bursts_proof
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  parameter int unsigned BufferBytes = 1024,
  // Bits of a word's address and of a count of words.
  parameter int unsigned WordBits = 12,
  localparam int unsigned Words = PortBytes / WordBytes,
  localparam int unsigned CountW = $clog2(Words + 1),
  localparam int unsigned LaneW = Words > 1 ? $clog2(Words) : 1
) (
  input logic              clk_i,
  input logic              rst_ni,
  input logic              piece_valid_i,
  input logic [ValueW-6:0] piece_word_i,
  input logic [ValueW-6:0] piece_words_i,
  input logic              piece_last_i,
  input logic              piece_outside_i,
  input logic              ar_ready_i,
  input logic              r_valid_i,
  input logic              r_last_i,
  input logic [CountW-1:0] take_i
);
  localparam int unsigned BufferWords = BufferBytes / WordBytes;
  localparam int unsigned FreeW = $clog2(BufferWords + 1);
  localparam int unsigned WordAddrW = ValueW - 5;

  logic              piece_ready, ar_valid, done, fault, empty;
  logic [ValueW-1:0] ar_addr;
  logic [7:0]        ar_len;
  logic [LaneW-1:0]  beat_first;
  logic [CountW-1:0] beat_count;

  puce_weights_bursts #(
    .PortBytes(PortBytes),
    .BufferBytes(BufferBytes)
  ) u_bursts (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .piece_valid_i(piece_valid_i),
    .piece_ready_o(piece_ready),
    .piece_word_i(piece_word_i),
    .piece_words_i(piece_words_i),
    .piece_last_i(piece_last_i),
    .piece_outside_i(piece_outside_i),
    .ar_valid_o(ar_valid),
    .ar_ready_i(ar_ready_i),
    .ar_addr_o(ar_addr),
    .ar_len_o(ar_len),
    .r_valid_i(r_valid_i),
    .r_last_i(r_last_i),
    .beat_first_o(beat_first),
    .beat_count_o(beat_count),
    .take_i(take_i),
    .done_o(done),
    .fault_o(fault),
    .empty_o(empty)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- The piece at work: its next word and its words that were not asked for.
  logic                 works_q, outside_q;
  logic [WordAddrW-1:0] word_q, left_q;
  // ---- The burst that is asked for in this cycle: words of the piece, beats of memory.
  logic                 asks;
  logic [5:0]           words;
  logic [ValueW-1:0]    first, ends;
  assign asks  = u_bursts.step && u_bursts.asks;
  assign words = u_bursts.words;
  // From the first to the last beat of those words, as bytes of memory.
  assign first = {word_q, 5'd0} & ~ValueW'(PortBytes - 1);
  assign ends  = ({word_q, 5'd0} + ValueW'(words) * ValueW'(WordBytes) - ValueW'(1)) | ValueW'(PortBytes - 1);

  // ---- Words asked for that did not come, and words that came and were not taken.
  logic [FreeW-1:0]  asked_q, there_q;
  logic              ar_owed_q, ar_held_q;
  logic [ValueW-1:0] ar_addr_q, ar_past_addr_q, ar_end_q, ar_end;
  logic [7:0]        ar_past_len_q;
  assign ar_end = ar_addr + (ValueW'(ar_len) + ValueW'(1)) * ValueW'(PortBytes) - ValueW'(1);

  always_comb begin
    if (!past_q) assume (!rst_ni);
    // The oldest burst is one that was asked for and did not come to its end; only its first beat may begin elsewhere than at a beat's first word.
    assume (u_bursts.bursts_valid == (asked_q != '0));
    if (u_bursts.bursts_valid) assume (u_bursts.came_q < u_bursts.burst_out.words && 32'(u_bursts.rest) <= 32'(asked_q));
    if (r_valid_i) assume (u_bursts.bursts_valid);
    assume (32'(take_i) <= 32'(there_q));
    assume (piece_words_i >> WordBits == '0 && piece_word_i >> WordBits == '0);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      works_q   <= 1'b0;
      outside_q <= 1'b0;
      left_q    <= '0;
      asked_q   <= '0;
      there_q   <= '0;
      ar_owed_q <= 1'b0;
      ar_held_q <= 1'b0;
    end else begin
      works_q   <= (piece_valid_i && piece_ready) || (works_q && !u_bursts.finish);
      asked_q   <= asked_q + (asks ? FreeW'(words) : '0) - (r_valid_i ? FreeW'(beat_count) : '0);
      there_q   <= there_q + (r_valid_i ? FreeW'(beat_count) : '0) - FreeW'(take_i);
      ar_owed_q <= asks || (ar_owed_q && !ar_ready_i);
      ar_held_q <= ar_valid && !ar_ready_i;
      if (asks) left_q <= left_q - WordAddrW'(words);
      if (piece_valid_i && piece_ready) begin
        left_q    <= piece_words_i;
        outside_q <= piece_outside_i;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (asks) begin
      word_q    <= word_q + WordAddrW'(words);
      ar_addr_q <= first;
      ar_end_q  <= ends;
    end
    if (piece_valid_i && piece_ready) word_q <= piece_word_i;
    ar_past_addr_q <= ar_addr;
    ar_past_len_q  <= ar_len;
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // Room: what is free, what is asked for and what is there make up the buffer; so nothing comes without a place.
      assert (32'(u_bursts.free_q) + 32'(asked_q) + 32'(there_q) == BufferWords);
      if (asks) assert (32'(words) <= 32'(u_bursts.free_q) && words != '0);
      if (r_valid_i) assert (32'(beat_count) <= 32'(asked_q) && beat_count != '0 && 32'(beat_first) + 32'(beat_count) <= Words);
      // A burst asks for the beats of the piece's next words; a piece ends when all are asked for, and one that is outside never asks.
      assert (!asks || (works_q && !outside_q && WordAddrW'(words) <= left_q));
      if (u_bursts.finish) assert (left_q == (asks ? WordAddrW'(words) : '0));
      assert (ar_valid == ar_owed_q);
      if (ar_valid) assert (ar_addr == ar_addr_q && ar_end == ar_end_q);
      // AXI: whole beats, inside 1 KiB, steady until memory takes them.
      if (ar_valid) assert (ar_addr % ValueW'(PortBytes) == '0 && ar_addr[ValueW-1:10] == ar_end[ValueW-1:10]);
      assert (!ar_held_q || (ar_valid && ar_addr == ar_past_addr_q && ar_len == ar_past_len_q));
      assert (empty == (asked_q == '0 && there_q == '0 && !works_q));
      // What the induction needs to know of the inside.
      assert (u_bursts.busy_q == works_q);
      if (works_q) assert (word_q >> (WordBits + 1) == '0 && left_q >> WordBits == '0 && (word_q + left_q) >> (WordBits + 1) == '0);
      if (works_q) assert (u_bursts.word_q == word_q && u_bursts.left_q == left_q && u_bursts.outside_q == outside_q);
    end
  end
endmodule
