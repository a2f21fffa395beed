// The chip: cores, the hub between them, host registers, and the ports to memory.
//
// Cores share memory ports evenly: core i uses port i / (Cores / MemPorts). Every port is an AXI4 master with bursts of whole beats (size is always the
// port's width, burst always INCR, no burst crosses 4 KiB) that never holds up read data or write responses for ever. The host starts, watches and faults
// the chip through AXI4-Lite registers (docs/registers.md). Code and data are in memory, which the host writes by its own means.
module puce_top
  import puce_pkg::*;
  import puce_regs_pkg::*;
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
  localparam int unsigned ParamW = $clog2(Params);
  localparam int unsigned LowW = 2;

  logic [Cores-1:0]                  start, running, done;
  logic                              clear;
  logic [Cores-1:0][ValueW-1:0]      base;
  logic [ValueW-1:0]                 limit;
  fault_e [Cores-1:0]                fault;
  logic [Cores-1:0][31:0]            pc;
  flags_t [Cores-1:0]                flags;
  logic [Cores-1:0][1:0]             inject;
  logic [CounterIndexW-1:0]          counter_index;
  logic [Cores-1:0][CounterW-1:0]    counter;

  logic [Cores-1:0]                  param_valid, param_ready, param_rvalid;
  logic [Cores-1:0][ParamW-1:0]      param_index;
  logic [31:0]                       param_data, host_param_data;
  logic                              host_param_valid, host_param_ready, host_param_write;
  logic [ParamW-1:0]                 host_param_index;

  logic [Cores-1:0]                  arrived, turn, tx_valid, tx_ready, tx_end, rx_ready;
  logic [Cores-1:0][ValueW-1:0]      tx_addr;
  logic [Cores-1:0][WordBytes-1:0]   tx_strb;
  logic [Cores-1:0][WordW-1:0]       tx_data;
  logic                              rx_valid, release_all;
  logic [ValueW-1:0]                 rx_addr;
  logic [WordBytes-1:0]              rx_strb;
  logic [WordW-1:0]                  rx_data;

  logic [Cores-1:0]                  ar_valid, ar_ready, r_valid, aw_valid, aw_ready, w_valid, w_ready, w_last, b_valid;
  logic [Cores-1:0][LowW-1:0]        ar_id;
  logic [Cores-1:0][ValueW-1:0]      ar_addr, aw_addr;
  logic [Cores-1:0][7:0]             ar_len, aw_len;
  logic [Cores-1:0][8*PortBytes-1:0] w_data;
  logic [Cores-1:0][PortBytes-1:0]   w_strb;
  logic [MemPorts-1:0][LowW-1:0]        r_id;
  logic [MemPorts-1:0][8*PortBytes-1:0] r_data;
  logic [MemPorts-1:0]                  r_error, r_last, b_error;
  logic [MemPorts-1:0][3:0]             port_event;

  if (MemPorts * CoresPerPort != Cores) begin : gen_shares
    $error("puce_top: MemPorts must divide Cores");
  end
  if (PortBytes < WordBytes || (1 << $clog2(PortBytes)) != PortBytes) begin : gen_width
    $error("puce_top: PortBytes must be a power of two and at least 32");
  end

  puce_regs #(
    .Cores(Cores),
    .MemPorts(MemPorts),
    .Params(Params)
  ) u_regs (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .lite_aw_valid_i(lite_aw_valid_i),
    .lite_aw_ready_o(lite_aw_ready_o),
    .lite_aw_addr_i(lite_aw_addr_i),
    .lite_w_valid_i(lite_w_valid_i),
    .lite_w_ready_o(lite_w_ready_o),
    .lite_w_data_i(lite_w_data_i),
    .lite_w_strb_i(lite_w_strb_i),
    .lite_b_valid_o(lite_b_valid_o),
    .lite_b_ready_i(lite_b_ready_i),
    .lite_b_resp_o(lite_b_resp_o),
    .lite_ar_valid_i(lite_ar_valid_i),
    .lite_ar_ready_o(lite_ar_ready_o),
    .lite_ar_addr_i(lite_ar_addr_i),
    .lite_r_valid_o(lite_r_valid_o),
    .lite_r_ready_i(lite_r_ready_i),
    .lite_r_data_o(lite_r_data_o),
    .lite_r_resp_o(lite_r_resp_o),
    .irq_o(irq_o),
    .start_o(start),
    .clear_o(clear),
    .base_o(base),
    .limit_o(limit),
    .running_i(running),
    .done_i(done),
    .fault_i(fault),
    .pc_i(pc),
    .flags_i(flags),
    .inject_o(inject),
    .counter_index_o(counter_index),
    .counter_i(counter),
    .param_valid_o(host_param_valid),
    .param_ready_i(host_param_ready),
    .param_write_o(host_param_write),
    .param_index_o(host_param_index),
    .param_data_o(host_param_data),
    .param_data_i(param_data),
    .port_event_i(port_event)
  );

  puce_params #(
    .Cores(Cores),
    .Words(Params)
  ) u_params (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .valid_i(param_valid),
    .ready_o(param_ready),
    .index_i(param_index),
    .rvalid_o(param_rvalid),
    .data_o(param_data),
    .host_valid_i(host_param_valid),
    .host_ready_o(host_param_ready),
    .host_write_i(host_param_write),
    .host_index_i(host_param_index),
    .host_data_i(host_param_data)
  );

  puce_hub #(
    .Cores(Cores)
  ) u_hub (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .running_i(running),
    .arrived_i(arrived),
    .turn_o(turn),
    .tx_valid_i(tx_valid),
    .tx_ready_o(tx_ready),
    .tx_addr_i(tx_addr),
    .tx_strb_i(tx_strb),
    .tx_data_i(tx_data),
    .tx_end_i(tx_end),
    .rx_valid_o(rx_valid),
    .rx_ready_i(rx_ready),
    .rx_addr_o(rx_addr),
    .rx_strb_o(rx_strb),
    .rx_data_o(rx_data),
    .release_o(release_all)
  );

  for (genvar i = 0; i < int'(Cores); i++) begin : gen_core
    localparam int unsigned Port = i / CoresPerPort;

    puce_core #(
      .PortBytes(PortBytes),
      .SpadBytes(SpadBytes),
      .SpadBanks(SpadBanks),
      .SpadEcc(SpadEcc),
      .MatrixRows(MatrixRows),
      .MatrixDepth(MatrixDepth),
      .MatrixColumns(MatrixColumns),
      .MatrixTokens(MatrixTokens),
      .BufferBytes(BufferBytes),
      .Lanes(Lanes),
      .QueueLoad(QueueLoad),
      .QueueWeights(QueueWeights),
      .QueueMatrix(QueueMatrix),
      .QueueVector(QueueVector),
      .QueueStore(QueueStore),
      .QueueExchange(QueueExchange),
      .Params(Params),
      .CodeLines(CodeLines)
    ) u_core (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .start_i(start[i]),
      .clear_i(clear),
      .base_i(base[i]),
      .limit_i(limit),
      .running_o(running[i]),
      .done_o(done[i]),
      .fault_o(fault[i]),
      .pc_o(pc[i]),
      .flags_o(flags[i]),
      .inject_i(inject[i]),
      .counter_index_i(counter_index),
      .counter_o(counter[i]),
      .param_valid_o(param_valid[i]),
      .param_ready_i(param_ready[i]),
      .param_index_o(param_index[i]),
      .param_rvalid_i(param_rvalid[i]),
      .param_data_i(param_data),
      .ar_valid_o(ar_valid[i]),
      .ar_ready_i(ar_ready[i]),
      .ar_id_o(ar_id[i]),
      .ar_addr_o(ar_addr[i]),
      .ar_len_o(ar_len[i]),
      .r_valid_i(r_valid[i]),
      .r_id_i(r_id[Port]),
      .r_data_i(r_data[Port]),
      .r_error_i(r_error[Port]),
      .r_last_i(r_last[Port]),
      .aw_valid_o(aw_valid[i]),
      .aw_ready_i(aw_ready[i]),
      .aw_addr_o(aw_addr[i]),
      .aw_len_o(aw_len[i]),
      .w_valid_o(w_valid[i]),
      .w_ready_i(w_ready[i]),
      .w_data_o(w_data[i]),
      .w_strb_o(w_strb[i]),
      .w_last_o(w_last[i]),
      .b_valid_i(b_valid[i]),
      .b_error_i(b_error[Port]),
      .arrived_o(arrived[i]),
      .turn_i(turn[i]),
      .tx_valid_o(tx_valid[i]),
      .tx_ready_i(tx_ready[i]),
      .tx_addr_o(tx_addr[i]),
      .tx_strb_o(tx_strb[i]),
      .tx_data_o(tx_data[i]),
      .tx_end_o(tx_end[i]),
      .rx_valid_i(rx_valid),
      .rx_ready_o(rx_ready[i]),
      .rx_addr_i(rx_addr),
      .rx_strb_i(rx_strb),
      .rx_data_i(rx_data),
      .release_i(release_all)
    );
  end

  for (genvar i = 0; i < int'(MemPorts); i++) begin : gen_port
    localparam int unsigned First = i * CoresPerPort;

    puce_axi_mux #(
      .Masters(CoresPerPort),
      .PortBytes(PortBytes),
      .LowW(LowW)
    ) u_mux (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .ar_valid_i(ar_valid[First +: CoresPerPort]),
      .ar_ready_o(ar_ready[First +: CoresPerPort]),
      .ar_id_i(ar_id[First +: CoresPerPort]),
      .ar_addr_i(ar_addr[First +: CoresPerPort]),
      .ar_len_i(ar_len[First +: CoresPerPort]),
      .r_valid_o(r_valid[First +: CoresPerPort]),
      .r_id_o(r_id[i]),
      .r_data_o(r_data[i]),
      .r_error_o(r_error[i]),
      .r_last_o(r_last[i]),
      .aw_valid_i(aw_valid[First +: CoresPerPort]),
      .aw_ready_o(aw_ready[First +: CoresPerPort]),
      .aw_addr_i(aw_addr[First +: CoresPerPort]),
      .aw_len_i(aw_len[First +: CoresPerPort]),
      .w_valid_i(w_valid[First +: CoresPerPort]),
      .w_ready_o(w_ready[First +: CoresPerPort]),
      .w_data_i(w_data[First +: CoresPerPort]),
      .w_strb_i(w_strb[First +: CoresPerPort]),
      .w_last_i(w_last[First +: CoresPerPort]),
      .b_valid_o(b_valid[First +: CoresPerPort]),
      .b_error_o(b_error[i]),
      .axi_ar_valid_o(axi_ar_valid_o[i]),
      .axi_ar_ready_i(axi_ar_ready_i[i]),
      .axi_ar_id_o(axi_ar_id_o[i]),
      .axi_ar_addr_o(axi_ar_addr_o[i]),
      .axi_ar_len_o(axi_ar_len_o[i]),
      .axi_r_valid_i(axi_r_valid_i[i]),
      .axi_r_ready_o(axi_r_ready_o[i]),
      .axi_r_id_i(axi_r_id_i[i]),
      .axi_r_data_i(axi_r_data_i[i]),
      .axi_r_resp_i(axi_r_resp_i[i]),
      .axi_r_last_i(axi_r_last_i[i]),
      .axi_aw_valid_o(axi_aw_valid_o[i]),
      .axi_aw_ready_i(axi_aw_ready_i[i]),
      .axi_aw_id_o(axi_aw_id_o[i]),
      .axi_aw_addr_o(axi_aw_addr_o[i]),
      .axi_aw_len_o(axi_aw_len_o[i]),
      .axi_w_valid_o(axi_w_valid_o[i]),
      .axi_w_ready_i(axi_w_ready_i[i]),
      .axi_w_data_o(axi_w_data_o[i]),
      .axi_w_strb_o(axi_w_strb_o[i]),
      .axi_w_last_o(axi_w_last_o[i]),
      .axi_b_valid_i(axi_b_valid_i[i]),
      .axi_b_ready_o(axi_b_ready_o[i]),
      .axi_b_id_i(axi_b_id_i[i]),
      .axi_b_resp_i(axi_b_resp_i[i])
    );

    // Whole beats, one address after the other.
    assign axi_ar_size_o[i]  = 3'($clog2(PortBytes));
    assign axi_ar_burst_o[i] = 2'b01;
    assign axi_aw_size_o[i]  = 3'($clog2(PortBytes));
    assign axi_aw_burst_o[i] = 2'b01;

    assign port_event[i] = {
      axi_w_valid_o[i] && !axi_w_ready_i[i],
      axi_ar_valid_o[i] && !axi_ar_ready_i[i],
      axi_w_valid_o[i] && axi_w_ready_i[i],
      axi_r_valid_i[i] && axi_r_ready_o[i]
    };
  end
endmodule
