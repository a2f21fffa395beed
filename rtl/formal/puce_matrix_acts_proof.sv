// puce_matrix_acts writes a set of activations only when it was given back, says that it is there only when all of it is, gives sets in the order in which
// they were asked for, and leaves a set's scales alone for LaneLat cycles after it was given back.
//
// The scratchpad answers SpadLat cycles after it took a request (puce_scratchpad_proof). A product begins when the one before was asked for, has tokens (as
// many as there are places, at most), blocks, rows of tiles and groups, and is held. Nothing is given back that was not there. What stands in a set is the
// test's business.
module puce_matrix_acts_proof
  import puce_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Tokens = 4,
  parameter int unsigned Columns = 2
) (
  input logic      clk_i,
  input logic      rst_ni,
  input logic      start_i,
  input product_t  product_i,
  input spad_rsp_t rsp_i,
  input logic      release_i
);
  localparam int unsigned Depth = 2;
  logic                                busy, valid, set;
  spad_req_t                           req;
  logic [Columns-1:0][Depth-1:0][7:0]  codes;
  xscale_t [Columns-1:0]               scales;
  logic signed [Columns-1:0][XsumW-1:0] sums;

  puce_matrix_acts #(
    .Depth(Depth),
    .Columns(Columns),
    .Tokens(Tokens)
  ) u_acts (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .product_i(product_i),
    .busy_o(busy),
    .req_o(req),
    .rsp_i(rsp_i),
    .valid_o(valid),
    .set_o(set),
    .release_i(release_i),
    .mode_i(ModeInt8),
    .group_i(16'd0),
    .step_i(5'd0),
    .codes_o(codes),
    .scale_set_i(1'b0),
    .scale_group_i(16'd0),
    .scales_o(scales),
    .sums_o(sums)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Sets that were asked for and not given back, tokens of the set that is asked for, words of each set that came.
  logic [1:0]       sets_q;
  logic [15:0]      asked_q;
  logic [1:0][15:0] came_q;
  // Cycles since each set was given back.
  logic [1:0][2:0]  since_q;
  logic             first_q, asks, ends, held_q;
  logic [ValueW-1:0] addr_q;
  product_t          product_q;
  assign asks = req.valid && rsp_i.ready && !u_acts.scale_phase_q;
  assign ends = asks && asked_q == product_i.tokens - 16'd1;

  // Words of codes on their way to a set, and whether the last of it is among them.
  logic [1:0][15:0] way;
  logic [1:0][1:0]  lasts;
  always_comb begin
    way   = '0;
    lasts = '0;
    for (int unsigned s = 0; s < SpadLat; s++) begin
      if (u_acts.tag_q[s].valid && !u_acts.tag_q[s].scale) begin
        way[u_acts.tag_q[s].set]   = way[u_acts.tag_q[s].set] + 16'd1;
        lasts[u_acts.tag_q[s].set] = lasts[u_acts.tag_q[s].set] + 2'(u_acts.tag_q[s].last);
      end
    end
  end

  always_comb begin
    if (!past_q) assume (!rst_ni);
    assume (rsp_i.rvalid == u_acts.tag_q[SpadLat-1].valid);
    if (release_i) assume (valid);
    if (start_i) assume (!busy && product_i.tokens != '0 && 32'(product_i.tokens) <= Tokens && product_i.blocks != '0 && product_i.row_tiles != '0
                         && product_i.groups != '0);
    if (past_q && busy) assume (product_i == product_q);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      sets_q  <= '0;
      asked_q <= '0;
      came_q  <= '0;
      since_q <= '1;
      first_q <= 1'b0;
      held_q  <= 1'b0;
    end else begin
      sets_q  <= sets_q + 2'(ends) - 2'(release_i);
      asked_q <= !asks ? asked_q : ends ? '0 : asked_q + 16'd1;
      first_q <= first_q ^ release_i;
      held_q  <= req.valid && !rsp_i.ready;
      for (int unsigned s = 0; s < 2; s++) begin
        if (release_i && set == s[0])                                                          came_q[s] <= '0;
        else if (u_acts.tag.valid && !u_acts.tag.scale && u_acts.tag.set == s[0]) came_q[s] <= came_q[s] + 16'd1;
        since_q[s] <= (release_i && set == s[0]) ? 3'd1 : since_q[s] + 3'(since_q[s] != '1);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    addr_q    <= req.addr;
    product_q <= product_i;
  end

  logic other, write;
  logic [1:0] whole;
  assign write = u_acts.write_q;
  assign other = !u_acts.write_q;
  // All of the set was asked for.
  assign whole = {u_acts.taken_q[1] && !(!write ? 1'b0 : asked_q != '0), u_acts.taken_q[0] && !(write ? 1'b0 : asked_q != '0)};

  always_comb begin
    if (rst_ni && past_q) begin
      // Sets go round; the oldest is shown, when all of it is there.
      assert (set == first_q && 32'(sets_q) <= 2 && write == first_q ^ sets_q[0]);
      assert (!valid || (sets_q != '0 && whole[set] && lasts[set] == '0 && way[set] == '0));
      assert (whole[other] == (sets_q != '0) && whole[write] == (sets_q == 2'd2));
      // Where tokens of a set were asked for, it is taken; they come in order into a set that is not shown.
      if (busy) assert (32'(product_i.tokens) <= Tokens && product_i.tokens != '0 && 16'(u_acts.token_q) < product_i.tokens);
      if (asked_q != '0) assert (busy && !u_acts.scale_phase_q && u_acts.taken_q[write] && sets_q != 2'd2);
      if (busy && !u_acts.scale_phase_q) assert (16'(u_acts.token_q) == asked_q);
      if (!busy) assert (asked_q == '0);
      for (int unsigned s = 0; s < 2; s++) begin
        assert (!u_acts.full_q[s] || u_acts.taken_q[s]);
        if (!u_acts.taken_q[s]) assert (way[s] == '0 && came_q[s] == '0);
        assert (lasts[s] == 2'(whole[s] && !u_acts.full_q[s]));
        if (u_acts.full_q[s]) assert (way[s] == '0 && whole[s]);
        // As many words came and are on their way as were asked for.
        if (u_acts.taken_q[s] && s[0] == write && asked_q != '0) assert (came_q[s] + way[s] == asked_q);
      end
      // The last of a set comes last.
      if (u_acts.tag_q[1].valid && !u_acts.tag_q[1].scale && u_acts.tag_q[1].last && u_acts.tag_q[0].valid && !u_acts.tag_q[0].scale) begin
        assert (u_acts.tag_q[0].set != u_acts.tag_q[1].set);
      end
      // What comes into a set does so at least LaneLat cycles after the set was given back, and never while it is shown.
      if (u_acts.tag.valid && !u_acts.tag.scale) assert (32'(since_q[u_acts.tag.set]) >= LaneLat && !(valid && set == u_acts.tag.set));
      for (int unsigned s = 0; s < SpadLat; s++) begin
        if (u_acts.tag_q[s].valid && !u_acts.tag_q[s].scale) assert (32'(since_q[u_acts.tag_q[s].set]) >= 2 + s);
      end
      assert (!req.we && (!held_q || (req.valid && req.addr == addr_q)));
      assert (since_q[0] != '0 && since_q[1] != '0);
    end
  end
endmodule
