// The chip: cores, the hub between them, host registers, and the ports to memory.
//
// Cores share memory ports evenly: core i uses port i / (Cores / MemPorts). Every port is an AXI4 master with bursts of whole beats (size is always the
// port's width, burst always INCR, no burst crosses 4 KiB) that never holds up read data or write responses for ever. The host starts, watches and faults
// the chip through AXI4-Lite registers (docs/registers.md). Code and data are in memory, which the host writes by its own means.
module puce_top
  import puce_pkg::*;
#(
  parameter int unsigned Cores         = 1,
  // A divisor of Cores.
  parameter int unsigned MemPorts      = 1,
  // Bytes of a beat of a memory port: a power of two, at least 32.
  parameter int unsigned PortBytes     = 64,
  // Scratchpad of each core.
  parameter int unsigned SpadBytes     = 524288,
  parameter int unsigned SpadBanks     = 8,
  parameter bit          SpadEcc       = 1'b1,
  // Matrix engine of each core: see puce_matrix.
  parameter int unsigned MatrixRows    = 16,
  parameter int unsigned MatrixDepth   = 8,
  parameter int unsigned MatrixColumns = 4,
  parameter int unsigned MatrixTokens  = 16,
  // Bytes of the weight stream's buffer.
  parameter int unsigned BufferBytes   = 16384,
  // binary32 lanes of each core's vector engine.
  parameter int unsigned Lanes         = 8,
  // Instructions that may wait in front of each engine.
  parameter int unsigned QueueLoad     = 8,
  parameter int unsigned QueueWeights  = 8,
  parameter int unsigned QueueMatrix   = 8,
  parameter int unsigned QueueVector   = 8,
  parameter int unsigned QueueStore    = 8,
  parameter int unsigned QueueExchange = 4,
  // 32-bit words of parameter memory.
  parameter int unsigned Params        = 4096,
  // Instruction cache of each core: lines of 64 bytes, a power of two.
  parameter int unsigned CodeLines     = 64,
  // Identifiers: two bits for the reader inside a core, above them the core's place at its port.
  localparam int unsigned CoresPerPort = Cores / MemPorts,
  localparam int unsigned IdW          = 2 + $clog2(CoresPerPort)
) (
  input  logic                                 clk_i,
  input  logic                                 rst_ni,
  // High from the moment when every core is done, or one has stopped with a fault, until the next start.
  output logic                                 irq_o,
  // Memory: AXI4, read.
  output logic [MemPorts-1:0]                  axi_ar_valid_o,
  input  logic [MemPorts-1:0]                  axi_ar_ready_i,
  output logic [MemPorts-1:0][IdW-1:0]         axi_ar_id_o,
  output logic [MemPorts-1:0][ValueW-1:0]      axi_ar_addr_o,
  output logic [MemPorts-1:0][7:0]             axi_ar_len_o,
  output logic [MemPorts-1:0][2:0]             axi_ar_size_o,
  output logic [MemPorts-1:0][1:0]             axi_ar_burst_o,
  input  logic [MemPorts-1:0]                  axi_r_valid_i,
  output logic [MemPorts-1:0]                  axi_r_ready_o,
  input  logic [MemPorts-1:0][IdW-1:0]         axi_r_id_i,
  input  logic [MemPorts-1:0][8*PortBytes-1:0] axi_r_data_i,
  input  logic [MemPorts-1:0][1:0]             axi_r_resp_i,
  input  logic [MemPorts-1:0]                  axi_r_last_i,
  // Memory: AXI4, write.
  output logic [MemPorts-1:0]                  axi_aw_valid_o,
  input  logic [MemPorts-1:0]                  axi_aw_ready_i,
  output logic [MemPorts-1:0][IdW-1:0]         axi_aw_id_o,
  output logic [MemPorts-1:0][ValueW-1:0]      axi_aw_addr_o,
  output logic [MemPorts-1:0][7:0]             axi_aw_len_o,
  output logic [MemPorts-1:0][2:0]             axi_aw_size_o,
  output logic [MemPorts-1:0][1:0]             axi_aw_burst_o,
  output logic [MemPorts-1:0]                  axi_w_valid_o,
  input  logic [MemPorts-1:0]                  axi_w_ready_i,
  output logic [MemPorts-1:0][8*PortBytes-1:0] axi_w_data_o,
  output logic [MemPorts-1:0][PortBytes-1:0]   axi_w_strb_o,
  output logic [MemPorts-1:0]                  axi_w_last_o,
  input  logic [MemPorts-1:0]                  axi_b_valid_i,
  output logic [MemPorts-1:0]                  axi_b_ready_o,
  input  logic [MemPorts-1:0][IdW-1:0]         axi_b_id_i,
  input  logic [MemPorts-1:0][1:0]             axi_b_resp_i,
  // Host: AXI4-Lite, words of 32 bits.
  input  logic                                 lite_aw_valid_i,
  output logic                                 lite_aw_ready_o,
  input  logic [23:0]                          lite_aw_addr_i,
  input  logic                                 lite_w_valid_i,
  output logic                                 lite_w_ready_o,
  input  logic [31:0]                          lite_w_data_i,
  input  logic [3:0]                           lite_w_strb_i,
  output logic                                 lite_b_valid_o,
  input  logic                                 lite_b_ready_i,
  output logic [1:0]                           lite_b_resp_o,
  input  logic                                 lite_ar_valid_i,
  output logic                                 lite_ar_ready_o,
  input  logic [23:0]                          lite_ar_addr_i,
  output logic                                 lite_r_valid_o,
  input  logic                                 lite_r_ready_i,
  output logic [31:0]                          lite_r_data_o,
  output logic [1:0]                           lite_r_resp_o
);
endmodule
