// The sum inside puce_fp_add is the exact sum of the operands, cut off eight times below the last place of the greater one, with a last bit that tells whether
// anything was cut off; from that puce_fp_add_round_proof takes that the answer is the nearest.
//
// Operands whose exponents differ by 26 at most, stage after stage; of those farther apart puce_fp_add_proof speaks.
module puce_fp_add_sum_proof
  import puce_fp_pkg::*;
(
  input logic        clk_i,
  input logic [31:0] a_i,
  input logic [31:0] b_i
);
  // Most places that operands are apart, and the bits of a mantissa with three bits below the last place.
  localparam int unsigned Apart = 26;
  localparam int unsigned PlacesW = 27;

  logic [31:0] y;

  puce_fp_add u_add (
    .clk_i(clk_i),
    .a_i(a_i),
    .b_i(b_i),
    .y_o(y)
  );

  // ---- The operands of each stage, and what they are to be.
  typedef struct packed {
    logic                      nan;
    logic                      infinite;
    logic                      sign;
    logic                      subtract;
    logic [7:0]                exponent;
    logic [7:0]                apart;
    logic [23:0]               greater;
    logic [23:0]               lesser;
    // The lesser one at its place below the greater one, nothing cut off.
    logic [PlacesW+Apart-1:0]  exact;
    logic                      zero_sign;
  } want_t;

  function automatic logic infinite(input logic [31:0] x);
    return x[30:0] == 31'h7f80_0000;
  endfunction
  function automatic logic [7:0] exponent_of(input logic [31:0] x);
    return x[30:23] == '0 ? 8'd1 : x[30:23];
  endfunction
  function automatic want_t want_of(input logic [31:0] a, input logic [31:0] b);
    logic [31:0] greater, lesser;
    greater          = a[30:0] < b[30:0] ? b : a;
    lesser           = a[30:0] < b[30:0] ? a : b;
    want_of.subtract = a[31] != b[31];
    want_of.nan      = is_nan(a) || is_nan(b) || (infinite(a) && infinite(b) && want_of.subtract);
    want_of.infinite = infinite(a) || infinite(b);
    want_of.sign     = greater[31];
    want_of.exponent = exponent_of(greater);
    want_of.apart    = exponent_of(greater) - exponent_of(lesser);
    want_of.greater  = {greater[30:23] != '0, greater[22:0]};
    want_of.lesser   = {lesser[30:23] != '0, lesser[22:0]};
    want_of.exact    = {want_of.lesser, (Apart + 3)'(0)} >> want_of.apart;
    want_of.zero_sign = a[31] & b[31];
  endfunction

  logic [2:0][31:0] a_q, b_q;
  logic [1:0]       filled_q;
  initial filled_q = '0;
  always_ff @(posedge clk_i) begin
    a_q <= {a_q[1:0], a_i};
    b_q <= {b_q[1:0], b_i};
    if (filled_q != 2'd3) filled_q <= filled_q + 2'd1;
  end

  want_t [2:0]                  want;
  logic [PlacesW+Apart:0]       total;
  logic                         near, sum_zero;
  always_comb begin
    for (int unsigned i = 0; i < 3; i++) want[i] = want_of(a_q[i], b_q[i]);
    // In order of magnitude.
    if (filled_q >= 2'd1) begin
      assert (u_add.ordered_q.greater == want[0].greater && u_add.ordered_q.lesser == want[0].lesser && u_add.ordered_q.distance == want[0].apart);
      assert (u_add.ordered_q.exponent == want[0].exponent && u_add.ordered_q.sign == want[0].sign && u_add.ordered_q.subtract == want[0].subtract);
      assert (u_add.ordered_q.kind.nan == want[0].nan && (want[0].nan || u_add.ordered_q.kind.infinite == want[0].infinite));
    end
    // Aligned: what is cut off is in the last bit.
    if (filled_q >= 2'd2) begin
      if (want[1].apart <= 8'(Apart)) assert (u_add.aligned_q.lesser == {want[1].exact[PlacesW+Apart-1:Apart+1], |want[1].exact[Apart:0]});
      assert (u_add.aligned_q.greater == {want[1].greater, 3'd0} && u_add.aligned_q.exponent == want[1].exponent);
      assert (u_add.aligned_q.sign == want[1].sign && u_add.aligned_q.subtract == want[1].subtract);
      assert (u_add.aligned_q.kind.nan == want[1].nan && (want[1].nan || u_add.aligned_q.kind.infinite == want[1].infinite));
    end
    // Added: the same of the exact sum.
    near     = want[2].apart <= 8'(Apart);
    total    = {1'b0, want[2].greater, (Apart + 3)'(0)} + (want[2].subtract ? -{1'b0, want[2].exact} : {1'b0, want[2].exact});
    sum_zero = total == '0;
    if (filled_q == 2'd3) begin
      if (near) begin
        assert (u_add.sum_q.sum == {total[PlacesW+Apart:Apart+1], |total[Apart:0]});
        // Where anything is cut off, the leading one is no farther down than its second place: then two places are enough.
        if (!want[2].nan && !want[2].infinite) assert (total[Apart+1:0] == '0 || u_add.sum_q.sum[27:25] != '0);
        assert (u_add.sum_q.sign == (sum_zero && want[2].subtract ? 1'b0 : want[2].sign));
        assert (!sum_zero || want[2].subtract || want[2].zero_sign == want[2].sign);
      end
      assert (u_add.sum_q.exponent == want[2].exponent && want[2].exponent != '0);
      assert (want[2].nan || want[2].infinite || want[2].exponent != 8'hff);
      assert (u_add.sum_q.kind.nan == want[2].nan && (want[2].nan || u_add.sum_q.kind.infinite == want[2].infinite));
      // Zeros above the leading one.
      assert (u_add.sum_q.sum == '0 || u_add.sum_q.sum >> (5'd27 - u_add.sum_q.zeros) == 28'd1);
    end
  end
endmodule
