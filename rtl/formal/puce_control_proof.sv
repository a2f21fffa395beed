// puce_control sends with every instruction for an engine a token for each engine that was noted for it, and no other; a token carries the newest count.
//
// Any two engines are watched: one that is told to wait, one that it waits for. The instruction's words are its header, its operands and its tokens, each
// once. Registers and arithmetic may answer anything, and so may code, queues, engines and parameters.
module puce_control_proof
  import puce_pkg::*;
  import puce_isa_pkg::*;
(
  input logic                                   clk_i,
  input logic                                   rst_ni,
  input logic                                   start_i,
  input fault_e                                 fault_i,
  input logic                                   fetch_idle_i,
  input logic                                   word_valid_i,
  input logic [63:0]                            word_i,
  input logic                                   word_error_i,
  input logic [Engines-1:0]                     queue_room_i,
  input logic [Engines-1:0][CommandCountW-1:0]  done_count_i,
  input logic                                   stream_empty_i,
  input logic                                   param_ready_i,
  input logic                                   param_rvalid_i,
  input logic [31:0]                            param_data_i,
  input logic [2:0]                             waits_i,
  input logic [2:0]                             for_i
);
  logic                running, done, fetch_start, fetch_run, jump, word_ready, param_valid, wait_queue, wait_fetch;
  fault_e              fault;
  logic [31:0]         pc, jump_word;
  logic [Engines-1:0]  reserve, valid;
  logic [ValueW-1:0]   word;
  logic [11:0]         param_index;
  logic [Engines:0]    issue;

  puce_control u_control (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(start_i),
    .running_o(running),
    .done_o(done),
    .fault_o(fault),
    .pc_o(pc),
    .fault_i(fault_i),
    .fetch_start_o(fetch_start),
    .fetch_run_o(fetch_run),
    .fetch_idle_i(fetch_idle_i),
    .jump_o(jump),
    .jump_word_o(jump_word),
    .word_valid_i(word_valid_i),
    .word_ready_o(word_ready),
    .word_i(word_i),
    .word_error_i(word_error_i),
    .queue_room_i(queue_room_i),
    .queue_reserve_o(reserve),
    .queue_valid_o(valid),
    .queue_word_o(word),
    .done_count_i(done_count_i),
    .stream_empty_i(stream_empty_i),
    .param_valid_o(param_valid),
    .param_ready_i(param_ready_i),
    .param_index_o(param_index),
    .param_rvalid_i(param_rvalid_i),
    .param_data_i(param_data_i),
    .issue_o(issue),
    .wait_queue_o(wait_queue),
    .wait_fetch_o(wait_fetch)
  );

  // The states of puce_control.
  localparam logic [3:0] Idle = 4'd0, Operands = 4'd2, Tokens = 4'd3, Halt = 4'd8, Done = 4'd9, Fault = 4'd10;

  logic       past_q;
  logic [2:0] waits_q, for_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) begin
    past_q  <= 1'b1;
    waits_q <= waits_i;
    for_q   <= for_i;
  end
  always_comb begin
    assume (32'(waits_i) < Engines && 32'(for_i) < Engines);
    if (past_q) assume (waits_i == waits_q && for_i == for_q);
    else assume (!rst_ni);
  end

  // ---- What is noted for the engine that waits, and the count of the one that it waits for.
  logic                     notes, issues, starts;
  logic [Engines-1:0]       noted_d, noted_q;
  logic [CommandCountW-1:0] issued_d, issued_q, count_d, count_q;

  assign starts = fetch_start;
  assign notes  = issue[Engines] && u_control.op == OpSync && u_control.sync_ok && u_control.attr[1] == 8'(waits_i);
  assign issues = issue[waits_i];

  always_comb begin
    noted_d  = noted_q;
    count_d  = count_q;
    issued_d = issued_q + CommandCountW'(issue[for_i]);
    if (starts || issues) noted_d = '0;
    if (notes) begin
      noted_d[u_control.attr[0][2:0]] = 1'b1;
      if (u_control.attr[0] == 8'(for_i)) count_d = issued_q;
    end
  end

  // ---- The words that an instruction of the engine must bring: after its header so many operands, then these tokens, the lowest engine first.
  typedef enum logic [1:0] {
    None,
    Header,
    Operand,
    Token
  } kind_e;

  kind_e              kind, kind1_q, kind2_q;
  logic [3:0]         operands_d, operands_q;
  logic [Engines-1:0] tokens_d, tokens_q;
  logic [2:0]         lowest;
  logic [2:0]         number;
  header_t            header, header1_q, header2_q;
  token_t             token, token1_q, token2_q;

  always_comb begin
    lowest = '0;
    number = '0;
    for (int unsigned e = Engines; e > 0; e--) begin
      if (tokens_q[e-1]) lowest = 3'(e - 1);
      number = number + 3'(noted_q[e-1]);
    end
    kind       = None;
    operands_d = operands_q;
    tokens_d   = tokens_q;
    header     = '{tokens: number, operands: u_control.info.operands, attr: u_control.attr, op: u_control.op};
    token      = '{from: lowest, count: count_q};
    if (issues) begin
      kind       = Header;
      operands_d = u_control.info.operands;
      tokens_d   = noted_q;
    end else if (operands_q != '0) begin
      if (u_control.consume) begin
        kind       = Operand;
        operands_d = operands_q - 4'd1;
      end
    end else if (tokens_q != '0) begin
      kind             = Token;
      tokens_d[lowest] = 1'b0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      noted_q    <= '0;
      issued_q   <= '0;
      operands_q <= '0;
      tokens_q   <= '0;
      kind1_q    <= None;
      kind2_q    <= None;
    end else begin
      noted_q    <= noted_d;
      issued_q   <= issued_d;
      operands_q <= operands_d;
      tokens_q   <= tokens_d;
      kind1_q    <= kind;
      kind2_q    <= kind1_q;
    end
  end
  always_ff @(posedge clk_i) begin
    count_q   <= count_d;
    header1_q <= header;
    header2_q <= header1_q;
    token1_q  <= token;
    token2_q  <= token1_q;
  end

  token_t    said;
  logic      at_work;
  assign said    = token_t'(word[$bits(token_t)-1:0]);
  assign at_work = u_control.state_q == Operands || u_control.state_q == Tokens;

  always_comb begin
    if (rst_ni && past_q && u_control.state_q != Fault) begin
      // Words come when they are due, and only then, unless an operand is at fault.
      assert (valid[waits_i] == (kind2_q != None) || u_control.value_fault);
      assert ((valid & (valid - Engines'(1))) == '0);
      if (valid[waits_i] && kind2_q == Header) assert (word == ValueW'(header2_q));
      if (valid[waits_i] && kind2_q == Token) begin
        assert (said.from == token2_q.from);
        assert (said.from != for_i || said.count == token2_q.count);
      end
      // The next instruction begins when all are gone.
      if (issue != '0) assert (operands_q == '0 && tokens_q == '0);
      // A place is reserved with each instruction, and never without room.
      assert (reserve == issue[Engines-1:0] && (issue & (issue - (Engines + 1)'(1))) == '0 && (reserve & ~queue_room_i) == '0);
      // What the induction needs to know of the inside.
      assert (u_control.state_q <= Fault);
      if (u_control.state_q == Halt) assert (kind1_q == None);
      if (!running) assert (kind1_q == None && kind2_q == None && (u_control.state_q == Idle || u_control.state_q == Done));
      assert (u_control.noted_q[waits_i] == noted_q && u_control.issued_q[for_i] == issued_q);
      assert (u_control.count_q[waits_i][for_i] == count_q || !(noted_q[for_i] || tokens_q[for_i]));
      assert ((operands_q != '0) == (u_control.state_q == Operands && !u_control.own_q && u_control.unit_q == waits_i));
      assert ((operands_q == '0 && tokens_q != '0) == (u_control.state_q == Tokens && u_control.unit_q == waits_i));
      if (u_control.state_q == Tokens) assert (!u_control.own_q && u_control.tokens_q != '0);
      if (operands_q != '0) assert (u_control.left_q == operands_q);
      if (at_work && !u_control.own_q && u_control.unit_q == waits_i) assert (u_control.tokens_q == tokens_q);
      if (at_work && !u_control.own_q) assert (32'(u_control.unit_q) < Engines && (u_control.state_q == Tokens || u_control.left_q != '0));
      assert ((u_control.add_tag_q.valid && !u_control.add_tag_q.own && u_control.add_tag_q.unit == waits_i) == (kind1_q != None));
      assert ((u_control.value_tag_q.valid && !u_control.value_tag_q.own && u_control.value_tag_q.unit == waits_i) == (kind2_q != None));
      if (kind1_q == Header || kind1_q == Token) assert (u_control.add_tag_q.raw);
      if (kind2_q == Header || kind2_q == Token) assert (u_control.value_tag_q.raw);
      if (kind1_q == Header) assert (u_control.add_a_q + u_control.add_b_q == 64'(header1_q));
      if (kind2_q == Header) assert (u_control.value_q == 64'(header2_q));
      if (kind1_q == Token) begin
        assert (u_control.add_a_q == '0 && u_control.add_b_q[63:CommandCountW] == 32'(token1_q.from));
        assert (token1_q.from != for_i || u_control.add_b_q[CommandCountW-1:0] == token1_q.count);
      end
      if (kind2_q == Token) begin
        assert (u_control.value_q[63:CommandCountW] == 32'(token2_q.from));
        assert (token2_q.from != for_i || u_control.value_q[CommandCountW-1:0] == token2_q.count);
      end
    end
  end
endmodule
