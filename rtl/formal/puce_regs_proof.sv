// puce_regs keeps the rules of AXI4-Lite: one answer for every write and for every read, steady until the host takes it, none that nobody asked for; and a
// word of parameter memory is asked for once, steady until it is served.
//
// An access is answered in at most three cycles and those that parameter memory lets it wait. Counters may count anything.
module puce_regs_proof
  import puce_pkg::*;
  import puce_regs_pkg::*;
#(
  parameter int unsigned Cores = 2,
  parameter int unsigned MemPorts = 2,
  parameter int unsigned Params = 16,
  localparam int unsigned ParamW = $clog2(Params)
) (
  input logic                           clk_i,
  input logic                           rst_ni,
  input logic                           lite_aw_valid_i,
  input logic [23:0]                    lite_aw_addr_i,
  input logic                           lite_w_valid_i,
  input logic [31:0]                    lite_w_data_i,
  input logic [3:0]                     lite_w_strb_i,
  input logic                           lite_b_ready_i,
  input logic                           lite_ar_valid_i,
  input logic [23:0]                    lite_ar_addr_i,
  input logic                           lite_r_ready_i,
  input logic [Cores-1:0]               running_i,
  input logic [Cores-1:0]               done_i,
  input fault_e [Cores-1:0]             fault_i,
  input logic [Cores-1:0][31:0]         pc_i,
  input flags_t [Cores-1:0]             flags_i,
  input logic [Cores-1:0][CounterW-1:0] counter_i,
  input logic                           param_ready_i,
  input logic [31:0]                    param_data_i,
  input logic [MemPorts-1:0][3:0]       port_event_i
);
  localparam logic [1:0] Okay = 2'b00;
  localparam logic [1:0] SlvErr = 2'b10;

  logic                         aw_ready, w_ready, b_valid, ar_ready, r_valid, irq, clear, param_valid, param_write;
  logic [1:0]                   b_resp, r_resp;
  logic [31:0]                  r_data, param_data;
  logic [ParamW-1:0]            param_index;
  logic [Cores-1:0]             start;
  logic [Cores-1:0][ValueW-1:0] base;
  logic [ValueW-1:0]            limit;
  logic [Cores-1:0][1:0]        inject;
  logic [CounterIndexW-1:0]     counter_index;

  puce_regs #(
    .Cores(Cores),
    .MemPorts(MemPorts),
    .Params(Params)
  ) u_regs (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .lite_aw_valid_i(lite_aw_valid_i),
    .lite_aw_ready_o(aw_ready),
    .lite_aw_addr_i(lite_aw_addr_i),
    .lite_w_valid_i(lite_w_valid_i),
    .lite_w_ready_o(w_ready),
    .lite_w_data_i(lite_w_data_i),
    .lite_w_strb_i(lite_w_strb_i),
    .lite_b_valid_o(b_valid),
    .lite_b_ready_i(lite_b_ready_i),
    .lite_b_resp_o(b_resp),
    .lite_ar_valid_i(lite_ar_valid_i),
    .lite_ar_ready_o(ar_ready),
    .lite_ar_addr_i(lite_ar_addr_i),
    .lite_r_valid_o(r_valid),
    .lite_r_ready_i(lite_r_ready_i),
    .lite_r_data_o(r_data),
    .lite_r_resp_o(r_resp),
    .irq_o(irq),
    .start_o(start),
    .clear_o(clear),
    .base_o(base),
    .limit_o(limit),
    .running_i(running_i),
    .done_i(done_i),
    .fault_i(fault_i),
    .pc_i(pc_i),
    .flags_i(flags_i),
    .inject_o(inject),
    .counter_index_o(counter_index),
    .counter_i(counter_i),
    .param_valid_o(param_valid),
    .param_ready_i(param_ready_i),
    .param_write_o(param_write),
    .param_index_o(param_index),
    .param_data_o(param_data),
    .param_data_i(param_data_i),
    .port_event_i(port_event_i)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb if (!past_q) assume (!rst_ni);

  // ---- The access that was taken and not answered: of parameter memory or not, served there or not, cycles that it did not wait for that memory.
  logic              writes_q, reads_q, params_q, served_q, whole_q;
  logic [1:0]        busy_q;
  logic [ParamW-1:0] index_q;
  logic [31:0]       data_q;
  logic              takes_write, takes_read;
  assign takes_write = lite_aw_valid_i && aw_ready;
  assign takes_read  = lite_ar_valid_i && ar_ready;

  function automatic logic in_params(input logic [23:0] addr);
    return 32'(addr) >= 32'(RegParameters) && 32'(addr) < 32'(RegParameters) + 4 * Params;
  endfunction

  // What was offered and not taken in the cycle before.
  logic        b_held_q, r_held_q, param_held_q;
  logic [1:0]  b_resp_q, r_resp_q;
  logic [31:0] r_data_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      writes_q     <= 1'b0;
      reads_q      <= 1'b0;
      b_held_q     <= 1'b0;
      r_held_q     <= 1'b0;
      param_held_q <= 1'b0;
    end else begin
      writes_q     <= takes_write || (writes_q && !(b_valid && lite_b_ready_i));
      reads_q      <= takes_read || (reads_q && !(r_valid && lite_r_ready_i));
      b_held_q     <= b_valid && !lite_b_ready_i;
      r_held_q     <= r_valid && !lite_r_ready_i;
      param_held_q <= param_valid && !param_ready_i;
    end
  end
  always_ff @(posedge clk_i) begin
    b_resp_q <= b_resp;
    r_resp_q <= r_resp;
    r_data_q <= r_data;
    busy_q   <= busy_q + 2'(!param_valid || param_ready_i);
    served_q <= served_q || (param_valid && param_ready_i);
    if (takes_write || takes_read) begin
      params_q <= takes_write ? in_params(lite_aw_addr_i) && lite_w_strb_i == '1 : in_params(lite_ar_addr_i);
      whole_q  <= lite_w_strb_i == '1;
      index_q  <= ParamW'(((takes_write ? lite_aw_addr_i : lite_ar_addr_i) - 24'(RegParameters)) >> 2);
      data_q   <= lite_w_data_i;
      busy_q   <= '0;
      served_q <= 1'b0;
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // Address and data of a write go together, a write before a read, and nothing while an access waits for its answer.
      assert (aw_ready == w_ready && (!aw_ready || (lite_aw_valid_i && lite_w_valid_i)) && !(aw_ready && ar_ready));
      assert (!(aw_ready || ar_ready) || !(writes_q || reads_q));
      if (!writes_q && !reads_q) assert (aw_ready == (lite_aw_valid_i && lite_w_valid_i) && ar_ready == (lite_ar_valid_i && !aw_ready));
      // Answers: one for each access, steady.
      assert (!(writes_q && reads_q) && (!b_valid || writes_q) && (!r_valid || reads_q));
      assert (!b_held_q || (b_valid && b_resp == b_resp_q));
      assert (!r_held_q || (r_valid && r_resp == r_resp_q && r_data == r_data_q));
      if (b_valid) assert ((b_resp == Okay && whole_q) || b_resp == SlvErr);
      if (r_valid) assert (r_resp == Okay || r_resp == SlvErr);
      if (writes_q || reads_q) assert (b_valid || r_valid || (param_valid && !param_ready_i) || busy_q < 2'd3);
      // Parameter memory: asked once by an access to it, before the answer.
      assert (!param_valid || ((writes_q || reads_q) && params_q && !served_q && param_write == writes_q && param_index == index_q));
      if (param_valid && param_write) assert (param_data == data_q);
      assert (!param_held_q || param_valid);
      if (b_valid || r_valid) assert (served_q == params_q);

      // What the induction needs to know of the inside.
      assert ((u_regs.state_q == 3'd0) == (!writes_q && !reads_q));
      if (writes_q) assert (u_regs.state_q == 3'd1 || u_regs.state_q == 3'd2);
      if (reads_q) assert (u_regs.state_q >= 3'd3 && u_regs.state_q <= 3'd6);
      if (writes_q || reads_q) begin
        assert (params_q == (in_params(u_regs.addr_q) && (reads_q || whole_q)) && index_q == ParamW'((u_regs.addr_q - 24'(RegParameters)) >> 2));
        unique case (u_regs.state_q)
          3'd1, 3'd3: assert (params_q && !served_q && busy_q == 2'd0);
          3'd4:       assert (!params_q && !served_q && busy_q == 2'd0);
          3'd5:       assert (served_q == params_q && busy_q == 2'd1);
          default:    assert (served_q == params_q);
        endcase
      end
      if (u_regs.state_q == 3'd1) assert (u_regs.data_q == data_q && u_regs.resp_q == Okay && whole_q);
      if (u_regs.state_q == 3'd2) assert (u_regs.resp_q == SlvErr || (u_regs.resp_q == Okay && whole_q));
    end
  end
endmodule
