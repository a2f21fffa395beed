// The instruction set: opcodes, attribute codes, places of operands, and what a decoder must know of each opcode.
//
// Generated from the table in crates/arch/src/ops.rs by `cargo xtask gen`; do not edit.
package puce_isa_pkg;

  // A package names everything; each block uses some of it.
  /* verilator lint_off UNUSEDPARAM */

  // Scalar registers, r0 included.
  localparam int unsigned Registers = 64;
  // Deepest nesting of loops.
  localparam int unsigned MaxLoops = 8;
  // Most operands of one instruction.
  localparam int unsigned MaxOperands = 13;
  // Most operands of one instruction of each engine, by engine code.
  localparam int unsigned UnitOperands [6] = '{12, 7, 13, 13, 12, 9};

  typedef enum logic [7:0] {
    OpSet = 8'h01,
    OpAdd = 8'h02,
    OpSub = 8'h03,
    OpMul = 8'h04,
    OpMin = 8'h05,
    OpMax = 8'h06,
    OpShr = 8'h07,
    OpAnd = 8'h08,
    OpParam = 8'h09,
    OpLoop = 8'h0a,
    OpEnd = 8'h0b,
    OpSync = 8'h0c,
    OpHalt = 8'h0d,
    OpLd = 8'h10,
    OpLdg = 8'h11,
    OpWld = 8'h18,
    OpWgat = 8'h19,
    OpMm = 8'h20,
    OpVbin = 8'h30,
    OpVrow = 8'h31,
    OpVimm = 8'h32,
    OpVun = 8'h33,
    OpVred = 8'h34,
    OpVnorm = 8'h35,
    OpVsoft = 8'h36,
    OpVrope = 8'h37,
    OpVquant = 8'h38,
    OpVdeq = 8'h39,
    OpVcvt = 8'h3a,
    OpVtop = 8'h3b,
    OpSt = 8'h40,
    OpGather = 8'h50
  } op_e;

  typedef enum logic [7:0] {
    UnitLoad = 8'd0,  // `l`
    UnitWeights = 8'd1,  // `w`
    UnitMatrix = 8'd2,  // `m`
    UnitVector = 8'd3,  // `v`
    UnitStore = 8'd4,  // `s`
    UnitExchange = 8'd5,  // `x`
    UnitControl = 8'd6  // `c`
  } unit_e;

  typedef enum logic [7:0] {
    WeightKindI4s = 8'd0,  // `i4s`
    WeightKindI4m = 8'd1,  // `i4m`
    WeightKindI8s = 8'd2,  // `i8s`
    WeightKindI8m = 8'd3,  // `i8m`
    WeightKindA8 = 8'd4,  // `a8`
    WeightKindMx8 = 8'd5,  // `mx8`
    WeightKindMx4 = 8'd6,  // `mx4`
    WeightKindU8 = 8'd7  // `u8`
  } weight_kind_e;

  typedef enum logic [7:0] {
    BinaryAdd = 8'd0,  // `add`
    BinarySub = 8'd1,  // `sub`
    BinaryMul = 8'd2,  // `mul`
    BinaryMax = 8'd3,  // `max`
    BinaryMin = 8'd4  // `min`
  } binary_e;

  typedef enum logic [7:0] {
    UnaryCopy = 8'd0,  // `copy`
    UnaryExp = 8'd1,  // `exp`
    UnaryExp2 = 8'd2,  // `exp2`
    UnarySigmoid = 8'd3,  // `sigmoid`
    UnarySilu = 8'd4,  // `silu`
    UnaryGelu = 8'd5,  // `gelu`
    UnaryTanh = 8'd6,  // `tanh`
    UnaryRecip = 8'd7,  // `recip`
    UnaryRsqrt = 8'd8  // `rsqrt`
  } unary_e;

  typedef enum logic [7:0] {
    ReduceSum = 8'd0,  // `sum`
    ReduceSumSq = 8'd1,  // `sumsq`
    ReduceMax = 8'd2  // `max`
  } reduce_e;

  typedef enum logic [7:0] {
    SinkNo = 8'd0,  // `plain`
    SinkYes = 8'd1  // `sink`
  } sink_e;

  typedef enum logic [7:0] {
    PairingInterleaved = 8'd0,  // `even`
    PairingHalf = 8'd1  // `half`
  } pairing_e;

  typedef enum logic [7:0] {
    BlockingBlock = 8'd0,  // `block`
    BlockingSegment = 8'd1  // `segment`
  } blocking_e;

  typedef enum logic [7:0] {
    NarrowF16 = 8'd0,  // `f16`
    NarrowBf16 = 8'd1  // `bf16`
  } narrow_e;

  typedef enum logic [7:0] {
    ScopeChip = 8'd0,  // `chip`
    ScopeGroup = 8'd1  // `group`
  } scope_e;

  // Operands of `ld`.
  localparam int unsigned ArgLdDst = 0;
  localparam int unsigned ArgLdMem = 1;
  localparam int unsigned ArgLdElem = 2;
  localparam int unsigned ArgLdN0 = 3;
  localparam int unsigned ArgLdS0 = 4;
  localparam int unsigned ArgLdD0 = 5;
  localparam int unsigned ArgLdN1 = 6;
  localparam int unsigned ArgLdS1 = 7;
  localparam int unsigned ArgLdD1 = 8;
  localparam int unsigned ArgLdN2 = 9;
  localparam int unsigned ArgLdS2 = 10;
  localparam int unsigned ArgLdD2 = 11;

  // Operands of `ldg`.
  localparam int unsigned ArgLdgDst = 0;
  localparam int unsigned ArgLdgMem = 1;
  localparam int unsigned ArgLdgTable = 2;
  localparam int unsigned ArgLdgN = 3;
  localparam int unsigned ArgLdgStep = 4;
  localparam int unsigned ArgLdgD0 = 5;
  localparam int unsigned ArgLdgElem = 6;
  localparam int unsigned ArgLdgN1 = 7;
  localparam int unsigned ArgLdgS1 = 8;
  localparam int unsigned ArgLdgD1 = 9;

  // Operands of `wld`.
  localparam int unsigned ArgWldMem = 0;
  localparam int unsigned ArgWldLen = 1;

  // Operands of `wgat`.
  localparam int unsigned ArgWgatMem = 0;
  localparam int unsigned ArgWgatTable = 1;
  localparam int unsigned ArgWgatN = 2;
  localparam int unsigned ArgWgatStep = 3;
  localparam int unsigned ArgWgatLen = 4;
  localparam int unsigned ArgWgatGroups = 5;
  localparam int unsigned ArgWgatGstep = 6;

  // Operands of `mm`.
  localparam int unsigned ArgMmOut = 0;
  localparam int unsigned ArgMmOstep = 1;
  localparam int unsigned ArgMmX = 2;
  localparam int unsigned ArgMmXstep = 3;
  localparam int unsigned ArgMmRows = 4;
  localparam int unsigned ArgMmK = 5;
  localparam int unsigned ArgMmTokens = 6;
  localparam int unsigned ArgMmGrid = 7;
  localparam int unsigned ArgMmGroups = 8;
  localparam int unsigned ArgMmSub = 9;
  localparam int unsigned ArgMmXgroup = 10;
  localparam int unsigned ArgMmOgroup = 11;
  localparam int unsigned ArgMmOsub = 12;

  // Operands of `vbin`.
  localparam int unsigned ArgVbinDst = 0;
  localparam int unsigned ArgVbinDstep = 1;
  localparam int unsigned ArgVbinDouter = 2;
  localparam int unsigned ArgVbinA = 3;
  localparam int unsigned ArgVbinAstep = 4;
  localparam int unsigned ArgVbinAouter = 5;
  localparam int unsigned ArgVbinB = 6;
  localparam int unsigned ArgVbinBstep = 7;
  localparam int unsigned ArgVbinBouter = 8;
  localparam int unsigned ArgVbinRows = 9;
  localparam int unsigned ArgVbinOuter = 10;
  localparam int unsigned ArgVbinCols = 11;

  // Operands of `vrow`.
  localparam int unsigned ArgVrowDst = 0;
  localparam int unsigned ArgVrowDstep = 1;
  localparam int unsigned ArgVrowDouter = 2;
  localparam int unsigned ArgVrowA = 3;
  localparam int unsigned ArgVrowAstep = 4;
  localparam int unsigned ArgVrowAouter = 5;
  localparam int unsigned ArgVrowB = 6;
  localparam int unsigned ArgVrowBstep = 7;
  localparam int unsigned ArgVrowBouter = 8;
  localparam int unsigned ArgVrowRows = 9;
  localparam int unsigned ArgVrowOuter = 10;
  localparam int unsigned ArgVrowCols = 11;

  // Operands of `vimm`.
  localparam int unsigned ArgVimmDst = 0;
  localparam int unsigned ArgVimmDstep = 1;
  localparam int unsigned ArgVimmA = 2;
  localparam int unsigned ArgVimmAstep = 3;
  localparam int unsigned ArgVimmRows = 4;
  localparam int unsigned ArgVimmCols = 5;
  localparam int unsigned ArgVimmImm = 6;

  // Operands of `vun`.
  localparam int unsigned ArgVunDst = 0;
  localparam int unsigned ArgVunDstep = 1;
  localparam int unsigned ArgVunA = 2;
  localparam int unsigned ArgVunAstep = 3;
  localparam int unsigned ArgVunRows = 4;
  localparam int unsigned ArgVunCols = 5;

  // Operands of `vred`.
  localparam int unsigned ArgVredDst = 0;
  localparam int unsigned ArgVredA = 1;
  localparam int unsigned ArgVredAstep = 2;
  localparam int unsigned ArgVredRows = 3;
  localparam int unsigned ArgVredCols = 4;

  // Operands of `vnorm`.
  localparam int unsigned ArgVnormDst = 0;
  localparam int unsigned ArgVnormDstep = 1;
  localparam int unsigned ArgVnormA = 2;
  localparam int unsigned ArgVnormAstep = 3;
  localparam int unsigned ArgVnormW = 4;
  localparam int unsigned ArgVnormRows = 5;
  localparam int unsigned ArgVnormCols = 6;
  localparam int unsigned ArgVnormEps = 7;

  // Operands of `vsoft`.
  localparam int unsigned ArgVsoftDst = 0;
  localparam int unsigned ArgVsoftDstep = 1;
  localparam int unsigned ArgVsoftA = 2;
  localparam int unsigned ArgVsoftAstep = 3;
  localparam int unsigned ArgVsoftSums = 4;
  localparam int unsigned ArgVsoftSinks = 5;
  localparam int unsigned ArgVsoftRows = 6;
  localparam int unsigned ArgVsoftCols = 7;
  localparam int unsigned ArgVsoftHi = 8;
  localparam int unsigned ArgVsoftWindow = 9;
  localparam int unsigned ArgVsoftPer = 10;
  localparam int unsigned ArgVsoftTokens = 11;
  localparam int unsigned ArgVsoftFactor = 12;

  // Operands of `vrope`.
  localparam int unsigned ArgVropeDst = 0;
  localparam int unsigned ArgVropeDstep = 1;
  localparam int unsigned ArgVropeA = 2;
  localparam int unsigned ArgVropeAstep = 3;
  localparam int unsigned ArgVropeRows = 4;
  localparam int unsigned ArgVropeHeads = 5;
  localparam int unsigned ArgVropeDim = 6;
  localparam int unsigned ArgVropeRot = 7;
  localparam int unsigned ArgVropeTab = 8;
  localparam int unsigned ArgVropeTabstep = 9;

  // Operands of `vquant`.
  localparam int unsigned ArgVquantDst = 0;
  localparam int unsigned ArgVquantDstep = 1;
  localparam int unsigned ArgVquantA = 2;
  localparam int unsigned ArgVquantAstep = 3;
  localparam int unsigned ArgVquantRows = 4;
  localparam int unsigned ArgVquantSegs = 5;
  localparam int unsigned ArgVquantCols = 6;

  // Operands of `vdeq`.
  localparam int unsigned ArgVdeqDst = 0;
  localparam int unsigned ArgVdeqDstep = 1;
  localparam int unsigned ArgVdeqCodes = 2;
  localparam int unsigned ArgVdeqCstep = 3;
  localparam int unsigned ArgVdeqScales = 4;
  localparam int unsigned ArgVdeqSstep = 5;
  localparam int unsigned ArgVdeqMins = 6;
  localparam int unsigned ArgVdeqMstep = 7;
  localparam int unsigned ArgVdeqRows = 8;
  localparam int unsigned ArgVdeqCols = 9;

  // Operands of `vcvt`.
  localparam int unsigned ArgVcvtDst = 0;
  localparam int unsigned ArgVcvtDstep = 1;
  localparam int unsigned ArgVcvtA = 2;
  localparam int unsigned ArgVcvtAstep = 3;
  localparam int unsigned ArgVcvtRows = 4;
  localparam int unsigned ArgVcvtCols = 5;

  // Operands of `vtop`.
  localparam int unsigned ArgVtopIdx = 0;
  localparam int unsigned ArgVtopIstep = 1;
  localparam int unsigned ArgVtopVal = 2;
  localparam int unsigned ArgVtopVstep = 3;
  localparam int unsigned ArgVtopA = 4;
  localparam int unsigned ArgVtopAstep = 5;
  localparam int unsigned ArgVtopRows = 6;
  localparam int unsigned ArgVtopCols = 7;
  localparam int unsigned ArgVtopK = 8;

  // Operands of `st`.
  localparam int unsigned ArgStSrc = 0;
  localparam int unsigned ArgStMem = 1;
  localparam int unsigned ArgStElem = 2;
  localparam int unsigned ArgStN0 = 3;
  localparam int unsigned ArgStS0 = 4;
  localparam int unsigned ArgStD0 = 5;
  localparam int unsigned ArgStN1 = 6;
  localparam int unsigned ArgStS1 = 7;
  localparam int unsigned ArgStD1 = 8;
  localparam int unsigned ArgStN2 = 9;
  localparam int unsigned ArgStS2 = 10;
  localparam int unsigned ArgStD2 = 11;

  // Operands of `gather`.
  localparam int unsigned ArgGatherSrc = 0;
  localparam int unsigned ArgGatherSstep = 1;
  localparam int unsigned ArgGatherDst = 2;
  localparam int unsigned ArgGatherDstep = 3;
  localparam int unsigned ArgGatherBytes = 4;
  localparam int unsigned ArgGatherRows = 5;
  localparam int unsigned ArgGatherSrc2 = 6;
  localparam int unsigned ArgGatherDst2 = 7;
  localparam int unsigned ArgGatherBytes2 = 8;

  // What a decoder must know of an opcode. The bytes of attributes that the instruction does not have are 0.
  typedef struct packed {
    logic                   known;
    unit_e                  unit;
    logic [3:0]             operands;
    logic [3:0][7:0]        attr_least;
    logic [3:0][7:0]        attr_most;
    // Operands that are the bits of a binary32 value, by place.
    logic [MaxOperands-1:0] is_f32;
    // Operands that a legal instruction may not use (the step of a count of 1), and that may then have any value.
    logic [MaxOperands-1:0] may_be_idle;
  } op_info_t;

  function automatic op_info_t op_info(input logic [7:0] op);
    op_info = '0;
    unique case (op)
      OpSet: op_info = '{1'b1, UnitControl, 4'd1, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpAdd: op_info = '{1'b1, UnitControl, 4'd2, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpSub: op_info = '{1'b1, UnitControl, 4'd2, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpMul: op_info = '{1'b1, UnitControl, 4'd2, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpMin: op_info = '{1'b1, UnitControl, 4'd2, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpMax: op_info = '{1'b1, UnitControl, 4'd2, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpShr: op_info = '{1'b1, UnitControl, 4'd2, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpAnd: op_info = '{1'b1, UnitControl, 4'd2, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpParam: op_info = '{1'b1, UnitControl, 4'd1, 32'h00000001, 32'h0000003f, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpLoop: op_info = '{1'b1, UnitControl, 4'd1, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpEnd: op_info = '{1'b1, UnitControl, 4'd0, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpSync: op_info = '{1'b1, UnitControl, 4'd0, 32'h00000000, 32'h00000606, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpHalt: op_info = '{1'b1, UnitControl, 4'd0, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpLd: op_info = '{1'b1, UnitLoad, 4'd12, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0db0)};
      OpLdg: op_info = '{1'b1, UnitLoad, 4'd10, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0320)};
      OpWld: op_info = '{1'b1, UnitWeights, 4'd2, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0000)};
      OpWgat: op_info = '{1'b1, UnitWeights, 4'd7, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0040)};
      OpMm: op_info = '{1'b1, UnitMatrix, 4'd13, 32'h00000000, 32'h00000007, MaxOperands'(16'h0000), MaxOperands'(16'h1c0a)};
      OpVbin: op_info = '{1'b1, UnitVector, 4'd12, 32'h00000000, 32'h00000004, MaxOperands'(16'h0000), MaxOperands'(16'h01b6)};
      OpVrow: op_info = '{1'b1, UnitVector, 4'd12, 32'h00000000, 32'h00000004, MaxOperands'(16'h0000), MaxOperands'(16'h01b6)};
      OpVimm: op_info = '{1'b1, UnitVector, 4'd7, 32'h00000000, 32'h00000004, MaxOperands'(16'h0040), MaxOperands'(16'h004a)};
      OpVun: op_info = '{1'b1, UnitVector, 4'd6, 32'h00000000, 32'h00000008, MaxOperands'(16'h0000), MaxOperands'(16'h000a)};
      OpVred: op_info = '{1'b1, UnitVector, 4'd5, 32'h00000000, 32'h00000002, MaxOperands'(16'h0000), MaxOperands'(16'h0004)};
      OpVnorm: op_info = '{1'b1, UnitVector, 4'd8, 32'h00000000, 32'h00000000, MaxOperands'(16'h0080), MaxOperands'(16'h008a)};
      OpVsoft: op_info = '{1'b1, UnitVector, 4'd13, 32'h00000000, 32'h00000001, MaxOperands'(16'h1000), MaxOperands'(16'h102a)};
      OpVrope: op_info = '{1'b1, UnitVector, 4'd10, 32'h00000000, 32'h00000001, MaxOperands'(16'h0000), MaxOperands'(16'h020a)};
      OpVquant: op_info = '{1'b1, UnitVector, 4'd7, 32'h00000000, 32'h00000001, MaxOperands'(16'h0000), MaxOperands'(16'h000a)};
      OpVdeq: op_info = '{1'b1, UnitVector, 4'd10, 32'h00000000, 32'h00000007, MaxOperands'(16'h0000), MaxOperands'(16'h00aa)};
      OpVcvt: op_info = '{1'b1, UnitVector, 4'd6, 32'h00000000, 32'h00000001, MaxOperands'(16'h0000), MaxOperands'(16'h000a)};
      OpVtop: op_info = '{1'b1, UnitVector, 4'd9, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h002a)};
      OpSt: op_info = '{1'b1, UnitStore, 4'd12, 32'h00000000, 32'h00000000, MaxOperands'(16'h0000), MaxOperands'(16'h0db0)};
      OpGather: op_info = '{1'b1, UnitExchange, 4'd9, 32'h00000000, 32'h00000001, MaxOperands'(16'h0000), MaxOperands'(16'h000a)};
      default: op_info = '0;
    endcase
  endfunction

  /* verilator lint_on UNUSEDPARAM */

endpackage
