// Walks over a part of the scratchpad: gives one place after the other, the next when `next_i` takes it. A place stands still until it is taken.
//
// It knows addresses only: what is read or written there is its user's business.
module puce_vector_walk
  import puce_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic   clk_i,
  input  logic   rst_ni,
  // Begins a walk with at least one place; the configuration holds until the next.
  input  logic   start_i,
  input  walk_t  walk_i,
  output logic   valid_o,
  output place_t place_o,
  input  logic   next_i
);

  // What comes after the place in the output register.
  logic              more_d, more_q;
  logic              y_d, y_q;
  logic [CountW-1:0] index_d, index_q, count1_d, count1_q, count2_d, count2_q;
  logic [ValueW-1:0] x_outer_d, x_outer_q, x_run_d, x_run_q, y_outer_d, y_outer_q, y_run_d, y_run_q;
  logic              valid_d, valid_q;
  place_t            place_d, place_q;

  assign valid_o = valid_q;
  assign place_o = place_q;

  logic              step;
  logic              run_last, iter_last, last1, last2;
  logic [CountW-1:0] unit;

  assign step = more_q && (!valid_q || next_i);

  always_comb begin
    run_last  = index_q == (y_q ? walk_i.y_count : walk_i.x_count) - CountW'(1);
    iter_last = run_last && (y_q || walk_i.y_count == '0);
    last1     = count1_q == CountW'(1);
    last2     = count2_q == CountW'(1);
    // The first `pairs` units in the order of rotated pairs.
    unit = index_q;
    if (!y_q && index_q < walk_i.pairs) unit = (index_q >> 1) + (index_q[0] ? walk_i.pairs >> 1 : '0);
  end

  always_comb begin
    valid_d = valid_q;
    place_d = place_q;
    if (next_i) valid_d = 1'b0;
    if (step) begin
      valid_d           = 1'b1;
      place_d.addr      = (y_q ? y_run_q : x_run_q) + (ValueW'(unit) << walk_i.unit);
      place_d.index     = index_q;
      place_d.y         = y_q;
      place_d.run_last  = run_last;
      place_d.iter_last = iter_last;
      place_d.row_last  = iter_last && last1;
      place_d.last      = iter_last && last1 && last2;
    end
  end

  always_comb begin
    more_d    = more_q;
    y_d       = y_q;
    index_d   = index_q;
    count1_d  = count1_q;
    count2_d  = count2_q;
    x_outer_d = x_outer_q;
    x_run_d   = x_run_q;
    y_outer_d = y_outer_q;
    y_run_d   = y_run_q;
    if (step) begin
      index_d = index_q + CountW'(1);
      if (run_last) begin
        index_d = '0;
        y_d     = !iter_last;
      end
      if (iter_last) begin
        count1_d = count1_q - CountW'(1);
        x_run_d  = x_run_q + walk_i.x_step1;
        y_run_d  = y_run_q + walk_i.y_step1;
      end
      if (iter_last && last1) begin
        count1_d  = walk_i.count1;
        count2_d  = count2_q - CountW'(1);
        x_outer_d = x_outer_q + walk_i.x_step2;
        x_run_d   = x_outer_q + walk_i.x_step2;
        y_outer_d = y_outer_q + walk_i.y_step2;
        y_run_d   = y_outer_q + walk_i.y_step2;
        more_d    = !last2;
      end
    end
    if (start_i) begin
      more_d    = 1'b1;
      y_d       = 1'b0;
      index_d   = '0;
      count1_d  = walk_i.count1;
      count2_d  = walk_i.count2;
      x_outer_d = walk_i.x_base;
      x_run_d   = walk_i.x_base;
      y_outer_d = walk_i.y_base;
      y_run_d   = walk_i.y_base;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      more_q    <= 1'b0;
      valid_q   <= 1'b0;
      y_q       <= 1'b0;
      index_q   <= '0;
      count1_q  <= '0;
      count2_q  <= '0;
      x_outer_q <= '0;
      x_run_q   <= '0;
      y_outer_q <= '0;
      y_run_q   <= '0;
      place_q   <= '0;
    end else begin
      more_q    <= more_d;
      valid_q   <= valid_d;
      y_q       <= y_d;
      index_q   <= index_d;
      count1_q  <= count1_d;
      count2_q  <= count2_d;
      x_outer_q <= x_outer_d;
      x_run_q   <= x_run_d;
      y_outer_q <= y_outer_d;
      y_run_q   <= y_run_d;
      place_q   <= place_d;
    end
  end

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) !start_i || !(more_q || valid_q)) else $error("a walk begins before the last one ended");
  assert property (@(posedge clk_i) !next_i || valid_q) else $error("a place is taken that is not there");
`endif
endmodule
