// puce_compress loses nothing: every adder's two rows have the sum of its three, and every row goes on once; where the sum of all fits, that of the last two
// rows does, and is the same.
module puce_compress_proof #(
  parameter int unsigned Rows = 9,
  parameter int unsigned Width = 14,
  // Whether the last two rows are held to the sum of all.
  parameter bit Whole = 1'b0,
  localparam int unsigned SumW = Width + $clog2(Rows)
) (
  input logic [Rows-1:0][Width-1:0] rows_i
);
  logic [1:0][Width-1:0] rows;

  puce_compress #(
    .Rows(Rows),
    .Width(Width)
  ) u_compress (
    .rows_i(rows_i),
    .rows_o(rows)
  );

  function automatic int unsigned after(int unsigned count, int unsigned levels);
    after = count;
    for (int unsigned l = 0; l < levels; l++) after = after - after / 3;
  endfunction

  function automatic int unsigned levels_of(int unsigned count);
    levels_of = 0;
    while (after(count, levels_of) > 2) levels_of++;
  endfunction

  localparam int unsigned Levels = levels_of(Rows);

  for (genvar l = 0; l < Levels; l++) begin : gen_level
    localparam int unsigned In = after(Rows, l);
    localparam int unsigned Out = after(Rows, l + 1);
    logic [In-1:0][Width-1:0] from;
    logic [Out-1:0][Width-1:0] to;
    assign from = u_compress.gen_level[l].from;
    assign to   = u_compress.gen_level[l].to;
    always_comb begin
      for (int unsigned i = 0; i < In / 3; i++) begin
        assert (Width'(to[2*i] + to[2*i+1]) == Width'(from[3*i] + from[3*i+1] + from[3*i+2]));
      end
      // Those that no adder takes are the last ones.
      for (int unsigned i = 0; i < In % 3; i++) assert (to[Out-1-i] == from[In-1-i]);
    end
    if (l == 0) begin : gen_first
      always_comb assert (from == rows_i);
    end else begin : gen_next
      always_comb assert (from == gen_level[l-1].to);
    end
  end
  always_comb assert (rows == gen_level[Levels-1].to);

  logic [SumW-1:0] sum;
  always_comb begin
    sum = '0;
    for (int unsigned i = 0; i < Rows; i++) sum = sum + SumW'(rows_i[i]);
    if (Whole) begin
      assert (Width'(rows[0] + rows[1]) == sum[Width-1:0]);
      if (sum >> Width == '0) assert (SumW'(rows[0]) + SumW'(rows[1]) == sum);
    end
  end
endmodule
