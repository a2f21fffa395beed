// In front of an engine: assembles commands from the words of its queue and holds each until what it must wait for is done.
//
// The words of an instruction are its header, its operands, and a token for each engine that it waits for: (engine, how many commands of that engine must
// be done). One command stands ready for the engine while the next is assembled. It never reorders, and never looks at what a command means.
module puce_front
  import puce_pkg::*;
#(
  // Most operands of this engine's instructions.
  parameter int unsigned Args = MaxArgs
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,
  input  logic                          word_valid_i,
  output logic                          word_ready_o,
  input  logic [ValueW-1:0]             word_i,
  // Commands that each engine has done, modulo 2^32.
  input  logic [Engines-1:0][CommandCountW-1:0] done_count_i,
  output logic                          cmd_valid_o,
  input  logic                          cmd_ready_i,
  output cmd_t                          cmd_o,
  // The engine has done a command.
  input  logic                          done_i,
  // The engine works on a command.
  output logic                          busy_o,
  // The engine is idle, since the next command waits for a token.
  output logic                          waiting_o
);
  localparam int unsigned IndexW = $clog2(Args + 1);

  typedef enum logic [1:0] {
    StHeader,
    StArgs,
    StTokens,
    StFull
  } state_e;

  state_e                       state_d, state_q;
  header_t                      header, next_header_d, next_header_q;
  token_t                       token;
  logic [Args-1:0][ValueW-1:0]  next_arg_d, next_arg_q, arg_d, arg_q;
  logic [IndexW-1:0]            index_d, index_q;
  logic [2:0]                   tokens_d, tokens_q;
  logic                         valid_d, valid_q;
  logic [7:0]                   op_d, op_q;
  logic [3:0][7:0]              attr_d, attr_q;
  logic [CommandCountW-1:0]            ahead;
  logic                         satisfied, hand_over;
  // Commands that the engine has taken and not done.
  logic [7:0]                   inside_d, inside_q;

  assign header    = header_t'(word_i[$bits(header_t)-1:0]);
  assign token     = token_t'(word_i[$bits(token_t)-1:0]);
  // Counts are compared around the circle: far fewer than 2^31 commands pass while one waits.
  assign ahead     = done_count_i[token.from] - token.count;
  assign satisfied = !ahead[CommandCountW-1];
  assign hand_over = state_q == StFull && (!valid_q || cmd_ready_i);
  assign waiting_o = state_q == StTokens && word_valid_i && !satisfied && !valid_q && !busy_o;
  assign busy_o    = inside_q != '0;

  always_comb begin
    state_d       = state_q;
    next_header_d = next_header_q;
    next_arg_d    = next_arg_q;
    index_d       = index_q;
    tokens_d      = tokens_q;
    word_ready_o  = 1'b0;
    unique case (state_q)
      StHeader: begin
        word_ready_o = 1'b1;
        if (word_valid_i) begin
          next_header_d = header;
          index_d       = '0;
          tokens_d      = header.tokens;
          state_d       = StArgs;
        end
      end
      StArgs: begin
        word_ready_o = 1'b1;
        if (word_valid_i) begin
          next_arg_d[index_q] = word_i;
          index_d             = index_q + IndexW'(1);
          if (4'(index_q) + 4'd1 == next_header_q.operands) state_d = (tokens_q == '0) ? StFull : StTokens;
        end
      end
      StTokens: begin
        word_ready_o = satisfied;
        if (word_valid_i && satisfied) begin
          tokens_d = tokens_q - 3'd1;
          if (tokens_q == 3'd1) state_d = StFull;
        end
      end
      StFull: begin
        if (hand_over) state_d = StHeader;
      end
      default: state_d = StHeader;
    endcase
  end

  always_comb begin
    valid_d = valid_q && !cmd_ready_i;
    op_d    = op_q;
    attr_d  = attr_q;
    arg_d   = arg_q;
    if (hand_over) begin
      valid_d = 1'b1;
      op_d    = next_header_q.op;
      attr_d  = next_header_q.attr;
      arg_d   = next_arg_q;
    end
  end

  always_comb begin
    inside_d = inside_q;
    if (valid_q && cmd_ready_i && !done_i) inside_d = inside_q + 8'd1;
    if (done_i && !(valid_q && cmd_ready_i)) inside_d = inside_q - 8'd1;
  end

  assign cmd_valid_o = valid_q;
  assign cmd_o.op    = op_q;
  assign cmd_o.attr  = attr_q;
  assign cmd_o.arg   = (MaxArgs * ValueW)'(arg_q);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q       <= StHeader;
      next_header_q <= '0;
      next_arg_q    <= '0;
      index_q       <= '0;
      tokens_q      <= '0;
      valid_q       <= 1'b0;
      op_q          <= '0;
      attr_q        <= '0;
      arg_q         <= '0;
      inside_q      <= '0;
    end else begin
      state_q       <= state_d;
      next_header_q <= next_header_d;
      next_arg_q    <= next_arg_d;
      index_q       <= index_d;
      tokens_q      <= tokens_d;
      valid_q       <= valid_d;
      op_q          <= op_d;
      attr_q        <= attr_d;
      arg_q         <= arg_d;
      inside_q      <= inside_d;
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
    end else begin
      assert (state_q != StHeader || !word_valid_i || (header.operands != '0 && header.operands <= 4'(Args)))
        else $error("a header that this engine has no room for");
      assert (state_q != StTokens || !word_valid_i || 32'(token.from) < Engines) else $error("a token of no engine");
      assert (!done_i || inside_q != '0 || (valid_q && cmd_ready_i)) else $error("done with a command that was not taken");
    end
  end
`endif
endmodule
