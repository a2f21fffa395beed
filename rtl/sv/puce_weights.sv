// The weights engine: streams weights from memory to the matrix engine (wld, wgat) through a buffer.
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
endmodule
