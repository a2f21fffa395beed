// puce_queue keeps every word, in order, and has room for every word of an instruction that reserved a place, for any number of cycles.
//
// The surroundings reserve where there is room, bring at most InstrWords words for each place reserved, and leave when all of an instruction's words are out.
module puce_queue_proof
  import puce_pkg::*;
#(
  parameter int unsigned Depth = 2,
  parameter int unsigned InstrWords = 3
) (
  input logic                              clk_i,
  input logic                              rst_ni,
  input logic                              reserve_i,
  input logic                              leave_i,
  input logic                              in_valid_i,
  input logic [ValueW-1:0]                 in_word_i,
  input logic                              out_ready_i,
  // Words of the instruction that reserves.
  input logic [$clog2(InstrWords+1)-1:0]   words_i
);
  localparam int unsigned Words = Depth * InstrWords;
  localparam int unsigned WordsW = $clog2(Words + 2);
  localparam int unsigned CountW = $clog2(Depth + 1);

  // A place of the memory and the one so many words behind it.
  function automatic logic [$clog2(Words)-1:0] around(input logic [$clog2(Words)-1:0] place, input logic [WordsW-1:0] words);
    logic [WordsW:0] sum;
    sum = (WordsW + 1)'(place) + (WordsW + 1)'(words);
    return $clog2(Words)'(32'(sum) >= Words ? sum - (WordsW + 1)'(Words) : sum);
  endfunction

  logic              room, out_valid;
  logic [ValueW-1:0] out_word;

  puce_queue #(
    .Depth(Depth),
    .InstrWords(InstrWords)
  ) u_queue (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .room_o(room),
    .reserve_i(reserve_i),
    .leave_i(leave_i),
    .in_valid_i(in_valid_i),
    .in_word_i(in_word_i),
    .out_valid_o(out_valid),
    .out_ready_i(out_ready_i),
    .out_word_o(out_word)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // The words of each instruction that has a place, the oldest first, and how many of them came and went.
  logic [Depth-1:0][WordsW-1:0] words_d, words_q;
  logic [CountW-1:0]            instructions_d, instructions_q;
  logic [WordsW-1:0]            came_d, came_q, went_d, went_q, promised;
  logic                         take;

  assign take = out_valid && out_ready_i;

  always_comb begin
    promised = '0;
    for (int unsigned i = 0; i < Depth; i++) begin
      if (i < 32'(instructions_q)) promised = promised + words_q[i];
    end
  end

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (reserve_i) assume (room && words_i != '0 && 32'(words_i) <= InstrWords);
    if (in_valid_i) assume (came_q < promised);
    if (leave_i) assume (instructions_q != '0 && went_q >= words_q[0]);
  end

  always_comb begin
    words_d        = words_q;
    instructions_d = instructions_q;
    came_d         = came_q + WordsW'(in_valid_i);
    went_d         = went_q + WordsW'(take);
    if (leave_i) begin
      words_d        = words_q >> WordsW;
      instructions_d = instructions_d - 1'b1;
      came_d         = came_d - words_q[0];
      went_d         = went_d - words_q[0];
    end
    if (reserve_i) begin
      words_d[instructions_d] = WordsW'(words_i);
      instructions_d          = instructions_d + 1'b1;
    end
  end

  // The words that came and did not go, the oldest first; a few bits stand for all, which go the same way.
  localparam int unsigned SeenW = 4;
  logic [Words:0][SeenW-1:0] row_d, row_q;
  logic [WordsW-1:0]          held, behind;

  assign held = came_q - went_q;
  assign behind = held - WordsW'(take);
  always_comb begin
    row_d = take ? row_q >> SeenW : row_q;
    if (in_valid_i) row_d[behind] = in_word_i[SeenW-1:0];
  end

  logic             held_q;
  logic [SeenW-1:0] held_word_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      words_q        <= '0;
      instructions_q <= '0;
      came_q         <= '0;
      went_q         <= '0;
      held_q         <= 1'b0;
    end else begin
      words_q        <= words_d;
      instructions_q <= instructions_d;
      came_q         <= came_d;
      went_q         <= went_d;
      held_q         <= out_valid && !out_ready_i;
    end
  end
  always_ff @(posedge clk_i) begin
    row_q       <= row_d;
    held_word_q <= out_word[SeenW-1:0];
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // A word always has a place, and the next one is out as soon as it can be.
      assert (!in_valid_i || 32'(u_queue.fill_q) < Words);
      assert (32'(u_queue.fill_q) + 32'(out_valid) == 32'(held));
      assert (!out_valid || out_word[SeenW-1:0] == row_q[0]);
      assert (!held_q || (out_valid && out_word[SeenW-1:0] == held_word_q));
      assert (room == (32'(instructions_q) != Depth));
      assert (u_queue.count_q == instructions_q && 32'(instructions_q) <= Depth);
      assert (!(u_queue.read && in_valid_i && u_queue.head_q == u_queue.tail_q));
      // What the induction needs to know of the inside.
      assert (went_q <= came_q && came_q <= promised && 32'(promised) <= Words);
      assert (32'(u_queue.head_q) < Words && 32'(u_queue.tail_q) < Words);
      assert (around(u_queue.head_q, u_queue.fill_q) == u_queue.tail_q);
      for (int unsigned i = 0; i < Depth; i++) begin
        if (i < 32'(instructions_q)) assert (words_q[i] != '0 && 32'(words_q[i]) <= InstrWords);
      end
      for (int unsigned i = 0; i < Words; i++) begin
        if (i < 32'(u_queue.fill_q)) assert (u_queue.u_words.mem_q[around(u_queue.head_q, WordsW'(i))][SeenW-1:0] == row_q[i + 32'(out_valid)]);
      end
    end
  end
endmodule
