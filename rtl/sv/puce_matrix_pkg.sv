// Words that the parts of the matrix engine share: weight kinds, how a lane reads a code, exact scales, a product's operands.
package puce_matrix_pkg;
  import puce_pkg::*;
  import puce_isa_pkg::*;

  // A package names everything; each block uses some of it.
  /* verilator lint_off UNUSEDPARAM */

  // How a lane reads a byte of codes: two 4-bit integers offset by 8, two E2M1 elements, or one 8-bit integer.
  typedef enum logic [1:0] {
    ModeInt4 = 2'd0,
    ModeFp4  = 2'd1,
    ModeInt8 = 2'd2
  } mode_e;

  // Rows and columns of a tile, and the words of its longest codes and of its longest scales with minimums.
  localparam int unsigned Block = 32;
  localparam int unsigned CodeWords = 32;
  localparam int unsigned ScaleWords = 4;

  // A lane's block sum: 32 products of at most (128 + 8) x 128.
  localparam int unsigned SumW = 21;
  // Sum of the 32 codes of an activation block.
  localparam int unsigned XsumW = 13;
  // Cycles from a lane's codes to its sum.
  localparam int unsigned LaneLat = 3;

  // A digit of a factor of a lane: 0, 1, 2 or 4 and its sign; a factor is low + 4 * high. A high digit is never 4.
  typedef struct packed {
    logic neg;
    logic four;
    logic two;
    logic one;
  } digit_t;

  typedef struct packed {
    digit_t high;
    digit_t low;
  } factor_t;

  // Widths of partial products, up to 4 times and up to 2 times an activation, and what the two of a product exceed it by.
  localparam int unsigned LowPartW = 10;
  localparam int unsigned HighPartW = 9;
  localparam int unsigned DotExcess = 2 ** (LowPartW - 1) + 4 * 2 ** (HighPartW - 1);

  // A finite scale as (-1)^sign * mantissa * 2^exponent; what is NaN or infinite is zero with `nan`.
  typedef struct packed {
    logic               nan;
    logic               sign;
    logic [10:0]        mantissa;
    logic signed [9:0]  exponent;
  } scale_t;

  // The same for an activation, whose mantissa is that of a BF16.
  typedef struct packed {
    logic               nan;
    logic               sign;
    logic [7:0]         mantissa;
    logic signed [9:0]  exponent;
  } xscale_t;

  // The operands of one `mm`, negative counts taken as 0.
  typedef struct packed {
    weight_kind_e              kind;
    logic [ValueW-1:0]  out;
    logic [ValueW-1:0]  ostep;
    logic [ValueW-1:0]  x;
    logic [ValueW-1:0]  xstep;
    logic [ValueW-1:0]  xgroup;
    logic [ValueW-1:0]  ogroup;
    logic [ValueW-1:0]  osub;
    logic [ValueW-1:0]  sub;
    logic [31:0]        groups;
    logic [31:0]        row_tiles;
    logic [11:0]        blocks;
    logic [15:0]        tokens;
    logic signed [11:0] grid;
    // No byte from here on is read, or written, if there is one group.
    logic [ValueW-1:0]  x_end;
    logic [ValueW-1:0]  out_end;
  } product_t;

  // At least the bytes from the first token's rows to the last one's.
  function automatic logic [ValueW-1:0] token_span(logic [ValueW-1:0] by, logic [15:0] tokens);
    token_span = '0;
    for (int unsigned i = 0; i < 15; i++) if (tokens > 16'd1 << i) token_span = by << (i + 1);
  endfunction

  /* verilator lint_off UNUSEDSIGNAL */  // Each asks for some of the operands.
  // Whether activations can be read before the other product has been written: they lie apart from all that it writes.
  function automatic logic apart(product_t reads, product_t writes);
    apart = reads.groups == 32'd1 && writes.groups == 32'd1 && (reads.x_end <= writes.out || writes.out_end <= reads.x);
  endfunction

  // Whether all parts of the engine work for it.
  function automatic logic is_whole(product_t product);
    is_whole = product.groups != '0 && product.row_tiles != '0 && product.blocks != '0 && product.tokens != '0;
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  // Which block sums leave the lanes, and where they go.
  typedef struct packed {
    logic               half_end;   // this step is the last of its half of rows
    logic               tile_end;   // this step is the last of its tile
    logic               first;      // the first block of a row of tiles
    logic               last;       // the last step of a row of tiles
    logic               set;        // set of accumulators
    logic               x_set;      // set of activations
    logic [4:0]         half;
    logic [15:0]        group;      // group of Columns tokens
    logic [15:0]        tokens;     // tokens from this group on
  } step_t;

  function automatic mode_e mode_of(weight_kind_e kind);
    unique case (kind)
      WeightKindI4s, WeightKindI4m: mode_of = ModeInt4;
      WeightKindMx4:          mode_of = ModeFp4;
      default:          mode_of = ModeInt8;
    endcase
  endfunction

  function automatic logic signed [5:0] value_of(factor_t f);
    logic signed [5:0] low, high;
    low      = $signed({3'd0, f.low.four, f.low.two, f.low.one});
    high     = $signed({2'd0, f.high.two, f.high.one, 2'd0});
    value_of = (f.low.neg ? -low : low) + (f.high.neg ? -high : high);
  endfunction

  function automatic logic has_min(weight_kind_e kind);
    has_min = kind == WeightKindI4m || kind == WeightKindI8m;
  endfunction

  // Whether a lane's sum lacks 8 times the sum of the activation codes: see puce_lane.
  function automatic logic is_offset(weight_kind_e kind);
    is_offset = kind != WeightKindI4s && kind != WeightKindMx4;
  endfunction

  function automatic logic [5:0] code_words(weight_kind_e kind);
    code_words = mode_of(kind) == ModeInt8 ? 6'd32 : 6'd16;
  endfunction

  function automatic logic [5:0] tile_words(weight_kind_e kind);
    unique case (kind)
      WeightKindI4s:         tile_words = 6'd18;
      WeightKindI4m:         tile_words = 6'd20;
      WeightKindI8s, WeightKindA8: tile_words = 6'd34;
      WeightKindI8m:         tile_words = 6'd36;
      WeightKindMx8:         tile_words = 6'd33;
      WeightKindMx4:         tile_words = 6'd17;
      default:         tile_words = 6'd32;
    endcase
  endfunction

  function automatic scale_t scale_f16(logic [15:0] bits);
    scale_f16.nan      = bits[14:10] == 5'h1f;
    scale_f16.sign     = bits[15];
    scale_f16.mantissa = scale_f16.nan ? 11'd0 : {bits[14:10] != 5'd0, bits[9:0]};
    scale_f16.exponent = $signed({5'd0, bits[14:11], bits[10] | (bits[14:10] == 5'd0)}) - 10'sd25;
  endfunction

  function automatic xscale_t scale_bf16(logic [15:0] bits);
    scale_bf16.nan      = bits[14:7] == 8'hff;
    scale_bf16.sign     = bits[15];
    scale_bf16.mantissa = scale_bf16.nan ? 8'd0 : {bits[14:7] != 8'd0, bits[6:0]};
    scale_bf16.exponent = $signed({2'd0, bits[14:8], bits[7] | (bits[14:7] == 8'd0)}) - 10'sd134;
  endfunction

  // A weight scale; E8M0 stands in the low byte.
  function automatic scale_t scale_of(weight_kind_e kind, logic [15:0] bits);
    xscale_t wide;
    wide = scale_bf16(bits);
    unique case (kind)
      WeightKindA8: scale_of = '{nan: wide.nan, sign: wide.sign, mantissa: {3'd0, wide.mantissa}, exponent: wide.exponent};
      WeightKindMx8, WeightKindMx4: begin
        scale_of.nan      = bits[7:0] == 8'hff;
        scale_of.sign     = 1'b0;
        scale_of.mantissa = {10'd0, bits[7:0] != 8'hff};
        scale_of.exponent = $signed({2'd0, bits[7:0]}) - (kind == WeightKindMx8 ? 10'sd133 : 10'sd128);
      end
      WeightKindU8:  scale_of = '{nan: 1'b0, sign: 1'b0, mantissa: 11'd1, exponent: 10'sd0};
      default: scale_of = scale_f16(bits);
    endcase
  endfunction

endpackage
