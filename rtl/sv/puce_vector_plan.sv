// What an instruction means for the parts of the vector engine: walks, scan, programs, scales, destinations. Combinational.
module puce_vector_plan
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_vector_pkg::*;
(
  input  cmd_t  cmd_i,
  output plan_t plan_o
);

  // A count: nothing below 1; what does not fit leaves the scratchpad before it ends.
  function automatic logic [CountW-1:0] count(input logic [ValueW-1:0] value);
    if (value[ValueW-1]) return '0;
    return (|value[ValueW-2:CountW-1]) ? {1'b0, {(CountW - 1){1'b1}}} : CountW'(value);
  endfunction

  // Words of so many columns.
  function automatic logic [CountW-1:0] words(input logic [CountW-1:0] cols);
    return (cols + CountW'(7)) >> 3;
  endfunction

  // Rows of `pieces` words, `step` apart, in groups `outer` apart.
  function automatic walk_t rows(input logic [ValueW-1:0] base, input logic [CountW-1:0] pieces, input logic [ValueW-1:0] step,
                                 input logic [CountW-1:0] count1, input logic [ValueW-1:0] outer, input logic [CountW-1:0] count2);
    rows = '0;
    rows.x_base  = base;
    rows.x_count = pieces;
    rows.x_step1 = step;
    rows.count1  = count1;
    rows.x_step2 = outer;
    rows.count2  = count2;
    rows.unit    = 3'd5;
  endfunction

  // A walk of single results: `units` of 2^`unit` bytes.
  function automatic walk_t singles(input walk_t of_walk, input logic [2:0] unit);
    singles = of_walk;
    singles.unit = unit;
  endfunction

  // Bytes of an A8 row: codes, then a scale of two bytes per block, padded to a word.
  function automatic logic [ValueW-1:0] a8_row(input logic [CountW-1:0] cols);
    return ValueW'(cols) + ((ValueW'(cols >> 4) + ValueW'(31)) & ~ValueW'(31));
  endfunction

  logic [MaxArgs-1:0][ValueW-1:0] arg;
  logic [7:0]                     attr;
  logic [CountW-1:0]              n_rows, n_cols, n_outer, n_words, blocks;
  logic [ValueW-1:0]              row_bytes;
  logic                           nibbles;
  localparam logic [CountW-1:0]   One32 = CountW'(1);

  assign arg  = cmd_i.arg;
  assign attr = cmd_i.attr[0];

  // The counts that most instructions have, from their own places.
  always_comb begin
    n_rows  = '0;
    n_cols  = '0;
    n_outer = One32;
    unique case (cmd_i.op)
      OpVbin, OpVrow: begin
        n_rows  = count(arg[ArgVbinRows]);
        n_outer = count(arg[ArgVbinOuter]);
        n_cols  = count(arg[ArgVbinCols]);
      end
      OpVimm, OpVun, OpVcvt: begin
        n_rows = count(arg[ArgVunRows]);
        n_cols = count(arg[ArgVunCols]);
      end
      OpVred: begin
        n_rows = count(arg[ArgVredRows]);
        n_cols = count(arg[ArgVredCols]);
      end
      OpVnorm: begin
        n_rows = count(arg[ArgVnormRows]);
        n_cols = count(arg[ArgVnormCols]);
      end
      OpVsoft: begin
        n_rows = count(arg[ArgVsoftRows]);
        n_cols = count(arg[ArgVsoftCols]);
      end
      OpVrope: begin
        n_rows  = count(arg[ArgVropeRows]);
        n_outer = count(arg[ArgVropeHeads]);
        n_cols  = count(arg[ArgVropeDim]);
      end
      OpVquant: begin
        n_rows  = count(arg[ArgVquantRows]);
        n_outer = count(arg[ArgVquantSegs]);
        n_cols  = count(arg[ArgVquantCols]);
      end
      OpVdeq: begin
        n_rows = count(arg[ArgVdeqRows]);
        n_cols = count(arg[ArgVdeqCols]);
      end
      OpVtop: begin
        n_rows  = count(arg[ArgVtopRows]);
        n_outer = count(arg[ArgVtopK]);
        n_cols  = count(arg[ArgVtopCols]);
      end
      default: n_rows = '0;
    endcase
    n_words   = words(n_cols);
    blocks    = n_cols >> 5;
    row_bytes = ValueW'(n_cols) << 2;
    nibbles   = attr == WeightKindI4s || attr == WeightKindI4m || attr == WeightKindMx4;
  end

  program_e binary, unary;
  always_comb begin
    unique case (attr)
      BinarySub: binary = PSub;
      BinaryMul: binary = PMul;
      BinaryMax: binary = PMax;
      BinaryMin: binary = PMin;
      default:   binary = PAdd;
    endcase
    unique case (attr)
      UnaryExp:     unary = PExp;
      UnaryExp2:    unary = PExp2;
      UnarySigmoid: unary = PSigmoid;
      UnarySilu:    unary = PSilu;
      UnaryGelu:    unary = PGelu;
      UnaryTanh:    unary = PTanh;
      UnaryRecip:   unary = PRecip;
      UnaryRsqrt:   unary = PRsqrt;
      default:      unary = PCopy;
    endcase
  end

  always_comb begin
    plan_o               = '0;
    plan_o.exec.program0 = PCopy;
    plan_o.exec.program1 = PCopy;
    plan_o.exec.half_way = 1'b1;
    plan_o.cols          = n_cols;
    plan_o.a.cols        = n_cols;
    plan_o.b.cols        = n_cols;
    plan_o.store.cols    = n_cols;
    plan_o.empty         = n_rows == '0 || n_outer == '0 || (n_cols == '0 && cmd_i.op != OpVred && cmd_i.op != OpVsoft);
    unique case (cmd_i.op)
      OpVbin, OpVrow: begin
        plan_o.a_enable        = 1'b1;
        plan_o.a.walk          = rows(arg[ArgVbinA], n_words, arg[ArgVbinAstep], n_rows, arg[ArgVbinAouter], n_outer);
        plan_o.b_enable        = 1'b1;
        plan_o.b.walk          = rows(arg[ArgVbinB], n_words, arg[ArgVbinBstep], n_rows, arg[ArgVbinBouter], n_outer);
        plan_o.store.words     = 1'b1;
        plan_o.store.word_walk = rows(arg[ArgVbinDst], n_words, arg[ArgVbinDstep], n_rows, arg[ArgVbinDouter], n_outer);
        plan_o.exec.program0   = binary;
        if (cmd_i.op == OpVrow) begin
          plan_o.b.walk.x_count = One32;
          plan_o.b.scan_x       = 1'b1;
          plan_o.b.scalars      = 1'b1;
          plan_o.b.mask         = MaskLane;
          plan_o.scan           = ScanPick;
          plan_o.exec.second    = SecondScalar;
        end
      end
      OpVimm, OpVun, OpVcvt: begin
        plan_o.a_enable        = 1'b1;
        plan_o.a.walk          = rows(arg[ArgVunA], n_words, arg[ArgVunAstep], n_rows, '0, One32);
        plan_o.store.words     = 1'b1;
        plan_o.store.word_walk = rows(arg[ArgVunDst], n_words, arg[ArgVunDstep], n_rows, '0, One32);
        if (cmd_i.op == OpVimm) begin
          plan_o.exec.program0 = binary;
          plan_o.exec.second   = SecondImm;
          plan_o.exec.imm      = arg[ArgVimmImm][31:0];
        end
        if (cmd_i.op == OpVun) begin
          plan_o.exec.program0 = unary;
          plan_o.exec.half_way = unary == PCopy || unary == PRecip || unary == PRsqrt;
          plan_o.a.deal        = unary == PCopy ? DealNever : DealBatch;
        end
        if (cmd_i.op == OpVcvt) begin
          plan_o.exec.unpack    = attr == NarrowF16 ? UnpackF16 : UnpackBf16;
          plan_o.a.walk.x_count = (n_words + One32) >> 1;
          plan_o.a.subs         = 3'd1;
          plan_o.a.subs_last    = n_words[0] ? 3'd0 : 3'd1;
        end
      end
      OpVred: begin
        // A row without columns has a sum and a maximum too: one word of it is read, wherever, and no lane counts.
        plan_o.a_enable          = attr != ReduceMax;
        plan_o.a.walk            = rows(arg[ArgVredA], n_words, arg[ArgVredAstep], n_rows, '0, One32);
        if (n_cols == '0) plan_o.a.walk = rows('0, One32, '0, n_rows, '0, One32);
        plan_o.b_enable          = 1'b1;
        plan_o.b.walk            = plan_o.a.walk;
        plan_o.b.scan_x          = 1'b1;
        plan_o.b.scalars         = attr != ReduceMax;
        plan_o.b.results         = attr == ReduceMax ? 2'd1 : 2'd0;
        plan_o.scan              = attr == ReduceMax ? ScanMax : ScanAbs;
        plan_o.scan_results      = attr == ReduceMax;
        plan_o.exec.program0     = PSum;
        plan_o.exec.sum          = attr == ReduceSumSq ? SumSquares : SumPlain;
        plan_o.store.results     = 1'b1;
        plan_o.store.result_walk = singles(rows(arg[ArgVredDst], n_rows, '0, One32, '0, One32), 3'd2);
      end
      OpVnorm: begin
        plan_o.a_enable        = 1'b1;
        plan_o.a.walk          = rows(arg[ArgVnormA], n_words, arg[ArgVnormAstep], n_rows, '0, One32);
        plan_o.a.walk.y_base   = arg[ArgVnormA];
        plan_o.a.walk.y_count  = n_words;
        plan_o.a.walk.y_step1  = arg[ArgVnormAstep];
        plan_o.a.walk.lag      = 1'b1;
        plan_o.a.brk           = BreakRun;
        plan_o.b_enable        = 1'b1;
        plan_o.b.walk          = plan_o.a.walk;
        plan_o.b.walk.y_base   = arg[ArgVnormW];
        plan_o.b.walk.y_step1  = '0;
        plan_o.b.scan_x        = 1'b1;
        plan_o.b.scalars       = 1'b1;
        plan_o.scan            = ScanAbs;
        plan_o.exec.program0   = PSum;
        plan_o.exec.program1   = PNorm;
        plan_o.exec.sum        = SumSquares;
        plan_o.exec.norm       = 1'b1;
        plan_o.exec.half_way   = 1'b0;
        plan_o.exec.imm        = arg[ArgVnormEps][31:0];
        plan_o.store.words     = 1'b1;
        plan_o.store.word_walk = rows(arg[ArgVnormDst], n_words, arg[ArgVnormDstep], n_rows, '0, One32);
      end
      OpVsoft: begin
        plan_o.a_enable          = 1'b1;
        plan_o.a.walk            = rows(arg[ArgVsoftA], n_words, arg[ArgVsoftAstep], n_rows, '0, One32);
        if (n_cols == '0) plan_o.a.walk = rows('0, One32, '0, n_rows, '0, One32);
        plan_o.a.walk.y_base     = arg[ArgVsoftSinks];
        plan_o.a.walk.y_count    = attr == SinkYes ? One32 : '0;
        plan_o.a.group           = GroupIter;
        plan_o.a.mask            = MaskWindow;
        plan_o.a.sink            = 1'b1;
        plan_o.a.hide_x          = n_cols == '0;
        plan_o.a.deal            = DealIter;
        plan_o.a.rule            = '{hi: arg[ArgVsoftHi], window: arg[ArgVsoftWindow], per: arg[ArgVsoftPer], tokens: arg[ArgVsoftTokens]};
        plan_o.b_enable          = 1'b1;
        plan_o.b                 = plan_o.a;
        plan_o.b.scan_x          = 1'b1;
        plan_o.b.scan_y          = 1'b1;
        plan_o.b.scalars         = 1'b1;
        plan_o.scan              = ScanMax;
        plan_o.exec.program0     = PSoft;
        plan_o.exec.program1     = PSoft;
        plan_o.exec.sum          = SumExp;
        plan_o.exec.half_way     = 1'b0;
        plan_o.exec.imm          = arg[ArgVsoftFactor][31:0];
        plan_o.store.words       = n_cols != '0;
        plan_o.store.word_walk   = rows(arg[ArgVsoftDst], n_words, arg[ArgVsoftDstep], n_rows, '0, One32);
        plan_o.store.results     = 1'b1;
        plan_o.store.result_walk = singles(rows(arg[ArgVsoftSums], n_rows, '0, One32, '0, One32), 3'd2);
      end
      OpVrope: begin
        plan_o.a_enable             = 1'b1;
        plan_o.a.walk               = rows(arg[ArgVropeA], n_words, row_bytes, n_outer, arg[ArgVropeAstep], n_rows);
        plan_o.a.walk.pairs         = attr == PairingHalf ? count(arg[ArgVropeRot]) >> 3 : '0;
        plan_o.a.part               = count(arg[ArgVropeRot]) >> 3;
        // Heads without a rest follow each other without a break.
        plan_o.a.brk                = plan_o.a.part == n_words ? BreakLast : BreakPart;
        plan_o.b_enable             = plan_o.a.part != '0;
        plan_o.b.walk               = rows(arg[ArgVropeTab], plan_o.a.part, '0, n_outer, arg[ArgVropeTabstep], n_rows);
        plan_o.b.walk.pairs         = plan_o.a.part;
        plan_o.exec.program0        = plan_o.a.part == '0 ? PCopy : attr == PairingHalf ? PHalf : PEven;
        plan_o.store.words          = 1'b1;
        plan_o.store.word_walk      = rows(arg[ArgVropeDst], n_words, row_bytes, n_outer, arg[ArgVropeDstep], n_rows);
        plan_o.store.word_walk.pairs = plan_o.a.walk.pairs;
      end
      OpVquant: begin
        plan_o.a_enable          = 1'b1;
        plan_o.a.walk            = rows(arg[ArgVquantA], n_words, row_bytes, n_outer, arg[ArgVquantAstep], n_rows);
        plan_o.a.group           = attr == BlockingBlock ? GroupFour : GroupRun;
        plan_o.b_enable          = 1'b1;
        plan_o.b                 = plan_o.a;
        plan_o.b.scan_x          = 1'b1;
        plan_o.b.scalars         = 1'b1;
        plan_o.b.results         = 2'd1;
        plan_o.scan              = ScanQuant;
        plan_o.scan_results      = 1'b1;
        plan_o.exec.program0     = PCode;
        plan_o.store.words       = 1'b1;
        plan_o.store.cols        = '1;
        plan_o.store.word_walk   = rows(arg[ArgVquantDst], blocks, a8_row(n_cols), n_outer, arg[ArgVquantDstep], n_rows);
        plan_o.store.results     = 1'b1;
        plan_o.store.result_walk = singles(rows(arg[ArgVquantDst] + ValueW'(n_cols), attr == BlockingBlock ? blocks : One32, a8_row(n_cols), n_outer,
                                                arg[ArgVquantDstep], n_rows), 3'd1);
      end
      OpVdeq: begin
        plan_o.a_enable        = 1'b1;
        plan_o.a.walk          = rows(arg[ArgVdeqCodes], nibbles ? (blocks + One32) >> 1 : blocks, arg[ArgVdeqCstep], n_rows, '0, One32);
        plan_o.a.subs          = nibbles ? 3'd7 : 3'd3;
        plan_o.a.subs_last     = (nibbles && !blocks[0]) ? 3'd7 : 3'd3;
        plan_o.store.words     = 1'b1;
        plan_o.store.cols      = '1;
        plan_o.store.word_walk = rows(arg[ArgVdeqDst], blocks << 2, arg[ArgVdeqDstep], n_rows, '0, One32);
        plan_o.scales.enable   = 1'b1;
        plan_o.scales.blocks   = blocks;
        plan_o.scales.rows     = n_rows;
        plan_o.exec.unpack     = UnpackI8;
        unique case (attr)
          WeightKindI4s: plan_o.exec.unpack = UnpackI4s;
          WeightKindI4m: plan_o.exec.unpack = UnpackI4m;
          WeightKindMx4: plan_o.exec.unpack = UnpackMx4;
          default:       plan_o.exec.unpack = UnpackI8;
        endcase
        unique case (attr)
          WeightKindA8:  plan_o.scales.format = ScaleBf16;
          WeightKindMx8: plan_o.scales.format = ScaleMx8;
          WeightKindMx4: plan_o.scales.format = ScaleMx4;
          WeightKindU8:  plan_o.scales.format = ScaleOne;
          default:       plan_o.scales.format = ScaleF16;
        endcase
        plan_o.scales.min     = attr == WeightKindI4m || attr == WeightKindI8m;
        plan_o.exec.program0  = plan_o.scales.min ? PScaleMin : PScale;
        plan_o.b_enable       = attr != WeightKindU8;
        // Words of 16 or 32 scales, each followed by the word of their minimums.
        plan_o.b.walk         = rows(arg[ArgVdeqScales], One32, ValueW'(WordBytes), (blocks + CountW'(15)) >> 4, arg[ArgVdeqSstep], n_rows);
        if (attr == WeightKindMx8 || attr == WeightKindMx4) plan_o.b.walk.count1 = (blocks + CountW'(31)) >> 5;
        plan_o.b.walk.y_base  = arg[ArgVdeqMins];
        plan_o.b.walk.y_count = plan_o.scales.min ? One32 : '0;
        plan_o.b.walk.y_step1 = ValueW'(WordBytes);
        plan_o.b.walk.y_step2 = arg[ArgVdeqMstep];
      end
      OpVtop: begin
        // One pass over the row for each of the largest: the next waits for what the last one found.
        plan_o.b_enable                 = 1'b1;
        plan_o.b.walk                   = rows(arg[ArgVtopA], n_words, '0, n_outer, arg[ArgVtopAstep], n_rows);
        plan_o.b.scan_x                 = 1'b1;
        plan_o.b.results                = 2'd2;
        plan_o.b.lockstep               = 1'b1;
        plan_o.scan                     = ScanTop;
        plan_o.scan_results             = 1'b1;
        plan_o.store.results            = 1'b1;
        plan_o.store.result_walk        = singles(rows(arg[ArgVtopIdx], One32, ValueW'(4), n_outer, arg[ArgVtopIstep], n_rows), 3'd2);
        plan_o.store.result_walk.y_base  = arg[ArgVtopVal];
        plan_o.store.result_walk.y_count = One32;
        plan_o.store.result_walk.y_step1 = ValueW'(4);
        plan_o.store.result_walk.y_step2 = arg[ArgVtopVstep];
      end
      default: plan_o.empty = 1'b1;
    endcase
  end
endmodule
