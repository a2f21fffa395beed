// The middle of the weights engine: asks memory for pieces in bursts, and says which words of the answer belong to the stream.
//
// A burst never crosses a multiple of 1 KiB (and so none of 4 KiB), and goes out when the buffer has a free place for each of its words: places are
// reserved here and come back when the words are taken. A piece outside the limit stops it for good.
module puce_weights_bursts
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  parameter int unsigned BufferBytes = 16384,
  localparam int unsigned Words = PortBytes / WordBytes,
  localparam int unsigned CountW = $clog2(Words + 1),
  localparam int unsigned LaneW = Words > 1 ? $clog2(Words) : 1
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  logic                     piece_valid_i,
  output logic                     piece_ready_o,
  input  logic [ValueW-6:0]        piece_word_i,
  input  logic [ValueW-6:0]        piece_words_i,
  input  logic                     piece_last_i,
  input  logic                     piece_outside_i,
  output logic                     ar_valid_o,
  input  logic                     ar_ready_i,
  output logic [ValueW-1:0]        ar_addr_o,
  output logic [7:0]               ar_len_o,
  // A beat comes: `count` of its words belong to the stream, from `first` on.
  input  logic                     r_valid_i,
  input  logic                     r_last_i,
  output logic [LaneW-1:0]         beat_first_o,
  output logic [CountW-1:0]        beat_count_o,
  // Words that leave the buffer.
  input  logic [CountW-1:0]        take_i,
  // Pulses once for each command, in order, when its last word is in the buffer.
  output logic                     done_o,
  output logic                     fault_o,
  // Whether every place of the buffer is free and no request waits.
  output logic                     empty_o
);
  localparam int unsigned WordAddrW = ValueW - 5;
  localparam int unsigned BurstBytes = 1024;
  localparam int unsigned BurstWords = BurstBytes / WordBytes;
  localparam int unsigned BurstW = $clog2(BurstWords + 1);
  localparam int unsigned BufferWords = BufferBytes / WordBytes;
  localparam int unsigned FreeW = $clog2(BufferWords + 1);
  // Bursts under way: enough for one in each cycle of a long latency, and no more than the buffer can take.
  localparam int unsigned InFlight = BufferWords < 128 ? BufferWords : 128;
  // Commands asked for whose last word is still to come.
  localparam int unsigned Marks = 32;
  // Counts words modulo a power of two that is well above what may be on its way, and what may come while finished commands are told one by one.
  localparam int unsigned TickW = $clog2(BufferWords + 2 * Marks * Words) + 1;

  typedef struct packed {
    logic [LaneW-1:0]  first;
    logic [BurstW-1:0] words;
  } burst_t;

  // ---- The piece at work.
  logic                  busy_d, busy_q, last_d, last_q, outside_d, outside_q;
  logic [WordAddrW-1:0]  word_d, word_q, left_d, left_q;
  logic                  fault_d, fault_q;
  logic                  ar_valid_d, ar_valid_q;
  logic [WordAddrW-1:0]  ar_word_d, ar_word_q;
  logic [7:0]            ar_len_d, ar_len_q;
  logic [FreeW-1:0]      free_d, free_q;

  logic [BurstW-1:0]     room, words;
  logic [LaneW-1:0]      first;
  logic [BurstW:0]       beats;
  logic                  ends, asks, step, finish;
  logic                  burst_room, mark_room;
  burst_t                burst_in, burst_out;

  always_comb begin
    room   = BurstW'(BurstWords) - BurstW'(word_q[$clog2(BurstWords)-1:0]);
    ends   = left_q <= WordAddrW'(room);
    words  = ends ? left_q[BurstW-1:0] : room;
    first  = Words > 1 ? word_q[LaneW-1:0] : '0;
    beats  = ((BurstW+1)'(first) + (BurstW+1)'(words) + (BurstW+1)'(Words - 1)) >> $clog2(Words);
    // A command without a byte asks for nothing.
    asks   = left_q != '0;
    step   = busy_q && !outside_q && (!asks || ((!ar_valid_q || ar_ready_i) && burst_room && free_q >= FreeW'(words))) &&
             (!(ends && last_q) || mark_room);
    finish = step && ends;
  end

  assign piece_ready_o = !fault_q && (!busy_q || finish);
  assign burst_in      = '{first: first, words: words};

  always_comb begin
    busy_d    = busy_q && !finish;
    last_d    = last_q;
    outside_d = outside_q;
    word_d    = word_q;
    left_d    = left_q;
    if (step) begin
      word_d = word_q + WordAddrW'(words);
      left_d = left_q - WordAddrW'(words);
    end
    if (piece_valid_i && piece_ready_o) begin
      busy_d    = 1'b1;
      last_d    = piece_last_i;
      outside_d = piece_outside_i;
      word_d    = piece_word_i;
      left_d    = piece_words_i;
    end
  end

  always_comb begin
    ar_valid_d = ar_valid_q && !ar_ready_i;
    ar_word_d  = ar_word_q;
    ar_len_d   = ar_len_q;
    free_d     = free_q + FreeW'(take_i);
    if (step && asks) begin
      ar_valid_d = 1'b1;
      ar_word_d  = {word_q[WordAddrW-1:LaneW] , LaneW'(Words > 1 ? '0 : word_q[LaneW-1:0])};
      ar_len_d   = 8'(beats - (BurstW+1)'(1));
      free_d     = free_q + FreeW'(take_i) - FreeW'(words);
    end
  end

  assign fault_d    = fault_q || (busy_q && outside_q);
  assign fault_o    = fault_q;
  assign ar_valid_o = ar_valid_q;
  assign ar_addr_o  = {ar_word_q, 5'd0};
  assign ar_len_o   = ar_len_q;
  assign empty_o    = free_q == FreeW'(BufferWords) && !busy_q;

  // ---- The answer: bursts come back in order.
  logic [BurstW-1:0] came_d, came_q, rest;
  logic [CountW-1:0] fit;
  logic              burst_ends, bursts_valid;
  logic [$clog2(InFlight+1)-1:0] bursts_count;

  always_comb begin
    rest         = burst_out.words - came_q;
    beat_first_o = came_q == '0 ? burst_out.first : '0;
    fit          = CountW'(Words) - CountW'(beat_first_o);
    burst_ends   = rest <= BurstW'(fit);
    beat_count_o = burst_ends ? CountW'(rest) : fit;
    came_d       = came_q;
    if (r_valid_i) came_d = burst_ends ? '0 : came_q + BurstW'(beat_count_o);
  end

  puce_fifo #(
    .Width ($bits(burst_t)),
    .Depth (InFlight)
  ) u_bursts (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (step && asks),
    .in_ready_o  (burst_room),
    .in_data_i   (burst_in),
    .out_valid_o (bursts_valid),
    .out_ready_i (r_valid_i && burst_ends),
    .out_data_o  (burst_out),
    .count_o     (bursts_count)
  );

  // ---- Commands are done when as many words have come as had been asked for at their end.
  logic [TickW-1:0] asked_d, asked_q, arrived_d, arrived_q, mark;
  logic             mark_valid;
  logic [$clog2(Marks+1)-1:0] mark_count;

  assign asked_d   = asked_q + ((step && asks) ? TickW'(words) : '0);
  assign arrived_d = arrived_q + (r_valid_i ? TickW'(beat_count_o) : '0);

  puce_fifo #(
    .Width (TickW),
    .Depth (Marks)
  ) u_marks (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (finish && last_q),
    .in_ready_o  (mark_room),
    .in_data_i   (asked_d),
    .out_valid_o (mark_valid),
    .out_ready_i (done_o),
    .out_data_o  (mark),
    .count_o     (mark_count)
  );

  // What has come is behind the mark by at most the buffer, or not at all.
  logic [TickW-1:0] missing;
  assign missing = mark - arrived_q;
  assign done_o  = mark_valid && (missing == '0 || missing > TickW'(BufferWords));

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q     <= 1'b0;
      last_q     <= 1'b0;
      outside_q  <= 1'b0;
      word_q     <= '0;
      left_q     <= '0;
      fault_q    <= 1'b0;
      ar_valid_q <= 1'b0;
      ar_word_q  <= '0;
      ar_len_q   <= '0;
      free_q     <= FreeW'(BufferWords);
      came_q     <= '0;
      asked_q    <= '0;
      arrived_q  <= '0;
    end else begin
      busy_q     <= busy_d;
      last_q     <= last_d;
      outside_q  <= outside_d;
      word_q     <= word_d;
      left_q     <= left_d;
      fault_q    <= fault_d;
      ar_valid_q <= ar_valid_d;
      ar_word_q  <= ar_word_d;
      ar_len_q   <= ar_len_d;
      free_q     <= free_d;
      came_q     <= came_d;
      asked_q    <= asked_d;
      arrived_q  <= arrived_d;
    end
  end

  logic unused;
  assign unused = ^{bursts_count, mark_count, r_last_i, bursts_valid};

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) disable iff (!rst_ni) r_valid_i |-> bursts_valid) else $error("data that nobody asked for");
  assert property (@(posedge clk_i) disable iff (!rst_ni) r_valid_i |-> r_last_i == burst_ends) else $error("a burst of another length than asked for");
  assert property (@(posedge clk_i) disable iff (!rst_ni) free_q <= FreeW'(BufferWords)) else $error("more free places than there are places");
  assert property (@(posedge clk_i) disable iff (!rst_ni) ar_valid_o |->
    (32'(ar_addr_o[11:0]) + (32'(ar_len_o) + 32'd1) * PortBytes) <= 32'd4096) else $error("a burst crosses 4 KiB");
`endif
endmodule
