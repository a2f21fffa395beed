// The reading half of the exchange engine: walks the pieces of a gather and asks the scratchpad for their words.
//
// Rows one after the other, first those of the first piece, then those of the second; one word in each cycle, one row after the other without a gap. With
// each word goes what the other half needs to know of it. It reads nothing before it is this core's turn, and never writes.
module puce_exchange_pieces
  import puce_pkg::*;
  import puce_isa_pkg::*;
#(
  parameter int unsigned OffsetW = $clog2(WordBytes)
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Begins with the gather of this command.
  input  logic                     start_i,
  input  cmd_t                     cmd_i,
  // Words may be asked for.
  input  logic                     go_i,
  output logic                     read_valid_o,
  output logic [ValueW-1:0]        read_addr_o,
  input  logic                     read_ready_i,
  // Of the word that is asked for: it begins, it ends a row; where the row begins in its first word and in the first word of its destination; bytes of the
  // row modulo a word; the first word of its destination; source and destination are the same place.
  output logic                     first_o,
  output logic                     last_o,
  output logic [OffsetW-1:0]       source_o,
  output logic [OffsetW-1:0]       target_o,
  output logic [OffsetW-1:0]       tail_o,
  output logic [ValueW-OffsetW-1:0] word_o,
  output logic                     same_o,
  // Every word has been asked for.
  output logic                     ended_o
);
  localparam int unsigned WordAddrW = ValueW - OffsetW;

  // ---- Rows: the next one's place, rows left, the second piece to come.
  logic              rows_d, rows_q, second_d, second_q;
  logic [ValueW-1:0] src_d, src_q, dst_d, dst_q, len_d, len_q, left_d, left_q;
  logic [ValueW-1:0] src2_d, src2_q, dst2_d, dst2_q, len2_d, len2_q;
  logic [ValueW-1:0] sstep_d, sstep_q, dstep_d, dstep_q, count_d, count_q;
  logic              same_d, same_q, same2_d, same2_q;
  // ---- Words of the row at work.
  logic                  busy_d, busy_q, first_d, first_q, row_same_d, row_same_q;
  logic [WordAddrW-1:0]  word_d, word_q, words_d, words_q, target_word_d, target_word_q;
  logic [OffsetW-1:0]    source_d, source_q, target_d, target_q, tail_d, tail_q;

  logic [ValueW-1:0]     cmd_rows, cmd_len, cmd_len2, span;
  logic                  steps_same, asked, row_ends, row_next, none, none2;

  function automatic logic positive(input logic [ValueW-1:0] value);
    return !value[ValueW-1] && value != '0;
  endfunction

  assign cmd_rows   = cmd_i.arg[ArgGatherRows];
  assign cmd_len    = cmd_i.arg[ArgGatherBytes];
  assign cmd_len2   = cmd_i.arg[ArgGatherBytes2];
  assign none       = !positive(cmd_rows) || !positive(cmd_len);
  assign none2      = !positive(cmd_rows) || !positive(cmd_len2);
  assign steps_same = cmd_i.arg[ArgGatherSstep] == cmd_i.arg[ArgGatherDstep] || cmd_rows == ValueW'(1);

  assign asked    = read_valid_o && read_ready_i;
  assign row_ends = asked && words_q == WordAddrW'(1);
  assign row_next = rows_q && (!busy_q || row_ends);
  // Bytes from the start of the row's first word to its end, rounded up.
  assign span     = len_q + ValueW'(src_q[OffsetW-1:0]) + ValueW'(WordBytes - 1);

  always_comb begin
    rows_d   = rows_q;
    second_d = second_q;
    src_d    = src_q;
    dst_d    = dst_q;
    len_d    = len_q;
    left_d   = left_q;
    src2_d   = src2_q;
    dst2_d   = dst2_q;
    len2_d   = len2_q;
    sstep_d  = sstep_q;
    dstep_d  = dstep_q;
    count_d  = count_q;
    same_d   = same_q;
    same2_d  = same2_q;
    if (row_next) begin
      src_d  = src_q + sstep_q;
      dst_d  = dst_q + dstep_q;
      left_d = left_q - ValueW'(1);
      if (left_q == ValueW'(1)) begin
        rows_d   = second_q;
        second_d = 1'b0;
        src_d    = src2_q;
        dst_d    = dst2_q;
        len_d    = len2_q;
        same_d   = same2_q;
        left_d   = count_q;
      end
    end
    if (start_i) begin
      rows_d   = !none || !none2;
      second_d = !none && !none2;
      src_d    = none ? cmd_i.arg[ArgGatherSrc2] : cmd_i.arg[ArgGatherSrc];
      dst_d    = none ? cmd_i.arg[ArgGatherDst2] : cmd_i.arg[ArgGatherDst];
      len_d    = none ? cmd_len2 : cmd_len;
      same_d   = steps_same && (none ? cmd_i.arg[ArgGatherSrc2] == cmd_i.arg[ArgGatherDst2] : cmd_i.arg[ArgGatherSrc] == cmd_i.arg[ArgGatherDst]);
      src2_d   = cmd_i.arg[ArgGatherSrc2];
      dst2_d   = cmd_i.arg[ArgGatherDst2];
      len2_d   = cmd_len2;
      same2_d  = steps_same && cmd_i.arg[ArgGatherSrc2] == cmd_i.arg[ArgGatherDst2];
      sstep_d  = cmd_i.arg[ArgGatherSstep];
      dstep_d  = cmd_i.arg[ArgGatherDstep];
      left_d   = cmd_rows;
      count_d  = cmd_rows;
    end
  end

  always_comb begin
    busy_d        = busy_q && !row_ends;
    first_d       = first_q && !asked;
    word_d        = asked ? word_q + WordAddrW'(1) : word_q;
    words_d       = asked ? words_q - WordAddrW'(1) : words_q;
    target_word_d = target_word_q;
    source_d      = source_q;
    target_d      = target_q;
    tail_d        = tail_q;
    row_same_d    = row_same_q;
    if (row_next) begin
      busy_d        = 1'b1;
      first_d       = 1'b1;
      word_d        = src_q[ValueW-1:OffsetW];
      words_d       = span[ValueW-1:OffsetW];
      target_word_d = dst_q[ValueW-1:OffsetW];
      source_d      = src_q[OffsetW-1:0];
      target_d      = dst_q[OffsetW-1:0];
      tail_d        = len_q[OffsetW-1:0];
      row_same_d    = same_q;
    end
  end

  assign read_valid_o = busy_q && go_i;
  assign read_addr_o  = {word_q, OffsetW'(0)};
  assign first_o      = first_q;
  assign last_o       = words_q == WordAddrW'(1);
  assign source_o     = source_q;
  assign target_o     = target_q;
  assign tail_o       = tail_q;
  assign word_o       = target_word_q;
  assign same_o       = row_same_q;
  assign ended_o      = !busy_q && !rows_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      rows_q        <= 1'b0;
      second_q      <= 1'b0;
      src_q         <= '0;
      dst_q         <= '0;
      len_q         <= '0;
      left_q        <= '0;
      src2_q        <= '0;
      dst2_q        <= '0;
      len2_q        <= '0;
      sstep_q       <= '0;
      dstep_q       <= '0;
      count_q       <= '0;
      same_q        <= 1'b0;
      same2_q       <= 1'b0;
      busy_q        <= 1'b0;
      first_q       <= 1'b0;
      word_q        <= '0;
      words_q       <= '0;
      target_word_q <= '0;
      source_q      <= '0;
      target_q      <= '0;
      tail_q        <= '0;
      row_same_q    <= 1'b0;
    end else begin
      rows_q        <= rows_d;
      second_q      <= second_d;
      src_q         <= src_d;
      dst_q         <= dst_d;
      len_q         <= len_d;
      left_q        <= left_d;
      src2_q        <= src2_d;
      dst2_q        <= dst2_d;
      len2_q        <= len2_d;
      sstep_q       <= sstep_d;
      dstep_q       <= dstep_d;
      count_q       <= count_d;
      same_q        <= same_d;
      same2_q       <= same2_d;
      busy_q        <= busy_d;
      first_q       <= first_d;
      word_q        <= word_d;
      words_q       <= words_d;
      target_word_q <= target_word_d;
      source_q      <= source_d;
      target_q      <= target_d;
      tail_q        <= tail_d;
      row_same_q    <= row_same_d;
    end
  end

  logic unused;
  assign unused = ^{cmd_i.op, cmd_i.attr, cmd_i.arg[MaxArgs-1:ArgGatherBytes2+1], span[OffsetW-1:0]};
endmodule
