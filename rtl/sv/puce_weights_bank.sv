// One bank of the weight stream's buffer: a queue of words in a two-port memory, with the next three words in registers.
//
// A word goes in and a word comes out in every cycle. Who writes has counted: the bank never refuses and never overflows.
module puce_weights_bank #(
  parameter int unsigned Width = 256,
  parameter int unsigned Depth = 256
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              write_i,
  input  logic [Width-1:0]  wdata_i,
  // The oldest word, and whether it leaves at the end of the cycle.
  output logic              valid_o,
  output logic [Width-1:0]  data_o,
  input  logic              pop_i
);
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1;
  localparam int unsigned CountW = $clog2(Depth + 1);
  // Words in registers: one that leaves, one that comes from memory, one that is asked for.
  localparam int unsigned Ahead = 3;

  logic [AddrW-1:0]  waddr_d, waddr_q, raddr_d, raddr_q;
  logic [CountW-1:0] stored_d, stored_q;
  logic [1:0]        ahead_d, ahead_q, head_d, head_q, tail_d, tail_q;
  logic              fetch, fetched_q;
  logic [Width-1:0]  fetched;
  logic [Width-1:0]  word_q [Ahead];

  // `pop_i` comes late in the cycle and plays no part in this decision.
  assign fetch   = stored_q != '0 && ahead_q + 2'(fetched_q) < 2'(Ahead);
  assign valid_o = ahead_q != 2'd0;
  assign data_o  = word_q[head_q];

  function automatic logic [1:0] next(input logic [1:0] place);
    return (place == 2'(Ahead - 1)) ? 2'd0 : place + 2'd1;
  endfunction

  always_comb begin
    waddr_d  = waddr_q;
    raddr_d  = raddr_q;
    stored_d = stored_q + CountW'(write_i) - CountW'(fetch);
    ahead_d  = ahead_q + 2'(fetched_q) - 2'(pop_i);
    head_d   = pop_i ? next(head_q) : head_q;
    tail_d   = fetched_q ? next(tail_q) : tail_q;
    if (write_i) waddr_d = (waddr_q == AddrW'(Depth - 1)) ? '0 : waddr_q + AddrW'(1);
    if (fetch)   raddr_d = (raddr_q == AddrW'(Depth - 1)) ? '0 : raddr_q + AddrW'(1);
  end

  puce_ram #(
    .Width (Width),
    .Depth (Depth)
  ) u_ram (
    .clk_i   (clk_i),
    .write_i (write_i),
    .waddr_i (waddr_q),
    .wdata_i (wdata_i),
    .read_i  (fetch),
    .raddr_i (raddr_q),
    .rdata_o (fetched)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      waddr_q   <= '0;
      raddr_q   <= '0;
      stored_q  <= '0;
      ahead_q   <= '0;
      head_q    <= '0;
      tail_q    <= '0;
      fetched_q <= 1'b0;
    end else begin
      waddr_q   <= waddr_d;
      raddr_q   <= raddr_d;
      stored_q  <= stored_d;
      ahead_q   <= ahead_d;
      head_q    <= head_d;
      tail_q    <= tail_d;
      fetched_q <= fetch;
    end
  end

  always_ff @(posedge clk_i) begin
    if (fetched_q) word_q[tail_q] <= fetched;
  end

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) disable iff (!rst_ni) write_i |-> stored_q != CountW'(Depth)) else $error("a full bank is written");
  assert property (@(posedge clk_i) disable iff (!rst_ni) pop_i |-> valid_o) else $error("a word is taken that is not there");
`endif
endmodule
