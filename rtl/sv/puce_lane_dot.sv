// The products of one step of one row and one token, added into two rows of bits: no carry runs.
//
// The two rows' sum is that of the products, and Pairs * DotExcess for the lower as for the upper halves of codes, of which the upper ones' sum counts
// 16 times for 8-bit codes. Only combinational.
module puce_lane_dot
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Pairs = 4,
  localparam int unsigned NegW = $clog2(5 * Pairs + 1),
  localparam int unsigned StepW = 16 + $clog2(Pairs)
) (
  input  logic                      byte_i,
  input  factor_t [Pairs-1:0]       low_i,
  input  factor_t [Pairs-1:0]       high_i,
  /* verilator lint_off UNUSEDSIGNAL */  // Cells do not save work, products do not count signs.
  // Work; without it the rows mean nothing.
  input  logic                      valid_i,
  // Negative digits of the factors, the high ones counted 4 times.
  input  logic [NegW-1:0]           low_neg_i,
  input  logic [NegW-1:0]           high_neg_i,
  /* verilator lint_on UNUSEDSIGNAL */
  // Activations of byte `b` in elements 2b (lower half) and 2b + 1 (upper half).
  input  logic [2*Pairs-1:0][7:0]   x_i,
  output logic [1:0][StepW-1:0]     rows_o
);
`ifdef SYNTHESIS
  localparam int unsigned DotW = StepW - 4;

  logic [2*Pairs:0][DotW-1:0] low_parts, high_parts;
  logic [1:0][DotW-1:0] low_rows, high_rows;
  logic [3:0][StepW-1:0] rows;

  // A partial product with its top bit inverted: too large by half of its range, and too small by one where negative. A high digit is never 4.
  function automatic logic [LowPartW-1:0] part(digit_t d, logic [7:0] x);
    part = (({LowPartW{d.one}} & {{2{x[7]}}, x}) | ({LowPartW{d.two}} & {x[7], x, 1'b0}) | ({LowPartW{d.four}} & {x, 2'b00}))
         ^ {~d.neg, {(LowPartW - 1) {d.neg}}};
  endfunction

  // The same of a high digit, one bit shorter.
  function automatic logic [HighPartW-1:0] high_part(digit_t d, logic [7:0] x);
    high_part = HighPartW'(part(d, x));
    high_part[HighPartW-1] = ~high_part[HighPartW-1];
  endfunction

  always_comb begin
    low_parts[2*Pairs]  = DotW'(low_neg_i);
    high_parts[2*Pairs] = DotW'(high_neg_i);
    for (int unsigned b = 0; b < Pairs; b++) begin
      low_parts[b]        = DotW'(part(low_i[b].low, x_i[2*b]));
      low_parts[Pairs+b]  = DotW'({high_part(low_i[b].high, x_i[2*b]), 2'b00});
      high_parts[b]       = DotW'(part(high_i[b].low, x_i[2*b+1]));
      high_parts[Pairs+b] = DotW'({high_part(high_i[b].high, x_i[2*b+1]), 2'b00});
    end
  end

  puce_compress #(
    .Rows (2 * Pairs + 1),
    .Width(DotW)
  ) i_low (
    .rows_i(low_parts),
    .rows_o(low_rows)
  );

  puce_compress #(
    .Rows (2 * Pairs + 1),
    .Width(DotW)
  ) i_high (
    .rows_i(high_parts),
    .rows_o(high_rows)
  );

  always_comb begin
    for (int unsigned i = 0; i < 2; i++) begin
      rows[i]   = StepW'(low_rows[i]);
      rows[2+i] = byte_i ? {high_rows[i], 4'd0} : StepW'(high_rows[i]);
    end
  end

  puce_compress #(
    .Rows (4),
    .Width(StepW)
  ) i_both (
    .rows_i(rows),
    .rows_o(rows_o)
  );
`else
  // A simulator multiplies quicker than it selects: any two rows of the sum will do.
  function automatic logic [StepW-1:0] product(factor_t f, logic [7:0] x);
    product = StepW'($signed(value_of(f))) * StepW'($signed(x));
  endfunction

  always_comb begin
    logic [StepW-1:0] low, high;
    low  = StepW'(Pairs * DotExcess);
    high = StepW'(Pairs * DotExcess);
    rows_o = '0;
    if (valid_i) begin
      for (int unsigned b = 0; b < Pairs; b++) begin
        low  = low + product(low_i[b], x_i[2*b]);
        high = high + product(high_i[b], x_i[2*b+1]);
      end
      rows_o[0] = low + (byte_i ? high << 4 : high);
    end
  end
`endif
endmodule
