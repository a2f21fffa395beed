// puce_weights_buffer gives the words of the stream once, in order, as they came, wherever in a beat they lay; none is lost, and the oldest comes out at the
// latest two cycles after it could.
//
// A beat comes only when its words have room (puce_weights_bursts_proof), and no more words are taken than stand there. A few bits of a word stand for all.
module puce_weights_buffer_proof
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  parameter int unsigned BufferBytes = 256,
  localparam int unsigned Words = PortBytes / WordBytes,
  localparam int unsigned CountW = $clog2(Words + 1),
  localparam int unsigned BankW = Words > 1 ? $clog2(Words) : 1
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   beat_valid_i,
  input logic [BankW-1:0]       beat_first_i,
  input logic [CountW-1:0]      beat_count_i,
  input logic [8*PortBytes-1:0] beat_data_i,
  input logic [CountW-1:0]      stream_take_i
);
  localparam int unsigned Depth = BufferBytes / PortBytes;
  localparam int unsigned Room = Words * Depth;
  localparam int unsigned RoomW = $clog2(Room + 1);
  localparam int unsigned SeenW = 2;
  localparam int unsigned Ahead = 3;

  logic [CountW-1:0]           stream_count;
  logic [Words-1:0][WordW-1:0] stream_data, beat;

  puce_weights_buffer #(
    .PortBytes(PortBytes),
    .BufferBytes(BufferBytes)
  ) u_buffer (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .beat_valid_i(beat_valid_i),
    .beat_first_i(beat_first_i),
    .beat_count_i(beat_count_i),
    .beat_data_i(beat_data_i),
    .stream_count_o(stream_count),
    .stream_data_o(stream_data),
    .stream_take_i(stream_take_i)
  );

  // ---- The words that came and were not taken, the oldest first.
  logic [Room-1:0][SeenW-1:0] row_d, row_q;
  logic [RoomW-1:0]           held_d, held_q;
  logic [1:0]                 waited_q;
  logic                       past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  assign beat = beat_data_i;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (beat_valid_i) begin
      assume (beat_count_i != '0 && 32'(beat_first_i) + 32'(beat_count_i) <= Words);
      assume (32'(held_q) + 32'(beat_count_i) <= Room);
    end
    assume (stream_take_i <= stream_count);
  end

  always_comb begin
    row_d  = row_q >> (SeenW * 32'(stream_take_i));
    held_d = held_q - RoomW'(stream_take_i);
    if (beat_valid_i) begin
      for (int unsigned w = 0; w < Words; w++) begin
        if (w < 32'(beat_count_i)) row_d[32'(held_d) + w] = beat[32'(beat_first_i) + w][SeenW-1:0];
      end
      held_d = held_d + RoomW'(beat_count_i);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      held_q   <= '0;
      waited_q <= '0;
    end else begin
      held_q   <= held_d;
      waited_q <= (held_q == '0 || stream_count != '0) ? '0 : waited_q + 2'd1;
    end
  end
  always_ff @(posedge clk_i) row_q <= row_d;

  always_comb begin
    if (rst_ni && past_q) begin
      assert (32'(stream_count) <= 32'(held_q) && 32'(held_q) <= Room);
      for (int unsigned w = 0; w < Words; w++) begin
        if (w < 32'(stream_count)) assert (stream_data[w][SeenW-1:0] == row_q[w]);
      end
      assert (waited_q < 2'd2 || stream_count != '0 || held_q == '0);
      assert (waited_q <= 2'd2);
      // What the induction needs to know of the inside: the bank that the next word comes to.
      assert ((32'(u_buffer.head_q) + 32'(held_q)) % Words == 32'(u_buffer.tail_q));
    end
  end

  // ---- A bank: every so manyeth word, the first ones ahead in registers, one on its way from memory, the others in memory.
  for (genvar b = 0; b < Words; b++) begin : gen_bank
    logic [31:0] first, ahead, fetched, stored, head, total;
    always_comb begin
      first   = (b + Words - 32'(u_buffer.head_q)) % Words;
      ahead   = 32'(u_buffer.gen_bank[b].u_bank.ahead_q);
      fetched = 32'(u_buffer.gen_bank[b].u_bank.fetched_q);
      stored  = 32'(u_buffer.gen_bank[b].u_bank.stored_q);
      head    = 32'(u_buffer.gen_bank[b].u_bank.raddr_q);
      total   = (32'(held_q) + Words - 1 - first) / Words;
      if (rst_ni && past_q) begin
        // No word goes to where there is none left, or to where one is read.
        if (u_buffer.gen_bank[b].u_bank.write_i) assert (stored < Depth && !(u_buffer.gen_bank[b].u_bank.fetch && 32'(u_buffer.gen_bank[b].u_bank.waddr_q) == head));
        assert (ahead + fetched + stored == total && ahead + fetched <= Ahead && stored <= Depth);
        assert (head < Depth && 32'(u_buffer.gen_bank[b].u_bank.waddr_q) == (head + stored) % Depth);
        assert (32'(u_buffer.gen_bank[b].u_bank.head_q) < Ahead && 32'(u_buffer.gen_bank[b].u_bank.tail_q) == (32'(u_buffer.gen_bank[b].u_bank.head_q) + ahead) % Ahead);
        // The oldest word, where it waits, is on its way.
        if (first == 0 && total != 0 && ahead == 0) assert (waited_q == 2'd0 || fetched != 0);
        for (int unsigned p = 0; p < Depth; p++) begin
          if (p < ahead) assert (u_buffer.gen_bank[b].u_bank.word_q[(32'(u_buffer.gen_bank[b].u_bank.head_q) + p) % Ahead][SeenW-1:0] == row_q[p * Words + first]);
          else if (p < ahead + fetched) assert (u_buffer.gen_bank[b].u_bank.u_ram.rdata_q[SeenW-1:0] == row_q[p * Words + first]);
          else if (p < total) begin
            assert (u_buffer.gen_bank[b].u_bank.u_ram.mem_q[(head + p - ahead - fetched) % Depth][SeenW-1:0] == row_q[p * Words + first]);
          end
        end
      end
    end
  end
endmodule
