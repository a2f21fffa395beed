// puce_store's bursts keep the rules of AXI, and its data follows them: as many beats as each was announced with, the last one marked, all steady.
//
// Of queues and of what names runs, cuts and turns them only the ports are taken. Queues keep to puce_fifo_proof, bursts to puce_dma_runs_proof, and memory
// answers no more bursts than are under way.
module puce_store_proof
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64
) (
  input logic              clk_i,
  input logic              rst_ni,
  input logic              cmd_valid_i,
  input cmd_t              cmd_i,
  input logic [ValueW-1:0] limit_i,
  input spad_rsp_t         read_rsp_i,
  input logic              aw_ready_i,
  input logic              w_ready_i,
  input logic              b_valid_i,
  input logic              b_error_i
);
  localparam int unsigned Announced = 16;
  localparam int unsigned OffW = $clog2(PortBytes);
  // A few bits of a beat stand for all.
  localparam int unsigned SeenW = 4;

  logic                   cmd_ready, done, aw_valid, w_valid, w_last;
  fault_e                 fault;
  spad_req_t              read_req;
  logic [ValueW-1:0]      aw_addr, aw_end;
  logic [7:0]             aw_len;
  logic [8*PortBytes-1:0] w_data;
  logic [PortBytes-1:0]   w_strb;

  puce_store #(
    .PortBytes(PortBytes)
  ) u_store (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid_i),
    .cmd_i(cmd_i),
    .cmd_ready_o(cmd_ready),
    .done_o(done),
    .fault_o(fault),
    .limit_i(limit_i),
    .read_req_o(read_req),
    .read_rsp_i(read_rsp_i),
    .aw_valid_o(aw_valid),
    .aw_ready_i(aw_ready_i),
    .aw_addr_o(aw_addr),
    .aw_len_o(aw_len),
    .w_valid_o(w_valid),
    .w_ready_i(w_ready_i),
    .w_data_o(w_data),
    .w_strb_o(w_strb),
    .w_last_o(w_last),
    .b_valid_i(b_valid_i),
    .b_error_i(b_error_i)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- The burst that was announced last, and those whose data did not all go, the oldest first.
  logic                             announces, owed_q;
  logic [ValueW-1:0]                addr_q;
  logic [7:0]                       len_q;
  logic [Announced-1:0][7:0]        row_d, row_q;
  logic [$clog2(Announced+1)-1:0]   rows_d, rows_q;
  logic [7:0]                       sent_q;
  logic                             give;
  assign announces = u_store.burst_take && !u_store.burst_none;
  assign give      = w_valid && w_ready_i;
  assign aw_end    = aw_addr + (ValueW'(aw_len) << OffW) + ValueW'(PortBytes - 1);
  always_comb begin
    row_d  = row_q;
    rows_d = rows_q;
    if (give && sent_q == row_q[0]) begin
      row_d  = row_q >> 8;
      rows_d = rows_d - 1'b1;
    end
    if (announces) begin
      row_d[rows_d[$clog2(Announced)-1:0]] = 8'(u_store.burst_beats) - 8'd1;
      rows_d                               = rows_d + 1'b1;
    end
  end

  logic              aw_held_q, w_held_q, beat_held_q, last_q;
  logic [ValueW-1:0] aw_addr_q;
  logic [7:0]        aw_len_q;
  logic [SeenW-1:0]  data_q;
  logic [1:0]        strb_q;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (b_valid_i) assume (u_store.flight_count > u_store.answers_q);
    assume (u_store.length_valid == (rows_q != '0) && u_store.length_space == (32'(rows_q) != Announced));
    if (rows_q != '0) assume (u_store.length == row_q[0]);
    if (beat_held_q) assume (u_store.beat_valid && w_data[SeenW-1:0] == data_q && w_strb[1:0] == strb_q);
    assume (u_store.burst_addr[OffW-1:0] == '0 && 32'(u_store.burst_addr[9:OffW]) + 32'(u_store.burst_beats) <= 1024 / PortBytes);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      owed_q      <= 1'b0;
      rows_q      <= '0;
      sent_q      <= '0;
      aw_held_q   <= 1'b0;
      w_held_q    <= 1'b0;
      beat_held_q <= 1'b0;
    end else begin
      owed_q      <= announces || (owed_q && !aw_ready_i);
      rows_q      <= rows_d;
      aw_held_q   <= aw_valid && !aw_ready_i;
      w_held_q    <= w_valid && !w_ready_i;
      beat_held_q <= u_store.beat_valid && !(u_store.length_valid && w_ready_i);
      if (give) sent_q <= (sent_q == row_q[0]) ? '0 : sent_q + 8'd1;
    end
  end
  always_ff @(posedge clk_i) begin
    row_q     <= row_d;
    aw_addr_q <= aw_addr;
    aw_len_q  <= aw_len;
    data_q    <= w_data[SeenW-1:0];
    strb_q    <= w_strb[1:0];
    last_q    <= w_last;
    if (announces) begin
      addr_q <= u_store.burst_addr;
      len_q  <= 8'(u_store.burst_beats) - 8'd1;
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // Addresses: each burst once, whole beats, inside 1 KiB and so inside 4 KiB, steady.
      assert (aw_valid == owed_q);
      if (aw_valid) assert (aw_addr == addr_q && aw_len == len_q);
      if (aw_valid) assert (aw_addr % ValueW'(PortBytes) == '0 && aw_addr[ValueW-1:10] == aw_end[ValueW-1:10]);
      assert (!aw_held_q || (aw_valid && aw_addr == aw_addr_q && aw_len == aw_len_q));
      // Data: only for a burst that was announced, its last beat marked and no other, steady.
      if (w_valid) assert (rows_q != '0 && w_last == (sent_q == row_q[0]));
      assert (!w_held_q || (w_valid && w_data[SeenW-1:0] == data_q && w_strb[1:0] == strb_q && w_last == last_q));
      // What the induction needs to know of the inside.
      assert (rows_q == '0 || sent_q <= row_q[0]);
      assert (rows_q != '0 || sent_q == '0);
      assert (u_store.sent_q == sent_q && 32'(rows_q) <= Announced);
    end
  end
endmodule
