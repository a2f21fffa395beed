// The front of the weights engine: turns commands into pieces of memory, in the order of the stream.
//
// `wld` is one piece; `wgat` is one for each group and each entry of its table, which is read again for every group. A piece's address is
// group base + entry * step: one entry per cycle, through a pipeline whose room is counted before an entry goes in, so that it never has to stop. Every
// command ends with a piece that is marked `last`; a command without a byte is a piece without a word. It never reads memory itself.
module puce_weights_pieces
  import puce_pkg::*;
  import puce_isa_pkg::*;
(
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  input  logic [ValueW-1:0]        limit_i,
  output spad_req_t                table_req_o,
  input  spad_rsp_t                table_rsp_i,
  // The next piece: its first word of 32 bytes in memory, its words, whether it ends its command, whether a part of it lies outside the limit.
  output logic                     piece_valid_o,
  input  logic                     piece_ready_i,
  output logic [ValueW-6:0]        piece_word_o,
  output logic [ValueW-6:0]        piece_words_o,
  output logic                     piece_last_o,
  output logic                     piece_outside_o,
  // Whether a command is at work in here.
  output logic                     busy_o
);
  localparam int unsigned WordAddrW = ValueW - 5;
  // Entries of the table: 32 bits each, eight in a scratchpad word.
  localparam int unsigned EntryW = 32;
  localparam int unsigned Half = EntryW / 2;
  // Words of the table that may be on their way or waiting.
  localparam int unsigned TableDepth = 6;
  // Pieces that wait, and those in the pipeline, which have a place reserved.
  localparam int unsigned PieceDepth = 8;

  typedef struct packed {
    logic [WordAddrW-1:0] word;
    logic [WordAddrW-1:0] words;
    logic                 last;
    logic                 outside;
  } piece_t;

  // ---- The command at work.
  logic                 busy_d, busy_q;
  logic                 gathers_d, gathers_q;
  logic [ValueW-1:0]    base_d, base_q, step_d, step_q, gstep_d, gstep_q, len_d, len_q;
  logic [ValueW-1:0]    groups_d, groups_q;
  // Entries of one group, and those of the group at work that are left.
  logic [ValueW-1:0]    entries_d, entries_q, left_d, left_q;
  logic [2:0]           start_d, start_q, slot_d, slot_q;
  // ---- Reading the table.
  logic                 asking_d, asking_q;
  logic [WordAddrW-1:0] table_d, table_q, ask_d, ask_q;
  logic [WordAddrW-1:0] span_d, span_q, ask_left_d, ask_left_q;
  logic [ValueW-1:0]    ask_groups_d, ask_groups_q;
  logic [2:0]           credit_d, credit_q;
  logic                 asked, entry_pop;
  logic                 words_valid;
  logic [WordW-1:0]     words_data;

  logic [WordBytes/4-1:0][EntryW-1:0] entries;
  logic                 issue, issue_last, finish, take;

  // Operands of the two instructions, in the table's order.
  logic [ValueW-1:0]    cmd_mem, cmd_table, cmd_n, cmd_step, cmd_len, cmd_groups, cmd_gstep;
  logic                 cmd_gathers, cmd_moves;
  logic [ValueW-1:0]    cmd_span;

  function automatic logic positive(input logic [ValueW-1:0] value);
    return !value[ValueW-1] && value != '0;
  endfunction

  always_comb begin
    cmd_gathers = cmd_i.op == OpWgat;
    cmd_mem     = cmd_gathers ? cmd_i.arg[ArgWgatMem] : cmd_i.arg[ArgWldMem];
    cmd_table   = cmd_i.arg[ArgWgatTable];
    cmd_n       = cmd_i.arg[ArgWgatN];
    cmd_step    = cmd_i.arg[ArgWgatStep];
    cmd_len     = cmd_gathers ? cmd_i.arg[ArgWgatLen] : cmd_i.arg[ArgWldLen];
    cmd_groups  = cmd_i.arg[ArgWgatGroups];
    cmd_gstep   = cmd_i.arg[ArgWgatGstep];
    cmd_moves   = positive(cmd_len) && (!cmd_gathers || (positive(cmd_n) && positive(cmd_groups)));
    // Bytes from the start of the table's first word to its end.
    cmd_span    = (cmd_n << 2) + ValueW'(cmd_table[4:0]) + ValueW'(WordBytes - 1);
  end

  assign entries     = words_data;
  assign finish      = issue && issue_last;
  assign cmd_ready_o = !busy_q || finish;
  assign take        = cmd_valid_i && cmd_ready_o;
  assign issue_last  = !gathers_q || (left_q == ValueW'(1) && groups_q == ValueW'(1));

  // An entry goes into the pipeline.
  logic [3:0] room_d, room_q;
  logic       piece_pop;
  assign issue     = busy_q && room_q != 4'd0 && (!gathers_q || words_valid);
  assign entry_pop = issue && gathers_q && (slot_q == 3'd7 || left_q == ValueW'(1));
  assign piece_pop = piece_valid_o && piece_ready_i;
  assign room_d    = room_q + 4'(piece_pop) - 4'(issue);

  always_comb begin
    busy_d    = busy_q && !finish;
    gathers_d = gathers_q;
    base_d    = base_q;
    step_d    = step_q;
    gstep_d   = gstep_q;
    len_d     = len_q;
    groups_d  = groups_q;
    entries_d = entries_q;
    left_d    = left_q;
    start_d   = start_q;
    slot_d    = slot_q;
    if (issue && gathers_q) begin
      left_d = left_q - ValueW'(1);
      slot_d = slot_q + 3'd1;
      if (left_q == ValueW'(1)) begin
        left_d   = entries_q;
        slot_d   = start_q;
        groups_d = groups_q - ValueW'(1);
        base_d   = base_q + gstep_q;
      end
    end
    if (take) begin
      busy_d    = 1'b1;
      gathers_d = cmd_gathers && cmd_moves;
      base_d    = cmd_mem;
      step_d    = cmd_step;
      gstep_d   = cmd_gstep;
      len_d     = cmd_moves ? cmd_len : '0;
      groups_d  = cmd_groups;
      entries_d = cmd_n;
      left_d    = cmd_n;
      start_d   = cmd_table[4:2];
      slot_d    = cmd_table[4:2];
    end
  end

  // ---- The table's words, read ahead as far as there is room.
  assign asked = table_req_o.valid && table_rsp_i.ready;

  always_comb begin
    asking_d     = asking_q;
    table_d      = table_q;
    ask_d        = ask_q;
    span_d       = span_q;
    ask_left_d   = ask_left_q;
    ask_groups_d = ask_groups_q;
    credit_d     = credit_q + 3'(entry_pop) - 3'(asked);
    if (asked) begin
      ask_d      = ask_q + WordAddrW'(1);
      ask_left_d = ask_left_q - WordAddrW'(1);
      if (ask_left_q == WordAddrW'(1)) begin
        ask_d        = table_q;
        ask_left_d   = span_q;
        ask_groups_d = ask_groups_q - ValueW'(1);
        asking_d     = ask_groups_q != ValueW'(1);
      end
    end
    if (take) begin
      asking_d     = cmd_gathers && cmd_moves;
      table_d      = cmd_table[ValueW-1:5];
      ask_d        = cmd_table[ValueW-1:5];
      span_d       = cmd_span[ValueW-1:5];
      ask_left_d   = cmd_span[ValueW-1:5];
      ask_groups_d = cmd_groups;
    end
  end

  always_comb begin
    table_req_o       = '0;
    table_req_o.valid = asking_q && credit_q != 3'd0;
    table_req_o.addr  = {ask_q, 5'd0};
  end

  logic words_ready;
  logic [$clog2(TableDepth+1)-1:0] words_count;
  puce_fifo #(
    .Width (WordW),
    .Depth (TableDepth)
  ) u_table (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (table_rsp_i.rvalid),
    .in_ready_o  (words_ready),
    .in_data_i   (table_rsp_i.rdata),
    .out_valid_o (words_valid),
    .out_ready_i (entry_pop),
    .out_data_o  (words_data),
    .count_o     (words_count)
  );

  // ---- The pipeline: two half products; their sum; the address; its end against the limit.
  logic                     half_valid_q, sum_valid_q, addr_valid_q;
  logic                     half_last_q, sum_last_q, addr_last_q;
  logic [EntryW-1:0]        entry;
  logic [ValueW+Half-1:0]   low_q, high_q;
  logic [ValueW-1:0]        half_base_q, half_len_q, sum_base_q, sum_len_q, addr_len_q;
  logic [ValueW+EntryW-1:0] sum_d, sum_q;
  // One bit more than a value, and whether anything lies above it.
  logic [ValueW:0]          addr_d, addr_q;
  logic                     far_d, far_q;
  logic [ValueW+1:0]        end_of;
  piece_t                   piece_in, piece_out;

  assign entry  = gathers_q ? entries[slot_q] : '0;
  assign sum_d  = (ValueW+EntryW)'(low_q) + {high_q, Half'(0)};
  assign addr_d = {1'b0, sum_q[ValueW-1:0]} + {1'b0, sum_base_q};
  assign far_d  = |sum_q[ValueW+EntryW-1:ValueW];
  assign end_of = {1'b0, addr_q} + {2'b0, addr_len_q};

  always_ff @(posedge clk_i) begin
    if (issue) begin
      low_q       <= (ValueW+Half)'(entry[Half-1:0]) * (ValueW+Half)'(step_q);
      high_q      <= (ValueW+Half)'(entry[EntryW-1:Half]) * (ValueW+Half)'(step_q);
      half_base_q <= base_q;
      half_len_q  <= len_q;
      half_last_q <= issue_last;
    end
    if (half_valid_q) begin
      sum_q      <= sum_d;
      sum_base_q <= half_base_q;
      sum_len_q  <= half_len_q;
      sum_last_q <= half_last_q;
    end
    if (sum_valid_q) begin
      addr_q      <= addr_d;
      far_q       <= far_d;
      addr_len_q  <= sum_len_q;
      addr_last_q <= sum_last_q;
    end
  end

  assign piece_in.word    = addr_q[ValueW-1:5];
  assign piece_in.words   = addr_len_q[ValueW-1:5];
  assign piece_in.last    = addr_last_q;
  assign piece_in.outside = addr_len_q != '0 && (far_q || end_of > {2'b0, limit_i});

  logic piece_room;
  logic [$clog2(PieceDepth+1)-1:0] piece_count;
  puce_fifo #(
    .Width ($bits(piece_t)),
    .Depth (PieceDepth)
  ) u_pieces (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (addr_valid_q),
    .in_ready_o  (piece_room),
    .in_data_i   (piece_in),
    .out_valid_o (piece_valid_o),
    .out_ready_i (piece_ready_i),
    .out_data_o  (piece_out),
    .count_o     (piece_count)
  );

  assign piece_word_o    = piece_out.word;
  assign piece_words_o   = piece_out.words;
  assign piece_last_o    = piece_out.last;
  assign piece_outside_o = piece_out.outside;
  assign busy_o          = busy_q || room_q != 4'(PieceDepth);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q       <= 1'b0;
      gathers_q    <= 1'b0;
      base_q       <= '0;
      step_q       <= '0;
      gstep_q      <= '0;
      len_q        <= '0;
      groups_q     <= '0;
      entries_q    <= '0;
      left_q       <= '0;
      start_q      <= '0;
      slot_q       <= '0;
      asking_q     <= 1'b0;
      table_q      <= '0;
      ask_q        <= '0;
      span_q       <= '0;
      ask_left_q   <= '0;
      ask_groups_q <= '0;
      credit_q     <= 3'(TableDepth);
      room_q       <= 4'(PieceDepth);
      half_valid_q <= 1'b0;
      sum_valid_q  <= 1'b0;
      addr_valid_q <= 1'b0;
    end else begin
      busy_q       <= busy_d;
      gathers_q    <= gathers_d;
      base_q       <= base_d;
      step_q       <= step_d;
      gstep_q      <= gstep_d;
      len_q        <= len_d;
      groups_q     <= groups_d;
      entries_q    <= entries_d;
      left_q       <= left_d;
      start_q      <= start_d;
      slot_q       <= slot_d;
      asking_q     <= asking_d;
      table_q      <= table_d;
      ask_q        <= ask_d;
      span_q       <= span_d;
      ask_left_q   <= ask_left_d;
      ask_groups_q <= ask_groups_d;
      credit_q     <= credit_d;
      room_q       <= room_d;
      half_valid_q <= issue;
      sum_valid_q  <= half_valid_q;
      addr_valid_q <= sum_valid_q;
    end
  end

  // Only these parts of what comes in say anything here.
  logic unused;
  assign unused = ^{cmd_i.attr, cmd_i.arg[MaxArgs-1:ArgWgatGstep+1], cmd_table[1:0], cmd_span[4:0], addr_q[4:0], addr_q[ValueW], addr_len_q[4:0],
                    words_ready, words_count, piece_room, piece_count};

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) disable iff (!rst_ni) table_rsp_i.rvalid |-> words_ready) else $error("a word of the table finds no place");
  assert property (@(posedge clk_i) disable iff (!rst_ni) addr_valid_q |-> piece_room) else $error("a piece finds no place");
`endif
endmodule
