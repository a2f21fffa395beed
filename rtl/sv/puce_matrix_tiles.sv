// Takes whole tiles from the weight stream into two buffers, and shows a step's codes and the scales of a half of rows.
//
// Codes and scales are given back separately: the scales of a block are wanted only when its sums leave the lanes. The loader runs ahead of the
// arithmetic by as much as the buffers hold; it never looks at activations.
module puce_matrix_tiles
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Rows = 16,
  parameter int unsigned Depth = 8,
  parameter int unsigned PortBytes = 64,
  localparam int unsigned Words = PortBytes / WordBytes,
  localparam int unsigned CountW = $clog2(Words + 1)
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,
  // A product's tiles: taken when not busy.
  input  logic                          start_i,
  input  weight_kind_e                         kind_i,
  input  logic [31:0]                   groups_i,
  input  logic [31:0]                   row_tiles_i,
  input  logic [11:0]                   blocks_i,
  output logic                          busy_o,
  input  logic [CountW-1:0]             stream_count_i,
  input  logic [8*PortBytes-1:0]        stream_data_i,
  output logic [CountW-1:0]             stream_take_o,
  // The oldest tile: all of it is here; its codes are given back.
  output logic                          valid_o,
  input  logic                          release_i,
  input  logic [4:0]                    half_i,
  input  logic [4:0]                    step_i,
  output logic [Rows-1:0][Depth/2-1:0][7:0] codes_o,
  // The oldest scales: patterns of a half's rows; given back.
  input  weight_kind_e                         scale_kind_i,
  input  logic [4:0]                    scale_half_i,
  output logic [Rows-1:0][15:0]         scales_o,
  output logic [Rows-1:0][15:0]         mins_o,
  input  logic                          scale_release_i
);
  // The smallest unit that is read: four bytes of codes of one row.
  localparam int unsigned Quads = CodeWords * WordBytes / 4;

  weight_kind_e kind_d, kind_q;
  logic busy_d, busy_q;
  logic [31:0] groups_d, groups_q, row_tiles_d, row_tiles_q, row_tile_d, row_tile_q;
  logic [11:0] blocks_d, blocks_q, block_d, block_q;
  // Word of the tile that comes next, and the buffers.
  logic [5:0] at_d, at_q;
  logic write_d, write_q, read_d, read_q, scale_read_d, scale_read_q;
  logic [1:0] full_d, full_q, scale_full_d, scale_full_q;

  logic [31:0] code_mem [2*Quads];
  logic [WordW-1:0] scale_mem [2*ScaleWords];

  logic [5:0] tile_len, code_len;
  logic last_tile, crosses;
  logic [CountW-1:0] taken;
  logic [Words-1:0] put;
  logic [Words-1:0][5:0] put_at;
  logic [Words-1:0] put_set;

  assign tile_len  = tile_words(kind_q);
  assign code_len  = code_words(kind_q);
  assign last_tile = block_q == blocks_q - 12'd1 && row_tile_q == row_tiles_q - 32'd1 && groups_q == 32'd1;

  // Which of the words on offer have a place: a prefix of them. A cycle may end one tile and begin the next, never more.
  always_comb begin
    logic open;
    open  = busy_q;
    taken = '0;
    for (int unsigned i = 0; i < Words; i++) begin
      logic [6:0] place;
      logic beyond;
      logic [5:0] spot;
      place  = {1'b0, at_q} + 7'(i);
      beyond = place >= {1'b0, tile_len};
      spot = 6'(beyond ? place - {1'b0, tile_len} : place);
      put_at[i]  = spot;
      put_set[i] = write_q ^ beyond;
      open = open && CountW'(i) < stream_count_i && !(beyond && (last_tile || spot >= tile_len));
      if (spot < code_len) open = open && !full_q[put_set[i]];
      // The scales' place is taken by a tile without scales, too.
      if (spot >= code_len || spot == tile_len - 6'd1) open = open && !scale_full_q[put_set[i]];
      put[i] = open;
      if (open) taken = CountW'(i + 1);
    end
  end

  assign stream_take_o = taken;
  assign crosses = busy_q && {1'b0, at_q} + 7'(taken) >= {1'b0, tile_len};

  always_comb begin
    busy_d      = busy_q;
    kind_d      = kind_q;
    groups_d    = groups_q;
    row_tiles_d = row_tiles_q;
    row_tile_d  = row_tile_q;
    blocks_d    = blocks_q;
    block_d     = block_q;
    at_d        = at_q;
    write_d     = write_q;
    if (start_i && !busy_q) begin
      busy_d      = groups_i != '0 && row_tiles_i != '0 && blocks_i != '0;
      kind_d      = kind_i;
      groups_d    = groups_i;
      row_tiles_d = row_tiles_i;
      row_tile_d  = '0;
      blocks_d    = blocks_i;
      block_d     = '0;
      at_d        = '0;
    end else if (crosses) begin
      at_d    = 6'({1'b0, at_q} + 7'(taken) - {1'b0, tile_len});
      write_d = !write_q;
      busy_d  = !last_tile;
      block_d = block_q + 12'd1;
      if (block_q == blocks_q - 12'd1) begin
        block_d    = '0;
        row_tile_d = row_tile_q + 32'd1;
        if (row_tile_q == row_tiles_q - 32'd1) begin
          row_tile_d = '0;
          groups_d   = groups_q - 32'd1;
        end
      end
    end else begin
      at_d = at_q + 6'(taken);
    end
  end

  always_comb begin
    full_d       = full_q;
    scale_full_d = scale_full_q;
    if (crosses) begin
      full_d[write_q]       = 1'b1;
      scale_full_d[write_q] = 1'b1;
    end
    if (release_i)       full_d[read_q]             = 1'b0;
    if (scale_release_i) scale_full_d[scale_read_q] = 1'b0;
    read_d       = read_q ^ release_i;
    scale_read_d = scale_read_q ^ scale_release_i;
  end

  assign busy_o  = busy_q;
  assign valid_o = full_q[read_q];

  // A step's bytes of a row, counted in groups of four: of each row, then of the next columns.
  for (genvar r = 0; r < Rows; r++) begin : gen_codes
    for (genvar b = 0; b < Depth / 2; b++) begin : gen_byte
      logic [4:0] index;
      logic [31:0] quad;
      assign index = 5'(step_i * 5'(Depth / 2)) + 5'(b);
      assign quad  = code_mem[{read_q, index[4:2], 5'(half_i * 5'(Rows % 32)) + 5'(r)}];
      assign codes_o[r][b] = quad[8*index[1:0]+:8];
    end
  end

  // Scales of one byte stand 32 to a word, of two bytes 16 to a word, and minimums follow the scales.
  for (genvar r = 0; r < Rows; r++) begin : gen_scales
    logic [4:0] row;
    assign row = 5'(scale_half_i * 5'(Rows % 32)) + 5'(r);
    always_comb begin
      unique case (scale_kind_i)
        WeightKindMx8, WeightKindMx4: scales_o[r] = {8'd0, scale_mem[{scale_read_q, 2'd0}][8*row+:8]};
        default:          scales_o[r] = scale_mem[{scale_read_q, 1'b0, row[4]}][16*row[3:0]+:16];
      endcase
    end
    assign mins_o[r] = scale_mem[{scale_read_q, 1'b1, row[4]}][16*row[3:0]+:16];
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < Words; i++) begin
      if (put[i] && put_at[i] < code_len) begin
        for (int unsigned e = 0; e < 8; e++) code_mem[{put_set[i], put_at[i][4:0], 3'(e)}] <= stream_data_i[WordW*i+32*e+:32];
      end
      if (put[i] && put_at[i] >= code_len) scale_mem[{put_set[i], 2'(put_at[i] - code_len)}] <= stream_data_i[WordW*i+:WordW];
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q       <= 1'b0;
      kind_q       <= WeightKindI4s;
      groups_q     <= '0;
      row_tiles_q  <= '0;
      row_tile_q   <= '0;
      blocks_q     <= '0;
      block_q      <= '0;
      at_q         <= '0;
      write_q      <= 1'b0;
      read_q       <= 1'b0;
      scale_read_q <= 1'b0;
      full_q       <= '0;
      scale_full_q <= '0;
    end else begin
      busy_q       <= busy_d;
      kind_q       <= kind_d;
      groups_q     <= groups_d;
      row_tiles_q  <= row_tiles_d;
      row_tile_q   <= row_tile_d;
      blocks_q     <= blocks_d;
      block_q      <= block_d;
      at_q         <= at_d;
      write_q      <= write_d;
      read_q       <= read_d;
      scale_read_q <= scale_read_d;
      full_q       <= full_d;
      scale_full_q <= scale_full_d;
    end
  end
endmodule
