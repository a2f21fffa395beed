// puce_weights_pieces reads every word of its table once for each group, in order, none outside it and none without room; takes every entry once for each group,
// in order, from its word; every entry becomes one piece, which has a place, and the last one of a command is marked.
//
// The scratchpad answers only what it was asked. Groups, and entries of a table, are at most as many as the parameters say; a table lies at a multiple of four.
// Of the queues only the ports are taken. What an address is, base and entry times step, is not looked at.
module puce_weights_pieces_proof
  import puce_pkg::*;
  import puce_isa_pkg::*;
#(
  // Bits of the counts.
  parameter int unsigned GroupBits = 3,
  parameter int unsigned EntryBits = 5
) (
  input logic              clk_i,
  input logic              rst_ni,
  input logic              cmd_valid_i,
  input cmd_t              cmd_i,
  input logic [ValueW-1:0] limit_i,
  input spad_rsp_t         table_rsp_i,
  input logic              piece_ready_i
);
  localparam int unsigned WordAddrW = ValueW - 5;
  localparam int unsigned TableDepth = 6;
  localparam int unsigned PieceDepth = 8;
  localparam int unsigned LeftW = 16;

  logic                 cmd_ready, piece_valid, piece_last, piece_outside, busy;
  logic [WordAddrW-1:0] piece_word, piece_words;
  spad_req_t            req;

  puce_weights_pieces u_pieces (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid_i),
    .cmd_i(cmd_i),
    .cmd_ready_o(cmd_ready),
    .limit_i(limit_i),
    .table_req_o(req),
    .table_rsp_i(table_rsp_i),
    .piece_valid_o(piece_valid),
    .piece_ready_i(piece_ready_i),
    .piece_word_o(piece_word),
    .piece_words_o(piece_words),
    .piece_last_o(piece_last),
    .piece_outside_o(piece_outside),
    .busy_o(busy)
  );

  // ---- The command at work: its table; groups and entries that were not taken, groups and words that were not asked for.
  logic              past_q, active_q, gathers_q, take, asks, pops, issues, finishes, cmd_gathers;
  logic [ValueW-1:0] table_q, n_q, left_q;
  logic [LeftW-1:0]  groups_q, ask_groups_q, ask_q, used_q, words;
  logic [3:0]        way_q, there_q, pieces_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  function automatic logic some(input logic [ValueW-1:0] count);
    return $signed(count) > 0;
  endfunction

  assign take        = cmd_valid_i && cmd_ready;
  assign cmd_gathers = cmd_i.op == OpWgat && some(cmd_i.arg[ArgWgatLen]) && some(cmd_i.arg[ArgWgatN]) && some(cmd_i.arg[ArgWgatGroups]);
  assign asks        = req.valid && table_rsp_i.ready;
  assign pops        = u_pieces.entry_pop;
  assign issues      = u_pieces.issue;
  assign finishes    = issues && (!gathers_q || (left_q == ValueW'(1) && groups_q == LeftW'(1)));
  // Words that the table lies in.
  assign words       = LeftW'((table_q + (n_q << 2) - 1'b1) >> 5) - LeftW'(table_q >> 5) + 1'b1;

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (take && cmd_gathers) begin
      assume (cmd_i.arg[ArgWgatN] >> EntryBits == '0 && cmd_i.arg[ArgWgatGroups] >> GroupBits == '0);
      assume (cmd_i.arg[ArgWgatTable] >> (ValueW - 2) == '0 && cmd_i.arg[ArgWgatTable][1:0] == '0);
    end
    if (table_rsp_i.rvalid) assume (way_q != '0);
    assume (u_pieces.words_valid == (there_q != '0));
    assume (piece_valid == (pieces_q != '0));
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q  <= 1'b0;
      gathers_q <= 1'b0;
      way_q     <= '0;
      there_q   <= '0;
      pieces_q  <= '0;
    end else begin
      active_q <= take || (active_q && !finishes);
      way_q    <= way_q + 4'(asks) - 4'(table_rsp_i.rvalid);
      there_q  <= there_q + 4'(table_rsp_i.rvalid) - 4'(pops);
      pieces_q <= pieces_q + 4'(u_pieces.addr_valid_q) - 4'(piece_valid && piece_ready_i);
      if (take) gathers_q <= cmd_gathers;
    end
  end
  always_ff @(posedge clk_i) begin
    if (pops) used_q <= used_q + 1'b1;
    if (issues && gathers_q) begin
      left_q <= left_q - 1'b1;
      if (left_q == ValueW'(1)) begin
        left_q   <= n_q;
        groups_q <= groups_q - 1'b1;
        used_q   <= '0;
      end
    end
    if (asks) begin
      ask_q <= ask_q + 1'b1;
      if (ask_q + 1'b1 == words) begin
        ask_q        <= '0;
        ask_groups_q <= ask_groups_q - 1'b1;
      end
    end
    if (take) begin
      table_q      <= cmd_i.arg[ArgWgatTable];
      n_q          <= cmd_i.arg[ArgWgatN];
      left_q       <= cmd_i.arg[ArgWgatN];
      groups_q     <= LeftW'(cmd_i.arg[ArgWgatGroups]);
      ask_groups_q <= LeftW'(cmd_i.arg[ArgWgatGroups]);
      ask_q        <= '0;
      used_q       <= '0;
    end
  end

  // Marks of the pieces on their way through the pipeline.
  logic [2:0] marks_q, valids;
  assign valids = {u_pieces.addr_valid_q, u_pieces.sum_valid_q, u_pieces.half_valid_q};
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) marks_q <= '0;
    else         marks_q <= {marks_q[1:0], finishes};
  end

  logic [LeftW-1:0] entry;
  assign entry = LeftW'(table_q[4:2]) + LeftW'(n_q - left_q);

  always_comb begin
    if (rst_ni && past_q) begin
      // One command at a time, the next at the end of the last one.
      assert (cmd_ready == (!active_q || finishes));
      // Words: in order, inside the table, with room; the table again for every group.
      if (req.valid) begin
        assert (active_q && gathers_q && ask_groups_q != '0 && ask_q < words && !req.we);
        assert (req.addr == ((table_q >> 5) + ValueW'(ask_q)) << 5 && 32'(way_q) + 32'(there_q) < TableDepth);
      end
      // Entries: the next of the table, from its word; a word is given up with its last entry.
      if (issues) assert (active_q);
      if (issues && gathers_q) begin
        assert (there_q != '0 && entry == {used_q[LeftW-4:0], u_pieces.slot_q});
        assert (pops == (left_q == ValueW'(1) || u_pieces.slot_q == 3'd7));
        if (left_q == ValueW'(1)) assert (used_q + 1'b1 == words);
      end
      // Pieces: one for each, with a place; the last is marked.
      if (u_pieces.addr_valid_q) assert (32'(pieces_q) < PieceDepth && u_pieces.piece_in.last == marks_q[2]);
      if (finishes) assert (!gathers_q || (ask_groups_q == '0 && way_q == '0 && there_q == 4'd1 && pops));

      // What the induction needs to know of the inside.
      assert (u_pieces.busy_q == active_q && (!active_q || u_pieces.gathers_q == gathers_q));
      assert (32'(u_pieces.credit_q) + 32'(way_q) + 32'(there_q) == TableDepth);
      assert (32'(u_pieces.room_q) + 32'(pieces_q) + 32'(valids[0]) + 32'(valids[1]) + 32'(valids[2]) == PieceDepth);
      for (int unsigned i = 0; i < 3; i++) begin
        if (!valids[i]) assert (!marks_q[i]);
      end
      if (valids[0]) assert (u_pieces.half_last_q == marks_q[0]);
      if (valids[1]) assert (u_pieces.sum_last_q == marks_q[1]);
      if (valids[2]) assert (u_pieces.addr_last_q == marks_q[2]);
      if (active_q && gathers_q) begin
        assert (n_q != '0 && n_q >> EntryBits == '0 && table_q >> (ValueW - 2) == '0 && table_q[1:0] == '0);
        assert (groups_q != '0 && groups_q >> GroupBits == '0 && left_q != '0 && left_q <= n_q && ask_groups_q <= groups_q);
        assert (u_pieces.left_q == left_q && u_pieces.entries_q == n_q && LeftW'(u_pieces.groups_q) == groups_q && u_pieces.start_q == table_q[4:2]);
        assert (entry == {used_q[LeftW-4:0], u_pieces.slot_q} && used_q < words && words <= LeftW'(2 ** EntryBits));
        assert (u_pieces.asking_q == (ask_groups_q != '0) && ask_q < words && (ask_groups_q != '0 || ask_q == '0));
        assert (LeftW'(u_pieces.span_q) == words && u_pieces.table_q == WordAddrW'(table_q >> 5));
        if (ask_groups_q != '0) begin
          assert (u_pieces.ask_q == WordAddrW'(LeftW'(table_q >> 5) + ask_q) && LeftW'(u_pieces.ask_left_q) == words - ask_q && LeftW'(u_pieces.ask_groups_q) == ask_groups_q);
        end
        // Words that were asked for and not used up.
        assert (LeftW'(way_q) + LeftW'(there_q) == (groups_q - ask_groups_q) * words + ask_q - used_q);
      end else assert (way_q == '0 && there_q == '0 && !u_pieces.asking_q);
    end
  end
endmodule
