// The vector engine: binary32 element operations, reductions, norms, softmax, rotary embedding, quantise and dequantise (v*).
module puce_vector
  import puce_pkg::*;
#(
  // binary32 lanes: 8 (a scratchpad word) or a multiple.
  parameter int unsigned Lanes = 8
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
  output spad_req_t                a_req_o,
  input  spad_rsp_t                a_rsp_i,
  output spad_req_t                b_req_o,
  input  spad_rsp_t                b_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i
);
endmodule
