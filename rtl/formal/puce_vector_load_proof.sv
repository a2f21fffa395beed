// puce_vector_load asks for a word only when the queue of its group of lanes has room for it, for a scanned group's last word only when its scalar and its
// results have; no credit is lost, and a request stays until it is taken.
//
// Of what walks over places and windows only the ports are taken: places may be any. The scratchpad answers SpadLat cycles after it took a request
// (puce_scratchpad_proof). Nothing is given back that was not there, and a command begins when nothing of the one before is left.
module puce_vector_load_proof
  import puce_pkg::*;
  import puce_vector_pkg::*;
#(
  parameter int unsigned Groups = 2
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   start_i,
  input load_t                  load_i,
  input logic [Groups-1:0][1:0] release_i,
  input logic [Groups-1:0]      scalar_pop_i,
  input logic                   result_pop_i,
  input logic                   go_i,
  input spad_rsp_t              rsp_i
);
  localparam int unsigned SumW = 8;

  spad_req_t        req;
  logic             valid;
  tag_t             tag;
  logic [WordW-1:0] word;

  puce_vector_load #(
    .Groups(Groups)
  ) u_load (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .load_i(load_i),
    .release_i(release_i),
    .scalar_pop_i(scalar_pop_i),
    .result_pop_i(result_pop_i),
    .go_i(go_i),
    .req_o(req),
    .rsp_i(rsp_i),
    .valid_o(valid),
    .tag_o(tag),
    .word_o(word)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- What came and was not given back: words of each group's queue, scalars, results. Whether a run waits for the scanner's answer.
  logic [Groups-1:0][SumW-1:0] there_q, way;
  logic [SumW-1:0]             scalars_q, results_q, scalar_way, result_way;
  logic                        waits_q, held_q;
  logic [ValueW-1:0]           addr_q;
  load_t                       load_q;

  // ---- Words that are on their way: in the request register, and asked for.
  function automatic logic ends_group(input tag_t t);
    return t.scan && t.group_last;
  endfunction

  always_comb begin
    way        = '0;
    scalar_way = SumW'(u_load.valid_q && ends_group(u_load.tag_q) && load_i.scalars);
    result_way = (u_load.valid_q && ends_group(u_load.tag_q)) ? SumW'(load_i.results) : '0;
    for (int unsigned g = 0; g < Groups; g++) way[g] = SumW'(u_load.valid_q && !u_load.tag_q.scan && u_load.tag_q.lanes == GroupW'(g));
    for (int unsigned s = 0; s < SpadLat; s++) begin
      for (int unsigned g = 0; g < Groups; g++) way[g] = way[g] + SumW'(u_load.flying_q[s] && !u_load.tags_q[s].scan && u_load.tags_q[s].lanes == GroupW'(g));
      scalar_way = scalar_way + SumW'(u_load.flying_q[s] && ends_group(u_load.tags_q[s]) && load_i.scalars);
      if (u_load.flying_q[s] && ends_group(u_load.tags_q[s])) result_way = result_way + SumW'(load_i.results);
    end
  end

  always_comb begin
    if (!past_q) assume (!rst_ni);
    assume (rsp_i.rvalid == u_load.flying_q[SpadLat-1]);
    for (int unsigned g = 0; g < Groups; g++) assume (SumW'(release_i[g]) <= there_q[g]);
    assume (SumW'($countones(scalar_pop_i)) <= scalars_q);
    if (result_pop_i) assume (results_q != '0);
    assume (load_i.results != 2'd3);
    // The configuration holds; where it changes, everything was given back.
    if (past_q && load_i != load_q) assume (way == '0 && u_load.flying_q == '0 && !u_load.valid_q && scalars_q == '0 && results_q == '0);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      there_q   <= '0;
      scalars_q <= '0;
      results_q <= '0;
      waits_q   <= 1'b0;
      held_q    <= 1'b0;
    end else begin
      for (int unsigned g = 0; g < Groups; g++) there_q[g] <= there_q[g] + SumW'(valid && !tag.scan && tag.lanes == GroupW'(g)) - SumW'(release_i[g]);
      scalars_q <= scalars_q + SumW'(valid && ends_group(tag) && load_i.scalars) - (load_i.scalars ? SumW'($countones(scalar_pop_i)) : '0);
      results_q <= results_q + ((valid && ends_group(tag)) ? SumW'(load_i.results) : '0) - SumW'(result_pop_i && load_i.results != 2'd0);
      waits_q   <= !start_i && ((u_load.take && load_i.lockstep && u_load.place.run_last) || (waits_q && !go_i));
      held_q    <= req.valid && !rsp_i.ready;
    end
  end
  always_ff @(posedge clk_i) begin
    addr_q <= req.addr;
    load_q <= load_i;
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // Credits are what is on its way and what was not given back, so none is lost, and what comes has a place.
      for (int unsigned g = 0; g < Groups; g++) begin
        assert (SumW'(u_load.words_q[g]) == way[g] + there_q[g] && 32'(u_load.words_q[g]) <= Depth && 32'(there_q[g]) <= Depth);
        if (valid && !tag.scan && tag.lanes == GroupW'(g)) assert (32'(there_q[g]) < Depth);
      end
      assert (SumW'(u_load.scalars_q) == scalar_way + scalars_q && 32'(u_load.scalars_q) <= ScalarDepth && 32'(scalars_q) <= ScalarDepth);
      assert (SumW'(u_load.results_q) == result_way + results_q && 32'(u_load.results_q) <= ResultDepth && 32'(results_q) <= ResultDepth);
      // A word is for a group that is there; a request is steady, and only reads; after a run that waits nothing is asked for.
      assert (32'(u_load.turn_q) < Groups);
      if (u_load.valid_q) assert (32'(u_load.tag_q.lanes) < Groups);
      for (int unsigned s = 0; s < SpadLat; s++) if (u_load.flying_q[s]) assert (32'(u_load.tags_q[s].lanes) < Groups);
      assert (!req.we && (!held_q || (req.valid && req.addr == addr_q)));
      assert (waits_q == u_load.hold_q);
      if (waits_q) assert (!u_load.take);
      // With everything given back nothing holds a place up.
      if (u_load.place_valid && !waits_q && u_load.words_q == '0 && u_load.scalars_q == '0 && u_load.results_q == '0) assert (u_load.take || req.valid);
    end
  end
endmodule
