// puce_matrix_out asks for sums only with room for the word that they become, gives a set of accumulators back once, when all of it was read, and writes as
// many words as the product has: token by token, row of tiles by row of tiles.
//
// Of the rounding only the ports are taken: it takes GridF32Lat cycles (puce_grid_f32_proof). A product begins when the one before was written, is held, and
// has rows of tiles, groups and tokens as few as the parameter says. Nothing is read of a set that is not full, and a set stays full until it is given back.
module puce_matrix_out_proof
  import puce_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Bits = 2,
  parameter int unsigned Rows = 4
) (
  input logic                        clk_i,
  input logic                        rst_ni,
  input logic                        start_i,
  input product_t                    product_i,
  input logic [1:0]                  full_i,
  input logic [Rows-1:0][0:0][63:0]  drain_i,
  input spad_rsp_t                   rsp_i
);
  localparam int unsigned EntryW = 5;
  localparam int unsigned HalfEntries = 4;
  localparam int unsigned FifoDepth = 8;
  localparam int unsigned Lanes = Rows < 8 ? Rows : 8;
  localparam int unsigned Parts = 8 / Lanes;
  localparam int unsigned Stages = 2 + puce_pkg::GridF32Lat;
  localparam int unsigned SumW = 3 * Bits + 6;

  logic              busy, release_set, drain, drain_set, overflow, gives;
  logic [EntryW-1:0] drain_entry;
  spad_req_t         req;

  puce_matrix_out #(
    .Rows(Rows),
    .Units(1),
    .HalfEntries(HalfEntries),
    .EntryW(EntryW)
  ) u_out (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .product_i(product_i),
    .busy_o(busy),
    .full_i(full_i),
    .release_o(gives),
    .release_set_o(release_set),
    .drain_o(drain),
    .drain_set_o(drain_set),
    .drain_entry_o(drain_entry),
    .drain_i(drain_i),
    .req_o(req),
    .rsp_i(rsp_i),
    .overflow_o(overflow)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Words of the product that are still to be asked for, and to be written; sets given back.
  logic [SumW-1:0]   asks_q, writes_q, total, under_way;
  logic              turn_q, held_q, written;
  logic [ValueW-1:0] addr_q;
  product_t          product_q;
  assign written = req.valid && rsp_i.ready;
  assign total   = SumW'(4) * SumW'(product_i.groups[Bits-1:0]) * SumW'(product_i.row_tiles[Bits-1:0]) * SumW'(product_i.tokens[Bits-1:0]);

  // Words on their way and in the queue.
  always_comb begin
    under_way = SumW'(4'(u_out.put_q - u_out.get_q));
    for (int unsigned s = 0; s < Stages; s++) under_way = under_way + SumW'(u_out.tag_q[s].valid && u_out.tag_q[s].last);
  end

  function automatic logic few(input logic [31:0] value);
    return value != '0 && value >> Bits == '0;
  endfunction

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (start_i) assume (!busy && few(product_i.groups) && few(product_i.row_tiles) && few(32'(product_i.tokens)));
    if (past_q && busy) assume (product_i == product_q);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      asks_q   <= '0;
      writes_q <= '0;
      turn_q   <= 1'b0;
      held_q   <= 1'b0;
    end else begin
      asks_q   <= start_i ? total : asks_q - SumW'(drain && u_out.part_end);
      writes_q <= start_i ? total : writes_q - SumW'(written);
      turn_q   <= turn_q ^ gives;
      held_q   <= req.valid && !rsp_i.ready;
    end
  end
  always_ff @(posedge clk_i) begin
    addr_q    <= req.addr;
    product_q <= product_i;
  end

  // What the loops say is left.
  function automatic logic [SumW-1:0] words(input logic [31:0] groups, input logic [31:0] rows);
    return SumW'(groups[Bits-1:0]) * SumW'(product_i.row_tiles[Bits-1:0]) - SumW'(rows[Bits-1:0]);
  endfunction

  always_comb begin
    if (rst_ni && past_q) begin
      // Room: places of the queue and words on their way to it are never more than it has.
      assert (under_way == SumW'(u_out.pending_q) && 32'(u_out.pending_q) <= FifoDepth && 32'(4'(u_out.put_q - u_out.get_q)) <= FifoDepth);
      if (u_out.push) assert (32'(4'(u_out.put_q - u_out.get_q)) < FifoDepth);
      // As many words as the product has: none more is asked for or written, and what was asked for is written.
      assert (busy == (writes_q != '0) && u_out.reading_q == (asks_q != '0) && asks_q + SumW'(u_out.pending_q) == writes_q);
      if (written) assert (writes_q != '0);
      // Sets in turn, read where they are full, given back at the end of a row of tiles.
      assert (drain_set == turn_q && release_set == turn_q);
      if (drain && product_i.blocks != '0) assert (full_i[drain_set]);
      if (gives) assert (drain && u_out.last_token && u_out.last_part && product_i.blocks != '0);
      if (drain) assert (32'(drain_entry) < HalfEntries * (32 / Rows));
      // Requests are writes, steady until they are taken.
      assert (req.we && (!held_q || (req.valid && req.addr == addr_q)));
      // With room and a full set nothing is waited for.
      if (u_out.reading_q && full_i == '1 && u_out.pending_q == '0) assert (drain);
      // What the induction needs to know of the under_way.
      if (busy) begin
        assert (few(product_i.groups) && few(product_i.row_tiles) && few(32'(product_i.tokens)));
        assert (few(u_out.groups_q) && u_out.row_tile_q < product_i.row_tiles && u_out.row_q < product_i.tokens);
        assert (writes_q == SumW'(4) * (words(u_out.groups_q, u_out.row_tile_q) * SumW'(product_i.tokens[Bits-1:0]) - SumW'(u_out.row_q)) - SumW'(u_out.word_at_q));
      end
      assert (busy || !u_out.reading_q);
      if (u_out.reading_q) begin
        assert (few(u_out.groups_left_q) && few(u_out.left_q) && u_out.left_q <= product_i.row_tiles && u_out.token_q < product_i.tokens);
        assert (32'(u_out.part_q) < 32 / Lanes && u_out.unit_q == '0 && u_out.entry_q == EntryW'(u_out.token_q));
        assert (asks_q == SumW'(4) * (words(u_out.groups_left_q, product_i.row_tiles - u_out.left_q) * SumW'(product_i.tokens[Bits-1:0]) - SumW'(u_out.token_q))
                          - SumW'(u_out.part_q) / SumW'(Parts));
      end
    end
  end
endmodule
