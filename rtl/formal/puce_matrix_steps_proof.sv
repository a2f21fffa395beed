// puce_matrix_steps takes every step of a product once, in order: group, row of tiles, block, half of rows, group of tokens, step of a block. A tile that began
// runs through, one whose parts are not there does not begin, and a product without tokens gives each tile back without a step.
//
// A product has groups, rows of tiles and blocks; it stays while it is at work, and the next begins after it.
module puce_matrix_steps_proof
  import puce_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Rows = 16,
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4
) (
  input logic     clk_i,
  input logic     rst_ni,
  input logic     start_i,
  input product_t product_i,
  input logic     tile_valid_i,
  input logic     x_valid_i,
  input logic     x_set_i,
  input logic     set_free_i,
  input logic     set_i
);
  localparam int unsigned Dims = 6;
  localparam int unsigned CountW = 33;
  // Bytes of a row of codes that a step reads.
  localparam int unsigned StepBytes = Depth / 2;

  logic       busy, tile_release, x_release, set_take, valid, first, drop;
  logic [4:0] step;
  step_t      info;

  puce_matrix_steps #(
    .Rows(Rows),
    .Depth(Depth),
    .Columns(Columns)
  ) u_steps (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .product_i(product_i),
    .busy_o(busy),
    .tile_valid_i(tile_valid_i),
    .tile_release_o(tile_release),
    .x_valid_i(x_valid_i),
    .x_set_i(x_set_i),
    .x_release_o(x_release),
    .set_free_i(set_free_i),
    .set_i(set_i),
    .set_take_o(set_take),
    .valid_o(valid),
    .first_o(first),
    .step_o(step),
    .info_o(info),
    .drop_o(drop)
  );

  logic     past_q, active_q;
  product_t product_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (start_i) assume (!active_q && product_i.groups != '0 && product_i.row_tiles != '0 && product_i.blocks != '0);
    if (active_q) assume (product_i == product_q);
  end

  // ---- The loops, the innermost first: how often each is gone round, and the round at work.
  logic [Dims-1:0][CountW-1:0] n, at_d, at_q;
  logic [Dims-1:0]             final_round;
  logic                        moves, around;
  assign n[0]  = mode_of(product_q.kind) == ModeInt8 ? CountW'(Block / StepBytes) : CountW'(Block / 2 / StepBytes);
  assign n[1]  = (CountW'(product_q.tokens) + CountW'(Columns - 1)) / CountW'(Columns);
  assign n[2]  = CountW'(Block / Rows);
  assign n[3]  = CountW'(product_q.blocks);
  assign n[4]  = CountW'(product_q.row_tiles);
  assign n[5]  = CountW'(product_q.groups);
  assign moves = product_q.tokens != '0;

  always_comb begin
    at_d   = at_q;
    around = valid || drop;
    for (int unsigned j = 0; j < Dims; j++) begin
      final_round[j] = at_q[j] == n[j] - 1'b1;
      if (around && (j >= 3 || !drop)) begin
        at_d[j] = final_round[j] ? '0 : at_q[j] + 1'b1;
        around  = final_round[j];
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni)     active_q <= 1'b0;
    else if (start_i) active_q <= 1'b1;
    else if (around) active_q <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    at_q <= start_i ? '0 : at_d;
    if (start_i) product_q <= product_i;
  end

  logic runs, ends;
  assign runs = at_q[2:0] != '0;
  assign ends   = &final_round[2:0];

  always_comb begin
    if (rst_ni && past_q) begin
      assert (busy == active_q);
      // A step in every cycle from a tile's first to its last; it begins as soon as all is there.
      assert (valid == (active_q && moves && (runs || (tile_valid_i && x_valid_i && (at_q[3] != '0 || set_free_i)))));
      assert (drop == (active_q && !moves && tile_valid_i));
      assert (tile_release == (drop || (valid && ends)) && x_release == (valid && ends));
      assert (set_take == (valid && !runs && at_q[3] == '0));
      if (valid) begin
        assert (CountW'(step) == at_q[0] && first == (at_q[0] == '0) && CountW'(info.group) == at_q[1] && CountW'(info.half) == at_q[2]);
        assert (info.half_end == final_round[0] && info.tile_end == ends && info.first == (at_q[3] == '0) && info.last == (ends && final_round[3]));
        assert (CountW'(info.tokens) == CountW'(product_q.tokens) - at_q[1] * CountW'(Columns) && info.set == set_i && info.x_set == x_set_i);
        // In range: a token in every group, a row of the tile in every half, bytes of the row in every step.
        assert (info.tokens != '0 && (32'(info.half) + 1) * Rows <= Block);
        assert ((32'(step) + 1) * StepBytes <= (mode_of(product_q.kind) == ModeInt8 ? Block : Block / 2));
      end

      // What the induction needs to know of the runs.
      if (active_q) begin
        assert (product_q.groups != '0 && product_q.row_tiles != '0 && product_q.blocks != '0);
        for (int unsigned j = 0; j < Dims; j++) assert (at_q[j] < n[j] || (j == 1 && !moves && at_q[j] == '0));
        assert (moves || !runs);
        assert (CountW'(u_steps.step_q) == at_q[0] && CountW'(u_steps.group_q) == at_q[1] && CountW'(u_steps.half_q) == at_q[2]);
        assert (CountW'(u_steps.block_q) == at_q[3] && CountW'(u_steps.row_tile_q) == at_q[4] && CountW'(u_steps.groups_q) == n[5] - at_q[5]);
        assert (u_steps.running_q == runs && CountW'(u_steps.tokens_q) == CountW'(product_q.tokens) - at_q[1] * CountW'(Columns));
      end
    end
  end
endmodule
