// Reads full sets of accumulators, rounds them to binary32, and writes the product's rows to the scratchpad, 8 values to a word.
//
// The order is that of the product's rows of tiles; in each, token by token. A product without blocks is written as zeros. Nothing is read without
// room for the word that it becomes, so the write port may hold it up as long as it likes.
module puce_matrix_out
  import puce_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Rows = 16,
  parameter int unsigned Units = 1,
  parameter int unsigned HalfEntries = 16,
  parameter int unsigned EntryW = 5
) (
  input  logic                                      clk_i,
  input  logic                                      rst_ni,
  // A product with tokens, held while busy.
  input  logic                                      start_i,
  /* verilator lint_off UNUSEDSIGNAL */  // Every part uses some of the operands.
  input  product_t                                  product_i,
  /* verilator lint_on UNUSEDSIGNAL */
  output logic                                      busy_o,
  // Sets that are full; one is given back when all of it has been read.
  input  logic [1:0]                                full_i,
  output logic                                      release_o,
  output logic                                      release_set_o,
  output logic                                      drain_o,
  output logic                                      drain_set_o,
  output logic [EntryW-1:0]                         drain_entry_o,
  input  logic [Rows-1:0][Units-1:0][63:0]          drain_i,
  output spad_req_t                                 req_o,
  /* verilator lint_off UNUSEDSIGNAL */  // It reads nothing.
  input  spad_rsp_t                                 rsp_i,
  /* verilator lint_on UNUSEDSIGNAL */
  output logic                                      overflow_o
);
  localparam int unsigned Lanes = Rows < 8 ? Rows : 8;
  // Reads that make a word, and words of a row of tiles.
  localparam int unsigned Parts = 8 / Lanes;
  localparam int unsigned TileWords = Block / 8;
  // Rows of a half in units of Lanes.
  localparam int unsigned Slices = Rows / Lanes;
  localparam int unsigned FifoDepth = 8;
  localparam int unsigned FifoW = $clog2(FifoDepth);
  localparam int unsigned UnitW = Units > 1 ? $clog2(Units) : 1;
  localparam int unsigned SliceW = Slices > 1 ? $clog2(Slices) : 1;
  localparam int unsigned Stages = 2 + GridF32Lat;

  // What a read becomes.
  typedef struct packed {
    logic               valid;
    logic               zero;
    logic               last;   // the word's last part
    logic [UnitW-1:0]   unit;
    logic [SliceW-1:0]  slice;
  } tag_t;

  // ---- Reading

  logic reading_d, reading_q, set_d, set_q;
  logic [31:0] left_d, left_q, groups_left_d, groups_left_q;
  logic [15:0] token_d, token_q;
  // Slice of the tile's 32 rows, in units of Lanes; entry of the token in a half, and the token's place in it.
  logic [5:0] part_d, part_q;
  logic [EntryW-1:0] entry_d, entry_q;
  logic [UnitW-1:0] unit_d, unit_q;
  // Words that have been asked for and not been written.
  logic [FifoW:0] pending_d, pending_q;
  logic ask, part_end, last_part, last_token, written;
  tag_t [Stages-1:0] tag_d, tag_q;

  localparam int unsigned TileParts = Block / Lanes;

  assign part_end   = (part_q & 6'(Parts - 1)) == 6'(Parts - 1);
  assign last_part  = part_q == 6'(TileParts - 1);
  assign last_token = token_q == product_i.tokens - 16'd1;
  assign ask        = reading_q && (product_i.blocks == '0 || full_i[set_q]) && pending_q < (FifoW+1)'(FifoDepth);

  assign drain_o       = ask;
  assign drain_set_o   = set_q;
  assign drain_entry_o = EntryW'(part_q / 6'(Slices)) * EntryW'(HalfEntries) + entry_q;
  assign release_o     = ask && last_part && last_token && product_i.blocks != '0;
  assign release_set_o = set_q;

  always_comb begin
    reading_d     = reading_q;
    set_d         = set_q ^ release_o;
    left_d        = left_q;
    groups_left_d = groups_left_q;
    token_d       = token_q;
    part_d        = part_q;
    entry_d       = entry_q;
    unit_d        = unit_q;
    pending_d     = pending_q + (FifoW+1)'(ask && part_end) - (FifoW+1)'(written);
    if (start_i) begin
      reading_d     = 1'b1;
      left_d        = product_i.row_tiles;
      groups_left_d = product_i.groups;
      token_d       = '0;
      part_d        = '0;
      entry_d       = '0;
      unit_d        = '0;
    end else if (ask) begin
      part_d = last_part ? '0 : part_q + 6'd1;
      if (last_part) begin
        token_d = last_token ? '0 : token_q + 16'd1;
        unit_d  = last_token || unit_q == UnitW'(Units - 1) ? '0 : unit_q + UnitW'(1);
        entry_d = last_token ? '0 : unit_q == UnitW'(Units - 1) ? entry_q + EntryW'(1) : entry_q;
        if (last_token) begin
          left_d = left_q - 32'd1;
          if (left_q == 32'd1) begin
            left_d        = product_i.row_tiles;
            groups_left_d = groups_left_q - 32'd1;
            reading_d     = groups_left_q != 32'd1;
          end
        end
      end
    end
  end

  // ---- Rounding

  logic [Lanes-1:0][63:0] acc_d, acc_q;
  logic [Lanes-1:0][31:0] y;
  logic [Lanes-1:0] overflow;
  /* verilator lint_off UNUSEDSIGNAL */  // One end of the way wants what the other does not.
  tag_t chosen, done;
  /* verilator lint_on UNUSEDSIGNAL */

  always_comb begin
    tag_d[0] = '{
      valid: ask,
      zero:  product_i.blocks == '0,
      last:  part_end,
      unit:  unit_q,
      slice: SliceW'(part_q & 6'(Slices - 1))
    };
    for (int unsigned i = 1; i < Stages; i++) tag_d[i] = tag_q[i-1];
  end
  assign chosen = tag_q[0];
  assign done   = tag_q[Stages-1];

  always_comb begin
    acc_d = acc_q;
    if (chosen.valid) begin
      for (int unsigned l = 0; l < Lanes; l++) acc_d[l] = chosen.zero ? '0 : drain_i[32'(chosen.slice)*Lanes+l][chosen.unit];
    end
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_round
    puce_grid_f32 i_round (
      .clk_i     (clk_i),
      .acc_i     (acc_q[l]),
      .grid_i    (product_i.grid),
      .y_o       (y[l]),
      .overflow_o(overflow[l])
    );
  end
  assign overflow_o = done.valid && (|overflow);

  // ---- Words that wait for the port

  logic [WordW-1:0] fifo_mem [FifoDepth];
  logic [WordW-1:0] word;
  logic [FifoW:0] put_d, put_q, get_d, get_q;
  logic push;

  if (Parts > 1) begin : gen_join
    logic [WordW-1:0] word_q;
    assign word = done.valid ? {y, word_q[WordW-1:32*Lanes]} : word_q;
    always_ff @(posedge clk_i) word_q <= word;
  end else begin : gen_whole
    assign word = y;
  end
  assign push    = done.valid && done.last;
  assign put_d   = put_q + (FifoW+1)'(push);
  assign get_d   = get_q + (FifoW+1)'(written);
  assign written = req_o.valid && rsp_i.ready;

  always_ff @(posedge clk_i) begin
    if (push) fifo_mem[put_q[FifoW-1:0]] <= word;
  end

  // ---- Writing: addresses of the group, of its part, of the row of tiles, of the token.

  logic writing_d, writing_q;
  logic [ValueW-1:0] group_at_d, group_at_q, sub_at_d, sub_at_q, tile_at_d, tile_at_q, token_at_d, token_at_q, sub_d, sub_q, next_sub_at;
  logic [31:0] row_tile_d, row_tile_q, groups_d, groups_q;
  logic [15:0] row_d, row_q;
  logic [1:0] word_at_d, word_at_q;
  logic last_word, last_row, last_row_tile, last_sub;

  assign last_word     = word_at_q == 2'(TileWords - 1);
  assign last_row      = row_q == product_i.tokens - 16'd1;
  assign last_row_tile = row_tile_q == product_i.row_tiles - 32'd1;
  assign last_sub      = sub_q == product_i.sub - ValueW'(1);
  assign next_sub_at   = last_sub ? group_at_q + product_i.ogroup : sub_at_q + product_i.osub;

  assign req_o.valid = put_q != get_q;
  assign req_o.we    = 1'b1;
  assign req_o.addr  = token_at_q + {{(ValueW - 7) {1'b0}}, word_at_q, 5'd0};
  assign req_o.strb  = '1;
  assign req_o.wdata = fifo_mem[get_q[FifoW-1:0]];
  assign busy_o      = writing_q;

  always_comb begin
    writing_d  = writing_q;
    group_at_d = group_at_q;
    sub_at_d   = sub_at_q;
    tile_at_d  = tile_at_q;
    token_at_d = token_at_q;
    sub_d      = sub_q;
    row_tile_d = row_tile_q;
    groups_d   = groups_q;
    row_d      = row_q;
    word_at_d  = word_at_q;
    if (start_i) begin
      writing_d  = 1'b1;
      group_at_d = product_i.out;
      sub_at_d   = product_i.out;
      tile_at_d  = product_i.out;
      token_at_d = product_i.out;
      sub_d      = '0;
      row_tile_d = '0;
      groups_d   = product_i.groups;
      row_d      = '0;
      word_at_d  = '0;
    end else if (written) begin
      word_at_d = last_word ? '0 : word_at_q + 2'd1;
      if (last_word) begin
        row_d      = last_row ? '0 : row_q + 16'd1;
        token_at_d = token_at_q + product_i.ostep;
        if (last_row) begin
          row_tile_d = last_row_tile ? '0 : row_tile_q + 32'd1;
          tile_at_d  = last_row_tile ? next_sub_at : tile_at_q + ValueW'(4 * Block);
          token_at_d = tile_at_d;
          if (last_row_tile) begin
            sub_at_d   = next_sub_at;
            group_at_d = last_sub ? next_sub_at : group_at_q;
            sub_d      = last_sub ? '0 : sub_q + ValueW'(1);
            groups_d   = groups_q - 32'd1;
            writing_d  = groups_q != 32'd1;
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      reading_q     <= 1'b0;
      set_q         <= 1'b0;
      left_q        <= '0;
      groups_left_q <= '0;
      token_q       <= '0;
      part_q        <= '0;
      entry_q       <= '0;
      unit_q        <= '0;
      pending_q     <= '0;
      tag_q         <= '0;
      put_q         <= '0;
      get_q         <= '0;
      writing_q     <= 1'b0;
      group_at_q    <= '0;
      sub_at_q      <= '0;
      tile_at_q     <= '0;
      token_at_q    <= '0;
      sub_q         <= '0;
      row_tile_q    <= '0;
      groups_q      <= '0;
      row_q         <= '0;
      word_at_q     <= '0;
    end else begin
      reading_q     <= reading_d;
      set_q         <= set_d;
      left_q        <= left_d;
      groups_left_q <= groups_left_d;
      token_q       <= token_d;
      part_q        <= part_d;
      entry_q       <= entry_d;
      unit_q        <= unit_d;
      pending_q     <= pending_d;
      tag_q         <= tag_d;
      put_q         <= put_d;
      get_q         <= get_d;
      writing_q     <= writing_d;
      group_at_q    <= group_at_d;
      sub_at_q      <= sub_at_d;
      tile_at_q     <= tile_at_d;
      token_at_q    <= token_at_d;
      sub_q         <= sub_d;
      row_tile_q    <= row_tile_d;
      groups_q      <= groups_d;
      row_q         <= row_d;
      word_at_q     <= word_at_d;
    end
  end

  always_ff @(posedge clk_i) acc_q <= acc_d;

  assert property (@(posedge clk_i) push |-> put_q - get_q < (FifoW+1)'(FifoDepth));
  assert property (@(posedge clk_i) written |-> writing_q);
endmodule
