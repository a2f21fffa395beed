// The scratchpad: banks of 32-byte words, interleaved by address, shared by ports of fixed priority (port 0 first).
module puce_scratchpad
  import puce_pkg::*;
#(
  parameter int unsigned Bytes = 524288,
  // A power of two.
  parameter int unsigned Banks = 8,
  parameter int unsigned Ports = 11,
  // Single-error correction, double-error detection on every 32 bits.
  parameter bit          Ecc = 1'b1
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  spad_req_t [Ports-1:0]    req_i,
  output spad_rsp_t [Ports-1:0]    rsp_o,
  // FaultSpad for an address outside, FaultEcc for a word with two wrong bits.
  output fault_e                   fault_o,
  // Pulses for each word in which one wrong bit was mended.
  output logic                     corrected_o,
  // Fault injection: bits to flip in the next word that is read from memory arrays (for tests and for self-test by the host).
  input  logic [1:0]               inject_i
);
endmodule
