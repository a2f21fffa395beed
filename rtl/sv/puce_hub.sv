// The hub of a chip: carries out one all-gather at a time for the exchange engines of its cores.
module puce_hub
  import puce_pkg::*;
#(
  parameter int unsigned Cores = 1
) (
  input  logic                              clk_i,
  input  logic                              rst_ni,
  // Cores that run a program.
  input  logic [Cores-1:0]                  running_i,
  input  logic [Cores-1:0]                  arrived_i,
  output logic [Cores-1:0]                  turn_o,
  input  logic [Cores-1:0]                  tx_valid_i,
  output logic [Cores-1:0]                  tx_ready_o,
  input  logic [Cores-1:0][ValueW-1:0]      tx_addr_i,
  input  logic [Cores-1:0][WordBytes-1:0]   tx_strb_i,
  input  logic [Cores-1:0][WordW-1:0]       tx_data_i,
  input  logic [Cores-1:0]                  tx_end_i,
  output logic                              rx_valid_o,
  input  logic [Cores-1:0]                  rx_ready_i,
  output logic [ValueW-1:0]                 rx_addr_o,
  output logic [WordBytes-1:0]              rx_strb_o,
  output logic [WordW-1:0]                  rx_data_o,
  output logic                              release_o
);
endmodule
