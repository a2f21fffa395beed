// The host's registers behind an AXI4-Lite port: start, watch and read out the cores (docs/registers.md, made from the same table as puce_regs_pkg).
//
// One access at a time. What is not in the map answers with SLVERR and does nothing. It never looks at memory or code.
module puce_regs
  import puce_pkg::*;
  import puce_regs_pkg::*;
#(
  parameter int unsigned Cores = 1,
  parameter int unsigned MemPorts = 1,
  parameter int unsigned Params = 4096,
  localparam int unsigned ParamW = $clog2(Params)
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,
  // Host.
  input  logic                            lite_aw_valid_i,
  output logic                            lite_aw_ready_o,
  input  logic [23:0]                     lite_aw_addr_i,
  input  logic                            lite_w_valid_i,
  output logic                            lite_w_ready_o,
  input  logic [31:0]                     lite_w_data_i,
  input  logic [3:0]                      lite_w_strb_i,
  output logic                            lite_b_valid_o,
  input  logic                            lite_b_ready_i,
  output logic [1:0]                      lite_b_resp_o,
  input  logic                            lite_ar_valid_i,
  output logic                            lite_ar_ready_o,
  input  logic [23:0]                     lite_ar_addr_i,
  output logic                            lite_r_valid_o,
  input  logic                            lite_r_ready_i,
  output logic [31:0]                     lite_r_data_o,
  output logic [1:0]                      lite_r_resp_o,
  output logic                            irq_o,
  // Cores.
  output logic [Cores-1:0]                start_o,
  output logic                            clear_o,
  output logic [Cores-1:0][ValueW-1:0]    base_o,
  output logic [ValueW-1:0]               limit_o,
  input  logic [Cores-1:0]                running_i,
  input  logic [Cores-1:0]                done_i,
  input  fault_e [Cores-1:0]              fault_i,
  input  logic [Cores-1:0][31:0]          pc_i,
  input  flags_t [Cores-1:0]              flags_i,
  output logic [Cores-1:0][1:0]           inject_o,
  output logic [CounterIndexW-1:0]        counter_index_o,
  input  logic [Cores-1:0][CounterW-1:0]  counter_i,
  // Parameter memory: see puce_params.
  output logic                            param_valid_o,
  input  logic                            param_ready_i,
  output logic                            param_write_o,
  output logic [ParamW-1:0]               param_index_o,
  output logic [31:0]                     param_data_o,
  input  logic [31:0]                     param_data_i,
  // Memory ports, for counters: a beat was read, a beat was written, a read was held up, a written beat was held up.
  input  logic [MemPorts-1:0][3:0]        port_event_i
);
  localparam int unsigned CoreW = (Cores > 1) ? $clog2(Cores) : 1;
  localparam int unsigned PortW = (MemPorts > 1) ? $clog2(MemPorts) : 1;
  localparam int unsigned RunW = $clog2(Cores + 1);
  localparam int unsigned PortEvents = 4;
  localparam int unsigned CoreShift = $clog2(RegCoreStride);
  localparam int unsigned PortShift = $clog2(RegPortStride);
  localparam logic [1:0]  Okay = 2'b00;
  localparam logic [1:0]  SlvErr = 2'b10;

  typedef enum logic [2:0] {
    StIdle,
    // A word of parameter memory is written.
    StParamWrite,
    StWritten,
    // A word of parameter memory is read.
    StParamRead,
    // Counters are on their way.
    StCount,
    StPick,
    StRead
  } state_e;

  state_e             state_d, state_q;
  logic [23:0]        addr_d, addr_q;
  logic [31:0]        data_d, data_q, high_d, high_q;
  logic [1:0]         resp_d, resp_q;

  // What an address names.
  logic [23:0]        addr;
  logic               in_params, in_core, in_port, in_chip, upper;
  logic [CoreW-1:0]   core;
  logic [PortW-1:0]   port;
  logic [CoreShift-1:0] core_offset, core_pair;
  logic [PortShift-1:0] port_offset;
  logic               write;

  // Registers.
  logic [RunW-1:0]    run_d, run_q;
  logic [ValueW-1:0]  limit_d, limit_q;
  logic [Cores-1:0][ValueW-1:0] base_d, base_q;
  logic [Cores-1:0]   started_d, started_q, start_d, start_q;
  logic [Cores-1:0][1:0] inject_d, inject_q;
  logic               clear_d, clear_q;
  logic               any_running, any_fault, all_done;
  flags_t             all_flags;

  // Counters.
  logic [CounterW-1:0] cycles, port_count;
  logic [MemPorts-1:0][CounterW-1:0] port_counts;
  logic [63:0]        pair;
  logic               known;

  assign write = state_q == StIdle && lite_aw_valid_i && lite_w_valid_i;
  assign addr  = (state_q != StIdle) ? addr_q : write ? lite_aw_addr_i : lite_ar_addr_i;

  assign in_params   = addr >= RegParameters && 32'(addr - RegParameters) < 4 * Params;
  assign in_core     = addr >= RegCoreBase && 32'(addr - RegCoreBase) < Cores * RegCoreStride;
  assign in_port     = addr >= RegPortBase && 32'(addr - RegPortBase) < MemPorts * RegPortStride;
  assign in_chip     = addr < RegPortBase;
  assign core        = CoreW'((addr - RegCoreBase) >> CoreShift);
  assign port        = PortW'((addr - RegPortBase) >> PortShift);
  assign core_offset = addr[CoreShift-1:0];
  assign port_offset = addr[PortShift-1:0];
  assign core_pair   = {core_offset[CoreShift-1:3], 3'b000};
  assign upper       = addr[2];

  assign any_running = running_i != '0;
  assign all_done    = started_q != '0 && (started_q & ~done_i) == '0;
  always_comb begin
    any_fault = 1'b0;
    all_flags = '0;
    for (int unsigned i = 0; i < Cores; i++) begin
      if (fault_i[i] != FaultNone) any_fault = 1'b1;
      all_flags = all_flags | flags_i[i];
    end
  end

  puce_counters #(
    .Counters(1),
    .Width(CounterW)
  ) u_cycles (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(clear_q),
    .event_i(any_running),
    .index_i(1'b0),
    .value_o(cycles)
  );

  for (genvar i = 0; i < int'(MemPorts); i++) begin : gen_port
    puce_counters #(
      .Counters(PortEvents),
      .Width(CounterW)
    ) u_counters (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .clear_i(clear_q),
      .event_i(port_event_i[i]),
      .index_i(addr_q[4:3]),
      .value_o(port_counts[i])
    );
  end
  assign port_count = port_counts[port];

  assign counter_index_o = CounterIndexW'(counter_place(32'(core_pair)));

  // What is read: a pair of words, of which the address names one.
  always_comb begin
    pair  = '0;
    known = 1'b1;
    if (in_chip) begin
      unique case (32'(addr))
        RegChipId:                         pair = 64'(RegMagic);
        RegChipVersion:                    pair = {32'(RegVersion), 32'h0};
        RegChipCores:                      pair = 64'(Cores);
        RegChipParams:                     pair = {32'(Params), 32'h0};
        RegChipControl:                    pair = '0;
        RegChipStatus:                     pair = {29'h0, any_fault, all_done && !any_fault, any_running, 32'h0};
        RegChipFlags:                      pair = 64'(all_flags);
        RegChipRun:                        pair = {32'(run_q), 32'h0};
        RegChipLimit, RegChipLimit + 4:    pair = 64'(limit_q);
        RegChipCycles, RegChipCycles + 4:  pair = 64'(cycles);
        RegChipPorts:                      pair = 64'(MemPorts);
        default:                           known = 1'b0;
      endcase
    end else if (in_core) begin
      unique case (32'(core_offset))
        RegCoreCode, RegCoreCode + 4:      pair = 64'(base_q[core]);
        RegCoreStatus:                     pair = 64'({fault_i[core] != FaultNone, done_i[core], running_i[core]});
        RegCoreReason:                     pair = {28'h0, fault_i[core], 32'h0};
        RegCorePc:                         pair = 64'(pc_i[core]);
        RegCoreFlags:                      pair = {29'h0, flags_i[core], 32'h0};
        RegCoreInject:                     pair = '0;
        default: begin
          pair  = 64'(counter_i[core]);
          known = 32'(core_offset) >= RegCoreInstructions && 32'(core_offset) < RegCoreInstructions + 8 * CounterCount;
        end
      endcase
    end else if (in_port) begin
      pair = 64'(port_count);
    end else begin
      known = 1'b0;
    end
  end

  // The register changes by itself: both halves are those of one moment.
  logic counted;
  assign counted = in_port || (in_chip && 32'(addr) >= RegChipCycles && 32'(addr) < RegChipCycles + 8) ||
                   (in_core && 32'(core_offset) >= RegCoreInstructions);

  // Port counters are named by two bits of the address.
  logic unused;
  assign unused = ^port_offset;

  always_comb begin
    state_d = state_q;
    addr_d  = addr_q;
    data_d  = data_q;
    high_d  = high_q;
    resp_d  = resp_q;
    run_d   = run_q;
    limit_d = limit_q;
    base_d  = base_q;
    started_d = started_q;
    start_d   = '0;
    inject_d  = '0;
    clear_d   = 1'b0;
    lite_aw_ready_o = 1'b0;
    lite_w_ready_o  = 1'b0;
    lite_ar_ready_o = 1'b0;
    param_valid_o   = 1'b0;
    param_write_o   = 1'b0;
    unique case (state_q)
      StIdle: begin
        if (write) begin
          lite_aw_ready_o = 1'b1;
          lite_w_ready_o  = 1'b1;
          addr_d          = addr;
          data_d          = lite_w_data_i;
          resp_d          = ((known || in_params) && lite_w_strb_i == '1) ? Okay : SlvErr;
          state_d         = StWritten;
          if (lite_w_strb_i == '1) begin
            if (in_params) state_d = StParamWrite;
            if (in_chip) begin
              unique case (32'(addr))
                RegChipControl: begin
                  clear_d = lite_w_data_i[1];
                  if (lite_w_data_i[0] && !any_running && !any_fault) begin
                    for (int unsigned i = 0; i < Cores; i++) start_d[i] = i < 32'(run_q);
                    started_d = start_d;
                  end
                end
                RegChipRun:       run_d          = (lite_w_data_i > Cores) ? RunW'(Cores) : RunW'(lite_w_data_i);
                RegChipLimit:     limit_d[31:0]  = lite_w_data_i;
                RegChipLimit + 4: limit_d[ValueW-1:32] = lite_w_data_i[ValueW-33:0];
                default:          ;
              endcase
            end
            if (in_core) begin
              unique case (32'(core_offset))
                RegCoreCode:      base_d[core][31:0]        = lite_w_data_i;
                RegCoreCode + 4:  base_d[core][ValueW-1:32] = lite_w_data_i[ValueW-33:0];
                RegCoreInject:    inject_d[core]            = lite_w_data_i[1:0];
                default:          ;
              endcase
            end
          end
        end else if (lite_ar_valid_i) begin
          lite_ar_ready_o = 1'b1;
          addr_d          = addr;
          state_d         = in_params ? StParamRead : StCount;
        end
      end

      StParamWrite: begin
        param_valid_o = 1'b1;
        param_write_o = 1'b1;
        if (param_ready_i) state_d = StWritten;
      end

      StWritten: begin
        if (lite_b_ready_i) state_d = StIdle;
      end

      StParamRead: begin
        param_valid_o = 1'b1;
        if (param_ready_i) state_d = StPick;
      end

      StCount: state_d = StPick;

      StPick: begin
        state_d = StRead;
        resp_d  = (known || in_params) ? Okay : SlvErr;
        data_d  = upper ? pair[63:32] : pair[31:0];
        if (in_params) begin
          data_d = param_data_i;
        end else if (counted) begin
          if (upper) data_d = high_q;
          else       high_d = pair[63:32];
        end
      end

      StRead: begin
        if (lite_r_ready_i) state_d = StIdle;
      end

      default: state_d = StIdle;
    endcase
  end

  assign lite_b_valid_o = state_q == StWritten;
  assign lite_b_resp_o  = resp_q;
  assign lite_r_valid_o = state_q == StRead;
  assign lite_r_data_o  = data_q;
  assign lite_r_resp_o  = resp_q;
  assign irq_o          = any_fault || (all_done && start_q == '0);
  assign start_o        = start_q;
  assign clear_o        = clear_q;
  assign base_o         = base_q;
  assign limit_o        = limit_q;
  assign inject_o       = inject_q;
  assign param_index_o  = ParamW'((addr_q - RegParameters) >> 2);
  assign param_data_o   = data_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= StIdle;
      addr_q    <= '0;
      data_q    <= '0;
      high_q    <= '0;
      resp_q    <= '0;
      run_q     <= RunW'(Cores);
      limit_q   <= '0;
      base_q    <= '0;
      started_q <= '0;
      start_q   <= '0;
      inject_q  <= '0;
      clear_q   <= 1'b0;
    end else begin
      state_q   <= state_d;
      addr_q    <= addr_d;
      data_q    <= data_d;
      high_q    <= high_d;
      resp_q    <= resp_d;
      run_q     <= run_d;
      limit_q   <= limit_d;
      base_q    <= base_d;
      started_q <= started_d;
      start_q   <= start_d;
      inject_q  <= inject_d;
      clear_q   <= clear_d;
    end
  end
endmodule
