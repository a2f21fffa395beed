// The vector engine's own words: address walks, tags, micro-operations, and the table of microprograms.
//
// A microprogram is a list of micro-operations (`line_e`), each described by one row of `micro`; a new function is a new row of `program_line`. Every
// micro-operation is one pass of up to `Batch` words through the lanes: (x [* y1] [+ z1]) [* y2] [+ z2], each product and sum rounded, then a tail.
package puce_vector_pkg;
  import puce_pkg::*;

  // binary32 values of a scratchpad word.
  localparam int unsigned WordLanes = WordW / 32;
  // Number of a group of lanes; there are at most 16.
  localparam int unsigned GroupW = 4;
  // Counts of rows, words and columns; a longer one leaves the scratchpad before it ends.
  localparam int unsigned CountW = 32;
  // Words of the input queues and of each register.
  localparam int unsigned Depth = 32;
  localparam int unsigned IndexW = $clog2(Depth);
  // Words that a program of several micro-operations takes at a time: at least the cycles of one, so that the next can follow without a gap.
  localparam int unsigned Batch = 24;
  // Groups' scalars on their way to the lanes, words on their way to the scratchpad, single results on their way there.
  localparam int unsigned ScalarDepth = 16;
  localparam int unsigned OutDepth = 32;
  localparam int unsigned ResultDepth = 16;

  // A walk over the scratchpad: `count2` times `count1` runs of `x_count` units at x, each followed by `y_count` units at y. The first `pairs` units of an
  // x run are walked as (0, pairs/2), (1, pairs/2 + 1), ... so that the partners of a rotated pair follow each other.
  typedef struct packed {
    logic [ValueW-1:0] x_base;
    logic [ValueW-1:0] x_step1;
    logic [ValueW-1:0] x_step2;
    logic [CountW-1:0] x_count;
    logic [ValueW-1:0] y_base;
    logic [ValueW-1:0] y_step1;
    logic [ValueW-1:0] y_step2;
    logic [CountW-1:0] y_count;
    logic [CountW-1:0] count1;
    logic [CountW-1:0] count2;
    logic [CountW-1:0] pairs;
    // Bytes of a unit as a power of two.
    logic [2:0]        unit;
    // The y runs come one iteration later than the x runs (of a walk with `count2` 1): x0, x1, y0, x2, y1, ..., the last two y runs at the end.
    logic              lag;
  } walk_t;

  // One place of a walk.
  typedef struct packed {
    logic [ValueW-1:0] addr;
    // Number of the unit within its run.
    logic [CountW-1:0] index;
    logic              y;
    // Last of its run, of the x and y runs of one iteration, of `count1` iterations, of all.
    logic              run_last;
    logic              iter_last;
    logic              row_last;
    logic              last;
  } place_t;

  // Where the groups of words end that share a scalar or a result.
  typedef enum logic [1:0] {
    GroupRun  = 2'd0,
    GroupIter = 2'd1,
    GroupFour = 2'd2
  } group_e;

  // Where batches end that may not be joined with what follows.
  typedef enum logic [1:0] {
    BreakLast = 2'd0,
    BreakRun  = 2'd1,
    BreakPart = 2'd2  // after `part` words of a run, and after it
  } break_e;

  // What goes to one group of lanes before the next has its turn.
  typedef enum logic [1:0] {
    DealNever = 2'd0,
    DealBatch = 2'd1,
    DealIter  = 2'd2  // an iteration: a row with what belongs to it
  } deal_e;

  // Valid lanes of the x words.
  typedef enum logic [1:0] {
    MaskCols   = 2'd0,  // columns below `cols`
    MaskWindow = 2'd1,  // the softmax row's valid columns
    MaskLane   = 2'd2   // the lane of the address
  } mask_e;

  // The rows of a softmax (vsoft).
  typedef struct packed {
    logic [ValueW-1:0] hi;
    logic [ValueW-1:0] window;
    logic [ValueW-1:0] per;
    logic [ValueW-1:0] tokens;
  } soft_t;

  // What a loader does.
  typedef struct packed {
    walk_t             walk;
    group_e            group;
    break_e            brk;
    mask_e             mask;
    deal_e             deal;
    logic [CountW-1:0] cols;
    // Words of a run that belong to the first program; 0: all of it.
    logic [CountW-1:0] part;
    // The y word is a softmax row's sink.
    logic              sink;
    soft_t             rule;
    // No word of an x run is written back.
    logic              hide_x;
    // Which words go to the scanner instead of the queue.
    logic              scan_x;
    logic              scan_y;
    // Wait after each run for the scanner's result.
    logic              lockstep;
    // Scanned groups give a scalar; give this many results for the scratchpad.
    logic              scalars;
    logic [1:0]        results;
    // Words that the last word of a run, and every other, is unpacked to, less one.
    logic [2:0]        subs;
    logic [2:0]        subs_last;
  } load_t;

  // What is known of a word when it is asked for.
  typedef struct packed {
    logic [CountW-1:0]    index;
    logic [WordLanes-1:0] mask;
    logic                 group_last;
    logic                 brk;
    // Nothing is written for it.
    logic                 hidden;
    // Which of the command's two programs.
    logic                 part;
    logic                 scan;
    logic                 row_last;
    // The group of lanes that has its turn, and whether nothing is written for it after this word.
    logic [GroupW-1:0]    lanes;
    logic                 turn_last;
    logic [2:0]           subs;
  } tag_t;

  // How the scanner reduces a group.
  typedef enum logic [2:0] {
    ScanPick  = 3'd0,  // the one valid lane
    ScanMax   = 3'd1,  // the largest by value
    ScanAbs   = 3'd2,  // the largest magnitude
    ScanQuant = 3'd3,  // the largest magnitude, as the scale of A8 codes
    ScanTop   = 3'd4   // the largest after those already found, with its index
  } scan_e;

  // How words of the first queue become binary32.
  typedef enum logic [2:0] {
    UnpackNone = 3'd0,
    UnpackF16  = 3'd1,
    UnpackBf16 = 3'd2,
    UnpackI8   = 3'd3,
    UnpackI4s  = 3'd4,
    UnpackI4m  = 3'd5,
    UnpackMx4  = 3'd6
  } unpack_e;

  // A stored scale's format.
  typedef enum logic [2:0] {
    ScaleF16  = 3'd0,
    ScaleBf16 = 3'd1,
    ScaleMx8  = 3'd2,
    ScaleMx4  = 3'd3,
    ScaleOne  = 3'd4
  } scale_e;

  // A sum on the grid.
  typedef enum logic [1:0] {
    SumPlain   = 2'd0,
    SumSquares = 2'd1,
    SumExp     = 2'd2
  } sum_e;

  // What the second operand of a binary operation is.
  typedef enum logic [1:0] {
    SecondQueue  = 2'd0,
    SecondScalar = 2'd1,
    SecondImm    = 2'd2
  } second_e;

  // Operands of a micro-operation. `None` leaves the product or the sum out.
  typedef enum logic [2:0] {
    XA    = 3'd0,  // the first queue
    XSwap = 3'd1,  // the first queue, lanes of a pair exchanged
    XR0   = 3'd2,
    XR1   = 3'd3,
    XR2   = 3'd4
  } x_e;

  typedef enum logic [3:0] {
    None    = 4'd0,
    A       = 4'd1,
    B       = 4'd2,  // the second queue
    Second  = 4'd3,  // as the command says: the second queue, a scalar, the constant operand
    Scalar  = 4'd4,  // the group's scalar
    Scalar1 = 4'd5,  // the group's second scalar
    Imm     = 4'd6,  // the instruction's constant operand
    R1      = 4'd7,
    R2      = 4'd8,
    K       = 4'd9,  // the micro-operation's constant
    Factor  = 4'd10  // the norm's factor
  } operand_e;

  // What happens to x before the first product.
  typedef enum logic [1:0] {
    PreNone = 2'd0,
    PreMax  = 2'd1,  // the larger of x and z1
    PreMin  = 2'd2
  } pre_e;

  // Signs of z1.
  typedef enum logic [1:0] {
    Plus      = 2'd0,
    Minus     = 2'd1,
    MinusLane = 2'd2,  // minus in even lanes
    MinusWord = 2'd3   // minus in even words
  } sign_e;

  // Which word of a pair of words an operand is: its own, the first, the second, the other one.
  typedef enum logic [1:0] {
    Own   = 2'd0,
    Lower = 2'd1,
    Upper = 2'd2,
    Other = 2'd3
  } pair_e;

  typedef enum logic [1:0] {
    TailNone  = 2'd0,
    TailScale = 2'd1,  // times 2^n, n from the low bits of register 0 (exp2)
    TailCode  = 2'd2   // an integer code, four words packed to one
  } tail_e;

  typedef enum logic [3:0] {
    ToR0      = 4'd0,
    ToR1      = 4'd1,
    ToR2      = 4'd2,
    ToOut     = 4'd3,
    ToSum     = 4'd4,
    ToOutSum  = 4'd5,
    ToRecip   = 4'd6,  // 1 / x, then register 2
    ToSqrt    = 4'd7
  } dst_e;

  typedef struct packed {
    x_e          x;
    pair_e       a_pair;
    pair_e       b_pair;
    // The second queue's word spread over the two words of a pair, each value twice.
    logic        spread;
    pre_e        pre;
    operand_e    y1;
    operand_e    z1;
    sign_e       z1_sign;
    logic        clamp;
    operand_e    y2;
    // Negate what meets z2.
    logic        negate;
    operand_e    z2;
    // Keep what meets z2 in register 2.
    logic        tap;
    tail_e       tail;
    dst_e        dst;
    logic [31:0] k1;
    logic [31:0] k2;
    logic [31:0] k3;
    logic [31:0] k4;
  } micro_t;

  // Constants of docs/numerics.md (`base::func`).
  localparam logic [31:0] Round   = 32'h4b40_0000;
  localparam logic [31:0] Log2E   = 32'h3fb8_aa3b;
  localparam logic [31:0] NegLog2E = 32'hbfb8_aa3b;
  localparam logic [31:0] Exp2C0  = 32'h3f80_0000;
  localparam logic [31:0] Exp2C1  = 32'h3f31_7219;
  localparam logic [31:0] Exp2C2  = 32'h3e75_fdf3;
  localparam logic [31:0] Exp2C3  = 32'h3d63_56d4;
  localparam logic [31:0] Exp2C4  = 32'h3c1d_90e4;
  localparam logic [31:0] Exp2C5  = 32'h3aaf_dfe8;
  localparam logic [31:0] Exp2C6  = 32'h3926_09f0;
  localparam logic [31:0] FNegTwo = 32'hc000_0000;
  // 0.044715 and 1.5957691 of gelu.
  localparam logic [31:0] GeluCube  = 32'h3d37_2713;
  localparam logic [31:0] GeluScale = 32'h3fcc_4229;
  // The least binary32 not below 1/127; 2^-100 (`base::a8`).
  localparam logic [31:0] Inverse127 = 32'h3c01_0205;
  localparam logic [30:0] Tiny       = 31'h0d80_0000;

  // Every micro-operation.
  typedef enum logic [5:0] {
    LEnd      = 6'd0,
    LAdd      = 6'd1,
    LSub      = 6'd2,
    LMul      = 6'd3,
    LMax      = 6'd4,
    LMin      = 6'd5,
    LCopy     = 6'd6,
    LExp      = 6'd7,
    LExp2     = 6'd8,
    LExpNeg   = 6'd9,
    LExpTwo   = 6'd10,
    LExpR2    = 6'd11,
    LSoft     = 6'd12,
    LFrac     = 6'd13,
    LPoly6    = 6'd14,
    LPoly4    = 6'd15,
    LPoly2    = 6'd16,
    LPolyOut  = 6'd17,
    LPolySum  = 6'd18,
    LOneOver  = 6'd19,
    LTimesA   = 6'd20,
    LResult   = 6'd21,
    LTanh     = 6'd22,
    LCube     = 6'd23,
    LInner    = 6'd24,
    LRecip    = 6'd25,
    LSqrt     = 6'd26,
    LRecipR2  = 6'd27,
    LSum      = 6'd28,
    LNorm     = 6'd29,
    LHalf1    = 6'd30,
    LHalf2    = 6'd31,
    LEven1    = 6'd32,
    LEven2    = 6'd33,
    LCode     = 6'd34,
    LScale    = 6'd35,
    LScaleMin = 6'd36
  } line_e;

  // A micro-operation that does nothing but pass x to its destination.
  function automatic micro_t pass(input x_e x, input dst_e dst);
    pass = '{x: x, a_pair: Own, b_pair: Own, spread: 1'b0, pre: PreNone, y1: None, z1: None, z1_sign: Plus, clamp: 1'b0, y2: None, negate: 1'b0,
             z2: None, tap: 1'b0, tail: TailNone, dst: dst, k1: '0, k2: '0, k3: '0, k4: '0};
  endfunction

  // d = (x * y1 + z1) * y2 + z2, constants where an operand is K.
  function automatic micro_t chain(input x_e x, input operand_e y1, input logic [31:0] k1, input operand_e z1, input logic [31:0] k2,
                                   input operand_e y2, input logic [31:0] k3, input operand_e z2, input logic [31:0] k4, input dst_e dst);
    chain = pass(x, dst);
    chain.y1 = y1;
    chain.k1 = k1;
    chain.z1 = z1;
    chain.k2 = k2;
    chain.y2 = y2;
    chain.k3 = k3;
    chain.z2 = z2;
    chain.k4 = k4;
  endfunction

  // The first step of 2^t: t stays in register 2, the nearest integer (plus `Round`) goes to register 0.
  function automatic micro_t split(input micro_t of_t);
    split = of_t;
    split.clamp = 1'b1;
    split.z2    = K;
    split.k4    = Round;
    split.tap   = 1'b1;
    split.dst   = ToR0;
  endfunction

  // The last step of 2^t.
  function automatic micro_t scaled(input micro_t of_t);
    scaled = of_t;
    scaled.tail = TailScale;
  endfunction

  function automatic micro_t select(input pre_e pre);
    select = pass(XA, ToOut);
    select.pre = pre;
    select.z1  = Second;
  endfunction

  function automatic micro_t signed_z1(input micro_t of_op, input sign_e sign);
    signed_z1 = of_op;
    signed_z1.z1_sign = sign;
  endfunction

  function automatic micro_t negated(input micro_t of_op);
    negated = of_op;
    negated.negate = 1'b1;
  endfunction

  function automatic micro_t coded(input micro_t of_op);
    coded = of_op;
    coded.tail = TailCode;
  endfunction

  function automatic micro_t paired(input micro_t of_op, input pair_e a_pair, input pair_e b_pair, input logic spread);
    paired = of_op;
    paired.a_pair = a_pair;
    paired.b_pair = b_pair;
    paired.spread = spread;
  endfunction

  // What each micro-operation does.
  function automatic micro_t micro(input line_e line);
    unique case (line)
      // Two operands.
      LAdd:     micro = chain(XA, None, '0, Second, '0, None, '0, None, '0, ToOut);
      LSub:     micro = signed_z1(chain(XA, None, '0, Second, '0, None, '0, None, '0, ToOut), Minus);
      LMul:     micro = chain(XA, Second, '0, None, '0, None, '0, None, '0, ToOut);
      LMax:     micro = select(PreMax);
      LMin:     micro = select(PreMin);
      LCopy:    micro = pass(XA, ToOut);
      // 2^t in five: t and its nearest integer; what is left, f; the polynomial of f by Horner.
      LExp:     micro = split(chain(XA, None, '0, None, '0, K, Log2E, None, '0, ToR0));
      LExp2:    micro = split(pass(XA, ToR0));
      LExpNeg:  micro = split(chain(XA, None, '0, None, '0, K, NegLog2E, None, '0, ToR0));
      LExpTwo:  micro = split(chain(XA, None, '0, A, '0, K, Log2E, None, '0, ToR0));
      LExpR2:   micro = split(chain(XR2, None, '0, None, '0, K, NegLog2E, None, '0, ToR0));
      LSoft:    micro = split(signed_z1(chain(XA, None, '0, Scalar, '0, Imm, '0, None, '0, ToR0), Minus));
      LFrac:    micro = negated(signed_z1(chain(XR0, None, '0, K, Round, None, '0, R2, '0, ToR1), Minus));
      LPoly6:   micro = chain(XR1, K, Exp2C6, K, Exp2C5, R1, '0, K, Exp2C4, ToR2);
      LPoly4:   micro = chain(XR2, R1, '0, K, Exp2C3, R1, '0, K, Exp2C2, ToR2);
      LPoly2:   micro = scaled(chain(XR2, R1, '0, K, Exp2C1, R1, '0, K, Exp2C0, ToR2));
      LPolyOut: micro = scaled(chain(XR2, R1, '0, K, Exp2C1, R1, '0, K, Exp2C0, ToOut));
      LPolySum: micro = scaled(chain(XR2, R1, '0, K, Exp2C1, R1, '0, K, Exp2C0, ToOutSum));
      // 1 / (1 + e), and what the functions make of it.
      LOneOver: micro = chain(XR2, None, '0, K, puce_fp_pkg::One, None, '0, None, '0, ToRecip);
      LTimesA:  micro = chain(XR2, A, '0, None, '0, None, '0, None, '0, ToOut);
      LResult:  micro = pass(XR2, ToOut);
      LTanh:    micro = chain(XR2, K, FNegTwo, K, puce_fp_pkg::One, None, '0, None, '0, ToOut);
      // gelu: (x * x) * x, then 1.5957691 * (x + 0.044715 * that).
      LCube:    micro = chain(XA, A, '0, None, '0, A, '0, None, '0, ToR2);
      LInner:   micro = chain(XR2, K, GeluCube, A, '0, K, GeluScale, None, '0, ToR2);
      LRecip:   micro = pass(XA, ToRecip);
      LSqrt:    micro = pass(XA, ToSqrt);
      LRecipR2: micro = pass(XR2, ToRecip);
      // Sums on the grid; the second part of a norm.
      LSum:     micro = pass(XA, ToSum);
      LNorm:    micro = chain(XA, Factor, '0, None, '0, B, '0, None, '0, ToOut);
      // Rotations. Words in pairs: (x0, x1) with (cos, sin); lanes in pairs: two words with (cos, sin) spread.
      LHalf1:   micro = paired(chain(XA, B, '0, None, '0, None, '0, None, '0, ToR2), Upper, Other, 1'b0);
      LHalf2:   micro = paired(signed_z1(chain(XA, B, '0, R2, '0, None, '0, None, '0, ToOut), MinusWord), Lower, Own, 1'b0);
      LEven1:   micro = paired(chain(XSwap, B, '0, None, '0, None, '0, None, '0, ToR2), Own, Upper, 1'b1);
      LEven2:   micro = paired(signed_z1(chain(XA, B, '0, R2, '0, None, '0, None, '0, ToOut), MinusLane), Own, Lower, 1'b1);
      // Codes of A8 and back.
      LCode:    micro = coded(chain(XA, Scalar, '0, None, '0, None, '0, None, '0, ToOut));
      LScale:   micro = chain(XA, Scalar, '0, None, '0, None, '0, None, '0, ToOut);
      LScaleMin: micro = chain(XA, Scalar, '0, Scalar1, '0, None, '0, None, '0, ToOut);
      default:  micro = pass(XA, ToOut);
    endcase
  endfunction

  // Every microprogram.
  typedef enum logic [4:0] {
    PAdd      = 5'd0,
    PSub      = 5'd1,
    PMul      = 5'd2,
    PMax      = 5'd3,
    PMin      = 5'd4,
    PCopy     = 5'd5,
    PExp      = 5'd6,
    PExp2     = 5'd7,
    PSigmoid  = 5'd8,
    PSilu     = 5'd9,
    PGelu     = 5'd10,
    PTanh     = 5'd11,
    PRecip    = 5'd12,
    PRsqrt    = 5'd13,
    PSum      = 5'd14,
    PNorm     = 5'd15,
    PSoft     = 5'd16,
    PHalf     = 5'd17,
    PEven     = 5'd18,
    PCode     = 5'd19,
    PScale    = 5'd20,
    PScaleMin = 5'd21
  } program_e;

  // Most micro-operations of a program.
  localparam int unsigned Steps = 10;
  localparam int unsigned StepW = $clog2(Steps);
  typedef line_e [Steps-1:0] lines_t;

  // A program of one micro-operation.
  function automatic lines_t one(input line_e line);
    one = '{line, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd};
  endfunction

  // The micro-operations of each program, the first leftmost.
  function automatic lines_t lines(input program_e program_i);
    unique case (program_i)
      PAdd:     lines = one(LAdd);
      PSub:     lines = one(LSub);
      PMul:     lines = one(LMul);
      PMax:     lines = one(LMax);
      PMin:     lines = one(LMin);
      PExp:     lines = '{LExp, LFrac, LPoly6, LPoly4, LPolyOut, LEnd, LEnd, LEnd, LEnd, LEnd};
      PExp2:    lines = '{LExp2, LFrac, LPoly6, LPoly4, LPolyOut, LEnd, LEnd, LEnd, LEnd, LEnd};
      PSigmoid: lines = '{LExpNeg, LFrac, LPoly6, LPoly4, LPoly2, LOneOver, LResult, LEnd, LEnd, LEnd};
      PSilu:    lines = '{LExpNeg, LFrac, LPoly6, LPoly4, LPoly2, LOneOver, LTimesA, LEnd, LEnd, LEnd};
      PGelu:    lines = '{LCube, LInner, LExpR2, LFrac, LPoly6, LPoly4, LPoly2, LOneOver, LTimesA, LEnd};
      PTanh:    lines = '{LExpTwo, LFrac, LPoly6, LPoly4, LPoly2, LOneOver, LTanh, LEnd, LEnd, LEnd};
      PRecip:   lines = '{LRecip, LResult, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd};
      PRsqrt:   lines = '{LSqrt, LRecipR2, LResult, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd};
      PSum:     lines = one(LSum);
      PNorm:    lines = one(LNorm);
      PSoft:    lines = '{LSoft, LFrac, LPoly6, LPoly4, LPolySum, LEnd, LEnd, LEnd, LEnd, LEnd};
      PHalf:    lines = '{LHalf1, LHalf2, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd};
      PEven:    lines = '{LEven1, LEven2, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd, LEnd};
      PCode:    lines = one(LCode);
      PScale:   lines = one(LScale);
      PScaleMin: lines = one(LScaleMin);
      default:  lines = one(LCopy);
    endcase
  endfunction

  // What the executor does with a command's words.
  typedef struct packed {
    // The programs of the first and of the second part.
    program_e    program0;
    program_e    program1;
    second_e     second;
    unpack_e     unpack;
    sum_e        sum;
    // No micro-operation has a second product or sum: words leave the lanes half way.
    logic        half_way;
    // A norm: the second part waits for the factor that follows from the sum of the first.
    logic        norm;
    logic [31:0] imm;
  } exec_t;

  // The scales of vdeq.
  typedef struct packed {
    logic              enable;
    scale_e            format;
    logic              min;
    logic [CountW-1:0] blocks;
    logic [CountW-1:0] rows;
  } scales_t;

  // Where words and single results go.
  typedef struct packed {
    logic              words;
    walk_t             word_walk;
    logic [CountW-1:0] cols;
    logic              results;
    walk_t             result_walk;
  } store_t;

  // A whole command.
  typedef struct packed {
    // It writes nothing.
    logic    empty;
    load_t   a;
    logic    a_enable;
    load_t   b;
    logic    b_enable;
    scan_e   scan;
    exec_t   exec;
    scales_t scales;
    store_t  store;
    // Columns of a norm.
    logic [CountW-1:0] cols;
    // Results come from the scanner, not from the sums.
    logic    scan_results;
  } plan_t;

endpackage
