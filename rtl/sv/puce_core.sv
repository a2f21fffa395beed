// A core: control and its instruction cache, the queues, the six engines, the scratchpad, and one master on memory.
//
// Code goes from puce_fetch to puce_control, which hands instructions to the queues; in front of each engine a puce_front assembles commands and holds them
// until what they wait for is done. This module only connects, counts what engines have done, and keeps the sticky flags.
module puce_core
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_regs_pkg::*;
#(
  parameter int unsigned PortBytes     = 64,
  parameter int unsigned SpadBytes     = 524288,
  parameter int unsigned SpadBanks     = 8,
  parameter bit          SpadEcc       = 1'b1,
  parameter int unsigned MatrixRows    = 16,
  parameter int unsigned MatrixDepth   = 8,
  parameter int unsigned MatrixColumns = 4,
  parameter int unsigned MatrixTokens  = 16,
  parameter int unsigned BufferBytes   = 16384,
  parameter int unsigned Lanes         = 8,
  parameter int unsigned QueueLoad     = 8,
  parameter int unsigned QueueWeights  = 8,
  parameter int unsigned QueueMatrix   = 8,
  parameter int unsigned QueueVector   = 8,
  parameter int unsigned QueueStore    = 8,
  parameter int unsigned QueueExchange = 4,
  parameter int unsigned Params        = 4096,
  parameter int unsigned CodeLines     = 64,
  localparam int unsigned ParamW       = $clog2(Params)
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Host: see puce_control and puce_regs.
  input  logic                     start_i,
  input  logic                     clear_i,
  input  logic [ValueW-1:0]        base_i,
  input  logic [ValueW-1:0]        limit_i,
  output logic                     running_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  output logic [31:0]              pc_o,
  output flags_t                   flags_o,
  input  logic [1:0]               inject_i,
  input  logic [CounterIndexW-1:0] counter_index_i,
  output logic [CounterW-1:0]      counter_o,
  // Parameter memory: see puce_params.
  output logic                     param_valid_o,
  input  logic                     param_ready_i,
  output logic [ParamW-1:0]        param_index_o,
  input  logic                     param_rvalid_i,
  input  logic [31:0]              param_data_i,
  // Memory: see puce_axi_read and puce_store.
  output logic                     ar_valid_o,
  input  logic                     ar_ready_i,
  output logic [1:0]               ar_id_o,
  output logic [ValueW-1:0]        ar_addr_o,
  output logic [7:0]               ar_len_o,
  input  logic                     r_valid_i,
  input  logic [1:0]               r_id_i,
  input  logic [8*PortBytes-1:0]   r_data_i,
  input  logic                     r_error_i,
  input  logic                     r_last_i,
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
  input  logic                     b_error_i,
  // Hub: see puce_exchange.
  output logic                     arrived_o,
  input  logic                     turn_i,
  output logic                     tx_valid_o,
  input  logic                     tx_ready_i,
  output logic [ValueW-1:0]        tx_addr_o,
  output logic [WordBytes-1:0]     tx_strb_o,
  output logic [WordW-1:0]         tx_data_o,
  output logic                     tx_end_o,
  input  logic                     rx_valid_i,
  output logic                     rx_ready_o,
  input  logic [ValueW-1:0]        rx_addr_i,
  input  logic [WordBytes-1:0]     rx_strb_i,
  input  logic [WordW-1:0]         rx_data_i,
  input  logic                     release_i
);
  localparam int unsigned StreamW = $clog2(PortBytes / WordBytes + 1);
  localparam int unsigned Depths [Engines] = '{QueueLoad, QueueWeights, QueueMatrix, QueueVector, QueueStore, QueueExchange};

  // Engines by code.
  localparam int unsigned Load     = 0;
  localparam int unsigned Weights  = 1;
  localparam int unsigned Matrix   = 2;
  localparam int unsigned Vector   = 3;
  localparam int unsigned Store    = 4;
  localparam int unsigned Exchange = 5;

  logic [Engines-1:0]        queue_room, queue_reserve, queue_valid;
  logic [ValueW-1:0]         queue_word;
  logic [Engines-1:0]        front_valid, front_ready;
  logic [Engines-1:0][ValueW-1:0] front_word;
  logic [Engines-1:0]        cmd_valid, cmd_ready, engine_done, engine_busy, engine_waits;
  cmd_t [Engines-1:0]        cmd;
  logic [Engines-1:0][CommandCountW-1:0] done_count_d, done_count_q;

  logic                      fetch_start, fetch_run, fetch_idle, jump;
  logic [31:0]               jump_word;
  logic                      word_valid, word_ready, word_error;
  logic [63:0]               word;

  logic [2:0]                read_valid, read_ready, read_rvalid;
  logic [2:0][ValueW-1:0]    read_addr;
  logic [2:0][7:0]           read_len;
  logic [8*PortBytes-1:0]    read_data;
  logic                      read_error, read_last, read_waiting;

  logic [StreamW-1:0]        stream_count, stream_take;
  logic [8*PortBytes-1:0]    stream_data;
  logic                      stream_empty;

  localparam int unsigned Ports = 11;
  spad_req_t [Ports-1:0]     spad_req;
  spad_rsp_t [Ports-1:0]     spad_rsp;
  logic [Ports-1:0]          spad_held;
  logic                      corrected;

  fault_e [Engines-1:0]      engine_fault;
  fault_e                    spad_fault, first_fault;
  flags_t                    matrix_flags, vector_flags, flags_d, flags_q;

  logic [Engines:0]          issue;
  logic                      wait_queue, wait_fetch;
  logic [CounterCount-1:0]   events;

  puce_fetch #(
    .PortBytes(PortBytes),
    .Lines(CodeLines)
  ) u_fetch (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .base_i(base_i),
    .start_i(fetch_start),
    .run_i(fetch_run),
    .idle_o(fetch_idle),
    .jump_i(jump),
    .jump_word_i(jump_word),
    .word_valid_o(word_valid),
    .word_ready_i(word_ready),
    .word_o(word),
    .word_error_o(word_error),
    .ar_valid_o(read_valid[0]),
    .ar_ready_i(read_ready[0]),
    .ar_addr_o(read_addr[0]),
    .ar_len_o(read_len[0]),
    .r_valid_i(read_rvalid[0]),
    .r_data_i(read_data),
    .r_error_i(read_error),
    .r_last_i(read_last)
  );

  puce_control #(
    .Params(Params)
  ) u_control (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .running_o(running_o),
    .done_o(done_o),
    .fault_o(fault_o),
    .pc_o(pc_o),
    .fault_i(first_fault),
    .fetch_start_o(fetch_start),
    .fetch_run_o(fetch_run),
    .fetch_idle_i(fetch_idle),
    .jump_o(jump),
    .jump_word_o(jump_word),
    .word_valid_i(word_valid),
    .word_ready_o(word_ready),
    .word_i(word),
    .word_error_i(word_error),
    .queue_room_i(queue_room),
    .queue_reserve_o(queue_reserve),
    .queue_valid_o(queue_valid),
    .queue_word_o(queue_word),
    .done_count_i(done_count_q),
    .stream_empty_i(stream_empty),
    .param_valid_o(param_valid_o),
    .param_ready_i(param_ready_i),
    .param_index_o(param_index_o),
    .param_rvalid_i(param_rvalid_i),
    .param_data_i(param_data_i),
    .issue_o(issue),
    .wait_queue_o(wait_queue),
    .wait_fetch_o(wait_fetch)
  );

  for (genvar i = 0; i < int'(Engines); i++) begin : gen_front
    puce_queue #(
      .Depth(Depths[i]),
      .InstrWords(Engines + UnitOperands[i])
    ) u_queue (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .room_o(queue_room[i]),
      .reserve_i(queue_reserve[i]),
      .leave_i(cmd_valid[i] && cmd_ready[i]),
      .in_valid_i(queue_valid[i]),
      .in_word_i(queue_word),
      .out_valid_o(front_valid[i]),
      .out_ready_i(front_ready[i]),
      .out_word_o(front_word[i])
    );

    puce_front #(
      .Args(UnitOperands[i])
    ) u_front (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .word_valid_i(front_valid[i]),
      .word_ready_o(front_ready[i]),
      .word_i(front_word[i]),
      .done_count_i(done_count_q),
      .cmd_valid_o(cmd_valid[i]),
      .cmd_ready_i(cmd_ready[i]),
      .cmd_o(cmd[i]),
      .done_i(engine_done[i]),
      .busy_o(engine_busy[i]),
      .waiting_o(engine_waits[i])
    );
  end

  puce_load #(
    .PortBytes(PortBytes)
  ) u_load (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid[Load]),
    .cmd_i(cmd[Load]),
    .cmd_ready_o(cmd_ready[Load]),
    .done_o(engine_done[Load]),
    .fault_o(engine_fault[Load]),
    .limit_i(limit_i),
    .table_req_o(spad_req[6]),
    .table_rsp_i(spad_rsp[6]),
    .write_req_o(spad_req[5]),
    .write_rsp_i(spad_rsp[5]),
    .ar_valid_o(read_valid[1]),
    .ar_ready_i(read_ready[1]),
    .ar_addr_o(read_addr[1]),
    .ar_len_o(read_len[1]),
    .r_valid_i(read_rvalid[1]),
    .r_data_i(read_data),
    .r_error_i(read_error),
    .r_last_i(read_last)
  );

  puce_weights #(
    .PortBytes(PortBytes),
    .BufferBytes(BufferBytes)
  ) u_weights (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid[Weights]),
    .cmd_i(cmd[Weights]),
    .cmd_ready_o(cmd_ready[Weights]),
    .done_o(engine_done[Weights]),
    .fault_o(engine_fault[Weights]),
    .limit_i(limit_i),
    .table_req_o(spad_req[7]),
    .table_rsp_i(spad_rsp[7]),
    .ar_valid_o(read_valid[2]),
    .ar_ready_i(read_ready[2]),
    .ar_addr_o(read_addr[2]),
    .ar_len_o(read_len[2]),
    .r_valid_i(read_rvalid[2]),
    .r_data_i(read_data),
    .r_error_i(read_error),
    .r_last_i(read_last),
    .stream_count_o(stream_count),
    .stream_data_o(stream_data),
    .stream_take_i(stream_take),
    .stream_empty_o(stream_empty)
  );

  puce_matrix #(
    .Rows(MatrixRows),
    .Depth(MatrixDepth),
    .Columns(MatrixColumns),
    .Tokens(MatrixTokens),
    .PortBytes(PortBytes)
  ) u_matrix (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid[Matrix]),
    .cmd_i(cmd[Matrix]),
    .cmd_ready_o(cmd_ready[Matrix]),
    .done_o(engine_done[Matrix]),
    .flags_o(matrix_flags),
    .fault_o(engine_fault[Matrix]),
    .stream_count_i(stream_count),
    .stream_data_i(stream_data),
    .stream_take_o(stream_take),
    .read_req_o(spad_req[0]),
    .read_rsp_i(spad_rsp[0]),
    .write_req_o(spad_req[1]),
    .write_rsp_i(spad_rsp[1])
  );

  puce_vector #(
    .Lanes(Lanes)
  ) u_vector (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid[Vector]),
    .cmd_i(cmd[Vector]),
    .cmd_ready_o(cmd_ready[Vector]),
    .done_o(engine_done[Vector]),
    .flags_o(vector_flags),
    .fault_o(engine_fault[Vector]),
    .a_req_o(spad_req[2]),
    .a_rsp_i(spad_rsp[2]),
    .b_req_o(spad_req[3]),
    .b_rsp_i(spad_rsp[3]),
    .write_req_o(spad_req[4]),
    .write_rsp_i(spad_rsp[4])
  );

  puce_store #(
    .PortBytes(PortBytes)
  ) u_store (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid[Store]),
    .cmd_i(cmd[Store]),
    .cmd_ready_o(cmd_ready[Store]),
    .done_o(engine_done[Store]),
    .fault_o(engine_fault[Store]),
    .limit_i(limit_i),
    .read_req_o(spad_req[8]),
    .read_rsp_i(spad_rsp[8]),
    .aw_valid_o(aw_valid_o),
    .aw_ready_i(aw_ready_i),
    .aw_addr_o(aw_addr_o),
    .aw_len_o(aw_len_o),
    .w_valid_o(w_valid_o),
    .w_ready_i(w_ready_i),
    .w_data_o(w_data_o),
    .w_strb_o(w_strb_o),
    .w_last_o(w_last_o),
    .b_valid_i(b_valid_i),
    .b_error_i(b_error_i)
  );

  puce_exchange u_exchange (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid[Exchange]),
    .cmd_i(cmd[Exchange]),
    .cmd_ready_o(cmd_ready[Exchange]),
    .done_o(engine_done[Exchange]),
    .fault_o(engine_fault[Exchange]),
    .read_req_o(spad_req[9]),
    .read_rsp_i(spad_rsp[9]),
    .write_req_o(spad_req[10]),
    .write_rsp_i(spad_rsp[10]),
    .arrived_o(arrived_o),
    .turn_i(turn_i),
    .tx_valid_o(tx_valid_o),
    .tx_ready_i(tx_ready_i),
    .tx_addr_o(tx_addr_o),
    .tx_strb_o(tx_strb_o),
    .tx_data_o(tx_data_o),
    .tx_end_o(tx_end_o),
    .rx_valid_i(rx_valid_i),
    .rx_ready_o(rx_ready_o),
    .rx_addr_i(rx_addr_i),
    .rx_strb_i(rx_strb_i),
    .rx_data_i(rx_data_i),
    .release_i(release_i)
  );

  puce_scratchpad #(
    .Bytes(SpadBytes),
    .Banks(SpadBanks),
    .Ports(Ports),
    .Ecc(SpadEcc)
  ) u_scratchpad (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .req_i(spad_req),
    .rsp_o(spad_rsp),
    .fault_o(spad_fault),
    .corrected_o(corrected),
    .inject_i(inject_i)
  );

  puce_axi_read #(
    .PortBytes(PortBytes)
  ) u_axi_read (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .ar_valid_i(read_valid),
    .ar_ready_o(read_ready),
    .ar_addr_i(read_addr),
    .ar_len_i(read_len),
    .r_valid_o(read_rvalid),
    .r_data_o(read_data),
    .r_error_o(read_error),
    .r_last_o(read_last),
    .axi_ar_valid_o(ar_valid_o),
    .axi_ar_ready_i(ar_ready_i),
    .axi_ar_id_o(ar_id_o),
    .axi_ar_addr_o(ar_addr_o),
    .axi_ar_len_o(ar_len_o),
    .axi_r_valid_i(r_valid_i),
    .axi_r_id_i(r_id_i),
    .axi_r_data_i(r_data_i),
    .axi_r_error_i(r_error_i),
    .axi_r_last_i(r_last_i),
    .waiting_o(read_waiting)
  );

  always_comb begin
    done_count_d = done_count_q;
    for (int unsigned i = 0; i < Engines; i++) begin
      if (engine_done[i]) done_count_d[i] = done_count_q[i] + CommandCountW'(1);
    end
  end

  always_comb begin
    first_fault = spad_fault;
    for (int unsigned i = Engines; i > 0; i--) begin
      if (engine_fault[i-1] != FaultNone) first_fault = engine_fault[i-1];
    end
  end

  assign flags_d = clear_i ? flags_t'('0) : (flags_q | matrix_flags | vector_flags);
  assign flags_o = flags_q;

  for (genvar i = 0; i < int'(Ports); i++) begin : gen_held
    assign spad_held[i] = spad_req[i].valid && !spad_rsp[i].ready;
  end

  always_comb begin
    events = '0;
    events[counter_place(RegCoreInstructions) +: Engines + 1] = issue;
    events[counter_place(RegCoreCorrected)]                   = corrected;
    events[counter_place(RegCoreBusy) +: Engines]             = engine_busy;
    events[counter_place(RegCoreSync) +: Engines]             = engine_waits;
    events[counter_place(RegCoreQueue)]                       = wait_queue;
    events[counter_place(RegCoreFetch)]                       = wait_fetch;
    events[counter_place(RegCoreStream)]                      = engine_busy[Matrix] && stream_count == '0;
    events[counter_place(RegCoreMemory)]                      = read_waiting;
    events[counter_place(RegCoreSpad) +: Ports]               = spad_held;
  end

  puce_counters #(
    .Counters(CounterCount),
    .Width(CounterW)
  ) u_counters (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(clear_i),
    .event_i(events),
    .index_i(counter_index_i),
    .value_o(counter_o)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      done_count_q <= '0;
      flags_q      <= '0;
    end else begin
      done_count_q <= done_count_d;
      flags_q      <= flags_d;
    end
  end
endmodule
