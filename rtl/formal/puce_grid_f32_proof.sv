// puce_grid_f32 answers, for every sum and grid, the nearest binary32, ties to even; infinity and a flag from half a unit beyond the largest on.
module puce_grid_f32_proof (
  input logic               clk_i,
  input logic signed [63:0] acc_i,
  input logic signed [11:0] grid_i
);
  localparam int unsigned Latency = puce_pkg::GridF32Lat;

  logic [31:0] y;
  logic        overflow;

  puce_grid_f32 u_f32 (
    .clk_i(clk_i),
    .acc_i(acc_i),
    .grid_i(grid_i),
    .y_o(y),
    .overflow_o(overflow)
  );

  // The operands whose answer is there now.
  logic [Latency-1:0][63:0]     acc_q;
  logic [Latency-1:0][11:0]     grid_q;
  logic [$clog2(Latency+1)-1:0] filled_q;
  initial filled_q = '0;
  always_ff @(posedge clk_i) begin
    acc_q  <= {acc_q[Latency-2:0], acc_i};
    grid_q <= {grid_q[Latency-2:0], grid_i};
    if (filled_q != Latency) filled_q <= filled_q + 1'b1;
  end

  // The answer is `mantissa` times 2^places, and the largest binary32 has its last place at 2^room, both in units of the grid.
  logic [63:0]        acc, magnitude;
  logic signed [13:0] places, room;
  logic [23:0]        mantissa;
  logic [127:0]       value, back, distance, unit;
  logic               beyond, binade;

  always_comb begin
    acc      = acc_q[Latency-1];
    magnitude = acc[63] ? -acc : acc;
    value    = {64'd0, magnitude};
    mantissa = {y[30:23] != 8'd0, y[22:0]};
    places   = 14'(signed'({6'd0, y[30:24], y[23] | (y[30:23] == 8'd0)})) - 14'sd150 - 14'(signed'(grid_q[Latency-1]));
    room     = 14'sd104 - 14'(signed'(grid_q[Latency-1]));
    unit     = 128'd1 << places[6:0];
    back     = 128'(mantissa) << places[6:0];
    distance = back > value ? back - value : value - back;
    // The half of a unit below a power of two is smaller.
    binade   = mantissa == 24'h80_0000 && y[30:23] > 8'd1 && back > value;

    if (value == 0) beyond = 1'b0;
    else if (room >= 0) beyond = room < 64 && 2 * value >= (128'h1ff_ffff << room[5:0]);
    else beyond = room < -24 || (value << 5'(-room)) >= (128'd1 << 24);

    if (filled_q == Latency) begin
      assert (overflow == beyond);
      assert (y[31] == acc[63]);
      if (beyond) assert (y[30:0] == 31'h7f80_0000);
      else begin
        assert (y[30:23] != 8'hff);
        if (value == 0) assert (mantissa == 0);
        else if (places <= 0) assert (places > -64 && (value << 6'(-places)) == 128'(mantissa));
        else if (places > 64) assert (mantissa == 0);
        else begin
          assert (2 * distance <= unit);
          assert (2 * distance != unit || !mantissa[0]);
          assert (!binade || 4 * distance <= unit);
        end
      end
    end
  end
endmodule
