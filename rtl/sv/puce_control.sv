// The control unit of a core: reads one code word per cycle, runs registers and loops itself, and hands every other instruction to the queue of its engine.
//
// An instruction takes one cycle for its header, one per operand, and one for each token that goes with it; then control does the next. An instruction of
// its own (`set`, `add`, ..., `param`, `loop`, `end`) is over before the next begins. `sync` notes how many commands of one engine must be done before the
// next instruction of another; the newest note of a pair of engines holds for all before it. Operands are resolved (register + constant) and checked.
// It never waits for an engine except for room in its queue, and at `halt`. After a fault it stops for good, until the reset.
module puce_control
  import puce_pkg::*;
  import puce_isa_pkg::*;
#(
  // 32-bit words of parameter memory.
  parameter int unsigned Params = 4096,
  localparam int unsigned ParamW = $clog2(Params)
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  // Run from word 0 of the code, with zero registers. Ignored while running and after a fault.
  input  logic                      start_i,
  output logic                      running_o,
  output logic                      done_o,
  output fault_e                    fault_o,
  // Instruction, from 0, that control is at; after a fault of control, the one at fault.
  output logic [31:0]               pc_o,
  // A fault of an engine or of the scratchpad.
  input  fault_e                    fault_i,
  // Code: see puce_fetch.
  output logic                      fetch_start_o,
  output logic                      fetch_run_o,
  input  logic                      fetch_idle_i,
  output logic                      jump_o,
  output logic [31:0]               jump_word_o,
  input  logic                      word_valid_i,
  output logic                      word_ready_o,
  input  logic [63:0]               word_i,
  input  logic                      word_error_i,
  // Queues: see puce_queue. One word for all, valid for one of them.
  input  logic [Engines-1:0]        queue_room_i,
  output logic [Engines-1:0]        queue_reserve_o,
  output logic [Engines-1:0]        queue_valid_o,
  output logic [ValueW-1:0]         queue_word_o,
  // Commands that each engine has done, modulo 2^CommandCountW; nothing is in the weight stream.
  input  logic [Engines-1:0][CommandCountW-1:0] done_count_i,
  input  logic                      stream_empty_i,
  // Parameter memory: asked with valid and ready; the word comes later with `param_rvalid_i`.
  output logic                      param_valid_o,
  input  logic                      param_ready_i,
  output logic [ParamW-1:0]         param_index_o,
  input  logic                      param_rvalid_i,
  input  logic [31:0]               param_data_i,
  // For counters: an instruction begins, by engine (control last); control waits for room in a queue; for code.
  output logic [Engines:0]          issue_o,
  output logic                      wait_queue_o,
  output logic                      wait_fetch_o
);
  localparam int unsigned RegW = $clog2(Registers);
  localparam int unsigned DepthW = $clog2(MaxLoops + 1);
  localparam int unsigned SlotW = $clog2(MaxLoops);
  localparam int unsigned ImmW = 56;

  typedef enum logic [3:0] {
    StIdle,
    StHeader,
    StOperands,
    StTokens,
    // Operands of an own instruction are on their way; it is carried out; its result comes.
    StResolve,
    StExecute,
    StResult,
    StSkip,
    StHalt,
    StDone,
    StFault
  } state_e;

  typedef struct packed {
    logic [31:0] word;
    logic [31:0] pc;
    logic [63:0] left;
  } loop_t;

  state_e             state_d, state_q;
  fault_e             fault_d, fault_q;
  logic               running;

  // The word at hand, its place in the code, the instruction that it begins or belongs to, and the next instruction.
  logic               word_valid_d, word_valid_q, word_error_d, word_error_q;
  logic [63:0]        word_d, word_q;
  logic [31:0]        place_d, place_q, pc_d, pc_q, next_pc_d, next_pc_q;
  logic               consume;

  // What the word says if it is a header.
  op_info_t           info;
  logic               header_ok, sync_ok;
  logic [7:0]         op;
  logic [3:0][7:0]    attr;

  // The instruction whose operands are read.
  logic [7:0]         op_d, op_q;
  logic [RegW-1:0]    rd_d, rd_q;
  logic [2:0]         unit_d, unit_q;
  logic               own_d, own_q;
  logic [3:0]         left_d, left_q;
  logic [MaxOperands-1:0] is_f32_d, is_f32_q, may_be_idle_d, may_be_idle_q;

  // Tokens: noted ones by (waiting engine, engine waited for), and those of the instruction whose words are pushed.
  logic [Engines-1:0][CommandCountW-1:0]              issued_d, issued_q;
  logic [Engines-1:0][Engines-1:0]             noted_d, noted_q;
  logic [Engines-1:0][Engines-1:0][CommandCountW-1:0] count_d, count_q;
  logic [Engines-1:0] tokens_d, tokens_q;
  logic [2:0]         first_token, token_number;
  logic               all_done;

  // Resolving: a word on its way to the adder, and its value. `raw`: a word that is not checked (a header, a token, a binary32 value). `may_be_idle`:
  // one of which a legal instruction may make no use, whatever its value.
  typedef struct packed {
    logic             valid;
    logic             own;
    logic             raw;
    logic             may_be_idle;
    logic [2:0]       unit;
    logic [31:0]      pc;
  } tag_t;
  tag_t               add_tag_d, add_tag_q, value_tag_d, value_tag_q;
  logic [63:0]        add_a_d, add_a_q, add_b_d, add_b_q, value_d, value_q, first_d, first_q;
  logic               fits, value_fault;
  logic [63:0]        reg_value;

  // Registers and loops.
  logic               write, alu_start, alu_done, param_there;
  logic [63:0]        write_value, alu_result;
  loop_t              loops_q [MaxLoops];
  loop_t              top, push_loop;
  logic [DepthW-1:0]  depth_d, depth_q, skip_depth_d, skip_depth_q;
  logic [SlotW-1:0]   top_slot, push_slot;
  logic               push, repeat_top, again;
  logic [3:0]         skip_left_d, skip_left_q;

  assign op        = word_q[7:0];
  assign attr      = word_q[39:8];
  assign info      = op_info(op);
  assign running   = state_q != StIdle && state_q != StDone && state_q != StFault;

  always_comb begin
    header_ok = info.known && word_q[55:40] == '0 && word_q[63:56] == 8'(info.operands);
    for (int unsigned i = 0; i < 4; i++) begin
      if (attr[i] < info.attr_least[i] || attr[i] > info.attr_most[i]) header_ok = 1'b0;
    end
  end
  assign sync_ok = attr[0] < 8'(Engines) && attr[1] < 8'(Engines);

  // Engines whose tokens are noted for the engine at hand.
  always_comb begin
    token_number = '0;
    first_token  = '0;
    for (int unsigned i = 0; i < Engines; i++) begin
      if (noted_q[info.unit[2:0]][i]) token_number = token_number + 3'd1;
    end
    for (int unsigned i = Engines; i > 0; i--) begin
      if (tokens_q[i-1]) first_token = 3'(i - 1);
    end
  end
  assign all_done = issued_q == done_count_i;

  assign top_slot  = SlotW'(depth_q - DepthW'(1));
  assign push_slot = SlotW'(depth_q);
  assign top       = loops_q[top_slot];
  assign again     = top.left != 64'd1;
  assign push_loop = '{word: place_q, pc: next_pc_q, left: value_q};

  puce_regfile #(
    .Registers(Registers)
  ) u_registers (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(fetch_start_o),
    .we_i(write),
    .waddr_i(rd_q),
    .wdata_i(write_value),
    .raddr_i(word_q[ImmW +: RegW]),
    .rdata_o(reg_value)
  );

  puce_alu u_alu (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_i(alu_start),
    .op_i(op_q),
    .a_i(first_q),
    .b_i(value_q),
    .done_o(alu_done),
    .result_o(alu_result)
  );

  assign param_there   = value_q < 64'(Params);
  assign param_valid_o = state_q == StExecute && op_q == OpParam && param_there;

  // The word at hand.
  assign word_ready_o = running && (!word_valid_q || consume);
  always_comb begin
    word_valid_d = word_valid_q;
    word_error_d = word_error_q;
    word_d       = word_q;
    place_d      = place_q;
    if (consume) begin
      word_valid_d = 1'b0;
      place_d      = place_q + 32'd1;
    end
    if (word_ready_o && word_valid_i) begin
      word_valid_d = 1'b1;
      word_error_d = word_error_i;
      word_d       = word_i;
    end
    if (jump_o) begin
      word_valid_d = 1'b0;
      place_d      = jump_word_o;
    end
    if (fetch_start_o) begin
      word_valid_d = 1'b0;
      place_d      = '0;
    end
  end

  // What is done with it.
  always_comb begin
    state_d         = state_q;
    fault_d         = fault_q;
    pc_d            = pc_q;
    next_pc_d       = next_pc_q;
    op_d            = op_q;
    rd_d            = rd_q;
    unit_d          = unit_q;
    own_d           = own_q;
    left_d          = left_q;
    is_f32_d        = is_f32_q;
    may_be_idle_d   = may_be_idle_q;
    issued_d        = issued_q;
    noted_d         = noted_q;
    count_d         = count_q;
    tokens_d        = tokens_q;
    depth_d         = depth_q;
    skip_depth_d    = skip_depth_q;
    skip_left_d     = skip_left_q;
    add_tag_d       = '0;
    add_a_d         = add_a_q;
    add_b_d         = add_b_q;
    consume         = 1'b0;
    fetch_start_o   = 1'b0;
    jump_o          = 1'b0;
    queue_reserve_o = '0;
    issue_o         = '0;
    wait_queue_o    = 1'b0;
    wait_fetch_o    = 1'b0;
    alu_start       = 1'b0;
    write           = 1'b0;
    write_value     = alu_result;
    push            = 1'b0;
    repeat_top      = 1'b0;
    unique case (state_q)
      StIdle, StDone: begin
        if (start_i) begin
          state_d       = StHeader;
          fetch_start_o = 1'b1;
          pc_d          = '0;
          next_pc_d     = '0;
          depth_d       = '0;
          noted_d       = '0;
        end
      end

      StHeader: begin
        wait_fetch_o = !word_valid_q;
        if (word_valid_q) begin
          pc_d      = next_pc_q;
          op_d      = op;
          rd_d      = attr[0][RegW-1:0];
          unit_d    = info.unit[2:0];
          own_d     = info.unit == UnitControl;
          left_d    = info.operands;
          is_f32_d  = info.is_f32;
          may_be_idle_d = info.may_be_idle;
          if (word_error_q) begin
            state_d = StFault;
            fault_d = FaultBus;
          end else if (!header_ok) begin
            state_d = StFault;
            fault_d = FaultOpcode;
          end else if (info.unit != UnitControl) begin
            wait_queue_o = !queue_room_i[info.unit[2:0]];
            if (queue_room_i[info.unit[2:0]]) begin
              consume                         = 1'b1;
              state_d                         = StOperands;
              next_pc_d                       = next_pc_q + 32'd1;
              queue_reserve_o[info.unit[2:0]] = 1'b1;
              issue_o[info.unit[2:0]]         = 1'b1;
              issued_d[info.unit[2:0]]        = issued_q[info.unit[2:0]] + CommandCountW'(1);
              tokens_d                        = noted_q[info.unit[2:0]];
              noted_d[info.unit[2:0]]         = '0;
              add_tag_d                       = '{valid: 1'b1, own: 1'b0, raw: 1'b1, may_be_idle: 1'b0, unit: info.unit[2:0], pc: next_pc_q};
              add_a_d                         = '0;
              add_b_d                         = 64'(header_t'{tokens: token_number, operands: info.operands, attr: attr, op: op});
            end
          end else begin
            consume          = 1'b1;
            next_pc_d        = next_pc_q + 32'd1;
            issue_o[Engines] = 1'b1;
            unique case (op)
              OpEnd: begin
                if (depth_q == '0) begin
                  state_d = StFault;
                  fault_d = FaultLoops;
                end else if (again) begin
                  repeat_top = 1'b1;
                  jump_o     = 1'b1;
                  next_pc_d  = top.pc;
                end else begin
                  depth_d = depth_q - DepthW'(1);
                end
              end
              OpSync: begin
                if (sync_ok) begin
                  noted_d[attr[1][2:0]][attr[0][2:0]] = 1'b1;
                  count_d[attr[1][2:0]][attr[0][2:0]] = issued_q[attr[0][2:0]];
                end else begin
                  state_d = StFault;
                  fault_d = FaultOpcode;
                end
              end
              OpHalt:  state_d = StHalt;
              default: state_d = StOperands;
            endcase
          end
        end
      end

      StOperands: begin
        wait_fetch_o = !word_valid_q;
        if (word_valid_q) begin
          consume   = 1'b1;
          left_d    = left_q - 4'd1;
          is_f32_d  = is_f32_q >> 1;
          may_be_idle_d = may_be_idle_q >> 1;
          add_tag_d = '{valid: 1'b1, own: own_q, raw: is_f32_q[0], may_be_idle: may_be_idle_q[0], unit: unit_q, pc: pc_q};
          add_a_d   = reg_value;
          add_b_d   = 64'($signed(word_q[ImmW-1:0]));
          if (left_q == 4'd1) begin
            if (own_q)                 state_d = StResolve;
            else if (tokens_q != '0)   state_d = StTokens;
            else                       state_d = StHeader;
          end
          if (word_error_q) begin
            state_d = StFault;
            fault_d = FaultBus;
          end else if (word_q[63:ImmW+RegW] != '0) begin
            state_d = StFault;
            fault_d = FaultOpcode;
          end
        end
      end

      StTokens: begin
        tokens_d[first_token] = 1'b0;
        add_tag_d             = '{valid: 1'b1, own: 1'b0, raw: 1'b1, may_be_idle: 1'b0, unit: unit_q, pc: pc_q};
        add_a_d               = '0;
        add_b_d               = 64'(token_t'{from: first_token, count: count_q[unit_q][first_token]});
        if (tokens_d == '0) state_d = StHeader;
      end

      StResolve: begin
        state_d = StExecute;
      end

      StExecute: begin
        unique case (op_q)
          OpLoop: begin
            state_d = StHeader;
            if ($signed(value_q) <= 64'sd0) begin
              state_d      = StSkip;
              skip_depth_d = DepthW'(1);
              skip_left_d  = '0;
            end else if (depth_q == DepthW'(MaxLoops)) begin
              state_d = StFault;
              fault_d = FaultLoops;
            end else begin
              push    = 1'b1;
              depth_d = depth_q + DepthW'(1);
            end
          end
          OpParam: begin
            if (!param_there) begin
              state_d = StFault;
              fault_d = FaultParam;
            end else if (param_ready_i) begin
              state_d = StResult;
            end
          end
          default: begin
            alu_start = 1'b1;
            state_d   = StResult;
          end
        endcase
      end

      StResult: begin
        write = alu_done || param_rvalid_i;
        if (param_rvalid_i) write_value = 64'(param_data_i);
        if (write) state_d = StHeader;
      end

      StSkip: begin
        wait_fetch_o = !word_valid_q;
        if (word_valid_q) begin
          consume = 1'b1;
          if (skip_left_q != '0) begin
            skip_left_d = skip_left_q - 4'd1;
          end else begin
            next_pc_d   = next_pc_q + 32'd1;
            skip_left_d = info.operands;
            if (op == OpLoop) skip_depth_d = skip_depth_q + DepthW'(1);
            if (op == OpEnd)  skip_depth_d = skip_depth_q - DepthW'(1);
            if (op == OpEnd && skip_depth_q == DepthW'(1)) state_d = StHeader;
            if (!header_ok) begin
              state_d = StFault;
              fault_d = FaultOpcode;
            end else if ((op == OpLoop && skip_depth_q == DepthW'(MaxLoops)) || op == OpHalt) begin
              state_d = StFault;
              fault_d = FaultLoops;
            end
            if (state_d == StFault) pc_d = next_pc_q;
          end
          if (word_error_q) begin
            state_d = StFault;
            fault_d = FaultBus;
          end
        end
      end

      StHalt: begin
        if (all_done && fetch_idle_i) begin
          if (stream_empty_i) begin
            state_d = StDone;
          end else begin
            state_d = StFault;
            fault_d = FaultStream;
          end
        end
      end

      StFault: state_d = StFault;
      default: state_d = StIdle;
    endcase

    // What was wrong with earlier instructions comes first.
    if (value_fault) begin
      state_d = StFault;
      fault_d = FaultValue;
      pc_d    = value_tag_q.pc;
    end else if (running && fault_i != FaultNone) begin
      state_d = StFault;
      fault_d = fault_i;
    end
  end

  // Resolve: register + constant, then out to a queue or to the arithmetic.
  assign value_tag_d = add_tag_q;
  assign value_d     = add_tag_q.valid ? add_a_q + add_b_q : value_q;
  assign first_d     = (add_tag_q.valid && add_tag_q.own) ? value_q : first_q;
  // Legal values have a magnitude of at most 2^46; the hardware takes what fits. What may be idle becomes the nearest value that fits: if it is used after
  // all, it leads outside every memory, and the engine finds that.
  assign fits        = value_q[63:ValueW-1] == '0 || value_q[63:ValueW-1] == '1;
  assign value_fault = value_tag_q.valid && !value_tag_q.own && !value_tag_q.raw && !value_tag_q.may_be_idle && !fits &&
                       fault_q != FaultValue;
  always_comb begin
    queue_valid_o = '0;
    if (value_tag_q.valid && !value_tag_q.own && !value_fault && running) queue_valid_o[value_tag_q.unit] = 1'b1;
  end
  assign queue_word_o  = (fits || value_tag_q.raw) ? value_q[ValueW-1:0] : {value_q[63], {(ValueW-1){!value_q[63]}}};
  assign param_index_o = value_q[ParamW-1:0];
  assign jump_word_o   = top.word;

  assign running_o   = running;
  assign fetch_run_o = running && state_q != StHalt;
  assign done_o      = state_q == StDone;
  assign fault_o     = fault_q;
  assign pc_o        = pc_q;

  always_ff @(posedge clk_i) begin
    if (push)       loops_q[push_slot] <= push_loop;
    if (repeat_top) loops_q[top_slot].left <= top.left - 64'd1;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q      <= StIdle;
      fault_q      <= FaultNone;
      word_valid_q <= 1'b0;
      word_error_q <= 1'b0;
      word_q       <= '0;
      place_q      <= '0;
      pc_q         <= '0;
      next_pc_q    <= '0;
      op_q         <= '0;
      rd_q         <= '0;
      unit_q       <= '0;
      own_q        <= 1'b0;
      left_q       <= '0;
      is_f32_q     <= '0;
      may_be_idle_q <= '0;
      issued_q     <= '0;
      noted_q      <= '0;
      count_q      <= '0;
      tokens_q     <= '0;
      depth_q      <= '0;
      skip_depth_q <= '0;
      skip_left_q  <= '0;
      add_tag_q    <= '0;
      add_a_q      <= '0;
      add_b_q      <= '0;
      value_tag_q  <= '0;
      value_q      <= '0;
      first_q      <= '0;
    end else begin
      state_q      <= state_d;
      fault_q      <= fault_d;
      word_valid_q <= word_valid_d;
      word_error_q <= word_error_d;
      word_q       <= word_d;
      place_q      <= place_d;
      pc_q         <= pc_d;
      next_pc_q    <= next_pc_d;
      op_q         <= op_d;
      rd_q         <= rd_d;
      unit_q       <= unit_d;
      own_q        <= own_d;
      left_q       <= left_d;
      is_f32_q     <= is_f32_d;
      may_be_idle_q <= may_be_idle_d;
      issued_q     <= issued_d;
      noted_q      <= noted_d;
      count_q      <= count_d;
      tokens_q     <= tokens_d;
      depth_q      <= depth_d;
      skip_depth_q <= skip_depth_d;
      skip_left_q  <= skip_left_d;
      add_tag_q    <= add_tag_d;
      add_a_q      <= add_a_d;
      add_b_q      <= add_b_d;
      value_tag_q  <= value_tag_d;
      value_q      <= value_d;
      first_q      <= first_d;
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
    end else begin
      assert (depth_q <= DepthW'(MaxLoops)) else $error("loops nest too deep");
      assert (!(push && repeat_top)) else $error("two uses of the loop stack");
      assert ((queue_reserve_o & ~queue_room_i) == '0) else $error("an instruction for a full queue");
      assert (!value_tag_q.valid || value_tag_q.own || 32'(value_tag_q.unit) < Engines) else $error("a word for no queue");
      assert (!fetch_start_o || all_done) else $error("started while engines work");
    end
  end
`endif
endmodule
