// puce_grid_place answers, for every operand, what docs/numerics.md says of a term: the nearest integer, ties to even; 2^51 and a flag from 2^51 on.
module puce_grid_place_proof #(
  parameter int unsigned MantissaW = 40
) (
  input logic                  clk_i,
  input logic                  sign_i,
  input logic [MantissaW-1:0]  mantissa_i,
  input logic signed [11:0]    exponent_i,
  input logic signed [11:0]    grid_i
);
  localparam int unsigned Latency = puce_pkg::GridPlaceLat;
  localparam logic [99:0] Window = 100'd1 << 51;

  logic signed [52:0] term;
  logic               window;

  puce_grid_place #(
    .MantissaW(MantissaW)
  ) u_place (
    .clk_i(clk_i),
    .sign_i(sign_i),
    .mantissa_i(mantissa_i),
    .exponent_i(exponent_i),
    .grid_i(grid_i),
    .term_o(term),
    .window_o(window)
  );

  // The operands whose answer is there now.
  logic [Latency-1:0]                sign_q;
  logic [Latency-1:0][MantissaW-1:0] mantissa_q;
  logic [Latency-1:0][12:0]          shift_q;
  logic [$clog2(Latency+1)-1:0]      filled_q;
  initial filled_q = '0;
  always_ff @(posedge clk_i) begin
    sign_q     <= {sign_q[Latency-2:0], sign_i};
    mantissa_q <= {mantissa_q[Latency-2:0], mantissa_i};
    shift_q    <= {shift_q[Latency-2:0], 13'(exponent_i) - 13'(grid_i)};
    if (filled_q != Latency) filled_q <= filled_q + 1'b1;
  end

  logic               sign, left;
  logic [12:0]        places;
  logic [99:0]        value, shifted, magnitude, back, distance, unit;

  always_comb begin
    sign      = sign_q[Latency-1];
    left      = !shift_q[Latency-1][12];
    places    = left ? shift_q[Latency-1] : -shift_q[Latency-1];
    value     = 100'(mantissa_q[Latency-1]);
    magnitude = 100'(unsigned'(term < 0 ? -term : term));
    shifted   = value << places[5:0];
    unit      = 100'd1 << places[5:0];
    back      = magnitude << places[5:0];
    distance  = back > value ? back - value : value - back;
    if (filled_q == Latency) begin
      assert (magnitude == 0 || (term < 0) == sign);
      if (value != 0 && left && (places >= 51 || shifted >= Window)) begin
        assert (window && magnitude == Window);
      end else begin
        assert (!window);
        if (value == 0) assert (magnitude == 0);
        else if (left) assert (magnitude == shifted);
        else if (places > MantissaW) assert (magnitude == 0);
        else begin
          assert (2 * distance <= unit);
          assert (2 * distance != unit || !magnitude[0]);
        end
      end
    end
  end
endmodule
