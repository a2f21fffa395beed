// The exchange engine of one core: all-gathers between the cores of the chip (gather).
//
// The chip's hub (puce_hub) waits until every running core has come to its gather, lets them send one after the other, and broadcasts each beat to all.
module puce_exchange
  import puce_pkg::*;
(
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when all that this core received can be read.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  output spad_req_t                read_req_o,
  input  spad_rsp_t                read_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i,
  // To the hub: this core waits in a gather; it is this core's turn to send; a beat of up to 32 bytes at any byte address of the receivers' scratchpads
  // (data and strobes already at the place that they have in the aligned word); the last beat was sent before.
  output logic                     arrived_o,
  input  logic                     turn_i,
  output logic                     tx_valid_o,
  input  logic                     tx_ready_i,
  output logic [ValueW-1:0]        tx_addr_o,
  output logic [WordBytes-1:0]     tx_strb_o,
  output logic [WordW-1:0]         tx_data_o,
  output logic                     tx_end_o,
  // From the hub: a beat to write; the gather is complete.
  input  logic                     rx_valid_i,
  output logic                     rx_ready_o,
  input  logic [ValueW-1:0]        rx_addr_i,
  input  logic [WordBytes-1:0]     rx_strb_i,
  input  logic [WordW-1:0]         rx_data_i,
  input  logic                     release_i
);
endmodule
