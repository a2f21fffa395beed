// The matrix engine: block dot products of A8 activations with streamed weights of every kind, summed on a grid (mm).
module puce_matrix
  import puce_pkg::*;
#(
  // Rows of a tile taken per cycle, columns of each row for 4-bit codes (half of it for 8-bit codes), tokens multiplied in parallel, accumulators per row.
  parameter int unsigned Rows = 16,
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4,
  parameter int unsigned Tokens = 16,
  parameter int unsigned PortBytes = 64
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when all it wrote can be read.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output flags_t                   flags_o,
  output fault_e                   fault_o,
  // The weight stream: see puce_weights.
  input  logic [$clog2(PortBytes/WordBytes+1)-1:0] stream_count_i,
  input  logic [8*PortBytes-1:0]   stream_data_i,
  output logic [$clog2(PortBytes/WordBytes+1)-1:0] stream_take_o,
  output spad_req_t                read_req_o,
  input  spad_rsp_t                read_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i
);
endmodule
