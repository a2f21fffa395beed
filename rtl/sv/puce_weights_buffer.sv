// The weight stream's buffer: beats of memory go in, the words that belong to the stream come out one after the other.
//
// Words of 32 bytes go round the banks, as many banks as a beat has words, so that a whole beat goes in and a beat's worth of words comes out in every
// cycle, wherever in a beat they lay. The buffer never refuses: who asks memory has reserved the place.
module puce_weights_buffer
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  parameter int unsigned BufferBytes = 16384,
  localparam int unsigned Words = PortBytes / WordBytes,
  localparam int unsigned CountW = $clog2(Words + 1),
  localparam int unsigned BankW = Words > 1 ? $clog2(Words) : 1
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // A beat: `count` of its words belong to the stream, from `first` on.
  input  logic                     beat_valid_i,
  input  logic [BankW-1:0]         beat_first_i,
  input  logic [CountW-1:0]        beat_count_i,
  input  logic [8*PortBytes-1:0]   beat_data_i,
  output logic [CountW-1:0]        stream_count_o,
  output logic [8*PortBytes-1:0]   stream_data_o,
  input  logic [CountW-1:0]        stream_take_i
);
  localparam int unsigned Depth = BufferBytes / PortBytes;

  // The bank of the next word to come in, and of the next to go out.
  logic [BankW-1:0]              tail_d, tail_q, head_d, head_q;
  logic [Words-1:0]              write, valid, pop;
  logic [Words-1:0][WordW-1:0]   in, banked, next;

  assign in = beat_data_i;

  // A whole round of banks is no step.
  function automatic logic [BankW-1:0] around(input logic [BankW-1:0] bank, input logic [BankW-1:0] by);
    return (Words == 1) ? '0 : bank + by;
  endfunction

  assign tail_d = beat_valid_i ? around(tail_q, BankW'(beat_count_i)) : tail_q;
  assign head_d = around(head_q, BankW'(stream_take_i));

  for (genvar b = 0; b < Words; b++) begin : gen_bank
    // The place of this bank among the words that come, and among those that go.
    logic [BankW-1:0] in_place, out_place, in_word;
    assign in_place  = BankW'(b) - tail_q;
    assign out_place = BankW'(b) - head_q;
    assign in_word   = around(in_place, beat_first_i);
    assign write[b]  = beat_valid_i && CountW'(in_place) < beat_count_i;
    assign pop[b]    = CountW'(out_place) < stream_take_i;

    puce_weights_bank #(
      .Width (WordW),
      .Depth (Depth)
    ) u_bank (
      .clk_i   (clk_i),
      .rst_ni  (rst_ni),
      .write_i (write[b]),
      .wdata_i (in[in_word]),
      .valid_o (valid[b]),
      .data_o  (banked[b]),
      .pop_i   (pop[b])
    );
  end

  always_comb begin
    stream_count_o = '0;
    next           = '0;
    for (int unsigned w = 0; w < Words; w++) begin
      next[w] = banked[around(head_q, BankW'(w))];
      if (stream_count_o == CountW'(w) && valid[around(head_q, BankW'(w))]) stream_count_o = CountW'(w + 1);
    end
  end

  assign stream_data_o = next;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      tail_q <= '0;
      head_q <= '0;
    end else begin
      tail_q <= tail_d;
      head_q <= head_d;
    end
  end

`ifndef SYNTHESIS
  initial assert (Words * WordBytes == PortBytes && (Words & (Words - 1)) == 0 && Depth * PortBytes == BufferBytes)
    else $fatal(1, "PortBytes is a power of two of at least 32, BufferBytes a multiple of it");
  assert property (@(posedge clk_i) disable iff (!rst_ni) stream_take_i <= stream_count_o) else $error("more words are taken than there are");
`endif
endmodule
