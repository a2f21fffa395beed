// Places an exact value on the grid: RNE(mantissa * 2^(exponent - grid)), or +-2^51 with `window_o` when the magnitude before rounding reaches 2^51.
// GridPlaceLat cycles (`base::grid::place`).
//
// Three stages: find the distance, rotate, round. A rotation of 64 bits serves both directions: what is shifted right leaves at the bottom and stands
// again on top, the half just below the sign's place. Never stalls and keeps no state.
module puce_grid_place
  import puce_fp_pkg::*;
#(
  // At most 50: then a magnitude that is not shifted left never leaves the window.
  parameter int unsigned MantissaW = 40
) (
  input  logic                  clk_i,
  input  logic                  sign_i,
  input  logic [MantissaW-1:0]  mantissa_i,
  input  logic signed [11:0]    exponent_i,
  input  logic signed [11:0]    grid_i,
  output logic signed [52:0]    term_o,
  output logic                  window_o
);

  typedef struct packed {
    logic                 sign;
    logic                 zero;
    logic [5:0]           top;
    logic signed [12:0]   shift;
    logic [MantissaW-1:0] mantissa;
  } distance_t;

  typedef struct packed {
    logic        sign;
    logic        window;
    logic [51:0] integer_part;
    logic        up;
  } rotated_t;

  distance_t distance_d, distance_q;
  rotated_t  rotated_d, rotated_q;
  logic signed [52:0] term_d, term_q;
  logic               window_q;

  always_comb begin
    distance_d.sign     = sign_i;
    distance_d.zero     = ~|mantissa_i;
    distance_d.top      = 6'd63 - lzc64({{64 - MantissaW{1'b0}}, mantissa_i});
    distance_d.shift    = 13'(exponent_i) - 13'(grid_i);
    distance_d.mantissa = mantissa_i;
  end

  // Below a right shift by all bits and one more the value is below a half.
  logic        right, tiny, outside;
  logic [5:0]  places, rights;
  logic [63:0] wide, turned;
  logic [62:0] fraction;
  logic        half, rest;
  always_comb begin
    right    = distance_q.shift[12];
    tiny     = distance_q.zero | (distance_q.shift < -13'(signed'(MantissaW)));
    outside  = ~distance_q.zero & ~right & (14'(distance_q.shift) + signed'({8'd0, distance_q.top}) >= 14'sd51);
    places   = distance_q.shift[5:0];
    rights   = 6'd0 - places;
    wide     = {{64 - MantissaW{1'b0}}, distance_q.mantissa};
    turned   = (wide << places) | (wide >> rights);
    // The bits of a right shift that are fraction now: as many as places, from the top; the first is the half.
    fraction = right ? ~(63'h7fff_ffff_ffff_ffff >> (rights - 6'd1)) : 63'd0;
    half     = right & turned[63];
    rest     = |(turned[62:0] & fraction);
    rotated_d.sign         = distance_q.sign;
    rotated_d.window       = outside;
    rotated_d.integer_part = turned[51:0] & ~fraction[51:0];
    rotated_d.up           = rounds_up(rotated_d.integer_part[0], half, rest);
    if (outside) rotated_d.integer_part = 52'h8_0000_0000_0000;
    if (tiny) begin
      rotated_d.integer_part = 52'd0;
      rotated_d.up           = 1'b0;
    end
  end

  // -(n + up) is ~n + 1 - up.
  always_comb begin
    term_d = signed'({1'b0, rotated_q.integer_part} ^ {53{rotated_q.sign}}) + signed'({52'd0, rotated_q.sign ^ rotated_q.up});
  end

  always_ff @(posedge clk_i) begin
    distance_q <= distance_d;
    rotated_q  <= rotated_d;
    term_q     <= term_d;
    window_q   <= rotated_q.window;
  end

  assign term_o   = term_q;
  assign window_o = window_q;

endmodule
