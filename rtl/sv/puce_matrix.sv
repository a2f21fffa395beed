// The matrix engine: block dot products of A8 activations with streamed weights of every kind, summed on a grid (mm).
//
// A loader takes tiles from the stream, a fetcher activations from the scratchpad, both ahead of a walk that feeds Rows x Columns dot products of Depth
// columns; block sums are scaled, placed on the grid and accumulated, and full rows of tiles are rounded and written while the next ones are summed.
// The tiles of the next product are loaded early, and its activations are read early if they lie apart from what the product at work writes; then its
// walk begins when the sums before it are complete, while those are written. Else it reads nothing before the product at work has been written. What
// takes how long depends on operands and handshakes, never on values. More tokens than accumulators are a fault, after which the engine stands still
// until reset.
module puce_matrix
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_matrix_pkg::*;
#(
  // Rows of a tile taken per cycle, columns of each row for 4-bit codes (half of it for 8-bit codes), tokens multiplied in parallel, accumulators per row.
  parameter int unsigned Rows = 16,
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4,
  parameter int unsigned Tokens = 16,
  parameter int unsigned PortBytes = 64
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when all it wrote can be read.
  input  logic                     cmd_valid_i,
  /* verilator lint_off UNUSEDSIGNAL */  // The front knows the opcode.
  input  cmd_t                     cmd_i,
  /* verilator lint_on UNUSEDSIGNAL */
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output flags_t                   flags_o,
  output fault_e                   fault_o,
  // The weight stream: see puce_weights.
  input  logic [$clog2(PortBytes/WordBytes+1)-1:0] stream_count_i,
  input  logic [8*PortBytes-1:0]   stream_data_i,
  output logic [$clog2(PortBytes/WordBytes+1)-1:0] stream_take_o,
  output spad_req_t                read_req_o,
  input  spad_rsp_t                read_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i
);
  // Enough to place the terms of a group of tokens in the steps of a block of 4-bit codes; a divisor of Columns.
  function automatic int unsigned units_of(int unsigned columns, int unsigned steps);
    units_of = columns;
    for (int unsigned u = columns; u > 0; u--) if (columns % u == 0 && columns / u <= steps) units_of = u;
  endfunction

  localparam int unsigned Units = units_of(Columns, Block / Depth);
  localparam int unsigned HalfEntries = (Tokens + Columns - 1) / Columns * (Columns / Units);
  localparam int unsigned Entries = Block / Rows * HalfEntries;
  localparam int unsigned EntryW = Entries > 1 ? $clog2(Entries) : 1;

  // ---- Commands: one whose tiles are loaded and perhaps its activations, one that is worked on, and one that is written.

  function automatic logic [ValueW-1:0] count_of(logic [ValueW-1:0] value);
    count_of = value[ValueW-1] ? '0 : value;
  endfunction

  product_t taken, next_d, next_q, now_d, now_q, out_d, out_q;
  logic next_valid_d, next_valid_q, excess, next_excess_d, next_excess_q;
  logic busy_d, busy_q, starting_d, starting_q, done_d, done_q, failed_d, failed_q;
  // The next product's activations are read already, or those of the one at work were before it began; the one at work waits for the writer; the one
  // before it is still written.
  logic early_d, early_q, read_d, read_q, wait_d, wait_q, late_d, late_q;
  logic take, begins, ends, nothing, reads_early, wants_out;
  logic tiles_busy, acts_start, acts_busy, steps_start, steps_busy, sums_busy, out_start, out_busy;
  logic [15:0] tokens;

  assign tokens = 16'(count_of(cmd_i.arg[ArgMmTokens]));

  always_comb begin
    taken = '{
      kind:      weight_kind_e'(cmd_i.attr[0]),
      out:       cmd_i.arg[ArgMmOut],
      ostep:     count_of(cmd_i.arg[ArgMmOstep]),
      x:         cmd_i.arg[ArgMmX],
      xstep:     count_of(cmd_i.arg[ArgMmXstep]),
      row_tiles: 32'(count_of(cmd_i.arg[ArgMmRows]) >> 5),
      blocks:    12'(count_of(cmd_i.arg[ArgMmK]) >> 5),
      tokens:    tokens,
      grid:      12'(cmd_i.arg[ArgMmGrid]),
      groups:    32'(count_of(cmd_i.arg[ArgMmGroups])),
      sub:       cmd_i.arg[ArgMmSub],
      xgroup:    count_of(cmd_i.arg[ArgMmXgroup]),
      ogroup:    count_of(cmd_i.arg[ArgMmOgroup]),
      osub:      count_of(cmd_i.arg[ArgMmOsub]),
      x_end:     cmd_i.arg[ArgMmX] + token_span(count_of(cmd_i.arg[ArgMmXstep]), tokens) + (count_of(cmd_i.arg[ArgMmK]) << 1),
      out_end:   cmd_i.arg[ArgMmOut] + token_span(count_of(cmd_i.arg[ArgMmOstep]), tokens) + (count_of(cmd_i.arg[ArgMmRows]) << 2)
    };
    excess = count_of(cmd_i.arg[ArgMmTokens]) > ValueW'(Tokens);
  end

  assign cmd_ready_o = !next_valid_q && !tiles_busy && !failed_q;
  assign take        = cmd_valid_i && cmd_ready_o;
  assign begins      = next_valid_q && !busy_q && !failed_q;
  assign nothing     = now_q.row_tiles == '0 || now_q.groups == '0;
  assign steps_start = starting_q && !nothing && now_q.blocks != '0;
  assign reads_early = next_valid_q && !next_excess_q && !early_q && busy_q && !starting_q && !wait_q && !late_q && !acts_busy
                    && is_whole(next_q) && is_whole(now_q) && apart(next_q, now_q);
  assign acts_start  = reads_early || steps_start && now_q.tokens != '0 && !read_q;
  assign wants_out   = wait_q || starting_q && !nothing && now_q.tokens != '0;
  assign out_start   = wants_out && !out_busy;
  assign ends        = busy_q && !starting_q && !wait_q && !steps_busy && !sums_busy && (!out_busy || early_q);

  always_comb begin
    next_d        = next_q;
    next_excess_d = next_excess_q;
    next_valid_d  = next_valid_q && !begins;
    now_d         = now_q;
    busy_d        = busy_q && !ends;
    starting_d    = 1'b0;
    failed_d      = failed_q;
    early_d       = early_q && !begins || reads_early;
    read_d        = read_q;
    wait_d        = wants_out && out_busy;
    late_d        = (late_q || ends) && out_busy;
    done_d        = (late_q || ends) && !out_busy;
    out_d         = out_start ? now_q : out_q;
    if (take) begin
      next_d        = taken;
      next_excess_d = excess;
      next_valid_d  = 1'b1;
    end
    if (begins) begin
      now_d      = next_q;
      read_d     = early_q;
      busy_d     = !next_excess_q;
      starting_d = !next_excess_q;
      failed_d   = next_excess_q;
    end
  end

  assign done_o  = done_q;
  assign fault_o = failed_q ? FaultTokens : FaultNone;

  // ---- Weights, activations, and the walk over them

  logic tile_valid, tile_release, x_valid, x_set, x_release, step_valid, step_first, drop, set_take;
  logic [4:0] step;
  step_t info;
  mode_e mode;
  logic [Rows-1:0][Depth/2-1:0][7:0] codes;
  logic [Rows-1:0][15:0] scales, mins;
  logic [Columns-1:0][Depth-1:0][7:0] x_d, x_q, x_codes;
  xscale_t [Columns-1:0] xscales;
  logic signed [Columns-1:0][XsumW-1:0] xsums;
  logic [1:0] set_taken_d, set_taken_q, set_full_d, set_full_q;
  logic set_d, set_q;
  // Steps on their way through the lanes.
  logic [LaneLat-1:0] way_valid_d, way_valid_q;
  step_t [LaneLat-1:0] way_d, way_q;
  step_t leaving;
  logic capture;
  logic [Rows-1:0] lane_done;
  logic [Rows-1:0][Columns-1:0][SumW-1:0] sums;

  puce_matrix_tiles #(
    .Rows     (Rows),
    .Depth    (Depth),
    .PortBytes(PortBytes)
  ) i_tiles (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (take),
    .kind_i         (taken.kind),
    .groups_i       (taken.groups),
    .row_tiles_i    (taken.row_tiles),
    .blocks_i       (taken.blocks),
    .busy_o         (tiles_busy),
    .stream_count_i (stream_count_i),
    .stream_data_i  (stream_data_i),
    .stream_take_o  (stream_take_o),
    .valid_o        (tile_valid),
    .release_i      (tile_release),
    .half_i         (info.half),
    .step_i         (step),
    .codes_o        (codes),
    .scale_kind_i   (now_q.kind),
    .scale_half_i   (leaving.half),
    .scales_o       (scales),
    .mins_o         (mins),
    .scale_release_i(drop || capture && leaving.tile_end)
  );

  puce_matrix_acts #(
    .Depth  (Depth),
    .Columns(Columns),
    .Tokens (Tokens)
  ) i_acts (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .start_i      (acts_start),
    .product_i    (early_q || reads_early ? next_q : now_q),
    .busy_o       (acts_busy),
    .req_o        (read_req_o),
    .rsp_i        (read_rsp_i),
    .valid_o      (x_valid),
    .set_o        (x_set),
    .release_i    (x_release),
    .mode_i       (mode),
    .group_i      (info.group),
    .step_i       (step),
    .codes_o      (x_codes),
    .scale_set_i  (leaving.x_set),
    .scale_group_i(leaving.group),
    .scales_o     (xscales),
    .sums_o       (xsums)
  );

  puce_matrix_steps #(
    .Rows   (Rows),
    .Depth  (Depth),
    .Columns(Columns)
  ) i_steps (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_i       (steps_start),
    .product_i     (now_q),
    .busy_o        (steps_busy),
    .tile_valid_i  (tile_valid),
    .tile_release_o(tile_release),
    .x_valid_i     (x_valid),
    .x_set_i       (x_set),
    .x_release_o   (x_release),
    .set_free_i    (!set_taken_q[set_q]),
    .set_i         (set_q),
    .set_take_o    (set_take),
    .valid_o       (step_valid),
    .first_o       (step_first),
    .step_o        (step),
    .info_o        (info),
    .drop_o        (drop)
  );

  // ---- Lanes

  assign mode = mode_of(now_q.kind);
  assign x_d  = step_valid ? x_codes : x_q;

  for (genvar r = 0; r < Rows; r++) begin : gen_lane
    puce_lane #(
      .Depth  (Depth),
      .Columns(Columns)
    ) i_lane (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .valid_i(step_valid),
      .first_i(step_first),
      .last_i (info.half_end),
      .mode_i (mode),
      .codes_i(codes[r]),
      .x_i    (x_q),
      .done_o (lane_done[r]),
      .sum_o  (sums[r])
    );
  end

  always_comb begin
    way_valid_d = LaneLat'({way_valid_q, step_valid && info.half_end});
    way_d       = way_q;
    for (int unsigned i = 1; i < LaneLat; i++) way_d[i] = way_q[i-1];
    way_d[0] = info;
  end
  assign capture = way_valid_q[LaneLat-1];
  assign leaving = way_q[LaneLat-1];

  // ---- Sums and results

  logic rows_busy, full, full_set, nan, window, overflow, drain, drain_set, set_release, set_release_set;
  logic [EntryW-1:0] drain_entry;
  logic [Rows-1:0][Units-1:0][63:0] drained;

  assign sums_busy = way_valid_q != '0 || rows_busy;

  puce_matrix_sum #(
    .Rows   (Rows),
    .Depth  (Depth),
    .Columns(Columns),
    .Tokens (Tokens),
    .Units  (Units)
  ) i_sum (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .kind_i       (now_q.kind),
    .grid_i       (now_q.grid),
    .capture_i    (capture),
    .info_i       (leaving),
    .sums_i       (sums),
    .scales_i     (scales),
    .mins_i       (mins),
    .xscales_i    (xscales),
    .xsums_i      (xsums),
    .busy_o       (rows_busy),
    .full_o       (full),
    .full_set_o   (full_set),
    .nan_o        (nan),
    .window_o     (window),
    .drain_i      (drain),
    .drain_set_i  (drain_set),
    .drain_entry_i(drain_entry),
    .drain_o      (drained)
  );

  puce_matrix_out #(
    .Rows       (Rows),
    .Units      (Units),
    .HalfEntries(HalfEntries),
    .EntryW     (EntryW)
  ) i_out (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .start_i      (out_start),
    .product_i    (out_d),
    .busy_o       (out_busy),
    .full_i       (set_full_q),
    .release_o    (set_release),
    .release_set_o(set_release_set),
    .drain_o      (drain),
    .drain_set_o  (drain_set),
    .drain_entry_o(drain_entry),
    .drain_i      (drained),
    .req_o        (write_req_o),
    .rsp_i        (write_rsp_i),
    .overflow_o   (overflow)
  );

  always_comb begin
    set_taken_d = set_taken_q;
    set_full_d  = set_full_q;
    set_d       = set_q ^ (step_valid && info.last);
    if (set_take) set_taken_d[set_q] = 1'b1;
    if (full) set_full_d[full_set] = 1'b1;
    if (set_release) begin
      set_taken_d[set_release_set] = 1'b0;
      set_full_d[set_release_set]  = 1'b0;
    end
  end

  assign flags_o = '{overflow: overflow, window: window, nan: nan};

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      next_q        <= '0;
      next_excess_q <= 1'b0;
      next_valid_q  <= 1'b0;
      now_q         <= '0;
      busy_q        <= 1'b0;
      starting_q    <= 1'b0;
      failed_q      <= 1'b0;
      done_q        <= 1'b0;
      early_q       <= 1'b0;
      read_q        <= 1'b0;
      wait_q        <= 1'b0;
      late_q        <= 1'b0;
      out_q         <= '0;
      set_taken_q   <= '0;
      set_full_q    <= '0;
      set_q         <= 1'b0;
      way_valid_q   <= '0;
    end else begin
      next_q        <= next_d;
      next_excess_q <= next_excess_d;
      next_valid_q  <= next_valid_d;
      now_q         <= now_d;
      busy_q        <= busy_d;
      starting_q    <= starting_d;
      failed_q      <= failed_d;
      done_q        <= done_d;
      early_q       <= early_d;
      read_q        <= read_d;
      wait_q        <= wait_d;
      late_q        <= late_d;
      out_q         <= out_d;
      set_taken_q   <= set_taken_d;
      set_full_q    <= set_full_d;
      set_q         <= set_d;
      way_valid_q   <= way_valid_d;
    end
  end

  always_ff @(posedge clk_i) begin
    x_q   <= x_d;
    way_q <= way_d;
  end

  // The rows keep one time, and it is the walk's.
  assert property (@(posedge clk_i) lane_done == {Rows{capture}});
endmodule
