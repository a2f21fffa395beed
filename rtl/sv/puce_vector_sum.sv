// Sums of words on the grid (docs/numerics.md, "Reductions"): each valid lane's value, or its square, is placed on the group's grid; the integers are added;
// the sum of a group is rounded to binary32. Groups follow each other without a gap.
//
// It never waits: who gives it a group's last word has room for the result.
module puce_vector_sum
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  sum_e                 sum_i,
  input  logic                 valid_i,
  input  logic                 last_i,
  input  logic [WordLanes-1:0] mask_i,
  // Exponent field of the group's largest magnitude (not for SumExp).
  input  logic [7:0]           top_i,
  input  logic [WordW-1:0]     word_i,
  output logic                 valid_o,
  output logic [31:0]          value_o,
  output flags_t               flags_o
);
  localparam int unsigned MantissaW = 48;
  localparam int unsigned TermW = 53;
  // Cycles from the decoded word to its placed terms, and to the accumulator's new value.
  localparam int unsigned PlaceLat = 2 + GridPlaceLat;
  localparam int unsigned AddLat = PlaceLat + 3;

  // Group information of each cycle, from the decoded word on.
  typedef struct packed {
    logic               last;
    logic               nan;
    logic signed [11:0] grid;
    // The row has no sum.
    logic               bad;
  } info_t;

  logic [AddLat:0]                       valid_q;
  info_t [AddLat:0]                      info_q;
  info_t                                 info_d;
  logic [WordLanes-1:0]                  sign_d, sign_q;
  logic [WordLanes-1:0][23:0]            mantissa_d, mantissa_q;
  logic [WordLanes-1:0][11:0]            exponent_d, exponent_q;
  logic signed [11:0]                    top;
  logic signed [11:0]                    place_grid_d, place_grid_q;

  // An exponent field; subnormals have that of the least normal numbers.
  function automatic logic signed [11:0] field(input logic [7:0] bits);
    return signed'({4'd0, bits[7:1], bits[0] | ~|bits});
  endfunction

  always_comb begin
    top = field(top_i);
    info_d = '{last: last_i, nan: 1'b0, grid: -12'sd40, bad: 1'b0};
    place_grid_d = -12'sd40;
    if (sum_i == SumPlain) place_grid_d = top - 12'sd167;
    if (sum_i == SumPlain) info_d.grid = top - 12'sd167;
    if (sum_i == SumSquares) info_d.grid = (top <<< 1) - 12'sd294;
    info_d.bad = sum_i != SumExp && (&top_i);
    sign_d     = sign_q;
    mantissa_d = mantissa_q;
    exponent_d = exponent_q;
    if (valid_i) begin
      for (int unsigned i = 0; i < WordLanes; i++) begin
        sign_d[i]     = word_i[32*i+31] && sum_i != SumSquares;
        // Infinity is placed as 2^128, which no window holds.
        mantissa_d[i] = (mask_i[i] && !is_nan(word_i[32*i+:32])) ? {|word_i[32*i+23+:8], word_i[32*i+:23]} : '0;
        exponent_d[i] = (sum_i == SumSquares) ? ((field(word_i[32*i+23+:8]) - top) <<< 1) - 12'sd46 : field(word_i[32*i+23+:8]) - 12'sd150;
        info_d.nan |= mask_i[i] && is_nan(word_i[32*i+:32]);
      end
    end
  end

  // Squares in two stages: two half products, their sum. Other values wait as long.
  logic [WordLanes-1:0][35:0]           low_q, high_q;
  logic [WordLanes-1:0][MantissaW-1:0]  product_q;
  logic [WordLanes-1:0][1:0][11:0]      exponents_q;
  logic [WordLanes-1:0][1:0]            signs_q;
  logic [1:0][11:0]                     grids_q;
  logic [WordLanes-1:0][TermW-1:0]      terms;
  logic [WordLanes-1:0]                 windows;

  for (genvar i = 0; i < WordLanes; i++) begin : gen_lane
    logic signed [TermW-1:0] term;
    logic                    window;
    always_ff @(posedge clk_i) begin
      if (valid_q[0]) begin
        low_q[i]  <= (sum_i == SumSquares) ? 36'(mantissa_q[i]) * 36'(mantissa_q[i][11:0]) : 36'(mantissa_q[i]);
        high_q[i] <= (sum_i == SumSquares) ? 36'(mantissa_q[i]) * 36'(mantissa_q[i][23:12]) : '0;
      end
      product_q[i]   <= {12'd0, low_q[i]} + {high_q[i], 12'd0};
      exponents_q[i] <= {exponents_q[i][0], exponent_q[i]};
      signs_q[i]     <= {signs_q[i][0], sign_q[i]};
    end
    puce_grid_place #(.MantissaW(MantissaW)) u_place (
      .clk_i      (clk_i),
      .sign_i     (signs_q[i][1]),
      .mantissa_i (product_q[i]),
      .exponent_i (exponents_q[i][1]),
      .grid_i     (grids_q[1]),
      .term_o     (term),
      .window_o   (window)
    );
    assign terms[i]   = term;
    assign windows[i] = window;
  end

  // The lanes' sum, three levels.
  logic [3:0][TermW:0]   four_q;
  logic [1:0][TermW+1:0] two_q;
  logic [TermW+2:0]      one_q;
  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < 4; i++) begin
      four_q[i] <= {terms[2*i][TermW-1], terms[2*i]} + {terms[2*i+1][TermW-1], terms[2*i+1]};
    end
    for (int unsigned i = 0; i < 2; i++) two_q[i] <= {four_q[2*i][TermW], four_q[2*i]} + {four_q[2*i+1][TermW], four_q[2*i+1]};
    one_q <= {two_q[0][TermW+1], two_q[0]} + {two_q[1][TermW+1], two_q[1]};
  end

  // The group's sum.
  logic [63:0]        acc_d, acc_q;
  logic               fresh_d, fresh_q, bad_d, bad_q, done_d, done_q;
  logic signed [11:0] grid_d, grid_q;
  always_comb begin
    acc_d   = acc_q;
    fresh_d = fresh_q;
    bad_d   = bad_q;
    grid_d  = grid_q;
    done_d  = 1'b0;
    if (valid_q[AddLat]) begin
      acc_d   = (fresh_q ? 64'd0 : acc_q) + {{(61 - TermW){one_q[TermW+2]}}, one_q};
      bad_d   = (bad_q && !fresh_q) || info_q[AddLat].bad || info_q[AddLat].nan;
      grid_d  = info_q[AddLat].grid;
      fresh_d = info_q[AddLat].last;
      done_d  = info_q[AddLat].last;
    end
  end

  // Its rounding.
  logic [31:0]          rounded;
  logic                 overflow;
  logic [GridF32Lat-1:0] round_q, round_bad_q;
  puce_grid_f32 u_round (
    .clk_i      (clk_i),
    .acc_i      (acc_q),
    .grid_i     (grid_q),
    .y_o        (rounded),
    .overflow_o (overflow)
  );

  assign valid_o = round_q[GridF32Lat-1];
  assign value_o = round_bad_q[GridF32Lat-1] ? CanonicalNan : rounded;

  always_comb begin
    flags_o          = '0;
    flags_o.nan      = round_q[GridF32Lat-1] && round_bad_q[GridF32Lat-1];
    flags_o.overflow = round_q[GridF32Lat-1] && !round_bad_q[GridF32Lat-1] && overflow && sum_i != SumExp;
    flags_o.window   = valid_q[PlaceLat] && (|windows) && sum_i == SumExp;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q <= '0;
      fresh_q <= 1'b1;
      done_q  <= 1'b0;
      round_q <= '0;
    end else begin
      valid_q <= {valid_q[AddLat-1:0], valid_i};
      fresh_q <= fresh_d;
      done_q  <= done_d;
      round_q <= {round_q[GridF32Lat-2:0], done_q};
    end
  end

  always_ff @(posedge clk_i) begin
    info_q       <= {info_q[AddLat-1:0], info_d};
    sign_q       <= sign_d;
    mantissa_q   <= mantissa_d;
    exponent_q   <= exponent_d;
    place_grid_q <= place_grid_d;
    grids_q      <= {grids_q[0], place_grid_q};
    acc_q        <= acc_d;
    bad_q        <= bad_d;
    grid_q       <= grid_d;
    round_bad_q  <= {round_bad_q[GridF32Lat-2:0], bad_q};
  end
endmodule
