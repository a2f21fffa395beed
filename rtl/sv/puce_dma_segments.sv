// Cuts runs into segments that come from one 32-byte word each, one per cycle without a gap between runs.
module puce_dma_segments
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic       run_valid_i,
  output logic       run_ready_o,
  input  run_t       run_i,
  output logic       segment_valid_o,
  input  logic       segment_ready_i,
  output segment_t   segment_o
);

  logic                  valid_d, valid_q, first_d, first_q;
  run_t                  run_d, run_q;
  // Bytes of the word from the run's place on, less one.
  logic [WordOffW-1:0]   room_m1;
  logic                  ends;
  logic [WordOffW:0]     step;

  assign room_m1 = ~run_q.from[WordOffW-1:0];
  assign ends = run_q.empty || (run_q.len_m1 <= RunW'(room_m1));
  assign step = (WordOffW + 1)'(room_m1) + (WordOffW + 1)'(1);
  assign run_ready_o = !valid_q || (segment_ready_i && ends);

  always_comb begin
    valid_d = valid_q;
    first_d = first_q;
    run_d = run_q;
    if (valid_q && segment_ready_i) begin
      valid_d = !ends;
      first_d = 1'b0;
      run_d.from = run_q.from + ValueW'(step);
      run_d.to = run_q.to + ValueW'(step);
      run_d.len_m1 = run_q.len_m1 - RunW'(step);
    end
    if (run_valid_i && run_ready_o) begin
      valid_d = 1'b1;
      first_d = 1'b1;
      run_d = run_i;
    end
  end

  assign segment_valid_o = valid_q;
  always_comb begin
    segment_o = '0;
    segment_o.from = run_q.from;
    segment_o.to = run_q.to;
    segment_o.len_m1 = ends ? run_q.len_m1[WordOffW-1:0] : room_m1;
    segment_o.empty = run_q.empty;
    segment_o.last = run_q.last && ends;
    segment_o.first = first_q;
    segment_o.fresh = run_q.fresh;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      first_q <= 1'b0;
      run_q <= '0;
    end else begin
      valid_q <= valid_d;
      first_q <= first_d;
      run_q <= run_d;
    end
  end

endmodule
