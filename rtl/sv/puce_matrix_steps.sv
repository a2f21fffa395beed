// Walks a product: for each tile each half of its rows, for each half each group of tokens, for each group the steps of a block.
//
// A tile begins when its codes and its activations are there and, at the first of a row of tiles, a set of accumulators is free; then it runs
// through. Without tokens a tile is given back at once. The walk depends on counts alone.
module puce_matrix_steps
  import puce_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Rows = 16,
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4
) (
  input  logic          clk_i,
  input  logic          rst_ni,
  // A product with blocks, held while busy.
  input  logic          start_i,
  /* verilator lint_off UNUSEDSIGNAL */  // Every part uses some of the operands.
  input  product_t      product_i,
  /* verilator lint_on UNUSEDSIGNAL */
  output logic          busy_o,
  input  logic          tile_valid_i,
  output logic          tile_release_o,
  input  logic          x_valid_i,
  input  logic          x_set_i,
  output logic          x_release_o,
  // A set of accumulators is free: which one, and that it is taken.
  input  logic          set_free_i,
  input  logic          set_i,
  output logic          set_take_o,
  // A step of the lanes.
  output logic          valid_o,
  output logic          first_o,
  output logic [4:0]    step_o,
  output step_t         info_o,
  // A tile is dropped.
  output logic          drop_o
);
  localparam int unsigned Halves = Block / Rows;

  logic busy_d, busy_q, running_d, running_q;
  logic [31:0] groups_d, groups_q, row_tile_d, row_tile_q;
  logic [11:0] block_d, block_q;
  logic [4:0] half_d, half_q, step_d, step_q;
  logic [15:0] group_d, group_q, tokens_d, tokens_q;

  logic [5:0] steps;
  logic last_step, last_group, last_half, last_block, last_row_tile, go, tile_end, drop;

  assign steps         = mode_of(product_i.kind) == ModeInt8 ? 6'(2 * Block / Depth) : 6'(Block / Depth);
  assign last_step     = {1'b0, step_q} == steps - 6'd1;
  assign last_group    = tokens_q <= 16'(Columns);
  assign last_half     = half_q == 5'(Halves - 1);
  assign last_block    = block_q == product_i.blocks - 12'd1;
  assign last_row_tile = row_tile_q == product_i.row_tiles - 32'd1;

  assign drop     = busy_q && product_i.tokens == '0 && tile_valid_i;
  assign go       = busy_q && product_i.tokens != '0 && (running_q || tile_valid_i && x_valid_i && (block_q != '0 || set_free_i));
  assign tile_end = drop || go && last_step && last_group && last_half;

  assign busy_o         = busy_q;
  assign valid_o        = go;
  assign first_o        = step_q == '0;
  assign step_o         = step_q;
  assign set_take_o     = go && !running_q && block_q == '0;
  assign tile_release_o = tile_end;
  assign x_release_o    = tile_end && !drop;
  assign drop_o         = drop;
  assign info_o = '{
    half_end: last_step,
    tile_end: tile_end,
    first:    block_q == '0,
    last:     tile_end && last_block,
    set:      set_i,
    x_set:    x_set_i,
    half:     half_q,
    group:    group_q,
    tokens:   tokens_q
  };

  always_comb begin
    busy_d     = busy_q;
    running_d  = running_q;
    groups_d   = groups_q;
    row_tile_d = row_tile_q;
    block_d    = block_q;
    half_d     = half_q;
    step_d     = step_q;
    group_d    = group_q;
    tokens_d   = tokens_q;
    if (start_i) begin
      busy_d     = 1'b1;
      running_d  = 1'b0;
      groups_d   = product_i.groups;
      row_tile_d = '0;
      block_d    = '0;
      half_d     = '0;
      step_d     = '0;
      group_d    = '0;
      tokens_d   = product_i.tokens;
    end else begin
      if (go) begin
        running_d = !tile_end;
        step_d    = last_step ? '0 : step_q + 5'd1;
        if (last_step) begin
          group_d  = last_group ? '0 : group_q + 16'd1;
          tokens_d = last_group ? product_i.tokens : tokens_q - 16'(Columns);
          if (last_group) half_d = last_half ? '0 : half_q + 5'd1;
        end
      end
      if (tile_end) begin
        block_d = last_block ? '0 : block_q + 12'd1;
        if (last_block) begin
          row_tile_d = last_row_tile ? '0 : row_tile_q + 32'd1;
          if (last_row_tile) begin
            groups_d = groups_q - 32'd1;
            busy_d   = groups_q != 32'd1;
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q     <= 1'b0;
      running_q  <= 1'b0;
      groups_q   <= '0;
      row_tile_q <= '0;
      block_q    <= '0;
      half_q     <= '0;
      step_q     <= '0;
      group_q    <= '0;
      tokens_q   <= '0;
    end else begin
      busy_q     <= busy_d;
      running_q  <= running_d;
      groups_q   <= groups_d;
      row_tile_q <= row_tile_d;
      block_q    <= block_d;
      half_q     <= half_d;
      step_q     <= step_d;
      group_q    <= group_d;
      tokens_q   <= tokens_d;
    end
  end
endmodule
