// puce_dma_gather reads each word of its table once, in order, none outside it and none without room; takes each index once, in order, from its word; and
// gives as many addresses, in that order, each steady until it is taken.
//
// The scratchpad answers only what it was asked. A table lies where its end has an address. Of the queue of words only the ports are taken. What an address is,
// base and index times step, is not looked at.
module puce_dma_gather_proof
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input logic              clk_i,
  input logic              rst_ni,
  input logic              start_valid_i,
  input logic [ValueW-1:0] base_i,
  input logic [ValueW-1:0] step_i,
  input logic [ValueW-1:0] table_i,
  input logic [ValueW-1:0] n_i,
  input spad_rsp_t         rsp_i,
  input logic              addr_ready_i
);
  localparam int unsigned Ahead = 4;
  localparam int unsigned AheadW = $clog2(Ahead + 1);
  // Steps from an index to its address, each with a place.
  localparam int unsigned Steps = 6;
  localparam int unsigned IndexBytes = 4;

  logic              start_ready, addr_valid;
  spad_req_t         req;
  logic [ValueW-1:0] addr;

  puce_dma_gather u_gather (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_valid_i(start_valid_i),
    .start_ready_o(start_ready),
    .base_i(base_i),
    .step_i(step_i),
    .table_i(table_i),
    .n_i(n_i),
    .req_o(req),
    .rsp_i(rsp_i),
    .addr_valid_o(addr_valid),
    .addr_ready_i(addr_ready_i),
    .addr_o(addr)
  );

  // ---- The table; its words that were asked for and that were used up; indices that were taken, and those whose address was.
  logic              past_q, start, asks, takes, gives;
  logic [ValueW-1:0] table_q, n_q, asked_q, used_q, taken_q, given_q, first, words, end_of;
  // Words on their way, and words that wait.
  logic [AheadW-1:0] way_q, there_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  assign start  = start_valid_i && start_ready;
  assign asks   = req.valid && rsp_i.ready;
  assign takes  = u_gather.take;
  assign gives  = addr_valid && addr_ready_i;
  assign first  = table_q / ValueW'(WordBytes);
  assign end_of = table_q + n_q * ValueW'(IndexBytes);
  assign words  = (end_of - 1'b1) / ValueW'(WordBytes) - first + 1'b1;

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (start) assume (n_i != '0 && n_i >> (ValueW - 4) == '0 && table_i >> (ValueW - 2) == '0 && table_i[1:0] == '0);
    if (rsp_i.rvalid) assume (way_q != '0);
    assume (u_gather.word_valid == (there_q != '0) && u_gather.word_space == (32'(there_q) != Ahead));
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      n_q     <= '0;
      asked_q <= '0;
      used_q  <= '0;
      taken_q <= '0;
      given_q <= '0;
      way_q   <= '0;
      there_q <= '0;
    end else begin
      asked_q <= asked_q + ValueW'(asks);
      used_q  <= used_q + ValueW'(u_gather.word_pop);
      taken_q <= taken_q + ValueW'(takes);
      given_q <= given_q + ValueW'(gives);
      way_q   <= way_q + AheadW'(asks) - AheadW'(rsp_i.rvalid);
      there_q <= there_q + AheadW'(rsp_i.rvalid) - AheadW'(u_gather.word_pop);
      if (start) begin
        n_q     <= n_i;
        asked_q <= '0;
        used_q  <= '0;
        taken_q <= '0;
        // The address that was last may still wait.
        given_q <= -ValueW'(addr_valid && !addr_ready_i);
      end
    end
  end

  // The number of the index at each step, and the address that waited.
  logic [Steps-1:0][ValueW-1:0] number_q;
  logic [Steps-1:0]             valids;
  logic                         held_q;
  logic [ValueW-1:0]            addr_q;
  assign valids = {u_gather.addr_valid_q, u_gather.offset_valid_q, u_gather.half_valid_q, u_gather.pair_valid_q, u_gather.part_valid_q, u_gather.index_valid_q};
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) held_q <= 1'b0;
    else         held_q <= addr_valid && !addr_ready_i;
  end
  always_ff @(posedge clk_i) begin
    addr_q  <= addr;
    table_q <= start ? table_i : table_q;
    if (u_gather.flow) number_q <= {number_q[Steps-2:0], taken_q};
    if (start && held_q) number_q[Steps-1] <= '1;
    if (start && !u_gather.flow) number_q[Steps-1] <= '1;
  end

  logic [ValueW-1:0] inside_count, behind;
  always_comb begin
    inside_count = '0;
    behind       = taken_q;
    if (rst_ni && past_q) begin
      // Words: in order, inside the table, with room.
      if (req.valid) begin
        assert (req.addr == (first + asked_q) * ValueW'(WordBytes) && !req.we && asked_q < words);
        assert (req.addr + ValueW'(WordBytes) > table_q && req.addr < end_of && 32'(way_q) + 32'(there_q) < Ahead);
      end
      // Indices: the next of the table, from its word.
      if (takes) begin
        assert (taken_q < n_q && (table_q / ValueW'(IndexBytes) + taken_q) == {first + used_q, u_gather.slot_q});
        assert (u_gather.word_pop == (taken_q + 1'b1 == n_q || u_gather.slot_q == '1));
      end
      // Addresses: one for each, in order, steady.
      if (addr_valid) assert (number_q[Steps-1] == given_q);
      assert (!held_q || (addr_valid && addr == addr_q));
      // When the next table may come, all of this one was read and taken.
      if (start_ready) assert (taken_q == n_q && (n_q == '0 || (asked_q == words && used_q == words)) && way_q == '0 && there_q == '0);

      // What the induction needs to know of the inside.
      for (int unsigned i = 0; i < Steps; i++) begin
        if (valids[i]) begin
          behind       = behind - 1'b1;
          inside_count = inside_count + 1'b1;
          assert (number_q[i] == behind);
        end
      end
      assert (given_q == behind);
      assert (32'(u_gather.room_q) + 32'(way_q) + 32'(there_q) == Ahead);
      assert (taken_q <= n_q && ValueW'(32'(way_q) + 32'(there_q)) == asked_q - used_q && used_q <= asked_q);
      assert (u_gather.left_q == n_q - taken_q && (u_gather.busy_q || valids[Steps-2:0] == '0));
      if (n_q != '0) begin
        assert (n_q >> (ValueW - 4) == '0 && table_q >> (ValueW - 2) == '0 && table_q[1:0] == '0 && asked_q <= words);
        assert (u_gather.ask_left_q == (ValueW - WordOffW)'(words - asked_q) && u_gather.ask_q == (ValueW - WordOffW)'(first + asked_q));
        if (taken_q != n_q) assert (u_gather.busy_q && (table_q / ValueW'(IndexBytes) + taken_q) == {first + used_q, u_gather.slot_q});
        else assert (used_q == words);
      end else assert (u_gather.ask_left_q == '0 && asked_q == '0 && used_q == '0 && !u_gather.busy_q);
    end
  end
endmodule
