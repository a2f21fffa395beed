// The factor of an RMS norm: 1 / sqrt(squares * (1/n) + eps), every operation rounded (`base::reduce::rms_of`).
//
// A sum may wait while the one before is worked on; a factor stands until it is taken.
module puce_vector_factor
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,
  // Begins a command: 1/n is computed first.
  input  logic              start_i,
  input  logic [CountW-1:0] cols_i,
  input  logic [31:0]       eps_i,
  input  logic              valid_i,
  input  logic [31:0]       squares_i,
  output logic              valid_o,
  output logic [31:0]       factor_o,
  input  logic              take_i
);
  typedef enum logic [2:0] {
    Idle    = 3'd0,
    Inverse = 3'd1,
    Mean    = 3'd2,
    Root    = 3'd3,
    Recip   = 3'd4
  } state_e;

  // Cycles of the product and the sum.
  localparam logic [2:0] MeanLast = 3'(FpMulLat + FpAddLat);

  state_e      state_d, state_q;
  logic [2:0]  count_d, count_q;
  logic        fill_d, fill_q;
  logic [31:0] inverse_d, inverse_q, factor_d, factor_q, squares_d, squares_q;
  logic        valid_d, valid_q;

  logic        sum_valid, sum_take;
  logic [31:0] sum, share, mean, root, div_x;
  logic        div_valid, div_done;
  logic [1:0]  unused_count;
  logic        unused_ready, unused_div_ready;

  puce_fifo #(.Width(32), .Depth(2)) u_sums (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (valid_i),
    .in_ready_o  (unused_ready),
    .in_data_i   (squares_i),
    .out_valid_o (sum_valid),
    .out_ready_i (sum_take),
    .out_data_o  (sum),
    .count_o     (unused_count)
  );

  puce_fp_mul u_mul (.clk_i(clk_i), .a_i(squares_q), .b_i(inverse_q), .y_o(share));
  puce_fp_add u_add (.clk_i(clk_i), .a_i(share), .b_i(eps_i), .y_o(mean));
  puce_fp_divsqrt u_div (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .valid_i (div_valid),
    .ready_o (unused_div_ready),
    .sqrt_i  (state_q == Mean),
    .x_i     (div_x),
    .valid_o (div_done),
    .y_o     (root)
  );

  always_comb begin
    state_d   = state_q;
    count_d   = count_q + 3'd1;
    fill_d    = 1'b0;
    inverse_d = inverse_q;
    squares_d = squares_q;
    factor_d  = factor_q;
    valid_d   = valid_q && !take_i;
    sum_take  = 1'b0;
    div_valid = 1'b0;
    div_x     = mean;
    unique case (state_q)
      Idle: begin
        count_d = '0;
        if (sum_valid && !valid_q) begin
          sum_take  = 1'b1;
          squares_d = sum;
          state_d   = Mean;
        end
      end
      Inverse: begin
        div_x     = squares_q;
        div_valid = fill_q;
        if (div_done) begin
          inverse_d = root;
          state_d   = Idle;
        end
      end
      Mean: begin
        if (count_q == MeanLast) begin
          div_valid = 1'b1;
          state_d   = Root;
        end
      end
      Root: begin
        div_x = root;
        if (div_done) begin
          div_valid = 1'b1;
          state_d   = Recip;
        end
      end
      Recip: begin
        if (div_done) begin
          factor_d = root;
          valid_d  = 1'b1;
          state_d  = Idle;
        end
      end
      default: state_d = Idle;
    endcase
    if (start_i) begin
      state_d   = Inverse;
      fill_d    = 1'b1;
      squares_d = u32_to_f32(cols_i);
    end
  end

  assign valid_o  = valid_q;
  assign factor_o = factor_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= Idle;
      count_q   <= '0;
      fill_q    <= 1'b0;
      inverse_q <= '0;
      squares_q <= '0;
      factor_q  <= '0;
      valid_q   <= 1'b0;
    end else begin
      state_q   <= state_d;
      count_q   <= count_d;
      fill_q    <= fill_d;
      inverse_q <= inverse_d;
      squares_q <= squares_d;
      factor_q  <= factor_d;
      valid_q   <= valid_d;
    end
  end

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) !valid_i || unused_ready) else $error("a sum is lost");
  assert property (@(posedge clk_i) !div_valid || unused_div_ready) else $error("the divider is busy");
`endif
endmodule
