// The weights engine: streams weights from memory to the matrix engine (wld, wgat) through a buffer.
//
// Commands become pieces (puce_weights_pieces), pieces become bursts (puce_weights_bursts), and the words that come back go through the buffer
// (puce_weights_buffer), joined without a gap. The next command's requests follow those of the last one: with requests ahead by the buffer, memory's
// latency costs nothing. After a fault it asks for nothing more. It never looks at what the bytes mean.
module puce_weights
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  // Bytes of the stream's buffer, a multiple of PortBytes.
  parameter int unsigned BufferBytes = 16384
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when its last byte is in the buffer.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  // Bytes of memory that the program may touch.
  input  logic [ValueW-1:0]        limit_i,
  // Scratchpad: the table of a gathering load is read.
  output spad_req_t                table_req_o,
  input  spad_rsp_t                table_rsp_i,
  // Memory: bursts of whole beats inside 4 KiB; the data cannot be held up, so a burst is asked for only when there is room for it.
  output logic                     ar_valid_o,
  input  logic                     ar_ready_i,
  output logic [ValueW-1:0]        ar_addr_o,
  output logic [7:0]               ar_len_o,
  input  logic                     r_valid_i,
  input  logic [8*PortBytes-1:0]   r_data_i,
  input  logic                     r_error_i,
  input  logic                     r_last_i,
  // The stream, in words of 32 bytes: `count` of the next words stand in `data` (the first lowest); `take` (at most `count`) leave at the end of the cycle.
  output logic [$clog2(PortBytes/WordBytes+1)-1:0] stream_count_o,
  output logic [8*PortBytes-1:0]   stream_data_o,
  input  logic [$clog2(PortBytes/WordBytes+1)-1:0] stream_take_i,
  // Whether nothing is in the buffer and nothing on its way.
  output logic                     stream_empty_o
);
  localparam int unsigned Words = PortBytes / WordBytes;
  localparam int unsigned CountW = $clog2(Words + 1);
  localparam int unsigned LaneW = Words > 1 ? $clog2(Words) : 1;

  logic              piece_valid, piece_ready, piece_last, piece_outside, pieces_busy;
  logic [ValueW-6:0] piece_word, piece_words;
  logic [CountW-1:0] beat_count;
  logic [LaneW-1:0]  beat_first;
  logic              outside, bursts_empty;
  fault_e            fault_d, fault_q;

  puce_weights_pieces u_pieces (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .cmd_valid_i     (cmd_valid_i),
    .cmd_i           (cmd_i),
    .cmd_ready_o     (cmd_ready_o),
    .limit_i         (limit_i),
    .table_req_o     (table_req_o),
    .table_rsp_i     (table_rsp_i),
    .piece_valid_o   (piece_valid),
    .piece_ready_i   (piece_ready),
    .piece_word_o    (piece_word),
    .piece_words_o   (piece_words),
    .piece_last_o    (piece_last),
    .piece_outside_o (piece_outside),
    .busy_o          (pieces_busy)
  );

  puce_weights_bursts #(
    .PortBytes   (PortBytes),
    .BufferBytes (BufferBytes)
  ) u_bursts (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .piece_valid_i   (piece_valid),
    .piece_ready_o   (piece_ready),
    .piece_word_i    (piece_word),
    .piece_words_i   (piece_words),
    .piece_last_i    (piece_last),
    .piece_outside_i (piece_outside),
    .ar_valid_o      (ar_valid_o),
    .ar_ready_i      (ar_ready_i),
    .ar_addr_o       (ar_addr_o),
    .ar_len_o        (ar_len_o),
    .r_valid_i       (r_valid_i),
    .r_last_i        (r_last_i),
    .beat_first_o    (beat_first),
    .beat_count_o    (beat_count),
    .take_i          (stream_take_i),
    .done_o          (done_o),
    .fault_o         (outside),
    .empty_o         (bursts_empty)
  );

  puce_weights_buffer #(
    .PortBytes   (PortBytes),
    .BufferBytes (BufferBytes)
  ) u_buffer (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .beat_valid_i   (r_valid_i),
    .beat_first_i   (beat_first),
    .beat_count_i   (beat_count),
    .beat_data_i    (r_data_i),
    .stream_count_o (stream_count_o),
    .stream_data_o  (stream_data_o),
    .stream_take_i  (stream_take_i)
  );

  always_comb begin
    fault_d = fault_q;
    if (fault_q == FaultNone) begin
      if (r_valid_i && r_error_i) fault_d = FaultBus;
      else if (outside)           fault_d = FaultMemory;
    end
  end

  assign fault_o        = fault_q;
  assign stream_empty_o = bursts_empty && !pieces_busy;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fault_q <= FaultNone;
    else         fault_q <= fault_d;
  end
endmodule
