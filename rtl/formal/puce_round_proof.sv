// The rounding step (puce_fp_pkg::rounds_up) on every magnitude of 48 bits and every number of lost bits: nearest, ties to even, monotone.
module puce_round_proof
  import puce_fp_pkg::*;
(
  input logic [47:0] value_i,
  input logic [47:0] other_i,
  // Bits that are lost: at most 48.
  input logic [5:0]  places_i
);
  function automatic logic [48:0] rounded(input logic [47:0] value, input logic [5:0] places);
    logic [48:0] doubled, half;
    doubled = {value, 1'b0} >> places;
    half    = places == 6'd0 ? 49'd0 : 49'd1 << (places - 6'd1);
    return (doubled >> 1) + {48'd0, rounds_up(doubled[1], doubled[0], |({1'b0, value} & (half - {48'd0, places != 6'd0})))};
  endfunction

  logic [48:0] result;
  logic [97:0] back, distance, unit;

  // The rule, said without a bit position: no farther than half a unit, and even where it is just that.
  always_comb begin
    result   = rounded(value_i, places_i);
    unit     = 98'd1 << places_i;
    back     = {49'd0, result} << places_i;
    distance = back > {50'd0, value_i} ? back - {50'd0, value_i} : {50'd0, value_i} - back;
    if (places_i <= 6'd48) begin
      assert (2 * distance <= unit);
      assert (2 * distance != unit || !result[0]);
      assert (value_i > other_i || result <= rounded(other_i, places_i));
    end
  end
endmodule
