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
  typedef struct packed {
    logic              more;
    // In a y run; iterations of x runs that are left of `count1`; whether the y runs are one iteration behind.
    logic              y;
    logic              behind;
    // Number of the unit within its run, the number after it, where it stands in the run, and whether it is of the rotated pairs.
    logic [CountW-1:0] index;
    logic [CountW-1:0] following;
    logic [CountW-1:0] unit;
    logic              paired;
    logic [CountW-1:0] count1;
    logic [CountW-1:0] count2;
    logic [ValueW-1:0] x_outer;
    logic [ValueW-1:0] x_run;
    logic [ValueW-1:0] y_outer;
    logic [ValueW-1:0] y_run;
  } walking_t;

  walking_t now, after_d, after_q;
  logic     valid_d, valid_q;
  place_t   place_d, place_q;

  assign valid_o = valid_q;
  assign place_o = place_q;

  logic              step;
  logic              run_last, iter_last, last1, last2;

  assign step = start_i || (after_q.more && (!valid_q || next_i));

  // A walk's first place is found in the cycle of its start.
  always_comb begin
    now = after_q;
    if (start_i) begin
      now = '{more: 1'b1, y: 1'b0, behind: 1'b0, index: '0, following: CountW'(1), unit: '0, paired: walk_i.pairs != '0, count1: walk_i.count1,
              count2: walk_i.count2, x_outer: walk_i.x_base, x_run: walk_i.x_base, y_outer: walk_i.y_base, y_run: walk_i.y_base};
    end
  end

  always_comb begin
    run_last  = now.following == (now.y ? walk_i.y_count : walk_i.x_count);
    // Behind, the last iteration has a y run more.
    last1     = now.count1 == CountW'(1) && !now.behind;
    last2     = now.count2 == CountW'(1);
    iter_last = run_last && (now.y || walk_i.y_count == '0);
  end

  always_comb begin
    valid_d = valid_q;
    place_d = place_q;
    if (next_i) valid_d = 1'b0;
    if (step) begin
      valid_d           = 1'b1;
      place_d.addr      = (now.y ? now.y_run : now.x_run) + (ValueW'(now.unit) << walk_i.unit);
      place_d.index     = now.index;
      place_d.y         = now.y;
      place_d.run_last  = run_last;
      place_d.iter_last = iter_last;
      place_d.row_last  = iter_last && last1;
      place_d.last      = iter_last && last1 && last2;
    end
  end

  always_comb begin
    after_d = after_q;
    if (step) begin
      after_d       = now;
      // The first `pairs` units in the order of rotated pairs.
      after_d.index     = now.following;
      after_d.following = now.following + CountW'(1);
      after_d.paired    = now.paired && now.following != walk_i.pairs;
      after_d.unit      = now.following;
      if (after_d.paired) after_d.unit = (now.following >> 1) + (now.following[0] ? walk_i.pairs >> 1 : '0);
      if (run_last) begin
        after_d.y         = !iter_last;
        after_d.index     = '0;
        after_d.following = CountW'(1);
        after_d.unit      = '0;
        after_d.paired    = walk_i.pairs != '0;
        if (!now.y) after_d.x_run = now.x_run + walk_i.x_step1;
        if (now.y) after_d.y_run = now.y_run + walk_i.y_step1;
      end
      if (iter_last) after_d.count1 = now.count1 - CountW'(1);
      if (walk_i.lag && run_last) begin
        // The first x run is followed by the second; the last but one y run by the last.
        if (!now.y && !now.behind && now.count1 != CountW'(1)) begin
          after_d.y      = 1'b0;
          after_d.behind = 1'b1;
          after_d.count1 = now.count1 - CountW'(1);
        end
        if (now.y && now.behind && now.count1 == CountW'(1)) begin
          after_d.y      = 1'b1;
          after_d.behind = 1'b0;
          after_d.count1 = CountW'(1);
        end
      end
      if (iter_last && last1) begin
        after_d.count1  = walk_i.count1;
        after_d.count2  = now.count2 - CountW'(1);
        after_d.x_outer = now.x_outer + walk_i.x_step2;
        after_d.x_run   = now.x_outer + walk_i.x_step2;
        after_d.y_outer = now.y_outer + walk_i.y_step2;
        after_d.y_run   = now.y_outer + walk_i.y_step2;
        after_d.more    = !last2;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      after_q <= '0;
      valid_q <= 1'b0;
      place_q <= '0;
    end else begin
      after_q <= after_d;
      valid_q <= valid_d;
      place_q <= place_d;
    end
  end

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) !start_i || !(after_q.more || valid_q)) else $error("a walk begins before the last one ended");
  assert property (@(posedge clk_i) !next_i || valid_q) else $error("a place is taken that is not there");
`endif
endmodule
