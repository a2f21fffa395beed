// Rounds a sum on the grid to binary32: RNE(acc * 2^grid), infinity with `overflow_o` beyond; zero is +0. GridF32Lat cycles (`base::grid::to_f32`).
//
// Four stages: magnitude, distance, rotate, round. A rotation of 64 bits serves both directions, as in puce_grid_place. Never stalls and keeps no state.
module puce_grid_f32
  import puce_fp_pkg::*;
(
  input  logic                  clk_i,
  input  logic signed [63:0]    acc_i,
  input  logic signed [11:0]    grid_i,
  output logic [31:0]           y_o,
  output logic                  overflow_o
);

  typedef struct packed {
    logic               sign;
    logic [63:0]        magnitude;
    logic signed [11:0] grid;
  } magnitude_t;

  // `left` brings the leading one to bit 63, or the last place of a subnormal to bit 40; negative is a shift to the right.
  typedef struct packed {
    logic               sign;
    logic               zero;
    logic               subnormal;
    logic [63:0]        magnitude;
    logic signed [12:0] left;
    logic signed [12:0] field;
  } distance_t;

  typedef struct packed {
    logic        sign;
    logic        beyond;
    logic [7:0]  base;
    logic [23:0] mantissa;
    logic        up;
  } rotated_t;

  magnitude_t magnitude_d, magnitude_q;
  distance_t  distance_d, distance_q;
  rotated_t   rotated_d, rotated_q;
  logic [31:0] y_d, y_q;
  logic        overflow_d, overflow_q;

  always_comb begin
    magnitude_d.sign      = acc_i[63];
    magnitude_d.magnitude = acc_i[63] ? 64'd0 - unsigned'(acc_i) : unsigned'(acc_i);
    magnitude_d.grid      = grid_i;
  end

  // The exponent field of a normal result is 63 - zeros + grid + 127; bit 40 has the weight of the least subnormal, 2^-149, after 189 + grid places.
  logic [5:0]         zeros;
  logic signed [12:0] limit;
  always_comb begin
    zeros = lzc64(magnitude_q.magnitude);
    limit = 13'(magnitude_q.grid) + 13'sd189;
    distance_d.sign      = magnitude_q.sign;
    distance_d.zero      = ~|magnitude_q.magnitude;
    distance_d.subnormal = limit <= signed'({7'd0, zeros});
    distance_d.magnitude = magnitude_q.magnitude;
    distance_d.left      = distance_d.subnormal ? limit : signed'({7'd0, zeros});
    distance_d.field     = 13'(magnitude_q.grid) + 13'sd190 - signed'({7'd0, zeros});
  end

  logic        right, tiny;
  logic [5:0]  places, rights;
  logic [63:0] turned, wrapped, kept;
  always_comb begin
    right   = distance_q.left[12];
    // From 25 places to the right on even the largest magnitude is below half of the least subnormal.
    tiny    = distance_q.zero | (distance_q.left < -13'sd24);
    places  = distance_q.left[5:0];
    rights  = 6'd0 - places;
    turned  = (distance_q.magnitude << places) | (distance_q.magnitude >> rights);
    wrapped = right ? ~(64'hffff_ffff_ffff_ffff >> rights) : 64'd0;
    kept    = turned & ~wrapped;
    rotated_d.sign     = distance_q.sign & ~distance_q.zero;
    rotated_d.beyond   = ~distance_q.zero & (distance_q.field > 13'sd254);
    rotated_d.base     = distance_q.subnormal ? 8'd0 : distance_q.field[7:0] - 8'd1;
    rotated_d.mantissa = kept[63:40];
    rotated_d.up       = rounds_up(kept[40], kept[39], (|kept[38:0]) | (|(turned & wrapped)));
    if (tiny) begin
      rotated_d.base     = 8'd0;
      rotated_d.mantissa = 24'd0;
      rotated_d.up       = 1'b0;
    end
  end

  // The leading one adds itself to the exponent field, and so does a carry out of the rounding.
  logic [30:0] packed_sum;
  always_comb begin
    packed_sum = {rotated_q.base, 23'd0} + {7'd0, rotated_q.mantissa} + {30'd0, rotated_q.up};
    overflow_d = rotated_q.beyond | (&packed_sum[30:23]);
    y_d        = {rotated_q.sign, overflow_d ? Infinity[30:0] : packed_sum};
  end

  always_ff @(posedge clk_i) begin
    magnitude_q <= magnitude_d;
    distance_q  <= distance_d;
    rotated_q   <= rotated_d;
    y_q         <= y_d;
    overflow_q  <= overflow_d;
  end

  assign y_o        = y_q;
  assign overflow_o = overflow_q;

endmodule
