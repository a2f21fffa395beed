// puce_exchange_align makes of the words in which a row lies at the source as many words as it touches at the destination, in order, at their addresses, with
// the row's bytes and no others strobed; a word stays until it is taken.
//
// What is said of a row's words is what puce_exchange_pieces_proof says; rows are shorter than the parameter says. Which value a byte has is the test's
// business.
module puce_exchange_align_proof
  import puce_pkg::*;
#(
  parameter int unsigned Bits = 8,
  localparam int unsigned OffsetW = $clog2(WordBytes)
) (
  input logic                      clk_i,
  input logic                      rst_ni,
  input logic                      word_valid_i,
  input logic [WordW-1:0]          data_i,
  input logic                      first_i,
  input logic                      last_i,
  input logic [OffsetW-1:0]        source_i,
  input logic [OffsetW-1:0]        target_i,
  input logic [ValueW-OffsetW-1:0] word_i,
  input logic                      same_i,
  input logic [Bits-1:0]           len_i,
  input logic                      tx_ready_i
);
  // Bytes and words of a row, with the bytes before it in its first word.
  localparam int unsigned AtW = Bits + 2;

  typedef struct packed {
    logic [OffsetW-1:0]        source;
    logic [OffsetW-1:0]        target;
    logic [ValueW-OffsetW-1:0] word;
    logic                      same;
    logic [Bits-1:0]           len;
  } row_t;

  logic                 ready, tx_valid, tx_same, busy;
  logic [ValueW-1:0]    tx_addr;
  logic [WordBytes-1:0] tx_strb;
  logic [WordW-1:0]     tx_data;

  puce_exchange_align u_align (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .word_valid_i(word_valid_i),
    .word_ready_o(ready),
    .data_i(data_i),
    .first_i(first_i),
    .last_i(last_i),
    .source_i(source_i),
    .target_i(target_i),
    .tail_i(OffsetW'(len_i)),
    .word_i(word_i),
    .same_i(same_i),
    .tx_valid_o(tx_valid),
    .tx_ready_i(tx_ready_i),
    .tx_addr_o(tx_addr),
    .tx_strb_o(tx_strb),
    .tx_data_o(tx_data),
    .tx_same_o(tx_same),
    .busy_o(busy)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // Words that `len` bytes touch from this place of a word on.
  function automatic logic [AtW-1:0] words(input logic [OffsetW-1:0] at, input logic [Bits-1:0] len);
    return ((AtW'(at) + AtW'(len) - AtW'(1)) >> OffsetW) + AtW'(1);
  endfunction

  // ---- The row whose words come, and how many came; that of the word inside, and its number; the words of the destination that were made of it.
  row_t           row, row_q, in_q;
  logic [AtW-1:0] came_q, number_q, made_q;
  logic           load, makes, ends;
  assign row   = '{source: source_i, target: target_i, word: word_i, same: same_i, len: len_i};
  assign load  = word_valid_i && ready;
  assign makes = u_align.step && u_align.emits;
  assign ends  = made_q == words(in_q.target, in_q.len) - AtW'(1);

  // What the word that is made must be.
  logic [WordBytes-1:0]      strb;
  always_comb begin
    for (int unsigned b = 0; b < WordBytes; b++) begin
      strb[b] = (made_q << OffsetW) + AtW'(b) >= AtW'(in_q.target) && (made_q << OffsetW) + AtW'(b) < AtW'(in_q.target) + AtW'(in_q.len);
    end
  end

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (word_valid_i) begin
      assume (len_i != '0 && (came_q == '0 || row == row_q));
      assume (first_i == (came_q == '0) && last_i == (came_q == words(source_i, len_i) - AtW'(1)));
    end
  end

  logic                      held_q, tx_same_q;
  logic [ValueW-1:0]         tx_addr_q, addr_q;
  logic [WordBytes-1:0]      tx_strb_q, strb_q;
  logic [WordW-1:0]          tx_data_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      came_q <= '0;
      made_q <= '0;
      held_q <= 1'b0;
    end else begin
      if (load) came_q <= last_i ? '0 : came_q + AtW'(1);
      if (makes) made_q <= ends ? '0 : made_q + AtW'(1);
      held_q <= tx_valid && !tx_ready_i;
    end
  end
  always_ff @(posedge clk_i) begin
    if (load) row_q <= row;
    if (load) in_q <= row;
    if (load) number_q <= came_q;
    if (makes) strb_q <= strb;
    if (makes) addr_q <= {in_q.word + (ValueW-OffsetW)'(made_q), OffsetW'(0)};
    tx_addr_q <= tx_addr;
    tx_strb_q <= tx_strb;
    tx_data_q <= tx_data;
    tx_same_q <= tx_same;
  end

  // The destination's first word takes more than one of the source.
  logic primes;
  assign primes = in_q.source > in_q.target;

  always_comb begin
    if (rst_ni && past_q) begin
      // A word stays until it is taken, and is the next of its row, with its bytes.
      if (held_q) assert (tx_valid && tx_addr == tx_addr_q && tx_strb == tx_strb_q && tx_data == tx_data_q && tx_same == tx_same_q);
      if (tx_valid) assert (tx_strb == strb_q && tx_addr == addr_q && tx_strb != '0);
      // A row ends with its last word, and its words at the source go when it does.
      if (makes) assert (u_align.ends == ends && (!ends || u_align.turned_ready));
      if (u_align.turned_ready && u_align.last_q) assert (makes && ends);
      if (tx_valid || u_align.turned_valid_q) assert (busy);
      // What the induction needs to know of the inside.
      if (u_align.turned_valid_q) begin
        assert (in_q.len != '0 && u_align.first_q == (number_q == '0) && number_q < words(in_q.source, in_q.len));
        assert (u_align.last_q == (number_q == words(in_q.source, in_q.len) - AtW'(1)));
        assert (u_align.source_q == in_q.source && u_align.target_q == in_q.target && u_align.tail_q == OffsetW'(in_q.len));
        assert (u_align.turn_q == in_q.source - in_q.target && u_align.word_q == in_q.word && u_align.same_q == in_q.same);
        assert (made_q == (number_q == '0 && !u_align.flush_q ? '0 : number_q + AtW'(u_align.flush_q) - AtW'(primes)));
        assert (came_q == (u_align.last_q ? '0 : number_q + AtW'(1)) && row_q == in_q);
      end else begin
        if (came_q != '0) assert (in_q == row_q && in_q.len != '0 && number_q == came_q - AtW'(1) && came_q < words(in_q.source, in_q.len));
        assert (made_q == (came_q == '0 ? '0 : came_q - AtW'(primes)) && !u_align.flush_q);
      end
      if (u_align.flush_q) assert (u_align.turned_valid_q && u_align.more);
      assert (u_align.offset_q == (ValueW-OffsetW)'(made_q) && u_align.begun_q == (made_q != '0));
    end
  end
endmodule
