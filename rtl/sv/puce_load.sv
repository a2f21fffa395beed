// The load engine: strided and gathering copies from memory to the scratchpad (ld, ldg).
module puce_load
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when all it wrote can be read.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  // Bytes of memory that the program may touch.
  input  logic [ValueW-1:0]        limit_i,
  // Scratchpad: the table of a gathering load is read, data is written.
  output spad_req_t                table_req_o,
  input  spad_rsp_t                table_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i,
  // Memory: bursts of whole beats inside 4 KiB; the data cannot be held up, so a burst is asked for only when there is room for it.
  output logic                     ar_valid_o,
  input  logic                     ar_ready_i,
  output logic [ValueW-1:0]        ar_addr_o,
  output logic [7:0]               ar_len_o,
  input  logic                     r_valid_i,
  input  logic [8*PortBytes-1:0]   r_data_i,
  input  logic                     r_error_i,
  input  logic                     r_last_i
);
endmodule
