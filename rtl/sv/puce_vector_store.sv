// Writes words and single results to the scratchpad: words along one walk, results of two or four bytes along another, results first. Never writes a byte
// that is not the command's: columns beyond the row's end are left out.
module puce_vector_store
  import puce_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             start_i,
  input  store_t           store_i,
  input  logic             word_valid_i,
  input  logic [WordW-1:0] word_i,
  output logic             word_take_o,
  input  logic             result_valid_i,
  input  logic [31:0]      result_i,
  output logic             result_take_o,
  output spad_req_t        req_o,
  /* verilator lint_off UNUSEDSIGNAL */ // Writes have no data to come back.
  input  spad_rsp_t        rsp_i,
  /* verilator lint_on UNUSEDSIGNAL */
  // Everything of the command is written.
  output logic             idle_o
);
  logic   word_place_valid, result_place_valid;
  /* verilator lint_off UNUSEDSIGNAL */ // Only the end of all counts.
  place_t word_place, result_place;
  /* verilator lint_on UNUSEDSIGNAL */

  puce_vector_walk u_words (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .start_i (start_i && store_i.words),
    .walk_i  (store_i.word_walk),
    .valid_o (word_place_valid),
    .place_o (word_place),
    .next_i  (word_take_o)
  );

  puce_vector_walk u_results (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .start_i (start_i && store_i.results),
    .walk_i  (store_i.result_walk),
    .valid_o (result_place_valid),
    .place_o (result_place),
    .next_i  (result_take_o)
  );

  logic      words_left_d, words_left_q, results_left_d, results_left_q;
  spad_req_t req_d, req_q;
  logic      free;

  assign free  = !req_q.valid || rsp_i.ready;
  assign req_o = req_q;
  assign idle_o = !words_left_q && !results_left_q && free;

  always_comb begin
    req_d          = req_q;
    words_left_d   = words_left_q;
    results_left_d = results_left_q;
    result_take_o  = free && result_valid_i && result_place_valid;
    word_take_o    = free && word_valid_i && word_place_valid && !result_take_o;
    if (rsp_i.ready) req_d.valid = 1'b0;
    if (word_take_o) begin
      req_d.valid = 1'b1;
      req_d.we    = 1'b1;
      req_d.addr  = word_place.addr;
      req_d.wdata = word_i;
      for (int unsigned i = 0; i < WordLanes; i++) begin
        req_d.strb[4*i+:4] = {4{(store_i.cols >> 3) > word_place.index || ((store_i.cols >> 3) == word_place.index && 3'(i) < store_i.cols[2:0])}};
      end
      if (word_place.last) words_left_d = 1'b0;
    end
    if (result_take_o) begin
      req_d.valid = 1'b1;
      req_d.we    = 1'b1;
      req_d.addr  = result_place.addr;
      req_d.wdata = {WordLanes{result_i}};
      req_d.strb  = '0;
      if (store_i.result_walk.unit == 3'd1) req_d.strb[2*result_place.addr[4:1]+:2] = 2'b11;
      else req_d.strb[4*result_place.addr[4:2]+:4] = 4'hf;
      if (result_place.last) results_left_d = 1'b0;
    end
    if (start_i) begin
      words_left_d   = store_i.words;
      results_left_d = store_i.results;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      req_q          <= '0;
      words_left_q   <= 1'b0;
      results_left_q <= 1'b0;
    end else begin
      req_q          <= req_d;
      words_left_q   <= words_left_d;
      results_left_q <= results_left_d;
    end
  end
endmodule
