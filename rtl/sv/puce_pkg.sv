// Words that every module of the chip shares: widths, commands, scratchpad and memory handshakes, flags, faults.
//
// What follows from the instruction table (opcodes, attribute codes, operand positions) is not here but in the generated puce_isa_pkg.
package puce_pkg;

  // A package names everything; each block uses some of it.
  /* verilator lint_off UNUSEDPARAM */

  // Resolved operands: a legal one has a magnitude of at most 2^46 (arch::legal::VALUE_MAX).
  localparam int unsigned ValueW = 48;
  // Most operands of one instruction (mm).
  localparam int unsigned MaxArgs = 13;
  // Engines with a queue, in the order of their codes: load, weights, matrix, vector, store, exchange.
  localparam int unsigned Engines = 6;

  // A scratchpad word: the unit of every scratchpad port and of the weight stream.
  localparam int unsigned WordBytes = 32;
  localparam int unsigned WordW = 8 * WordBytes;
  // Cycles from the grant of a read to its data.
  localparam int unsigned SpadLat = 2;

  // Cycles from operands to result of the pipelined units of binary32 and of the grid.
  localparam int unsigned FpAddLat = 4;
  localparam int unsigned FpMulLat = 3;
  localparam int unsigned GridPlaceLat = 3;
  localparam int unsigned GridF32Lat = 4;

  // One instruction with its operands resolved, operands in the table's order. A binary32 operand stands in the low 32 bits.
  typedef struct packed {
    logic [7:0]                         op;
    logic [3:0][7:0]                    attr;
    logic [MaxArgs-1:0][ValueW-1:0]     arg;
  } cmd_t;

  // Commands are counted modulo 2^CommandCountW.
  localparam int unsigned CommandCountW = 32;

  // The words in front of an engine: a header, the operands, then tokens.
  typedef struct packed {
    logic [2:0]                         tokens;
    logic [3:0]                         operands;
    logic [3:0][7:0]                    attr;
    logic [7:0]                         op;
  } header_t;

  // The instruction waits until engine `from` has done `count` commands since the start.
  typedef struct packed {
    logic [2:0]                         from;
    logic [CommandCountW-1:0]                  count;
  } token_t;

  // One port of the scratchpad. A request is taken in a cycle with valid and ready; valid never waits for ready. `addr` is a byte address of which the
  // low five bits are ignored. A write changes the bytes of `strb` and is seen by every read that is granted later. A read's data comes SpadLat cycles
  // after the grant, in order; it cannot be held up, so who asks has room.
  typedef struct packed {
    logic                   valid;
    logic                   we;
    logic [ValueW-1:0]      addr;
    logic [WordBytes-1:0]   strb;
    logic [WordW-1:0]       wdata;
  } spad_req_t;

  typedef struct packed {
    logic                   ready;
    logic                   rvalid;
    logic [WordW-1:0]       rdata;
  } spad_rsp_t;

  // Sticky flags of docs/numerics.md, by bit number.
  typedef struct packed {
    logic overflow;
    logic window;
    logic nan;
  } flags_t;

  // Why a core stopped.
  typedef enum logic [3:0] {
    FaultNone    = 4'd0,
    FaultOpcode  = 4'd1,  // no such instruction, or a header that is not the table's
    FaultValue   = 4'd2,  // a resolved operand beyond 48 bits
    FaultParam   = 4'd3,  // no such parameter
    FaultLoops   = 4'd4,  // loops nest too deep, or end without loop
    FaultSpad    = 4'd5,  // outside the scratchpad
    FaultMemory  = 4'd6,  // outside the program's memory
    FaultTokens  = 4'd7,  // more tokens than accumulators
    FaultBus     = 4'd8,  // the memory port answered with an error
    FaultEcc     = 4'd9,  // a scratchpad word with two wrong bits
    FaultStream  = 4'd10  // weights are left in the stream at the end
  } fault_e;

  /* verilator lint_on UNUSEDPARAM */

endpackage
