// puce_fp_divsqrt answers exactly FpDivSqrtLat cycles after it took an operand, whatever the operand, and the answer stays until the next.
module puce_fp_divsqrt_proof
  import puce_fp_pkg::*;
(
  input logic        clk_i,
  input logic        rst_ni,
  input logic        valid_i,
  input logic        sqrt_i,
  input logic [31:0] x_i
);
  logic        ready, valid;
  logic [31:0] y;

  puce_fp_divsqrt u_unit (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .valid_i(valid_i),
    .ready_o(ready),
    .sqrt_i(sqrt_i),
    .x_i(x_i),
    .valid_o(valid),
    .y_o(y)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb if (!past_q) assume (!rst_ni);

  // Cycles since the last take; 0 when nothing is under way.
  logic [4:0]  age_d, age_q;
  logic [31:0] y_q;
  always_comb begin
    age_d = age_q == 5'(FpDivSqrtLat) ? 5'd0 : age_q + {4'd0, age_q != 5'd0};
    if (valid_i && ready) age_d = 5'd1;
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) age_q <= '0;
    else         age_q <= age_d;
  end
  always_ff @(posedge clk_i) y_q <= y;

  always_comb begin
    if (rst_ni && past_q) begin
      assert (valid == (age_q == 5'(FpDivSqrtLat)));
      assert (ready == (age_q == 5'd0 || age_q == 5'(FpDivSqrtLat)));
      if (!valid) assert (y == y_q);
      // What the induction needs.
      assert (age_q <= 5'(FpDivSqrtLat));
      assert (5'(u_unit.step_q) == (age_q == 5'(FpDivSqrtLat) ? 5'd0 : age_q));
    end
  end
endmodule
