// The instruction cache: gives control one code word per cycle, in order from the place of the last jump, and reads ahead in memory.
//
// Direct mapped; a line has 64 bytes or the width of the memory port, whichever is more. While it runs, it asks memory for the line that is wanted next
// and for `Ahead` lines behind it, unless they are there; so up to `Ahead` + 1 lines behind the end of the code are read too (and never used). It asks only
// for what it has room for, so data from memory is never held up. It never writes, and never sees what an instruction means.
module puce_fetch
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  // Lines of the cache, a power of two, more than Ahead.
  parameter int unsigned Lines = 64,
  parameter int unsigned Ahead = 4
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Byte address of the code, a multiple of a line.
  input  logic [ValueW-1:0]        base_i,
  // Forget all lines and go to word 0. Only while idle.
  input  logic                     start_i,
  // Ask memory for code.
  input  logic                     run_i,
  // Nothing is on its way from memory.
  output logic                     idle_o,
  // Drop what was read and go to a word of the code.
  input  logic                     jump_i,
  input  logic [31:0]              jump_word_i,
  output logic                     word_valid_o,
  input  logic                     word_ready_i,
  output logic [63:0]              word_o,
  // Memory answered with an error for the word's line.
  output logic                     word_error_o,
  output logic                     ar_valid_o,
  input  logic                     ar_ready_i,
  output logic [ValueW-1:0]        ar_addr_o,
  output logic [7:0]               ar_len_o,
  input  logic                     r_valid_i,
  input  logic [8*PortBytes-1:0]   r_data_i,
  input  logic                     r_error_i,
  input  logic                     r_last_i
);
  localparam int unsigned LineBytes = (PortBytes > 64) ? PortBytes : 64;
  localparam int unsigned Beats = LineBytes / PortBytes;
  localparam int unsigned Words = LineBytes / 8;
  localparam int unsigned OffsetW = $clog2(Words);
  localparam int unsigned LineW = 32 - OffsetW;
  localparam int unsigned IndexW = $clog2(Lines);
  localparam int unsigned TagW = LineW - IndexW;
  localparam int unsigned ShiftW = $clog2(LineBytes);

  if (Lines <= Ahead + 1 || (1 << IndexW) != Lines) begin : gen_lines
    $error("puce_fetch: Lines must be a power of two and more than Ahead + 1");
  end

  // Lines: whether there, asked for, read with an error.
  logic [TagW-1:0]    tag_q [Lines];
  logic [Lines-1:0]   valid_d, valid_q, pending_d, pending_q, bad_d, bad_q;

  // The line that is looked up next, and the line that is asked for next.
  logic [LineW-1:0]   line_d, line_q, ahead_d, ahead_q;
  logic               hit, look, move;
  // The line that was read from the cache last; the line whose words are given out.
  logic               read_valid_d, read_valid_q, read_bad_d, read_bad_q;
  logic [8*LineBytes-1:0] read_data, line_data_d, line_data_q;
  logic               line_valid_d, line_valid_q, line_bad_d, line_bad_q;
  logic [OffsetW-1:0] offset_d, offset_q;
  logic               give, last_word;

  logic               ask, present, blocked, in_window;
  logic [LineW-1:0]   distance;
  logic               ar_valid_d, ar_valid_q;
  logic [LineW-1:0]   ar_line_d, ar_line_q;

  logic               way_ready, way_valid, way_pop;
  logic [IndexW-1:0]  way_index;
  logic [$clog2(Ahead+2)-1:0] way_count;
  logic               fill;
  logic [8*LineBytes-1:0] fill_data;
  logic               fill_bad;

  // Lines on their way, in the order in which they come.
  puce_fifo #(
    .Width(IndexW),
    .Depth(Ahead + 1)
  ) u_way (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(ask),
    .in_ready_o(way_ready),
    .in_data_i(ahead_q[IndexW-1:0]),
    .out_valid_o(way_valid),
    .out_ready_i(way_pop),
    .out_data_o(way_index),
    .count_o(way_count)
  );

  assign idle_o = way_count == '0;
  assign way_pop = fill;

  // Look up the next line, read it, give out its words.
  assign hit = valid_q[line_q[IndexW-1:0]] && tag_q[line_q[IndexW-1:0]] == line_q[LineW-1:IndexW];
  assign last_word = offset_q == OffsetW'(Words - 1);
  assign give = line_valid_q && word_ready_i;
  assign move = read_valid_q && (!line_valid_q || (give && last_word));
  assign look = run_i && hit && (!read_valid_q || move) && !jump_i;

  always_comb begin
    line_d       = line_q;
    read_valid_d = read_valid_q;
    read_bad_d   = read_bad_q;
    line_valid_d = line_valid_q;
    line_bad_d   = line_bad_q;
    line_data_d  = line_data_q;
    offset_d     = offset_q;
    if (give) begin
      offset_d = offset_q + OffsetW'(1);
      if (last_word) line_valid_d = 1'b0;
    end
    if (move) begin
      read_valid_d = 1'b0;
      line_valid_d = 1'b1;
      line_bad_d   = read_bad_q;
      line_data_d  = read_data;
    end
    if (look) begin
      read_valid_d = 1'b1;
      read_bad_d   = bad_q[line_q[IndexW-1:0]];
      line_d       = line_q + LineW'(1);
    end
    if (jump_i || start_i) begin
      read_valid_d = 1'b0;
      line_valid_d = 1'b0;
      line_d       = start_i ? '0 : jump_word_i[31:OffsetW];
      offset_d     = start_i ? '0 : jump_word_i[OffsetW-1:0];
    end
  end

  assign word_valid_o = line_valid_q;
  assign word_o       = line_data_q[64*offset_q +: 64];
  assign word_error_o = line_bad_q;

  // Ask for lines.
  assign distance  = ahead_q - line_q;
  assign in_window = distance <= LineW'(Ahead);
  assign present   = tag_q[ahead_q[IndexW-1:0]] == ahead_q[LineW-1:IndexW] &&
                     (valid_q[ahead_q[IndexW-1:0]] || pending_q[ahead_q[IndexW-1:0]]);
  assign blocked   = pending_q[ahead_q[IndexW-1:0]] || !way_ready || (ar_valid_q && !ar_ready_i);
  assign ask       = run_i && !jump_i && !start_i && in_window && !present && !blocked;

  always_comb begin
    ahead_d    = ahead_q;
    ar_valid_d = ar_valid_q && !ar_ready_i;
    ar_line_d  = ar_line_q;
    if (run_i && in_window && (present || ask)) ahead_d = ahead_q + LineW'(1);
    if (ask) begin
      ar_valid_d = 1'b1;
      ar_line_d  = ahead_q;
    end
    if (jump_i)  ahead_d = jump_word_i[31:OffsetW];
    if (start_i) ahead_d = '0;
  end

  assign ar_valid_o = ar_valid_q;
  assign ar_addr_o  = base_i + ValueW'({ar_line_q, ShiftW'(0)});
  assign ar_len_o   = 8'(Beats - 1);

  // Take lines.
  if (Beats == 1) begin : gen_whole
    assign fill_data = r_data_i;
    assign fill_bad  = r_error_i;
    assign fill      = r_valid_i && r_last_i;
  end else begin : gen_parts
    logic [8*(LineBytes-PortBytes)-1:0] part_d, part_q;
    logic                               part_bad_d, part_bad_q;
    assign fill_data = {r_data_i, part_q};
    assign fill_bad  = r_error_i || part_bad_q;
    assign fill      = r_valid_i && r_last_i;
    assign part_d    = r_valid_i ? fill_data[8*LineBytes-1:8*PortBytes] : part_q;
    assign part_bad_d = r_valid_i ? (fill_bad && !r_last_i) : part_bad_q;
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        part_q     <= '0;
        part_bad_q <= 1'b0;
      end else begin
        part_q     <= part_d;
        part_bad_q <= part_bad_d;
      end
    end
  end

  puce_ram #(
    .Width(8 * LineBytes),
    .Depth(Lines)
  ) u_lines (
    .clk_i(clk_i),
    .write_i(fill),
    .waddr_i(way_index),
    .wdata_i(fill_data),
    .read_i(look),
    .raddr_i(line_q[IndexW-1:0]),
    .rdata_o(read_data)
  );

  always_comb begin
    valid_d   = valid_q;
    pending_d = pending_q;
    bad_d     = bad_q;
    if (fill) begin
      valid_d[way_index]   = 1'b1;
      pending_d[way_index] = 1'b0;
      bad_d[way_index]     = fill_bad;
    end
    if (ask) begin
      valid_d[ahead_q[IndexW-1:0]]   = 1'b0;
      pending_d[ahead_q[IndexW-1:0]] = 1'b1;
    end
    if (start_i) valid_d = '0;
  end

  always_ff @(posedge clk_i) begin
    if (ask) tag_q[ahead_q[IndexW-1:0]] <= ahead_q[LineW-1:IndexW];
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q      <= '0;
      pending_q    <= '0;
      bad_q        <= '0;
      line_q       <= '0;
      ahead_q      <= '0;
      read_valid_q <= 1'b0;
      read_bad_q   <= 1'b0;
      line_valid_q <= 1'b0;
      line_bad_q   <= 1'b0;
      line_data_q  <= '0;
      offset_q     <= '0;
      ar_valid_q   <= 1'b0;
      ar_line_q    <= '0;
    end else begin
      valid_q      <= valid_d;
      pending_q    <= pending_d;
      bad_q        <= bad_d;
      line_q       <= line_d;
      ahead_q      <= ahead_d;
      read_valid_q <= read_valid_d;
      read_bad_q   <= read_bad_d;
      line_valid_q <= line_valid_d;
      line_bad_q   <= line_bad_d;
      line_data_q  <= line_data_d;
      offset_q     <= offset_d;
      ar_valid_q   <= ar_valid_d;
      ar_line_q    <= ar_line_d;
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
    end else begin
      assert (!r_valid_i || way_valid) else $error("data that nobody asked for");
      assert (!start_i || idle_o) else $error("started while lines are on their way");
      assert (distance <= LineW'(Ahead + 1)) else $error("reading ahead has lost its place");
    end
  end
`endif
endmodule
