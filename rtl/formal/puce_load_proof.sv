// puce_load asks memory in bursts that keep the rules, and never for more beats than its buffer has room for.
//
// Of what names runs and cuts them only the ports are taken. Bursts keep to what puce_dma_runs_proof says of them, and memory answers only what it was asked.
module puce_load_proof
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   cmd_valid_i,
  input cmd_t                   cmd_i,
  input logic [ValueW-1:0]      limit_i,
  input spad_rsp_t              table_rsp_i,
  input spad_rsp_t              write_rsp_i,
  input logic                   ar_ready_i,
  input logic                   r_valid_i,
  input logic [8*PortBytes-1:0] r_data_i,
  input logic                   r_error_i,
  input logic                   r_last_i
);
  localparam int unsigned Beats = 4096 / PortBytes;
  localparam int unsigned BeatsW = $clog2(Beats + 1);
  localparam int unsigned OffW = $clog2(PortBytes);

  logic              cmd_ready, done, ar_valid;
  fault_e            fault;
  spad_req_t         table_req, write_req;
  logic [ValueW-1:0] ar_addr, ar_end;
  logic [7:0]        ar_len;

  puce_load #(
    .PortBytes(PortBytes)
  ) u_load (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid_i),
    .cmd_i(cmd_i),
    .cmd_ready_o(cmd_ready),
    .done_o(done),
    .fault_o(fault),
    .limit_i(limit_i),
    .table_req_o(table_req),
    .table_rsp_i(table_rsp_i),
    .write_req_o(write_req),
    .write_rsp_i(write_rsp_i),
    .ar_valid_o(ar_valid),
    .ar_ready_i(ar_ready_i),
    .ar_addr_o(ar_addr),
    .ar_len_o(ar_len),
    .r_valid_i(r_valid_i),
    .r_data_i(r_data_i),
    .r_error_i(r_error_i),
    .r_last_i(r_last_i)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- A burst stays until it is taken, lies on whole beats and inside 1 KiB.
  logic              burst_held_q, ar_held_q;
  logic [ValueW-1:0] addr_q;
  logic [7:0]        beats_q, len_q;
  // ---- Beats asked for that did not come, and those that came and were not taken out.
  logic [BeatsW-1:0] asked_q, there_q;
  logic              asks;
  assign asks   = ar_valid && ar_ready_i;
  assign ar_end = ar_addr + (ValueW'(ar_len) << OffW) + ValueW'(PortBytes - 1);

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (burst_held_q) assume (u_load.burst_valid && ar_addr == addr_q && 8'(u_load.burst_beats) == beats_q);
    assume (ar_addr[OffW-1:0] == '0 && 32'(ar_addr[9:OffW]) + 32'(u_load.burst_beats) <= 1024 / PortBytes);
    if (r_valid_i) assume (asked_q != '0);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      burst_held_q <= 1'b0;
      ar_held_q    <= 1'b0;
      asked_q      <= '0;
      there_q      <= '0;
    end else begin
      burst_held_q <= u_load.burst_valid && u_load.burst_beats != '0 && !asks;
      ar_held_q    <= ar_valid && !ar_ready_i;
      asked_q      <= asked_q + (asks ? BeatsW'(ar_len) + 1'b1 : '0) - BeatsW'(r_valid_i);
      there_q      <= there_q + BeatsW'(r_valid_i) - BeatsW'(u_load.open);
    end
  end
  always_ff @(posedge clk_i) begin
    addr_q  <= ar_addr;
    beats_q <= 8'(u_load.burst_beats);
    len_q   <= ar_len;
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // AXI: whole beats, inside 1 KiB and so inside 4 KiB, steady until memory takes them.
      if (ar_valid) assert (ar_addr % ValueW'(PortBytes) == '0 && ar_addr[ValueW-1:10] == ar_end[ValueW-1:10]);
      assert (!ar_held_q || (ar_valid && ar_addr == addr_q && ar_len == len_q));
      // Room: what is free, asked for and there make up the buffer, so that a beat never comes without a place, and none is taken that did not come.
      assert (32'(u_load.room_q) + 32'(asked_q) + 32'(there_q) == Beats);
      if (asks) assert (32'(ar_len) < 32'(u_load.room_q));
      if (r_valid_i) assert (32'(there_q) < Beats);
      if (u_load.open) assert (there_q != '0);
      // Places are written and read round the buffer; the one that is written is free.
      assert (u_load.there_q == there_q);
      assert (u_load.put_q == u_load.get_q + $clog2(Beats)'(there_q));
      assert (!(r_valid_i && u_load.open && u_load.put_q == u_load.get_q));
    end
  end
endmodule
