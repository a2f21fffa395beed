// puce_front hands over every command once, in order, as its words say, never before all its tokens are satisfied, and holds it until it is taken.
//
// The surroundings bring well-formed instructions and hold a word until it is taken. Commands that are done are counted here without wrapping; a token's
// count is within 2^31 of them, as the front asks. Any one engine is watched for tokens, since all go the same way.
module puce_front_proof
  import puce_pkg::*;
#(
  parameter int unsigned Args = 2
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   word_valid_i,
  input logic [ValueW-1:0]      word_i,
  input logic                   cmd_ready_i,
  input logic                   done_i,
  // The engine that is watched does a command, or does not; what the others have done.
  input logic [2:0]             watched_i,
  input logic                   does_i,
  input logic [Engines-1:0][CommandCountW-1:0] others_i,
  input logic [CommandCountW:0] token_i
);
  localparam int unsigned WideW = CommandCountW + 1;
  // The states of puce_front.
  localparam logic [1:0] Header = 2'd0, Arguments = 2'd1, Tokens = 2'd2, Full = 2'd3;

  logic                                  word_ready, cmd_valid, busy, waiting;
  cmd_t                                  cmd;
  logic [Engines-1:0][CommandCountW-1:0] done_count;

  puce_front #(
    .Args(Args)
  ) u_front (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .word_valid_i(word_valid_i),
    .word_ready_o(word_ready),
    .word_i(word_i),
    .done_count_i(done_count),
    .cmd_valid_o(cmd_valid),
    .cmd_ready_i(cmd_ready_i),
    .cmd_o(cmd),
    .done_i(done_i),
    .busy_o(busy),
    .waiting_o(waiting)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- What the watched engine has done.
  logic [WideW-1:0] done_q;
  logic [2:0]       watched_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) done_q <= '0;
    else         done_q <= done_q + WideW'(does_i);
  end
  always_ff @(posedge clk_i) watched_q <= watched_i;
  always_comb begin
    done_count            = others_i;
    done_count[watched_i] = done_q[CommandCountW-1:0];
    assume (32'(watched_i) < Engines && done_q != '1);
    if (past_q) assume (watched_i == watched_q);
  end

  // ---- The words, as an instruction is written: its header, its operands, its tokens.
  typedef struct packed {
    logic [7:0]                  op;
    logic [3:0][7:0]             attr;
    logic [3:0]                  operands;
    logic [Args-1:0][ValueW-1:0] arg;
    // The most that a token of the watched engine asks for.
    logic                        waits;
    logic [WideW-1:0]            count;
  } whole_t;

  header_t          header, header_q;
  token_t           token;
  whole_t           part_d, part_q;
  // The place of the next word.
  logic [3:0]       place_d, place_q;
  logic             take, ends, at_token, seen, satisfied;

  assign header   = place_q == '0 ? header_t'(word_i[$bits(header_t)-1:0]) : header_q;
  assign token    = token_t'(word_i[$bits(token_t)-1:0]);
  assign take     = word_valid_i && word_ready;
  assign at_token = place_q > header.operands;
  assign ends     = place_q == header.operands + 4'(header.tokens);

  assign seen      = at_token && token.from == watched_i;
  assign satisfied = done_q >= token_i;

  logic              held_q;
  logic [ValueW-1:0] held_word_q;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    assume (header.operands != '0 && header.operands <= 4'(Args) && 32'(header.tokens) <= Engines);
    if (at_token) begin
      assume (32'(token.from) < Engines);
    end
    if (seen) begin
      assume (token_i[CommandCountW-1:0] == token.count);
      if (satisfied) assume (done_q - token_i < (WideW'(1) << (CommandCountW - 1)));
      else assume (token_i - done_q <= (WideW'(1) << (CommandCountW - 1)));
    end
    if (held_q) assume (word_valid_i && word_i == held_word_q);
  end

  always_comb begin
    part_d  = part_q;
    place_d = place_q;
    if (take) begin
      place_d = (ends && place_q != '0) ? '0 : place_q + 4'd1;
      if (place_q == '0) begin
        part_d.op       = header.op;
        part_d.attr     = header.attr;
        part_d.operands = header.operands;
        part_d.waits    = 1'b0;
      end else if (!at_token) begin
        part_d.arg[place_q - 4'd1] = word_i;
      end else if (seen) begin
        part_d.waits = 1'b1;
        if (!part_q.waits || token_i > part_q.count) part_d.count = token_i;
      end
    end
  end

  // ---- Instructions of which every word was taken, and which the engine did not take, the oldest first.
  whole_t [1:0] whole_d, whole_q;
  logic [1:0]   wholes_d, wholes_q;
  logic         given;
  assign given = cmd_valid && cmd_ready_i;
  always_comb begin
    whole_d  = whole_q;
    wholes_d = wholes_q;
    if (given) begin
      whole_d[0] = whole_q[1];
      wholes_d   = wholes_d - 2'd1;
    end
    if (take && ends && place_q != '0) begin
      whole_d[wholes_d[0]] = part_d;
      wholes_d             = wholes_d + 2'd1;
    end
  end

  // ---- Commands in the engine.
  logic [7:0] inside_q;
  always_comb begin
    if (done_i) assume (inside_q != '0 || given);
    if (given) assume (inside_q != '1);
  end

  logic cmd_held_q, late_q;
  cmd_t held_cmd_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      place_q    <= '0;
      wholes_q   <= '0;
      inside_q   <= '0;
      held_q     <= 1'b0;
      cmd_held_q <= 1'b0;
      late_q     <= 1'b0;
    end else begin
      place_q    <= place_d;
      wholes_q   <= wholes_d;
      inside_q   <= inside_q + 8'(given) - 8'(done_i);
      held_q     <= word_valid_i && !word_ready;
      cmd_held_q <= cmd_valid && !cmd_ready_i;
      late_q     <= wholes_q != '0 && !cmd_valid;
    end
  end
  always_ff @(posedge clk_i) begin
    part_q      <= part_d;
    whole_q     <= whole_d;
    held_word_q <= word_i;
    held_cmd_q  <= cmd;
    if (take && place_q == '0) header_q <= header;
  end

  always_comb begin
    if (rst_ni && past_q) begin
      if (word_valid_i && seen) assert (word_ready == satisfied);
      if (word_valid_i && !at_token) assert (word_ready == !(wholes_q == 2'd2 || (wholes_q == 2'd1 && !cmd_valid)));
      // A command is what its words say, none is lost or doubled, and it goes at once.
      assert (!cmd_valid || wholes_q != '0);
      assert (!late_q || cmd_valid);
      if (cmd_valid) begin
        assert (cmd.op == whole_q[0].op && cmd.attr == whole_q[0].attr);
        assert (!whole_q[0].waits || done_q >= whole_q[0].count);
      end
      assert (!cmd_held_q || (cmd_valid && cmd == held_cmd_q));
      assert (busy == (inside_q != '0) && u_front.inside_q == inside_q);
      assert (!waiting || (word_valid_i && !word_ready && !cmd_valid && !busy));
      // What the induction needs to know of the inside.
      assert (32'(wholes_q) == 32'(cmd_valid) + 32'(u_front.state_q == Full));
      assert ((place_q == '0) == (u_front.state_q == Header || u_front.state_q == Full));
      if (place_q != '0) begin
        assert ((u_front.state_q == Tokens) == (place_q > header_q.operands));
        assert (u_front.next_header_q.op == part_q.op && u_front.next_header_q.attr == part_q.attr);
        assert (u_front.next_header_q.operands == header_q.operands && part_q.operands == header_q.operands);
        assert (!part_q.waits || done_q >= part_q.count);
        if (u_front.state_q == Arguments) begin
          assert (4'(u_front.index_q) == place_q - 4'd1);
          assert (u_front.tokens_q == header_q.tokens);
        end else begin
          assert (4'(u_front.tokens_q) == header_q.operands + 4'(header_q.tokens) + 4'd1 - place_q);
          assert (place_q <= header_q.operands + 4'(header_q.tokens));
        end
      end
      if (u_front.state_q == Full) begin
        assert (u_front.next_header_q.op == whole_q[cmd_valid].op && u_front.next_header_q.attr == whole_q[cmd_valid].attr);
        assert (!whole_q[cmd_valid].waits || done_q >= whole_q[cmd_valid].count);
      end
      for (int unsigned i = 0; i < Args; i++) begin
        if (cmd_valid && i < 32'(whole_q[0].operands)) assert (cmd.arg[i] == whole_q[0].arg[i]);
        if (u_front.state_q == Full) assert (i >= 32'(whole_q[cmd_valid].operands) || u_front.next_arg_q[i] == whole_q[cmd_valid].arg[i]);
        else if (32'(place_q) > i + 1 && i < 32'(header_q.operands)) assert (u_front.next_arg_q[i] == part_q.arg[i]);
      end
    end
  end
endmodule
