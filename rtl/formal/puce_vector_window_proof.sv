// puce_vector_window gives each row of a softmax its valid columns, a range within the columns, and the place of its sink.
//
// Row `r` is that of place `p` of token `t` of group `g`, places innermost: it ends `t` columns behind the first token's end and has at most a window's columns.
// Places, tokens and the window are no less than nothing, as is the first end, and ends do not grow beyond a value; rule and columns stay from start to start.
module puce_vector_window_proof
  import puce_pkg::*;
  import puce_vector_pkg::*;
(
  input logic              clk_i,
  input logic              rst_ni,
  input logic              start_i,
  input soft_t             soft_i,
  input logic [CountW-1:0] cols_i,
  input logic              next_i
);
  logic [CountW-1:0] lo, hi;
  logic [ValueW-1:0] sink;

  puce_vector_window u_window (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .soft_i(soft_i),
    .cols_i(cols_i),
    .next_i(next_i),
    .lo_o(lo),
    .hi_o(hi),
    .sink_o(sink)
  );

  // ---- The row that is given: its place, its token, and the places of the groups before its own.
  logic              past_q, active_q, place_last, token_last;
  soft_t             soft_q;
  logic [CountW-1:0] cols_q;
  logic [ValueW-1:0] place_d, place_q, token_d, token_q, before_d, before_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  assign place_last = place_q + 1'b1 == soft_q.per;
  assign token_last = token_q + 1'b1 == soft_q.tokens;
  always_comb begin
    place_d  = place_last ? '0 : place_q + 1'b1;
    token_d  = !place_last ? token_q : token_last ? '0 : token_q + 1'b1;
    before_d = (place_last && token_last) ? before_q + soft_q.per : before_q;
  end

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (start_i) assume ($signed(soft_i.hi) >= 0 && $signed(soft_i.window) >= 0 && $signed(soft_i.per) > 0 && $signed(soft_i.tokens) > 0);
    if (start_i) assume (soft_i.hi < soft_i.hi + soft_i.tokens);
    if (!start_i && past_q) assume (soft_i == soft_q && cols_i == cols_q);
    if (next_i) assume (active_q);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) active_q <= 1'b0;
    else if (start_i) active_q <= 1'b1;
  end
  always_ff @(posedge clk_i) begin
    soft_q <= soft_i;
    cols_q <= cols_i;
    if (next_i) begin
      place_q  <= place_d;
      token_q  <= token_d;
      before_q <= before_d;
    end
    if (start_i) begin
      place_q  <= '0;
      token_q  <= '0;
      before_q <= '0;
    end
  end

  // The end of the row's columns, were there no end of columns; the columns that are in its window.
  logic [ValueW-1:0] ends;
  assign ends = soft_q.hi + token_q;

  always_comb begin
    if (rst_ni && past_q && active_q) begin
      assert (lo <= hi && hi <= cols_q);
      assert (hi == cols_q ? ends >= ValueW'(cols_q) : ValueW'(hi) == ends);
      // The first valid column is the first of all, or the window behind the end; or it is beyond all columns.
      if (lo == '0) assert (soft_q.window == '0 || ends <= soft_q.window || cols_q == '0);
      else if (lo == cols_q) assert (soft_q.window != '0 && ends - soft_q.window >= ValueW'(cols_q) && ends >= soft_q.window);
      else assert (soft_q.window != '0 && ValueW'(lo) + soft_q.window == ends);
      assert (sink == (before_q + place_q) << 2);

      // What the induction needs to know of the inside: it stands at the row behind this one.
      assert ($signed(soft_q.hi) >= 0 && $signed(soft_q.window) >= 0 && $signed(soft_q.per) > 0 && $signed(soft_q.tokens) > 0);
      assert (soft_q.hi < soft_q.hi + soft_q.tokens && place_q < soft_q.per && token_q < soft_q.tokens);
      assert (u_window.row_q.place == place_d && u_window.row_q.token == token_d && u_window.row_q.group == before_d);
      assert (u_window.row_q.last == soft_q.hi + token_d);
    end
  end
endmodule
