// Performance counters: each counts the cycles in which its event holds. One is read at a time, a cycle after it is named.
module puce_counters #(
  parameter int unsigned Counters = 8,
  parameter int unsigned Width = 48,
  localparam int unsigned IndexW = (Counters > 1) ? $clog2(Counters) : 1
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 clear_i,
  input  logic [Counters-1:0]  event_i,
  input  logic [IndexW-1:0]    index_i,
  output logic [Width-1:0]     value_o
);
  logic [Counters-1:0][Width-1:0] count_d, count_q;
  logic [Width-1:0]               value_d, value_q;

  always_comb begin
    count_d = count_q;
    for (int unsigned i = 0; i < Counters; i++) begin
      if (event_i[i]) count_d[i] = count_q[i] + Width'(1);
    end
    if (clear_i) count_d = '0;
  end

  assign value_d = (32'(index_i) < Counters) ? count_q[index_i] : '0;
  assign value_o = value_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_q <= '0;
      value_q <= '0;
    end else begin
      count_q <= count_d;
      value_q <= value_d;
    end
  end
endmodule
