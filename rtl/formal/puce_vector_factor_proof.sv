// puce_vector_factor gives one factor for every sum, and lets it stand until it is taken; it asks its divider only when that is free.
//
// Of product and sum only the ports are taken. A sum comes with room for it, a factor is taken where there is one, and a command begins when nothing of the
// one before is left. That the factor is the right one is the test's business.
module puce_vector_factor_proof
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
(
  input logic              clk_i,
  input logic              rst_ni,
  input logic              start_i,
  input logic [CountW-1:0] cols_i,
  input logic [31:0]       eps_i,
  input logic              valid_i,
  input logic [31:0]       squares_i,
  input logic              take_i
);
  logic        valid;
  logic [31:0] factor;

  puce_vector_factor u_factor (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .cols_i(cols_i),
    .eps_i(eps_i),
    .valid_i(valid_i),
    .squares_i(squares_i),
    .valid_o(valid),
    .factor_o(factor),
    .take_i(take_i)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Sums whose factor was not taken; cycles since the divider was given something, 0 where it has nothing; a factor that waits.
  logic [3:0]  owed_q;
  logic [4:0]  age_d, age_q;
  logic        waits_q, works, inverts;
  logic [31:0] factor_q;
  assign works   = 3'(u_factor.state_q) inside {3'd2, 3'd3, 3'd4};
  assign inverts = 3'(u_factor.state_q) == 3'd1;

  always_comb begin
    age_d = age_q == 5'(FpDivSqrtLat) ? 5'd0 : age_q + {4'd0, age_q != 5'd0};
    if (u_factor.div_valid && !u_factor.unused_div_ready) age_d = age_q;
    else if (u_factor.div_valid) age_d = 5'd1;
  end

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (valid_i) assume (u_factor.unused_ready);
    if (take_i) assume (valid);
    if (start_i) assume (owed_q == '0 && !inverts && !valid_i);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      owed_q  <= '0;
      age_q   <= '0;
      waits_q <= 1'b0;
    end else begin
      owed_q  <= owed_q + 4'(valid_i) - 4'(take_i);
      age_q   <= age_d;
      waits_q <= valid && !take_i;
    end
  end
  always_ff @(posedge clk_i) factor_q <= factor;

  always_comb begin
    if (rst_ni && past_q) begin
      // One factor for every sum, that stands until it is taken.
      assert (32'(owed_q) == 32'(u_factor.unused_count) + 32'(works) + 32'(valid) && 32'(u_factor.unused_count) <= 2);
      if (waits_q) assert (valid && factor == factor_q);
      assert (!(works && valid));
      // The divider is asked when it is free, and what it was asked for is waited for.
      if (u_factor.div_valid) assert (u_factor.unused_div_ready);
      assert (3'(u_factor.state_q) <= 3'd4);
      assert ((age_q != '0) == ((inverts && !u_factor.fill_q) || 3'(u_factor.state_q) == 3'd3 || 3'(u_factor.state_q) == 3'd4));
      if (u_factor.fill_q) assert (inverts);
      if (u_factor.div_done) assert (age_q == 5'(FpDivSqrtLat));
      // What the induction needs to know of the inside.
      assert (age_q <= 5'(FpDivSqrtLat) && 5'(u_factor.u_div.step_q) == (age_q == 5'(FpDivSqrtLat) ? 5'd0 : age_q));
      assert (u_factor.div_done == (age_q == 5'(FpDivSqrtLat)));
    end
  end
endmodule
