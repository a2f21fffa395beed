// puce_hub gives every member of a gather one turn, the lowest first, sends each beat to all of them at once, and releases them when all beats are gone.
//
// A core that has arrived stays until it is released, and sends and ends only in its turn.
module puce_hub_proof
  import puce_pkg::*;
#(
  parameter int unsigned Cores = 3
) (
  input logic                            clk_i,
  input logic                            rst_ni,
  input logic [Cores-1:0]                running_i,
  input logic [Cores-1:0]                arrived_i,
  input logic [Cores-1:0]                tx_valid_i,
  input logic [Cores-1:0][ValueW-1:0]    tx_addr_i,
  input logic [Cores-1:0][WordBytes-1:0] tx_strb_i,
  input logic [Cores-1:0][WordW-1:0]     tx_data_i,
  input logic [Cores-1:0]                tx_end_i,
  input logic [Cores-1:0]                rx_ready_i
);
  logic [Cores-1:0]     turn, tx_ready;
  logic                 rx_valid, release_all;
  logic [ValueW-1:0]    rx_addr;
  logic [WordBytes-1:0] rx_strb;
  logic [WordW-1:0]     rx_data;

  puce_hub #(
    .Cores(Cores)
  ) u_hub (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .running_i(running_i),
    .arrived_i(arrived_i),
    .turn_o(turn),
    .tx_valid_i(tx_valid_i),
    .tx_ready_o(tx_ready),
    .tx_addr_i(tx_addr_i),
    .tx_strb_i(tx_strb_i),
    .tx_data_i(tx_data_i),
    .tx_end_i(tx_end_i),
    .rx_valid_o(rx_valid),
    .rx_ready_i(rx_ready_i),
    .rx_addr_o(rx_addr),
    .rx_strb_o(rx_strb),
    .rx_data_o(rx_data),
    .release_o(release_all)
  );

  // The states of puce_hub.
  localparam logic [1:0] Waiting = 2'd0, Sending = 2'd1, Ending = 2'd2;
  // A few bits of a beat stand for all, which go the same way.
  localparam int unsigned SeenW = 6;

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb if (!past_q) assume (!rst_ni);

  // ---- Members of the gather that goes on, and those that had their turn.
  logic             gathers_q;
  logic [Cores-1:0] members_q, had_d, had_q, below;
  logic             begins;
  assign begins = !gathers_q && arrived_i != '0 && (running_i & ~arrived_i) == '0;
  assign had_d  = had_q | (turn & tx_end_i);
  // Members below the one whose turn it is.
  assign below  = members_q & (turn - 1'b1);

  // ---- Beats that were taken and not sent, the oldest first.
  logic [1:0][SeenW-1:0] row_d, row_q;
  logic [1:0]            rows_d, rows_q;
  logic [Cores-1:0]      take;
  logic                  send;
  function automatic logic [SeenW-1:0] seen(input logic [ValueW-1:0] addr, input logic [WordBytes-1:0] strb, input logic [WordW-1:0] data);
    return {addr[1:0], strb[1:0], data[1:0]};
  endfunction
  assign take = tx_valid_i & tx_ready;
  assign send = rx_valid;
  always_comb begin
    row_d  = row_q;
    rows_d = rows_q;
    if (send) begin
      row_d  = row_q >> SeenW;
      rows_d = rows_d - 2'd1;
    end
    for (int unsigned c = 0; c < Cores; c++) begin
      if (take[c]) begin
        row_d[rows_d[0]] = seen(tx_addr_i[c], tx_strb_i[c], tx_data_i[c]);
        rows_d           = rows_d + 2'd1;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      gathers_q <= 1'b0;
      members_q <= '0;
      had_q     <= '0;
      rows_q    <= '0;
    end else begin
      gathers_q <= (gathers_q || begins) && !release_all;
      rows_q    <= rows_d;
      if (begins) begin
        members_q <= arrived_i;
        had_q     <= '0;
      end else begin
        had_q <= had_d;
      end
    end
  end
  always_ff @(posedge clk_i) row_q <= row_d;

  always_comb begin
    if (rst_ni && past_q) begin
      // One turn at a time, of a member that had none, after those below it.
      assert ((turn & (turn - 1'b1)) == '0 && (turn & ~members_q) == '0);
      if (turn != '0) assert (gathers_q && (turn & had_q) == '0 && (below & ~had_q) == '0);
      // As long as one is owed a turn, one has it.
      assert (!gathers_q || turn != '0 || had_q == members_q);
      // All are released at once, when all had their turn and every beat is gone.
      assert (!release_all || (gathers_q && had_q == members_q && rows_q == '0));
      assert (release_all || !(gathers_q && had_q == members_q && rows_q == '0 && turn == '0));
      // Beats: of the one whose turn it is; each once, in order, to all members in the same cycle.
      assert ((take & ~turn) == '0 && (tx_ready & ~turn) == '0);
      assert (rx_valid == (rows_q != '0 && (members_q & ~rx_ready_i) == '0));
      if (rx_valid) assert (seen(rx_addr, rx_strb, rx_data) == row_q[0]);
      // What the induction needs to know of the inside.
      assert ((u_hub.state_q != Waiting) == gathers_q && u_hub.state_q <= Ending);
      assert ((u_hub.state_q == Sending) == (turn != '0));
      if (gathers_q) begin
        assert (u_hub.members_q == members_q && (had_q & ~members_q) == '0 && u_hub.left_q == (members_q & ~had_q & ~turn));
      end else begin
        assert (rows_q == '0 && u_hub.members_q == members_q);
      end
      assert (u_hub.u_beats.count_q == rows_q && rows_q <= 2'd2);
      assert ((u_hub.u_beats.head_q ^ rows_q[0]) == u_hub.u_beats.tail_q);
      for (int unsigned i = 0; i < 2; i++) begin
        if (i < 32'(rows_q)) begin
          assert ({u_hub.u_beats.mem_q[u_hub.u_beats.head_q ^ 1'(i)][WordW+WordBytes+:2], u_hub.u_beats.mem_q[u_hub.u_beats.head_q ^ 1'(i)][WordW+:2],
                   u_hub.u_beats.mem_q[u_hub.u_beats.head_q ^ 1'(i)][1:0]} == row_q[i]);
        end
      end
    end
  end
endmodule
