// puce_fetch asks memory for each line once and only for lines it has room for, in bursts that keep the rules; what comes goes to the line that was asked for;
// and a line that is wanted is there, on its way, or the next to be asked for: a fetch never waits for what nobody asked.
//
// The code begins at a multiple of a line and stays; a start comes while nothing is on its way; memory answers only what it was asked, line after line. Of the
// memory of lines only the ports are taken.
module puce_fetch_proof
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  parameter int unsigned Lines = 4,
  parameter int unsigned Ahead = 2,
  // Bits of a word's number.
  parameter int unsigned WordBits = 32
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic [ValueW-1:0]      base_i,
  input logic                   start_i,
  input logic                   run_i,
  input logic                   jump_i,
  input logic [31:0]            jump_word_i,
  input logic                   word_ready_i,
  input logic                   ar_ready_i,
  input logic                   r_valid_i,
  input logic [8*PortBytes-1:0] r_data_i,
  input logic                   r_error_i
);
  localparam int unsigned LineBytes = (PortBytes > 64) ? PortBytes : 64;
  localparam int unsigned Beats = LineBytes / PortBytes;
  localparam int unsigned LineW = WordBits - $clog2(LineBytes / 8);
  localparam int unsigned IndexW = $clog2(Lines);
  localparam int unsigned Room = Ahead + 1;
  localparam int unsigned RoomW = $clog2(Room + 1);
  localparam int unsigned BeatW = $clog2(Beats + 1);

  logic              idle, word_valid, word_error, ar_valid, r_last;
  logic [63:0]       word;
  logic [ValueW-1:0] ar_addr;
  logic [7:0]        ar_len;

  puce_fetch #(
    .PortBytes(PortBytes),
    .Lines(Lines),
    .Ahead(Ahead)
  ) u_fetch (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .base_i(base_i),
    .start_i(start_i),
    .run_i(run_i),
    .idle_o(idle),
    .jump_i(jump_i),
    .jump_word_i(jump_word_i),
    .word_valid_o(word_valid),
    .word_ready_i(word_ready_i),
    .word_o(word),
    .word_error_o(word_error),
    .ar_valid_o(ar_valid),
    .ar_ready_i(ar_ready_i),
    .ar_addr_o(ar_addr),
    .ar_len_o(ar_len),
    .r_valid_i(r_valid_i),
    .r_data_i(r_data_i),
    .r_error_i(r_error_i),
    .r_last_i(r_last)
  );

  // ---- Lines that were asked for and did not come, the oldest first; how many of them memory was told of, and beats of the oldest that came.
  logic                       past_q, asks, goes, comes;
  logic [Room-1:0][LineW-1:0] row_d, row_q;
  logic [RoomW-1:0]           held_d, held_q, told_q;
  logic [BeatW-1:0]           beats_q;
  logic [ValueW-1:0]          base_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) begin
    past_q <= 1'b1;
    base_q <= base_i;
  end
  assign asks   = u_fetch.ask;
  assign goes   = ar_valid && ar_ready_i;
  assign r_last = 32'(beats_q) == Beats - 1;
  assign comes  = r_valid_i && r_last;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    else assume (base_i == base_q);
    assume (base_i % ValueW'(LineBytes) == '0);
    if (r_valid_i) assume (told_q != '0);
    if (start_i) assume (idle);
  end

  always_comb begin
    row_d  = comes ? row_q >> LineW : row_q;
    held_d = held_q - RoomW'(comes);
    if (asks) begin
      row_d[held_d] = u_fetch.ahead_q;
      held_d        = held_d + 1'b1;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      held_q  <= '0;
      told_q  <= '0;
      beats_q <= '0;
    end else begin
      held_q  <= held_d;
      told_q  <= told_q + RoomW'(goes) - RoomW'(comes);
      beats_q <= comes ? '0 : beats_q + BeatW'(r_valid_i);
    end
  end

  logic              ar_held_q;
  logic [ValueW-1:0] ar_addr_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ar_held_q <= 1'b0;
    else         ar_held_q <= ar_valid && !ar_ready_i;
  end
  always_ff @(posedge clk_i) begin
    row_q     <= row_d;
    ar_addr_q <= ar_addr;
  end

  // Whether a line of the code is in the cache or on its way.
  function automatic logic known(input logic [LineW-1:0] line);
    return u_fetch.tag_q[line[IndexW-1:0]] == line[LineW-1:IndexW] && (u_fetch.valid_q[line[IndexW-1:0]] || u_fetch.pending_q[line[IndexW-1:0]]);
  endfunction

  logic [LineW-1:0] apart;
  logic [Lines-1:0] waits;
  assign apart = u_fetch.ahead_q - u_fetch.line_q;
  always_comb begin
    waits = '0;
    for (int unsigned i = 0; i < Room; i++) begin
      if (i < 32'(held_q)) waits[row_q[i][IndexW-1:0]] = 1'b1;
    end
    if (rst_ni && past_q) begin
      // Room for what was asked for; no line twice at once; memory is told in order, steadily, of whole lines.
      assert (32'(held_q) <= Room && (!asks || 32'(held_q) < Room) && idle == (held_q == '0));
      assert (!asks || !waits[u_fetch.ahead_q[IndexW-1:0]]);
      if (ar_valid) begin
        assert (told_q < held_q && ar_addr == base_i + (ValueW'(row_q[told_q]) << $clog2(LineBytes)));
        assert (ar_addr % ValueW'(LineBytes) == '0 && 32'(ar_len) == Beats - 1);
      end
      assert (!ar_held_q || (ar_valid && ar_addr == ar_addr_q));
      assert (32'(told_q) + 32'(ar_valid) == 32'(held_q));
      // What comes goes to the line it was asked for.
      if (comes) assert (u_fetch.fill && u_fetch.way_index == row_q[0][IndexW-1:0] && u_fetch.tag_q[row_q[0][IndexW-1:0]] == row_q[0][LineW-1:IndexW]);
      // What is wanted is there, on its way, or asked for next; so is all that was asked for ahead.
      assert (32'(apart) <= Ahead + 1);
      for (int unsigned i = 0; i <= Ahead; i++) begin
        if (i < 32'(apart)) assert (known(u_fetch.line_q + LineW'(i)));
      end

      // What the induction needs to know of the inside.
      assert (u_fetch.pending_q == waits && (u_fetch.pending_q & u_fetch.valid_q) == '0);
      for (int unsigned i = 0; i < Room; i++) begin
        if (i < 32'(held_q)) begin
          assert (u_fetch.tag_q[row_q[i][IndexW-1:0]] == row_q[i][LineW-1:IndexW]);
          assert (u_fetch.u_way.mem_q[(32'(u_fetch.u_way.head_q) + i) % Room] == row_q[i][IndexW-1:0]);
          for (int unsigned j = 0; j < i; j++) assert (row_q[i][IndexW-1:0] != row_q[j][IndexW-1:0]);
        end
      end
      assert (32'(u_fetch.u_way.count_q) == 32'(held_q) && 32'(u_fetch.u_way.head_q) < Room);
      assert ((32'(u_fetch.u_way.head_q) + 32'(held_q)) % Room == 32'(u_fetch.u_way.tail_q));
      if (ar_valid) assert (u_fetch.ar_line_q == row_q[told_q]);
      assert (32'(beats_q) < Beats && (beats_q == '0 || told_q != '0));
    end
  end
endmodule
