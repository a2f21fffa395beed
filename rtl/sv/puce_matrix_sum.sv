// All rows from block sums to accumulators, and the clockwork that is common to them.
//
// Every capture takes the sums of a half of rows and of a group of Columns tokens; they go through the rows' pipelines Units at a time. Two sets of
// accumulators, memories of each row: one is added to while the other is read out.
module puce_matrix_sum
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Rows = 16,
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4,
  parameter int unsigned Tokens = 16,
  // Of the tokens of a group, so many are placed per cycle: enough to keep up with blocks of 4-bit codes.
  parameter int unsigned Units = 1,
  localparam int unsigned Chunks = Columns / Units,
  localparam int unsigned HalfEntries = (Tokens + Columns - 1) / Columns * Chunks,
  localparam int unsigned Entries = Block / Rows * HalfEntries,
  localparam int unsigned EntryW = Entries > 1 ? $clog2(Entries) : 1
) (
  input  logic                                      clk_i,
  input  logic                                      rst_ni,
  input  weight_kind_e                                     kind_i,
  input  logic signed [11:0]                        grid_i,
  // Block sums leave the lanes.
  input  logic                                      capture_i,
  /* verilator lint_off UNUSEDSIGNAL */  // The walk ends elsewhere.
  input  step_t                                     info_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  logic [Rows-1:0][Columns-1:0][SumW-1:0]    sums_i,
  input  logic [Rows-1:0][15:0]                     scales_i,
  input  logic [Rows-1:0][15:0]                     mins_i,
  input  xscale_t [Columns-1:0]                     xscales_i,
  input  logic signed [Columns-1:0][XsumW-1:0]      xsums_i,
  // Block sums are on their way to the accumulators.
  output logic                                      busy_o,
  // A row of tiles is summed: its set is full.
  output logic                                      full_o,
  output logic                                      full_set_o,
  output logic                                      nan_o,
  output logic                                      window_o,
  // Reading a full set: data a cycle later.
  input  logic                                      drain_i,
  input  logic                                      drain_set_i,
  input  logic [EntryW-1:0]                         drain_entry_i,
  output logic [Rows-1:0][Units-1:0][63:0]          drain_o
);
  localparam int unsigned Stages = 4 + GridPlaceLat;
  // Terms leave the placers in AddStage. What they are added to is read two cycles before and taken in a register a cycle before; the sum is written a
  // cycle after.
  localparam int unsigned AddStage = Stages - 1;
  localparam int unsigned ReadStage = AddStage - 2;
  // An accumulator is added to once per block at most. Where blocks are shorter than the way from reading to writing, sums are forwarded.
  localparam bit Forward = Block / Rows * (Block / Depth) <= Stages - ReadStage;
  localparam int unsigned ChunkW = Chunks > 1 ? $clog2(Chunks) : 1;

  // What goes through the pipeline beside the numbers.
  typedef struct packed {
    logic               first;
    logic               last;
    logic               set;
    logic [EntryW-1:0]  entry;
    logic [Units-1:0]   tokens;
  } way_t;

  logic [Stages:0] valid_d, valid_q;
  way_t [Stages:0] way_d, way_q;
  logic [ChunkW-1:0] chunk_d, chunk_q;
  logic last_chunk;
  logic [Columns-1:0] tokens_d, tokens_q, tokens;
  xscale_t [Columns-1:0] xscales_d, xscales_q;
  logic [Columns-1:0][XsumW-1:0] xsums_d, xsums_q;
  logic [Units-1:0] xsum_sign_d, xsum_sign_q;
  logic [Units-1:0][XsumW-1:0] xsum_abs_d, xsum_abs_q;
  xscale_t [Units-1:0] xscale1_d, xscale1_q, xscale2_d, xscale2_q;
  scale_t [Rows-1:0] scales, mins;
  logic [Rows-1:0][Units-1:0] window;
  logic nan_d, nan_q, window_d, window_q;
  // Sums on their way to the accumulator that is to be read, those of the cycle before first.
  logic [2:0] forward_d, forward_q;
  logic read;
  logic [1:0] set_read, set_write;
  logic [1:0][EntryW-1:0] set_entry;
  logic drain_set_d, drain_set_q;

  always_comb begin
    for (int unsigned r = 0; r < Rows; r++) begin
      scales[r] = scale_of(kind_i, scales_i[r]);
      mins[r]   = has_min(kind_i) ? scale_f16(mins_i[r]) : '0;
    end
    for (int unsigned c = 0; c < Columns; c++) tokens[c] = 16'(c) < info_i.tokens;
  end

  // Stage 0: a capture is worked off in Chunks cycles. way_q[0] belongs to the chunk that is worked on.
  assign last_chunk = chunk_q == ChunkW'(Chunks - 1);

  always_comb begin
    chunk_d    = chunk_q;
    way_d[0]   = way_q[0];
    valid_d[0] = valid_q[0] && !last_chunk;
    xscales_d  = xscales_q;
    xsums_d    = xsums_q;
    tokens_d   = tokens_q;
    if (valid_q[0]) begin
      chunk_d           = chunk_q + ChunkW'(1);
      way_d[0].entry    = way_q[0].entry + EntryW'(1);
      xscales_d         = xscales_q >> (Units * $bits(xscale_t));
      xsums_d           = xsums_q >> (Units * XsumW);
      tokens_d          = tokens_q >> Units;
    end
    if (capture_i) begin
      chunk_d           = '0;
      valid_d[0]        = 1'b1;
      way_d[0].first    = info_i.first;
      way_d[0].last     = info_i.last;
      way_d[0].set      = info_i.set;
      way_d[0].entry    = EntryW'(info_i.half * HalfEntries + info_i.group * Chunks);
      xscales_d         = xscales_i;
      xsums_d           = xsums_i;
      tokens_d          = tokens;
    end
    way_d[0].tokens = '0;
    for (int unsigned i = 1; i <= Stages; i++) begin
      valid_d[i] = valid_q[i-1];
      way_d[i]   = way_q[i-1];
    end
    way_d[1].tokens = Units'(tokens_q);
    way_d[1].last   = way_q[0].last && last_chunk;
  end

  always_comb begin
    xsum_sign_d = xsum_sign_q;
    xsum_abs_d  = xsum_abs_q;
    xscale1_d   = xscale1_q;
    xscale2_d   = xscale2_q;
    if (valid_q[0]) begin
      for (int unsigned u = 0; u < Units; u++) begin
        xsum_sign_d[u] = xsums_q[u][XsumW-1];
        xsum_abs_d[u]  = xsums_q[u][XsumW-1] ? -xsums_q[u] : xsums_q[u];
        xscale1_d[u]   = xscales_q[u];
      end
    end
    if (valid_q[1]) xscale2_d = xscale1_q;
  end

  // ---- Accumulators. A set is added to or read out, never both.

  always_comb begin
    forward_d = '0;
    if (Forward) begin
      for (int unsigned i = 0; i < 3; i++) begin
        forward_d[i] = valid_q[ReadStage+1+i] && way_q[ReadStage+1+i].set == way_q[ReadStage].set && way_q[ReadStage+1+i].entry == way_q[ReadStage].entry;
      end
    end
    read        = valid_q[ReadStage] && !way_q[ReadStage].first && forward_d == '0;
    drain_set_d = drain_i ? drain_set_i : drain_set_q;
    for (int unsigned s = 0; s < 2; s++) begin
      set_read[s]  = read && way_q[ReadStage].set == 1'(s) || drain_i && drain_set_i == 1'(s);
      set_entry[s] = drain_i && drain_set_i == 1'(s) ? drain_entry_i : way_q[ReadStage].entry;
      set_write[s] = valid_q[Stages] && way_q[Stages].set == 1'(s);
    end
  end

  for (genvar r = 0; r < Rows; r++) begin : gen_row
    logic [1:0][Units-1:0][63:0] held;
    logic [Units-1:0][63:0] total;

    puce_matrix_row #(
      .Columns(Columns),
      .Units  (Units),
      .Forward(Forward)
    ) i_row (
      .clk_i      (clk_i),
      .capture_i  (capture_i),
      .sums_i     (sums_i[r]),
      .scale_i    (scales[r]),
      .min_i      (mins[r]),
      .stage0_i   (valid_q[0]),
      .offset_i   (is_offset(kind_i)),
      .xsums_i    (xsums_q[Units-1:0]),
      .stage1_i   (valid_q[1]),
      .stage2_i   (valid_q[2]),
      .xsum_sign_i(xsum_sign_q),
      .xsum_abs_i (xsum_abs_q),
      .xscales_i  (xscale2_q),
      .grid_i     (grid_i),
      .take_i     (valid_q[ReadStage+1]),
      .first_i    (way_q[ReadStage+1].first),
      .held_i     (held[way_q[ReadStage+1].set]),
      .forward_i  (forward_q),
      .add_i      (valid_q[AddStage]),
      .window_o   (window[r]),
      .total_o    (total)
    );

    for (genvar s = 0; s < 2; s++) begin : gen_set
      puce_ram #(
        .Width(64 * Units),
        .Depth(Entries)
      ) i_ram (
        .clk_i  (clk_i),
        .write_i(set_write[s]),
        .waddr_i(way_q[Stages].entry),
        .wdata_i(total),
        .read_i (set_read[s]),
        .raddr_i(set_entry[s]),
        .rdata_o(held[s])
      );
    end
    assign drain_o[r] = held[drain_set_q];
  end

  assign busy_o     = valid_q != '0;
  assign full_o     = valid_q[Stages] && way_q[Stages].last;
  assign full_set_o = way_q[Stages].set;

  always_comb begin
    nan_d    = 1'b0;
    window_d = 1'b0;
    if (capture_i) begin
      for (int unsigned r = 0; r < Rows; r++) nan_d = nan_d | scales[r].nan | mins[r].nan;
      for (int unsigned c = 0; c < Columns; c++) nan_d = nan_d | (tokens[c] & xscales_i[c].nan);
    end
    if (valid_q[AddStage]) begin
      for (int unsigned r = 0; r < Rows; r++) window_d = window_d | (|(window[r] & way_q[AddStage].tokens));
    end
  end
  assign nan_o    = nan_q;
  assign window_o = window_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q  <= '0;
      chunk_q  <= '0;
      nan_q    <= 1'b0;
      window_q <= 1'b0;
    end else begin
      valid_q  <= valid_d;
      chunk_q  <= chunk_d;
      nan_q    <= nan_d;
      window_q <= window_d;
    end
  end

  always_ff @(posedge clk_i) begin
    way_q       <= way_d;
    xscales_q   <= xscales_d;
    xsums_q     <= xsums_d;
    tokens_q    <= tokens_d;
    xsum_sign_q <= xsum_sign_d;
    xsum_abs_q  <= xsum_abs_d;
    xscale1_q   <= xscale1_d;
    xscale2_q   <= xscale2_d;
    forward_q   <= forward_d;
    drain_set_q <= drain_set_d;
  end

  // A capture finds the one before worked off.
  assert property (@(posedge clk_i) capture_i && valid_q[0] |-> last_chunk);
endmodule
