// puce_dma_align writes every byte of every segment once, to its place, not before the words of commands that came first and not after the last word of
// its own; every last segment makes one last word. With room for words, a segment waits for at most one cycle.
//
// A byte's place is any; while one for it is under way, no segment brings another. Segments come from one word each (puce_dma_segments_proof), and an empty
// one is all of its command (puce_agu3_proof). Of the queue of words only the ports are taken (puce_fifo_proof).
module puce_dma_align_proof
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input logic             clk_i,
  input logic             rst_ni,
  input logic             in_valid_i,
  input segment_t         segment_i,
  input logic [WordW-1:0] data_i,
  input logic             out_ready_i,
  // The place that is watched.
  input logic [ValueW-1:0] place_i
);
  logic  in_ready, out_valid;
  word_t out;

  puce_dma_align u_align (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .in_valid_i(in_valid_i),
    .in_ready_o(in_ready),
    .segment_i(segment_i),
    .data_i(data_i),
    .out_valid_o(out_valid),
    .out_ready_i(out_ready_i),
    .out_o(out)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- The place that is watched, always the same: its word, and where it stands in it.
  logic [ValueW-1:0]        place_q;
  logic [ValueW-1:WordOffW] word;
  logic [WordOffW-1:0]      lane;
  always_ff @(posedge clk_i) place_q <= place_i;
  assign word = place_i[ValueW-1:WordOffW];
  assign lane = place_i[WordOffW-1:0];

  // ---- What comes: how far into the segment the place lies, and the byte.
  logic                take, brings, open_q;
  logic [ValueW-1:0]   into;
  logic [WordOffW-1:0] from;
  logic [7:0]          came;
  assign take   = in_valid_i && in_ready;
  assign into   = place_i - segment_i.to;
  assign brings = take && !segment_i.empty && into <= ValueW'(segment_i.len_m1);
  assign from   = segment_i.from[WordOffW-1:0] + into[WordOffW-1:0];
  assign came   = data_i[8*from+:8];

  // ---- What leaves.
  logic        push, leaves, ends;
  word_t       made;
  assign push   = u_align.out_push;
  assign made   = u_align.out_word;
  assign leaves = push && made.addr[ValueW-1:WordOffW] == word && made.strb[lane];
  assign ends   = push && made.last;

  // ---- The byte under way; ends of commands that are before it; ends under way.
  logic        under_q, before_q, waits_q;
  logic [7:0]  byte_q;
  logic [1:0]  ends_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      open_q   <= 1'b0;
      under_q  <= 1'b0;
      before_q <= 1'b0;
      ends_q   <= '0;
      waits_q  <= 1'b0;
    end else begin
      if (take) open_q <= !segment_i.last;
      under_q <= brings || (under_q && !leaves);
      if (brings) before_q <= ends_q != 2'(ends);
      else if (ends) before_q <= 1'b0;
      ends_q  <= ends_q + 2'(take && segment_i.last) - 2'(ends);
      waits_q <= u_align.out_space && !in_ready;
    end
  end
  always_ff @(posedge clk_i) if (brings) byte_q <= came;

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (past_q) assume (place_i == place_q);
    if (in_valid_i) begin
      assume (6'(segment_i.from[WordOffW-1:0]) + 6'(segment_i.len_m1) < 6'(WordBytes));
      if (segment_i.empty) assume (segment_i.last && !open_q);
    end
    if (brings) assume (!under_q);
  end

  // ---- Where the byte is: turned, gathered.
  logic turned, gathered;
  assign turned   = u_align.t_valid_q
                    && ((u_align.t_low_q[lane] && u_align.t_word_q == word) || (u_align.t_high_q[lane] && u_align.t_word_q + 1'b1 == word));
  assign gathered = u_align.h_valid_q && u_align.h_word_q == word && u_align.h_strb_q[lane];

  always_comb begin
    if (rst_ni && past_q) begin
      // The byte leaves once, as it came, after the ends that were before it and not after its own.
      if (leaves) assert (under_q && made.data[8*lane+:8] == byte_q && !before_q);
      if (ends && under_q && !before_q) assert (leaves);
      if (push) assert (u_align.out_space && made.addr[WordOffW-1:0] == '0);
      // An end for each end, and none too many.
      if (ends) assert (ends_q != '0);
      if (waits_q && u_align.out_space) assert (in_ready);
      // What the induction needs to know of the inside.
      assert (under_q == (turned || gathered));
      if (turned) assert (u_align.t_data_q[8*lane+:8] == byte_q);
      if (gathered) assert (u_align.h_data_q[8*lane+:8] == byte_q);
      if (turned && gathered) begin
        assert (!u_align.h_flush_q && u_align.h_word_q == u_align.t_word_q && u_align.h_strb_q == u_align.t_low_q);
        assert (u_align.t_last_q || u_align.t_high_q != '0);
      end
      if (under_q) assert (before_q == (turned && u_align.h_flush_q));
      assert (ends_q == 2'(u_align.t_valid_q && u_align.t_last_q) + 2'(u_align.h_flush_q));
      assert ((u_align.t_low_q & u_align.t_high_q) == '0);
      if (u_align.h_flush_q) assert (u_align.h_valid_q);
      if (u_align.t_valid_q) begin
        assert (u_align.t_empty_q == (u_align.t_low_q == '0));
        if (u_align.t_empty_q) assert (u_align.t_last_q && u_align.t_high_q == '0 && (!u_align.h_valid_q || u_align.h_flush_q));
      end
      assert (open_q == ((u_align.t_valid_q && !u_align.t_last_q) || (!u_align.t_valid_q && u_align.h_valid_q && !u_align.h_flush_q)));
    end
  end
endmodule
