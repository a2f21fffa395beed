// Scales the block sums of one row, places them on the grid, and adds them to what the row's accumulators hold.
//
// The sums of Columns tokens come at once and go through Units at a time; when, is told by the caller, who keeps the time for all rows and the accumulators.
// A term and the term of the minimum are rounded each on its own, as the contract wants.
module puce_matrix_row
  import puce_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Columns = 4,
  parameter int unsigned Units = 1,
  // Whether an accumulator may be added to again before it can be read.
  parameter bit Forward = 1'b0
) (
  input  logic                              clk_i,
  // Block sums with the block's scale and minimum.
  input  logic                              capture_i,
  input  logic [Columns-1:0][SumW-1:0]      sums_i,
  input  scale_t                            scale_i,
  input  scale_t                            min_i,
  // Stage 0: the next Units of them, with the sums of the activation codes; 8 times those are added where `offset`.
  input  logic                              stage0_i,
  input  logic                              offset_i,
  input  logic [Units-1:0][XsumW-1:0]       xsums_i,
  // Stages 1 and 2: products with the weights' scales, then with the activations'.
  input  logic                              stage1_i,
  input  logic                              stage2_i,
  input  logic [Units-1:0]                  xsum_sign_i,
  input  logic [Units-1:0][XsumW-1:0]       xsum_abs_i,
  input  xscale_t [Units-1:0]               xscales_i,
  input  logic signed [11:0]                grid_i,
  // Stage 5: take what the accumulators hold (or begin with zero), or a sum of one, two or three cycles before.
  input  logic                              take_i,
  input  logic                              first_i,
  input  logic [Units-1:0][63:0]            held_i,
  /* verilator lint_off UNUSEDSIGNAL */  // Most sizes never forward.
  input  logic [2:0]                        forward_i,
  /* verilator lint_on UNUSEDSIGNAL */
  // Stage 6: the terms are there, and those outside the window. Their sums come a cycle later.
  input  logic                              add_i,
  output logic [Units-1:0]                  window_o,
  output logic [Units-1:0][63:0]            total_o
);
  localparam int unsigned MantissaW = 40;

  logic [Columns-1:0][SumW-1:0] sums_d, sums_q;
  scale_t scale_d, scale_q, min_d, min_q, scale1_d, scale1_q, min1_d, min1_q, scale2_d, scale2_q, min2_d, min2_q;
  logic [Units-1:0] sign_d, sign_q, sign2_d, sign2_q, min_sign2_d, min_sign2_q;
  logic [Units-1:0][SumW-1:0] sum;
  logic [Units-1:0][19:0] abs_d, abs_q;
  logic [Units-1:0][30:0] scaled_d, scaled_q;
  logic [Units-1:0][23:0] min_scaled_d, min_scaled_q;
  logic [Units-1:0] sign3_d, sign3_q, min_sign3_d, min_sign3_q;
  logic [Units-1:0][MantissaW-1:0] product_d, product_q;
  logic [Units-1:0][31:0] min_product_d, min_product_q;
  logic [Units-1:0][11:0] exponent_d, exponent_q, min_exponent_d, min_exponent_q;
  logic signed [Units-1:0][52:0] term, min_term;
  logic [Units-1:0][63:0] newest, acc_d, acc_q, total_d, total_q;
  logic [Units-1:0][1:0][63:0] sides;
  logic [Units-1:0] window, min_window;

  // ---- Capture, and magnitudes

  always_comb begin
    sums_d  = sums_q;
    scale_d = scale_q;
    min_d   = min_q;
    if (capture_i) begin
      sums_d  = sums_i;
      scale_d = scale_i;
      min_d   = min_i;
    end else if (stage0_i) begin
      sums_d = sums_q >> (Units * SumW);
    end
  end

  always_comb begin
    for (int unsigned u = 0; u < Units; u++) begin
      sum[u] = sums_q[u] + (offset_i ? {{(SumW - XsumW - 3) {xsums_i[u][XsumW-1]}}, xsums_i[u], 3'd0} : '0);
    end
    sign_d   = sign_q;
    abs_d    = abs_q;
    scale1_d = scale1_q;
    min1_d   = min1_q;
    if (stage0_i) begin
      scale1_d = scale_q;
      min1_d   = min_q;
      for (int unsigned u = 0; u < Units; u++) begin
        sign_d[u] = sum[u][SumW-1];
        abs_d[u]  = 20'(sum[u][SumW-1] ? -sum[u] : sum[u]);
      end
    end
  end

  // ---- Times the scales

  always_comb begin
    scaled_d     = scaled_q;
    min_scaled_d = min_scaled_q;
    sign2_d      = sign2_q;
    min_sign2_d  = min_sign2_q;
    scale2_d     = scale2_q;
    min2_d       = min2_q;
    if (stage1_i) begin
      scale2_d = scale1_q;
      min2_d   = min1_q;
      for (int unsigned u = 0; u < Units; u++) begin
        scaled_d[u]     = 31'(abs_q[u]) * 31'(scale1_q.mantissa);
        min_scaled_d[u] = 24'(xsum_abs_i[u]) * 24'(min1_q.mantissa);
        sign2_d[u]      = sign_q[u] ^ scale1_q.sign;
        min_sign2_d[u]  = xsum_sign_i[u] ^ min1_q.sign;
      end
    end
  end

  always_comb begin
    product_d      = product_q;
    min_product_d  = min_product_q;
    sign3_d        = sign3_q;
    min_sign3_d    = min_sign3_q;
    exponent_d     = exponent_q;
    min_exponent_d = min_exponent_q;
    if (stage2_i) begin
      for (int unsigned u = 0; u < Units; u++) begin
        product_d[u]      = MantissaW'(scaled_q[u]) * MantissaW'(xscales_i[u].mantissa);
        min_product_d[u]  = 32'(min_scaled_q[u]) * 32'(xscales_i[u].mantissa);
        sign3_d[u]        = sign2_q[u] ^ xscales_i[u].sign;
        min_sign3_d[u]    = min_sign2_q[u] ^ xscales_i[u].sign;
        exponent_d[u]     = 12'($signed(scale2_q.exponent)) + 12'($signed(xscales_i[u].exponent));
        min_exponent_d[u] = 12'($signed(min2_q.exponent)) + 12'($signed(xscales_i[u].exponent));
      end
    end
  end

  // ---- On the grid

  for (genvar u = 0; u < Units; u++) begin : gen_place
    puce_grid_place #(
      .MantissaW(MantissaW)
    ) i_term (
      .clk_i     (clk_i),
      .sign_i    (sign3_q[u]),
      .mantissa_i(product_q[u]),
      .exponent_i(exponent_q[u]),
      .grid_i    (grid_i),
      .term_o    (term[u]),
      .window_o  (window[u])
    );
    puce_grid_place #(
      .MantissaW(32)
    ) i_min_term (
      .clk_i     (clk_i),
      .sign_i    (min_sign3_q[u]),
      .mantissa_i(min_product_q[u]),
      .exponent_i(min_exponent_q[u]),
      .grid_i    (grid_i),
      .term_o    (min_term[u]),
      .window_o  (min_window[u])
    );
  end
  assign window_o = window | min_window;

  // ---- Sums

  if (Forward) begin : gen_forward
    logic [Units-1:0][63:0] last_q;
    always_ff @(posedge clk_i) last_q <= total_q;
    assign newest = forward_i[0] ? total_d : forward_i[1] ? total_q : forward_i[2] ? last_q : held_i;
  end else begin : gen_held
    assign newest = held_i;
  end

  for (genvar u = 0; u < Units; u++) begin : gen_sum
    puce_compress #(
      .Rows (3),
      .Width(64)
    ) i_compress (
      .rows_i({acc_q[u], 64'($signed(term[u])), 64'($signed(min_term[u]))}),
      .rows_o(sides[u])
    );
  end

  always_comb begin
    acc_d   = acc_q;
    total_d = total_q;
    if (take_i) acc_d = first_i ? '0 : newest;
    if (add_i) begin
      for (int unsigned u = 0; u < Units; u++) total_d[u] = sides[u][0] + sides[u][1];
    end
  end
  assign total_o = total_q;

  always_ff @(posedge clk_i) begin
    sums_q         <= sums_d;
    scale_q        <= scale_d;
    min_q          <= min_d;
    sign_q         <= sign_d;
    abs_q          <= abs_d;
    scale1_q       <= scale1_d;
    min1_q         <= min1_d;
    scaled_q       <= scaled_d;
    min_scaled_q   <= min_scaled_d;
    sign2_q        <= sign2_d;
    min_sign2_q    <= min_sign2_d;
    scale2_q       <= scale2_d;
    min2_q         <= min2_d;
    product_q      <= product_d;
    min_product_q  <= min_product_d;
    sign3_q        <= sign3_d;
    min_sign3_q    <= min_sign3_d;
    exponent_q     <= exponent_d;
    min_exponent_q <= min_exponent_d;
    acc_q          <= acc_d;
    total_q        <= total_d;
  end
endmodule
