// Fetches the activations of a product from the scratchpad, block by block and ahead of the arithmetic, into two sets.
//
// A set holds one block of every token: codes, scale, and the sum of the codes. Each row of tiles fetches its blocks again. Sixteen scales come in
// one word, which is kept per token. The fetch never waits for weights, and never looks at values.
module puce_matrix_acts
  import puce_pkg::*;
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4,
  parameter int unsigned Tokens = 16
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,
  // A product with tokens and blocks, held while busy.
  input  logic                          start_i,
  /* verilator lint_off UNUSEDSIGNAL */  // Every part uses some of the operands.
  input  product_t                      product_i,
  /* verilator lint_on UNUSEDSIGNAL */
  output logic                          busy_o,
  output spad_req_t                     req_o,
  input  spad_rsp_t                     rsp_i,
  // The oldest set is complete; its codes are given back.
  output logic                          valid_o,
  output logic                          set_o,
  input  logic                          release_i,
  // Codes of a step, of the Columns tokens of a group.
  input  mode_e                         mode_i,
  input  logic [15:0]                   group_i,
  input  logic [4:0]                    step_i,
  output logic [Columns-1:0][Depth-1:0][7:0] codes_o,
  // Scales and sums of a group of a set, which may have been given back LaneLat cycles ago.
  input  logic                          scale_set_i,
  input  logic [15:0]                   scale_group_i,
  output xscale_t [Columns-1:0]         scales_o,
  output logic signed [Columns-1:0][XsumW-1:0] sums_o
);
  // Places for tokens: whole groups.
  localparam int unsigned Groups = (Tokens + Columns - 1) / Columns;
  localparam int unsigned Places = Groups * Columns;
  localparam int unsigned PlaceW = Places > 1 ? $clog2(Places) : 1;
  localparam int unsigned SlotW = $clog2(2 * Places);

  typedef logic [PlaceW-1:0] place_t;
  typedef logic [SlotW-1:0] slot_t;

  // A word that has been asked for.
  typedef struct packed {
    logic       valid;
    logic       scale;
    logic       last;
    logic       set;
    place_t     token;
    logic [3:0] block;
  } tag_t;

  // A word of codes whose sum is being made.
  typedef struct packed {
    logic       valid;
    logic       set;
    place_t     token;
  } sum_tag_t;

  function automatic slot_t slot(logic set, place_t token);
    slot = (set ? slot_t'(Places) : slot_t'(0)) + slot_t'(token);
  endfunction

  // ---- Asking

  logic busy_d, busy_q, scale_phase_d, scale_phase_q;
  logic [31:0] groups_d, groups_q, row_tile_d, row_tile_q;
  logic [11:0] block_d, block_q;
  logic [ValueW-1:0] sub_d, sub_q;
  place_t token_d, token_q;
  // Addresses: the word to ask for; of the first token, the group, the block's codes and its word of scales.
  logic [ValueW-1:0] at_d, at_q, base_d, base_q, codes_at_d, codes_at_q, scales_at_d, scales_at_q;
  logic write_d, write_q, read_d, read_q;
  // A set is taken when its first word is asked for, and full when its last code has come.
  logic [1:0] taken_d, taken_q, full_d, full_q;

  logic [ValueW-1:0] codes_len, next_base, next_codes;
  logic granted, last_token, last_block, last_row_tile, last_sub;

  assign codes_len     = {31'd0, product_i.blocks, 5'd0};
  assign req_o.valid   = busy_q && (scale_phase_q || !taken_q[write_q] || token_q != '0);
  assign req_o.we      = 1'b0;
  assign req_o.addr    = at_q;
  assign req_o.strb    = '0;
  assign req_o.wdata   = '0;
  assign granted       = req_o.valid && rsp_i.ready;
  assign last_token    = 16'(token_q) == product_i.tokens - 16'd1;
  assign last_block    = block_q == product_i.blocks - 12'd1;
  assign last_row_tile = row_tile_q == product_i.row_tiles - 32'd1;
  assign last_sub      = sub_q == product_i.sub - ValueW'(1);
  assign next_base     = last_row_tile && last_sub ? base_q + product_i.xgroup : base_q;
  assign next_codes    = codes_at_q + ValueW'(WordBytes);

  always_comb begin
    busy_d        = busy_q;
    scale_phase_d = scale_phase_q;
    groups_d      = groups_q;
    row_tile_d    = row_tile_q;
    block_d       = block_q;
    sub_d         = sub_q;
    token_d       = token_q;
    at_d          = at_q;
    base_d        = base_q;
    codes_at_d    = codes_at_q;
    scales_at_d   = scales_at_q;
    write_d       = write_q;
    if (start_i) begin
      busy_d        = 1'b1;
      scale_phase_d = 1'b1;
      groups_d      = product_i.groups;
      row_tile_d    = '0;
      block_d       = '0;
      sub_d         = '0;
      token_d       = '0;
      at_d          = product_i.x + codes_len;
      base_d        = product_i.x;
      codes_at_d    = product_i.x;
      scales_at_d   = product_i.x + codes_len;
    end else if (granted && !last_token) begin
      token_d = token_q + place_t'(1);
      at_d    = at_q + product_i.xstep;
    end else if (granted && scale_phase_q) begin
      token_d       = '0;
      scale_phase_d = 1'b0;
      at_d          = codes_at_q;
    end else if (granted && !last_block) begin
      token_d       = '0;
      write_d       = !write_q;
      block_d       = block_q + 12'd1;
      codes_at_d    = next_codes;
      scale_phase_d = block_q[3:0] == 4'hf;
      scales_at_d   = scale_phase_d ? scales_at_q + ValueW'(WordBytes) : scales_at_q;
      at_d          = scale_phase_d ? scales_at_d : next_codes;
    end else if (granted) begin
      token_d       = '0;
      write_d       = !write_q;
      block_d       = '0;
      row_tile_d    = last_row_tile ? '0 : row_tile_q + 32'd1;
      scale_phase_d = 1'b1;
      base_d        = next_base;
      codes_at_d    = next_base;
      scales_at_d   = next_base + codes_len;
      at_d          = scales_at_d;
      if (last_row_tile) begin
        sub_d    = last_sub ? '0 : sub_q + ValueW'(1);
        groups_d = groups_q - 32'd1;
        busy_d   = groups_q != 32'd1;
      end
    end
  end

  // ---- Arriving: a word's tag walks beside it.

  tag_t [SpadLat-1:0] tag_d, tag_q;
  tag_t tag;
  sum_tag_t sum_tag_d, sum_tag_q;
  logic signed [7:0][9:0] partial_d, partial_q;
  logic signed [XsumW-1:0] sum;

  logic [WordW-1:0] code_mem [2*Places];
  logic [15:0] scale_mem [2*Places];
  logic signed [XsumW-1:0] sum_mem [2*Places];
  logic [WordW-1:0] cache_mem [Places];

  always_comb begin
    tag_d[0] = '{valid: granted, scale: scale_phase_q, last: last_token, set: write_q, token: token_q, block: block_q[3:0]};
    for (int unsigned i = 1; i < SpadLat; i++) tag_d[i] = tag_q[i-1];
  end
  assign tag = tag_q[SpadLat-1];

  // Sums of four codes, a cycle later of all.
  always_comb begin
    sum_tag_d = '{valid: tag.valid && !tag.scale, set: tag.set, token: tag.token};
    partial_d = partial_q;
    if (sum_tag_d.valid) begin
      for (int unsigned i = 0; i < 8; i++) begin
        partial_d[i] = 10'($signed(rsp_i.rdata[32*i+:8])) + 10'($signed(rsp_i.rdata[32*i+8+:8]))
                     + 10'($signed(rsp_i.rdata[32*i+16+:8])) + 10'($signed(rsp_i.rdata[32*i+24+:8]));
      end
    end
    sum = '0;
    for (int unsigned i = 0; i < 8; i++) sum = sum + XsumW'($signed(partial_q[i]));
  end

  always_ff @(posedge clk_i) begin
    partial_q <= partial_d;
    if (tag.valid && tag.scale) cache_mem[tag.token] <= rsp_i.rdata;
    if (tag.valid && !tag.scale) begin
      code_mem[slot(tag.set, tag.token)]  <= rsp_i.rdata;
      scale_mem[slot(tag.set, tag.token)] <= cache_mem[tag.token][16*tag.block+:16];
    end
    if (sum_tag_q.valid) sum_mem[slot(sum_tag_q.set, sum_tag_q.token)] <= sum;
  end

  always_comb begin
    taken_d = taken_q;
    full_d  = full_q;
    if (granted && !scale_phase_q)                taken_d[write_q] = 1'b1;
    if (tag.valid && !tag.scale && tag.last)      full_d[tag.set]  = 1'b1;
    if (release_i) begin
      taken_d[read_q] = 1'b0;
      full_d[read_q]  = 1'b0;
    end
    read_d = read_q ^ release_i;
  end

  assign busy_o  = busy_q;
  assign valid_o = full_q[read_q];
  assign set_o   = read_q;

  // ---- Reading

  for (genvar c = 0; c < Columns; c++) begin : gen_column
    logic [WordW-1:0] word;
    assign word        = code_mem[slot(read_q, place_t'(group_i * 16'(Columns) + 16'(c)))];
    assign scales_o[c] = scale_bf16(scale_mem[slot(scale_set_i, place_t'(scale_group_i * 16'(Columns) + 16'(c)))]);
    assign sums_o[c]   = sum_mem[slot(scale_set_i, place_t'(scale_group_i * 16'(Columns) + 16'(c)))];
    for (genvar b = 0; b < Depth / 2; b++) begin : gen_byte
      logic [4:0] index, low, high;
      assign index = 5'(step_i * 5'(Depth / 2)) + 5'(b);
      assign low   = mode_i == ModeInt8 ? index : {index[3:2], 1'b0, index[1:0]};
      assign high  = mode_i == ModeInt8 ? index : {index[3:2], 1'b1, index[1:0]};
      assign codes_o[c][2*b]   = word[8*low+:8];
      assign codes_o[c][2*b+1] = word[8*high+:8];
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q        <= 1'b0;
      scale_phase_q <= 1'b0;
      groups_q      <= '0;
      row_tile_q    <= '0;
      block_q       <= '0;
      sub_q         <= '0;
      token_q       <= '0;
      at_q          <= '0;
      base_q        <= '0;
      codes_at_q    <= '0;
      scales_at_q   <= '0;
      write_q       <= 1'b0;
      read_q        <= 1'b0;
      taken_q       <= '0;
      full_q        <= '0;
      tag_q         <= '0;
      sum_tag_q     <= '0;
    end else begin
      busy_q        <= busy_d;
      scale_phase_q <= scale_phase_d;
      groups_q      <= groups_d;
      row_tile_q    <= row_tile_d;
      block_q       <= block_d;
      sub_q         <= sub_d;
      token_q       <= token_d;
      at_q          <= at_d;
      base_q        <= base_d;
      codes_at_q    <= codes_at_d;
      scales_at_q   <= scales_at_d;
      write_q       <= write_d;
      read_q        <= read_d;
      taken_q       <= taken_d;
      full_q        <= full_d;
      tag_q         <= tag_d;
      sum_tag_q     <= sum_tag_d;
    end
  end

  assert property (@(posedge clk_i) tag.valid == rsp_i.rvalid);
  assert property (@(posedge clk_i) release_i |-> valid_o);
endmodule
