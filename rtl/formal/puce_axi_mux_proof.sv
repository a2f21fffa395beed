// puce_axi_mux passes every burst on once and holds it until memory takes it; data of writes follows in the order of their addresses; answers go to the
// master that their identifier names.
//
// Masters hold the data that they offer until it is taken, and mark the last beat of a burst.
module puce_axi_mux_proof
  import puce_pkg::*;
#(
  parameter int unsigned Masters = 2,
  parameter int unsigned Writes = 3,
  localparam int unsigned CoreW = $clog2(Masters),
  localparam int unsigned LowW = 2,
  localparam int unsigned IdW = LowW + CoreW
) (
  input logic                           clk_i,
  input logic                           rst_ni,
  input logic [Masters-1:0]             ar_valid_i,
  input logic [Masters-1:0][LowW-1:0]   ar_id_i,
  input logic [Masters-1:0][ValueW-1:0] ar_addr_i,
  input logic [Masters-1:0][7:0]        ar_len_i,
  input logic [Masters-1:0]             aw_valid_i,
  input logic [Masters-1:0][ValueW-1:0] aw_addr_i,
  input logic [Masters-1:0][7:0]        aw_len_i,
  input logic [Masters-1:0]             w_valid_i,
  input logic [Masters-1:0][7:0]        w_data_i,
  input logic [Masters-1:0]             w_strb_i,
  input logic [Masters-1:0]             w_last_i,
  input logic                           axi_ar_ready_i,
  input logic                           axi_r_valid_i,
  input logic [IdW-1:0]                 axi_r_id_i,
  input logic [7:0]                     axi_r_data_i,
  input logic [1:0]                     axi_r_resp_i,
  input logic                           axi_r_last_i,
  input logic                           axi_aw_ready_i,
  input logic                           axi_w_ready_i,
  input logic                           axi_b_valid_i,
  input logic [IdW-1:0]                 axi_b_id_i,
  input logic [1:0]                     axi_b_resp_i
);
  logic [Masters-1:0] ar_ready, aw_ready, w_ready, r_valid, b_valid;
  logic [LowW-1:0]    r_id;
  logic [7:0]         r_data;
  logic               r_error, r_last, b_error;
  logic               axi_ar_valid, axi_aw_valid, axi_w_valid, axi_w_last, axi_w_strb, axi_r_ready, axi_b_ready;
  logic [IdW-1:0]     axi_ar_id, axi_aw_id;
  logic [ValueW-1:0]  axi_ar_addr, axi_aw_addr;
  logic [7:0]         axi_ar_len, axi_aw_len, axi_w_data;

  puce_axi_mux #(
    .Masters(Masters),
    .PortBytes(1),
    .LowW(LowW),
    .Writes(Writes)
  ) u_mux (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .ar_valid_i(ar_valid_i),
    .ar_ready_o(ar_ready),
    .ar_id_i(ar_id_i),
    .ar_addr_i(ar_addr_i),
    .ar_len_i(ar_len_i),
    .r_valid_o(r_valid),
    .r_id_o(r_id),
    .r_data_o(r_data),
    .r_error_o(r_error),
    .r_last_o(r_last),
    .aw_valid_i(aw_valid_i),
    .aw_ready_o(aw_ready),
    .aw_addr_i(aw_addr_i),
    .aw_len_i(aw_len_i),
    .w_valid_i(w_valid_i),
    .w_ready_o(w_ready),
    .w_data_i(w_data_i),
    .w_strb_i(w_strb_i),
    .w_last_i(w_last_i),
    .b_valid_o(b_valid),
    .b_error_o(b_error),
    .axi_ar_valid_o(axi_ar_valid),
    .axi_ar_ready_i(axi_ar_ready_i),
    .axi_ar_id_o(axi_ar_id),
    .axi_ar_addr_o(axi_ar_addr),
    .axi_ar_len_o(axi_ar_len),
    .axi_r_valid_i(axi_r_valid_i),
    .axi_r_ready_o(axi_r_ready),
    .axi_r_id_i(axi_r_id_i),
    .axi_r_data_i(axi_r_data_i),
    .axi_r_resp_i(axi_r_resp_i),
    .axi_r_last_i(axi_r_last_i),
    .axi_aw_valid_o(axi_aw_valid),
    .axi_aw_ready_i(axi_aw_ready_i),
    .axi_aw_id_o(axi_aw_id),
    .axi_aw_addr_o(axi_aw_addr),
    .axi_aw_len_o(axi_aw_len),
    .axi_w_valid_o(axi_w_valid),
    .axi_w_ready_i(axi_w_ready_i),
    .axi_w_data_o(axi_w_data),
    .axi_w_strb_o(axi_w_strb),
    .axi_w_last_o(axi_w_last),
    .axi_b_valid_i(axi_b_valid_i),
    .axi_b_ready_o(axi_b_ready),
    .axi_b_id_i(axi_b_id_i),
    .axi_b_resp_i(axi_b_resp_i)
  );

  typedef struct packed {
    logic [IdW-1:0]    id;
    logic [ValueW-1:0] addr;
    logic [7:0]        len;
  } burst_t;

  typedef struct packed {
    logic [7:0] data;
    logic       strb;
    logic       last;
  } beat_t;

  logic               past_q;
  logic [Masters-1:0] ar_take, aw_take, w_take;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb if (!past_q) assume (!rst_ni);

  assign ar_take = ar_valid_i & ar_ready;
  assign aw_take = aw_valid_i & aw_ready;
  assign w_take  = w_valid_i & w_ready;

  // ---- Masters hold what they offer.
  logic [Masters-1:0] w_held_q;
  beat_t [Masters-1:0] beat, beat_q;
  for (genvar m = 0; m < Masters; m++) begin : gen_master
    assign beat[m] = '{data: w_data_i[m], strb: w_strb_i[m], last: w_last_i[m]};
    always_comb if (w_held_q[m]) assume (w_valid_i[m] && beat[m] == beat_q[m]);
  end

  // ---- The burst that was taken and that memory did not take.
  logic   ar_owed_q, aw_owed_q, ar_held_q, aw_held_q, w_held_out_q;
  burst_t ar_now, ar_taken_q, ar_past_q, aw_now, aw_taken_q, aw_past_q;
  beat_t  w_now, w_past_q;
  assign ar_now = '{id: axi_ar_id, addr: axi_ar_addr, len: axi_ar_len};
  assign aw_now = '{id: axi_aw_id, addr: axi_aw_addr, len: axi_aw_len};
  assign w_now  = '{data: axi_w_data, strb: axi_w_strb, last: axi_w_last};

  // ---- Whose writes were taken and are not sent to the end, the oldest first.
  logic [Writes-1:0][CoreW-1:0]   row_d, row_q;
  logic [$clog2(Writes+1)-1:0]    rows_d, rows_q;
  logic                           w_ends;
  assign w_ends = axi_w_valid && axi_w_ready_i && axi_w_last;
  always_comb begin
    row_d  = row_q;
    rows_d = rows_q;
    if (w_ends) begin
      row_d  = row_q >> CoreW;
      rows_d = rows_d - 1'b1;
    end
    for (int unsigned m = 0; m < Masters; m++) begin
      if (aw_take[m]) begin
        row_d[rows_d] = CoreW'(m);
        rows_d        = rows_d + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      ar_owed_q    <= 1'b0;
      aw_owed_q    <= 1'b0;
      ar_held_q    <= 1'b0;
      aw_held_q    <= 1'b0;
      w_held_q     <= '0;
      w_held_out_q <= 1'b0;
      rows_q       <= '0;
    end else begin
      ar_owed_q    <= ar_take != '0 || (ar_owed_q && !axi_ar_ready_i);
      aw_owed_q    <= aw_take != '0 || (aw_owed_q && !axi_aw_ready_i);
      ar_held_q    <= axi_ar_valid && !axi_ar_ready_i;
      aw_held_q    <= axi_aw_valid && !axi_aw_ready_i;
      w_held_q     <= w_valid_i & ~w_ready;
      w_held_out_q <= axi_w_valid && !axi_w_ready_i;
      rows_q       <= rows_d;
    end
  end
  always_ff @(posedge clk_i) begin
    row_q     <= row_d;
    beat_q    <= beat;
    ar_past_q <= ar_now;
    aw_past_q <= aw_now;
    w_past_q  <= w_now;
    for (int unsigned m = 0; m < Masters; m++) begin
      if (ar_take[m]) ar_taken_q <= '{id: {CoreW'(m), ar_id_i[m]}, addr: ar_addr_i[m], len: ar_len_i[m]};
      if (aw_take[m]) aw_taken_q <= '{id: {CoreW'(m), LowW'(0)}, addr: aw_addr_i[m], len: aw_len_i[m]};
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // Addresses: one at a time, each once, as it was asked, and steady.
      assert ((ar_take & (ar_take - 1'b1)) == '0 && (ar_take != '0) == (ar_valid_i != '0 && (!axi_ar_valid || axi_ar_ready_i)));
      assert ((aw_take & (aw_take - 1'b1)) == '0);
      assert ((aw_take != '0) == (aw_valid_i != '0 && (!axi_aw_valid || axi_aw_ready_i) && 32'(rows_q) != Writes));
      assert (axi_ar_valid == ar_owed_q && axi_aw_valid == aw_owed_q);
      if (axi_ar_valid) assert (ar_now == ar_taken_q);
      if (axi_aw_valid) assert (aw_now == aw_taken_q);
      assert (!ar_held_q || (axi_ar_valid && ar_now == ar_past_q));
      assert (!aw_held_q || (axi_aw_valid && aw_now == aw_past_q));
      // Data: that of the oldest write whose address was taken, each beat once, and steady.
      assert (axi_w_valid == (rows_q != '0 && w_valid_i[row_q[0]]));
      if (axi_w_valid) assert (w_now == beat[row_q[0]]);
      for (int unsigned m = 0; m < Masters; m++) begin
        assert (w_take[m] == (axi_w_valid && axi_w_ready_i && 32'(row_q[0]) == m));
        // Answers: to the master that the identifier names, at once.
        assert (r_valid[m] == (axi_r_valid_i && 32'(axi_r_id_i[IdW-1:LowW]) == m));
        assert (b_valid[m] == (axi_b_valid_i && 32'(axi_b_id_i[IdW-1:LowW]) == m));
      end
      assert (!w_held_out_q || (axi_w_valid && w_now == w_past_q));
      assert (axi_r_ready && axi_b_ready && r_id == axi_r_id_i[LowW-1:0] && r_data == axi_r_data_i && r_last == axi_r_last_i);
      assert (r_error == axi_r_resp_i[1] && b_error == axi_b_resp_i[1]);
      // What the induction needs to know of the inside.
      assert (u_mux.gen_many.u_order.count_q == rows_q && 32'(rows_q) <= Writes);
      assert (32'(u_mux.gen_many.u_order.head_q) < Writes && 32'(u_mux.gen_many.u_order.tail_q) < Writes);
      assert ((32'(u_mux.gen_many.u_order.head_q) + 32'(rows_q)) % Writes == 32'(u_mux.gen_many.u_order.tail_q));
      for (int unsigned i = 0; i < Writes; i++) begin
        if (i < 32'(rows_q)) assert (u_mux.gen_many.u_order.mem_q[(32'(u_mux.gen_many.u_order.head_q) + i) % Writes] == row_q[i]);
      end
      assert (32'(u_mux.gen_many.u_ar_turns.last_q) < Masters && 32'(u_mux.gen_many.u_aw_turns.last_q) < Masters);
    end
  end
endmodule
