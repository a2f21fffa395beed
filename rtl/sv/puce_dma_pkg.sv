// What the parts of the copying engines pass to each other.
package puce_dma_pkg;
  import puce_pkg::*;

  // Most bytes of one run less one: an instruction moves at most 2^32 bytes (arch::legal::MOVED_MAX).
  localparam int unsigned RunW = 32;
  localparam int unsigned WordOffW = $clog2(WordBytes);

  // A run: bytes that are contiguous where they come from and where they go. An empty run moves nothing and ends a command.
  typedef struct packed {
    logic [ValueW-1:0]    from;
    logic [ValueW-1:0]    to;
    // Bytes less one.
    logic [RunW-1:0]      len_m1;
    logic                 empty;
    // The last of its command.
    logic                 last;
    // Its first beat of memory is not the last beat of the run before.
    logic                 fresh;
  } run_t;

  // A part of a run that comes from one 32-byte word.
  typedef struct packed {
    logic [ValueW-1:0]    from;
    logic [ValueW-1:0]    to;
    // Bytes less one.
    logic [WordOffW-1:0]  len_m1;
    logic                 empty;
    // The last of its command.
    logic                 last;
    // The first of its run, and the run's `fresh`.
    logic                 first;
    logic                 fresh;
  } segment_t;

  // Bytes for one 32-byte word. With no strobe it only ends a command.
  typedef struct packed {
    logic [ValueW-1:0]    addr;
    logic [WordBytes-1:0] strb;
    logic [WordW-1:0]     data;
    // The last of its command.
    logic                 last;
  } word_t;

endpackage
