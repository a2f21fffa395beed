// The store engine: strided copies from the scratchpad to memory (st).
module puce_store
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when memory has answered for all it wrote.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  // Bytes of memory that the program may touch.
  input  logic [ValueW-1:0]        limit_i,
  output spad_req_t                read_req_o,
  input  spad_rsp_t                read_rsp_i,
  // AXI4 write channels (one identifier).
  output logic                     aw_valid_o,
  input  logic                     aw_ready_i,
  output logic [ValueW-1:0]        aw_addr_o,
  output logic [7:0]               aw_len_o,
  output logic                     w_valid_o,
  input  logic                     w_ready_i,
  output logic [8*PortBytes-1:0]   w_data_o,
  output logic [PortBytes-1:0]     w_strb_o,
  output logic                     w_last_o,
  input  logic                     b_valid_i,
  input  logic                     b_error_i
);
endmodule
