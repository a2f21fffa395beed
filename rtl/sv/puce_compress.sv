// Adds rows of bits into two rows of the same sum, by full adders side by side: no carry runs along a row.
//
// The rows' sum must fit Width bits; then that of the two rows does.
module puce_compress #(
  // At least 3.
  parameter int unsigned Rows = 9,
  parameter int unsigned Width = 14
) (
  input  logic [Rows-1:0][Width-1:0]  rows_i,
  output logic [1:0][Width-1:0]       rows_o
);
  // Every level turns three rows into two; what does not make three goes on to the next.
  function automatic int unsigned after(int unsigned rows, int unsigned levels);
    after = rows;
    for (int unsigned l = 0; l < levels; l++) after = after - after / 3;
  endfunction

  function automatic int unsigned levels_of(int unsigned rows);
    levels_of = 0;
    while (after(rows, levels_of) > 2) levels_of++;
  endfunction

  localparam int unsigned Levels = levels_of(Rows);

  for (genvar l = 0; l < Levels; l++) begin : gen_level
    localparam int unsigned In = after(Rows, l);
    localparam int unsigned Out = after(Rows, l + 1);
    logic [In-1:0][Width-1:0] from;
    logic [Out-1:0][Width-1:0] to;
    if (l == 0) begin : gen_first
      assign from = rows_i;
    end else begin : gen_next
      assign from = gen_level[l-1].to;
    end
    for (genvar i = 0; i < In / 3; i++) begin : gen_adder
      logic [Width-1:0] carry;
      assign to[2*i]   = from[3*i] ^ from[3*i+1] ^ from[3*i+2];
      assign carry     = (from[3*i] & from[3*i+1]) | (from[3*i+2] & (from[3*i] | from[3*i+1]));
      assign to[2*i+1] = carry << 1;
    end
    for (genvar i = 0; i < In % 3; i++) begin : gen_rest
      assign to[Out-1-i] = from[In-1-i];
    end
  end
  assign rows_o = gen_level[Levels-1].to;
endmodule
