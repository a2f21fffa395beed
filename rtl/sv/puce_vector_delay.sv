// A delay line: what comes in comes out `Cycles` cycles later.
module puce_vector_delay #(
  parameter int unsigned Width  = 32,
  parameter int unsigned Cycles = 3
) (
  input  logic             clk_i,
  input  logic [Width-1:0] d_i,
  output logic [Width-1:0] q_o
);
  logic [Cycles-1:0][Width-1:0] line_q;

  assign q_o = line_q[Cycles-1];

  always_ff @(posedge clk_i) begin
    line_q[0] <= d_i;
    for (int unsigned i = 1; i < Cycles; i++) line_q[i] <= line_q[i-1];
  end
endmodule
