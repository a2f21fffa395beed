// puce_exchange_pieces asks for every word in which a byte of a row lies, and for no other, row after row, first those of the first piece.
//
// A command begins when the one before has ended. Its operands are as large as the parameter says, and its rows end below 2^47.
module puce_exchange_pieces_proof
  import puce_pkg::*;
  import puce_isa_pkg::*;
#(
  parameter int unsigned Bits = 8,
  localparam int unsigned OffsetW = $clog2(WordBytes)
) (
  input logic clk_i,
  input logic rst_ni,
  input logic start_i,
  input cmd_t cmd_i,
  input logic go_i,
  input logic read_ready_i
);
  logic                      valid, first, last, same, ended;
  logic [ValueW-1:0]         addr;
  logic [OffsetW-1:0]        source, target, tail;
  logic [ValueW-OffsetW-1:0] word;

  puce_exchange_pieces u_pieces (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .cmd_i(cmd_i),
    .go_i(go_i),
    .read_valid_o(valid),
    .read_addr_o(addr),
    .read_ready_i(read_ready_i),
    .first_o(first),
    .last_o(last),
    .source_o(source),
    .target_o(target),
    .tail_o(tail),
    .word_o(word),
    .same_o(same),
    .ended_o(ended)
  );

  function automatic logic short(input logic [ValueW-1:0] value);
    return value >> Bits == '0;
  endfunction

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- The gather, as its command says: two pieces of rows.
  logic [1:0][ValueW-1:0] src, dst, len, src_q, dst_q, len_q;
  logic [ValueW-1:0]      rows, rows_q, sstep_q, dstep_q;
  assign src  = {cmd_i.arg[ArgGatherSrc2], cmd_i.arg[ArgGatherSrc]};
  assign dst  = {cmd_i.arg[ArgGatherDst2], cmd_i.arg[ArgGatherDst]};
  assign len  = {cmd_i.arg[ArgGatherBytes2], cmd_i.arg[ArgGatherBytes]};
  assign rows = cmd_i.arg[ArgGatherRows];

  // ---- The row at work: its piece, rows to come after it, where it begins, and its next word.
  logic              works_d, works_q, piece_d, piece_q, ends, begun_q;
  logic [ValueW-1:0] left_d, left_q, from_d, from_q, to_d, to_q, at_d, at_q, end_byte;
  logic              take;
  assign take     = valid && read_ready_i;
  assign end_byte = from_q + len_q[piece_q] - 1'b1;
  assign ends     = at_q == end_byte[ValueW-1:OffsetW];

  always_comb begin
    if (!past_q) assume (!rst_ni);
    assume (!from_q[ValueW-1]);
    if (start_i) begin
      assume (ended);
      for (int unsigned p = 0; p < 2; p++) assume (short(src[p]) && short(dst[p]) && short(len[p]));
      assume (short(rows) && short(cmd_i.arg[ArgGatherSstep]) && short(cmd_i.arg[ArgGatherDstep]));
    end
  end

  always_comb begin
    works_d = works_q;
    piece_d = piece_q;
    left_d  = left_q;
    from_d  = from_q;
    to_d    = to_q;
    at_d    = at_q;
    if (take) begin
      at_d = at_q + 1'b1;
      if (ends) begin
        if (left_q != '0) begin
          left_d = left_q - 1'b1;
          from_d = from_q + sstep_q;
          to_d   = to_q + dstep_q;
        end else begin
          works_d = !piece_q && len_q[1] != '0;
          piece_d = 1'b1;
          left_d  = rows_q - 1'b1;
          from_d  = src_q[1];
          to_d    = dst_q[1];
        end
        at_d = ValueW'(from_d[ValueW-1:OffsetW]);
      end
    end
    if (start_i) begin
      works_d = rows != '0 && (len[0] != '0 || len[1] != '0);
      piece_d = len[0] == '0;
      left_d  = rows - 1'b1;
      from_d  = src[piece_d];
      to_d    = dst[piece_d];
      at_d    = ValueW'(from_d[ValueW-1:OffsetW]);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      works_q <= 1'b0;
      begun_q <= 1'b0;
    end else begin
      works_q <= works_d;
      begun_q <= take ? !ends : begun_q && !start_i;
    end
  end
  always_ff @(posedge clk_i) begin
    piece_q <= piece_d;
    left_q  <= left_d;
    from_q  <= from_d;
    to_q    <= to_d;
    at_q    <= at_d;
    if (start_i) begin
      src_q   <= src;
      dst_q   <= dst;
      len_q   <= len;
      rows_q  <= rows;
      sstep_q <= cmd_i.arg[ArgGatherSstep];
      dstep_q <= cmd_i.arg[ArgGatherDstep];
    end
  end

  // The row that the block holds beside the one whose words it asks for.
  logic              more_next, next_piece;
  logic [ValueW-1:0] next_from, next_to, next_left;
  always_comb begin
    more_next  = 1'b1;
    next_piece = piece_q;
    next_from  = from_q;
    next_to    = to_q;
    next_left  = left_q + 1'b1;
    if (u_pieces.busy_q && left_q != '0) begin
      next_from = from_q + sstep_q;
      next_to   = to_q + dstep_q;
      next_left = left_q;
    end else if (u_pieces.busy_q) begin
      more_next  = !piece_q && len_q[1] != '0;
      next_piece = 1'b1;
      next_from  = src_q[1];
      next_to    = dst_q[1];
      next_left  = rows_q;
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      assert (ended == !works_q);
      assert (!valid || (works_q && go_i));
      if (valid) begin
        // The next word of the row, and what goes with it.
        assert (addr == {at_q[ValueW-OffsetW-1:0], OffsetW'(0)} && first == !begun_q && last == ends);
        assert (source == from_q[OffsetW-1:0] && target == to_q[OffsetW-1:0] && word == to_q[ValueW-1:OffsetW] && tail == len_q[piece_q][OffsetW-1:0]);
      end
      // What the induction needs to know of the inside: the row at work, and the one after it.
      assert (works_q == (u_pieces.busy_q || u_pieces.rows_q));
      assert (!begun_q || u_pieces.busy_q);
      if (works_q) begin
        assert (len_q[piece_q] != '0 && rows_q != '0 && left_q < rows_q && short(len_q[0]) && short(len_q[1]) && short(rows_q));
        assert (u_pieces.src2_q == src_q[1] && u_pieces.dst2_q == dst_q[1] && u_pieces.len2_q == len_q[1]);
        assert (u_pieces.sstep_q == sstep_q && u_pieces.dstep_q == dstep_q && u_pieces.count_q == rows_q);
        assert (!more_next || u_pieces.second_q == (next_piece == 1'b0 && len_q[1] != '0));
        assert (u_pieces.rows_q == more_next);
        if (more_next) begin
          assert (u_pieces.src_q == next_from && u_pieces.dst_q == next_to && u_pieces.left_q == next_left && u_pieces.len_q == len_q[next_piece]);
        end
      end
      if (u_pieces.busy_q) begin
        assert (u_pieces.word_q == at_q[ValueW-OffsetW-1:0] && at_q >> (ValueW - OffsetW) == '0);
        assert (u_pieces.words_q == end_byte[ValueW-1:OffsetW] - at_q[ValueW-OffsetW-1:0] + 1'b1);
        assert (at_q <= ValueW'(end_byte[ValueW-1:OffsetW]) && from_q <= end_byte);
        assert (u_pieces.first_q == !begun_q);
        assert (u_pieces.source_q == from_q[OffsetW-1:0] && u_pieces.target_q == to_q[OffsetW-1:0]);
        assert (u_pieces.target_word_q == to_q[ValueW-1:OffsetW] && u_pieces.tail_q == len_q[piece_q][OffsetW-1:0]);
      end else if (works_q) begin
        assert (at_q == ValueW'(from_q[ValueW-1:OffsetW]));
      end
    end
  end
endmodule
