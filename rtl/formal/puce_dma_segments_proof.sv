// puce_dma_segments cuts every run into pieces that lie in one word each, follow each other without a gap, and make up the run.
//
// A run is offered until it is taken.
module puce_dma_segments_proof
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input logic clk_i,
  input logic rst_ni,
  input logic run_valid_i,
  input run_t run_i,
  input logic segment_ready_i
);
  logic     run_ready, segment_valid;
  segment_t segment;

  puce_dma_segments u_segments (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .run_valid_i(run_valid_i),
    .run_ready_o(run_ready),
    .run_i(run_i),
    .segment_valid_o(segment_valid),
    .segment_ready_i(segment_ready_i),
    .segment_o(segment)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb if (!past_q) assume (!rst_ni);

  // ---- The run at work, and how many of its bytes were named.
  logic          works_q, held_q;
  run_t          run_q;
  logic [RunW:0] named_q, bytes, left;
  segment_t      past_segment_q;
  logic          give, ends;
  logic [5:0]    from_end;

  assign bytes = (RunW + 1)'(run_q.len_m1) + (RunW + 1)'(1);
  assign left  = bytes - named_q;
  assign give  = segment_valid && segment_ready_i;
  assign ends  = run_q.empty || (RunW + 1)'(segment.len_m1) + (RunW + 1)'(1) == left;
  assign from_end = 6'(segment.from[WordOffW-1:0]) + 6'(segment.len_m1);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      works_q <= 1'b0;
      held_q  <= 1'b0;
    end else begin
      works_q <= (run_valid_i && run_ready) || (works_q && !(give && ends));
      held_q  <= segment_valid && !segment_ready_i;
    end
  end
  always_ff @(posedge clk_i) begin
    past_segment_q <= segment;
    if (give) named_q <= named_q + (RunW + 1)'(segment.len_m1) + (RunW + 1)'(1);
    if (run_valid_i && run_ready) begin
      run_q   <= run_i;
      named_q <= '0;
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      assert (segment_valid == works_q);
      assert (run_ready == (!works_q || (give && ends)));
      assert (!held_q || (segment_valid && segment == past_segment_q));
      if (works_q) begin
        assert (segment.empty == run_q.empty && segment.fresh == run_q.fresh);
        assert (segment.last == (run_q.last && ends));
        assert (segment.first == (named_q == '0));
        if (!run_q.empty) begin
          // The next bytes of the run, inside one word and inside the run; it stops short of the run's end only at a word's.
          assert (segment.from == run_q.from + ValueW'(named_q) && segment.to == run_q.to + ValueW'(named_q));
          assert (from_end < 6'(WordBytes) && (RunW + 1)'(segment.len_m1) < left);
          assert (ends || from_end == 6'(WordBytes - 1));
          // What the induction needs to know of the inside.
          assert (named_q < bytes && (RunW + 1)'(u_segments.run_q.len_m1) == left - (RunW + 1)'(1));
        end else begin
          assert (named_q == '0);
        end
        assert (u_segments.run_q.last == run_q.last && u_segments.run_q.empty == run_q.empty && u_segments.run_q.fresh == run_q.fresh);
      end
    end
  end
endmodule
