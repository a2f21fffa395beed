// puce_matrix_tiles takes as many tiles as the product has, every word of them once, to the place that it has in its tile, and only into a buffer that was
// given back: codes and scales each by themselves. It shows a tile when all of it is there, in order.
//
// A product begins when the one before has been taken, with counts as small as the parameter says. Nothing is given back that was not there. That a word
// stands where it was put is the test's business: memories are left out.
module puce_matrix_tiles_proof
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Bits = 2,
  parameter int unsigned PortBytes = 64,
  localparam int unsigned Words = PortBytes / WordBytes,
  localparam int unsigned CountW = $clog2(Words + 1)
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   start_i,
  input weight_kind_e           kind_i,
  input logic [31:0]            groups_i,
  input logic [31:0]            row_tiles_i,
  input logic [11:0]            blocks_i,
  input logic [CountW-1:0]      stream_count_i,
  input logic [8*PortBytes-1:0] stream_data_i,
  input logic                   release_i,
  input logic                   scale_release_i
);
  localparam int unsigned TilesW = 3 * Bits;

  logic              busy, valid;
  logic [CountW-1:0] take;
  logic [0:0][0:0][7:0] codes;
  logic [0:0][15:0]  scales, mins;

  puce_matrix_tiles #(
    .Rows(1),
    .Depth(2),
    .PortBytes(PortBytes)
  ) u_tiles (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .kind_i(kind_i),
    .groups_i(groups_i),
    .row_tiles_i(row_tiles_i),
    .blocks_i(blocks_i),
    .busy_o(busy),
    .stream_count_i(stream_count_i),
    .stream_data_i(stream_data_i),
    .stream_take_o(take),
    .valid_o(valid),
    .release_i(release_i),
    .half_i(5'd0),
    .step_i(5'd0),
    .codes_o(codes),
    .scale_kind_i(kind_i),
    .scale_half_i(5'd0),
    .scales_o(scales),
    .mins_o(mins),
    .scale_release_i(scale_release_i)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Tiles of the product that are still to come, words of the one that comes; buffers of codes and of scales that are full, and which was first.
  weight_kind_e      kind_q;
  logic [TilesW-1:0] left_q;
  logic [5:0]        at_q, len, code_len;
  logic [1:0]        codes_q, scales_q;
  logic              code_first_q, scale_first_q;
  logic              begins, whole, code_set, scale_set;
  logic [6:0]        next;
  assign len       = tile_words(kind_q);
  assign code_len  = code_words(kind_q);
  assign begins    = start_i && !busy;
  assign next      = {1'b0, at_q} + 7'(take);
  assign whole     = left_q != '0 && next >= {1'b0, len};
  assign code_set  = code_first_q ^ codes_q[0];
  assign scale_set = scale_first_q ^ scales_q[0];

  // How many tiles of the product come when these rows and groups are left.
  function automatic logic [TilesW-1:0] tiles(input logic [31:0] groups, input logic [31:0] row_tiles, input logic [11:0] blocks);
    return TilesW'(groups[Bits-1:0]) * TilesW'(row_tiles[Bits-1:0]) * TilesW'(blocks[Bits-1:0]);
  endfunction

  always_comb begin
    if (!past_q) assume (!rst_ni);
    assume (groups_i >> Bits == '0 && row_tiles_i >> Bits == '0 && blocks_i >> Bits == '0);
    assume (32'(stream_count_i) <= Words);
    if (release_i) assume (valid);
    if (scale_release_i) assume (scales_q != '0);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      kind_q        <= WeightKindI4s;
      left_q        <= '0;
      at_q          <= '0;
      codes_q       <= '0;
      scales_q      <= '0;
      code_first_q  <= 1'b0;
      scale_first_q <= 1'b0;
    end else begin
      kind_q        <= begins ? kind_i : kind_q;
      left_q        <= begins ? tiles(groups_i, row_tiles_i, blocks_i) : left_q - TilesW'(whole);
      at_q          <= begins ? '0 : whole ? 6'(next - {1'b0, len}) : 6'(next);
      codes_q       <= codes_q + 2'(whole) - 2'(release_i);
      scales_q      <= scales_q + 2'(whole) - 2'(scale_release_i);
      code_first_q  <= code_first_q ^ release_i;
      scale_first_q <= scale_first_q ^ scale_release_i;
    end
  end

  // Where the words go that are taken.
  logic [Words-1:0]      beyond;
  logic [Words-1:0][6:0] place;
  always_comb begin
    for (int unsigned w = 0; w < Words; w++) begin
      place[w]  = {1'b0, at_q} + 7'(w);
      beyond[w] = place[w] >= {1'b0, len};
      if (beyond[w]) place[w] = place[w] - {1'b0, len};
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // A product has all its tiles, and no word more.
      assert (busy == (left_q != '0));
      if (!busy) assert (take == '0);
      assert (take <= stream_count_i);
      if (left_q == TilesW'(1)) assert (next <= {1'b0, len});
      // Every word that is taken has its place, in a buffer that is free.
      for (int unsigned w = 0; w < Words; w++) begin
        assert (u_tiles.put[w] == (w < 32'(take)));
        if (u_tiles.put[w]) begin
          assert ({1'b0, u_tiles.put_at[w]} == place[w] && place[w] < {1'b0, len});
          if (place[w] < {1'b0, code_len}) assert (u_tiles.put_set[w] == code_set ^ beyond[w] && 32'(codes_q) + 32'(beyond[w]) < 2);
          else                             assert (u_tiles.put_set[w] == scale_set ^ beyond[w] && 32'(scales_q) + 32'(beyond[w]) < 2);
        end
      end
      // A tile is shown when all of it is there; never more than two are.
      assert (valid == (codes_q != '0) && 32'(codes_q) <= 2 && 32'(scales_q) <= 2);
      if (whole) assert (codes_q != 2'd2 && scales_q != 2'd2);
      // With room, the words that are there are taken: one at least.
      if (busy && stream_count_i != '0 && codes_q == '0 && scales_q == '0) assert (take != '0);
      // What the induction needs to know of the inside.
      assert (u_tiles.read_q == code_first_q && u_tiles.scale_read_q == scale_first_q && u_tiles.write_q == code_set && code_set == scale_set);
      assert (u_tiles.full_q == (codes_q == 2'd2 ? 2'b11 : codes_q == 2'd0 ? 2'b00 : code_first_q ? 2'b10 : 2'b01));
      assert (u_tiles.scale_full_q == (scales_q == 2'd2 ? 2'b11 : scales_q == 2'd0 ? 2'b00 : scale_first_q ? 2'b10 : 2'b01));
      if (busy) begin
        assert (u_tiles.at_q == at_q && at_q < len && u_tiles.kind_q == kind_q);
        // A tile that began has a place for all of its words.
        if (at_q != '0) assert (codes_q != 2'd2);
        if (at_q > code_len) assert (scales_q != 2'd2);
        assert (u_tiles.groups_q >> Bits == '0 && u_tiles.row_tiles_q >> Bits == '0 && u_tiles.blocks_q >> Bits == '0);
        assert (u_tiles.groups_q != '0 && u_tiles.row_tile_q < u_tiles.row_tiles_q && u_tiles.block_q < u_tiles.blocks_q);
        assert (left_q == TilesW'(tiles(u_tiles.groups_q, u_tiles.row_tiles_q, u_tiles.blocks_q)
                                  - tiles(32'd1, u_tiles.row_tile_q, u_tiles.blocks_q) - TilesW'(u_tiles.block_q)));
      end
    end
  end
endmodule
