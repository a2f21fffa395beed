// puce_vector_walk gives every place of a walk once, in order: rows, in a row its runs, in a run its units; of runs that lag, the y runs one behind. A place is
// there in every cycle from the first to the last, and stands still until it is taken.
//
// The address of a run is the base and as many steps as rows and runs of its side are done. The walk stays until the next, which begins after the last place
// was taken; it has a unit, a run and a row; runs that lag are in one row, and are x and y; rotated pairs are whole, and there are no y runs then.
module puce_vector_walk_proof
  import puce_pkg::*;
  import puce_vector_pkg::*;
(
  input logic  clk_i,
  input logic  rst_ni,
  input logic  start_i,
  input walk_t walk_i,
  input logic  next_i
);
  logic   valid;
  place_t place;

  puce_vector_walk u_walk (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .walk_i(walk_i),
    .valid_o(valid),
    .place_o(place),
    .next_i(next_i)
  );

  // ---- A place: its row, its run of the row, its unit of the run; runs of each side that are done in the row, and where their rows and runs begin.
  typedef struct packed {
    logic [CountW-1:0] row;
    logic [CountW:0]   run;
    logic [CountW-1:0] unit;
    logic [CountW-1:0] x_done;
    logic [CountW-1:0] y_done;
    logic [ValueW-1:0] x_row;
    logic [ValueW-1:0] x_run;
    logic [ValueW-1:0] y_row;
    logic [ValueW-1:0] y_run;
  } at_t;

  logic  past_q, active_q;
  walk_t walk_q;
  at_t   at_d, at_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (start_i) begin
      assume (!active_q && walk_i.x_count != '0 && walk_i.count1 != '0 && walk_i.count2 != '0);
      assume (!walk_i.lag || (walk_i.count2 == CountW'(1) && walk_i.y_count != '0));
      assume (walk_i.pairs == '0 || (!walk_i.pairs[0] && walk_i.pairs <= walk_i.x_count && walk_i.y_count == '0));
    end else if (past_q) assume (walk_i == walk_q);
    if (next_i) assume (valid);
  end

  logic            twice, y, run_last, iter_last, row_last, last;
  logic [CountW:0] runs;

  function automatic logic is_y(input logic [CountW:0] run, input logic [CountW:0] all, input walk_t walk);
    if (walk.y_count == '0) return 1'b0;
    if (!walk.lag) return run[0];
    return run == all - 1'b1 || (run != '0 && !run[0]);
  endfunction

  assign twice     = walk_q.y_count != '0;
  assign runs      = twice ? {walk_q.count1, 1'b0} : {1'b0, walk_q.count1};
  assign y         = is_y(at_q.run, runs, walk_q);
  assign run_last  = at_q.unit == (y ? walk_q.y_count : walk_q.x_count) - 1'b1;
  assign iter_last = run_last && (y || !twice);
  assign row_last  = run_last && at_q.run == runs - 1'b1;
  assign last      = row_last && at_q.row == walk_q.count2 - 1'b1;

  // ---- The place behind it.
  always_comb begin
    at_d      = at_q;
    at_d.unit = at_q.unit + 1'b1;
    if (run_last) begin
      at_d.unit = '0;
      at_d.run  = at_q.run + 1'b1;
      if (y) begin
        at_d.y_done = at_q.y_done + 1'b1;
        at_d.y_run  = at_q.y_run + walk_q.y_step1;
      end else begin
        at_d.x_done = at_q.x_done + 1'b1;
        at_d.x_run  = at_q.x_run + walk_q.x_step1;
      end
    end
    if (row_last) begin
      at_d.run    = '0;
      at_d.row    = at_q.row + 1'b1;
      at_d.x_done = '0;
      at_d.y_done = '0;
      at_d.x_row  = at_q.x_row + walk_q.x_step2;
      at_d.y_row  = at_q.y_row + walk_q.y_step2;
      at_d.x_run  = at_d.x_row;
      at_d.y_run  = at_d.y_row;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) active_q <= 1'b0;
    else if (start_i) active_q <= 1'b1;
    else if (next_i && last) active_q <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    walk_q <= walk_i;
    if (next_i) at_q <= at_d;
    if (start_i) begin
      at_q <= '{row: '0, run: '0, unit: '0, x_done: '0, y_done: '0, x_row: walk_i.x_base, x_run: walk_i.x_base, y_row: walk_i.y_base, y_run: walk_i.y_base};
    end
  end

  // Where a unit of a run stands among its units.
  function automatic logic [CountW-1:0] place_of(input logic [CountW-1:0] unit, input logic [CountW-1:0] pairs);
    if (unit >= pairs) return unit;
    return unit[0] ? CountW'(pairs / 2 + unit / 2) : CountW'(unit / 2);
  endfunction

  // How many runs of its side stand before a run in its row, by its number alone.
  function automatic logic [CountW-1:0] done_before(input logic [CountW:0] run, input logic [CountW:0] all, input walk_t walk);
    if (walk.y_count == '0) return CountW'(run);
    if (!walk.lag) return CountW'(run >> 1);
    if (run == all - 1'b1) return CountW'(walk.count1 - 1'b1);
    return is_y(run, all, walk) ? CountW'((run >> 1) - 1'b1) : CountW'((run + 1'b1) >> 1);
  endfunction

  logic              next_y;
  logic [CountW-1:0] next_before;
  assign next_y      = is_y(at_d.run, runs, walk_q);
  assign next_before = done_before(at_d.run, runs, walk_q);

  always_comb begin
    if (rst_ni && past_q) begin
      assert (valid == active_q);
      if (active_q) begin
        assert (place.addr == (y ? at_q.y_run : at_q.x_run) + (ValueW'(place_of(at_q.unit, walk_q.pairs)) << walk_q.unit));
        assert ((y ? at_q.y_done : at_q.x_done) == done_before(at_q.run, runs, walk_q));
        assert (place.index == at_q.unit && place.y == y && place.run_last == run_last && place.iter_last == iter_last);
        assert (place.row_last == row_last && place.last == last);
        // In range.
        assert (at_q.unit < (y ? walk_q.y_count : walk_q.x_count) && at_q.run < runs && at_q.row < walk_q.count2);
        assert (place_of(at_q.unit, walk_q.pairs) < (y ? walk_q.y_count : walk_q.x_count));

        // What the induction needs to know of the inside: it stands at the place behind this one.
        assert (walk_q.x_count != '0 && walk_q.count1 != '0 && walk_q.count2 != '0);
        assert (!walk_q.lag || (walk_q.count2 == CountW'(1) && twice));
        assert (walk_q.pairs == '0 || (!walk_q.pairs[0] && walk_q.pairs <= walk_q.x_count && !twice));
        assert (u_walk.after_q.more == !last);
        if (!last) begin
          assert (u_walk.after_q.y == next_y && u_walk.after_q.index == at_d.unit && u_walk.after_q.following == CountW'(at_d.unit + 1'b1));
          assert (u_walk.after_q.unit == place_of(at_d.unit, walk_q.pairs) && u_walk.after_q.paired == (at_d.unit < walk_q.pairs));
          assert (u_walk.after_q.x_outer == at_d.x_row && u_walk.after_q.y_outer == at_d.y_row && u_walk.after_q.x_run == at_d.x_run && u_walk.after_q.y_run == at_d.y_run);
          assert (u_walk.after_q.count2 == CountW'(walk_q.count2 - at_d.row));
          assert ((next_y ? at_d.y_done : at_d.x_done) == next_before);
          assert (u_walk.after_q.behind == (walk_q.lag && at_d.run != '0 && at_d.run != runs - 1'b1));
          assert (u_walk.after_q.count1 == CountW'(walk_q.count1 - next_before - CountW'(u_walk.after_q.behind && next_y)));
        end
        assert (CountW'(at_q.x_done + at_q.y_done) == CountW'(at_q.run));
      end else assert (!u_walk.after_q.more);
    end
  end
endmodule
