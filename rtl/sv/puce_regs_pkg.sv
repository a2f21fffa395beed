// The register map: addresses of what the host reads and writes.
//
// Generated from the table in rtl/src/registers.rs by `cargo xtask gen`; do not edit.
package puce_regs_pkg;

  // A package names everything; each block uses some of it.
  /* verilator lint_off UNUSEDPARAM */

  localparam int unsigned RegMagic = 32'h45435550;
  localparam int unsigned RegVersion = 1;
  // Parameter memory: word i at 4 * i from here.
  localparam logic [23:0] RegParameters = 24'h800000;

  // The chip as a whole.
  localparam logic [23:0] RegChipBase = 24'h000000;
  localparam int unsigned RegChipStride = 0;
  localparam int unsigned RegChipId = 0;
  localparam int unsigned RegChipVersion = 4;
  localparam int unsigned RegChipCores = 8;
  localparam int unsigned RegChipParams = 12;
  localparam int unsigned RegChipControl = 16;
  localparam int unsigned RegChipStatus = 20;
  localparam int unsigned RegChipFlags = 24;
  localparam int unsigned RegChipRun = 28;
  localparam int unsigned RegChipLimit = 32;
  localparam int unsigned RegChipCycles = 40;
  localparam int unsigned RegChipPorts = 48;

  // A memory port.
  localparam logic [23:0] RegPortBase = 24'h008000;
  localparam int unsigned RegPortStride = 32;
  localparam int unsigned RegPortRead = 0;
  localparam int unsigned RegPortWrite = 8;
  localparam int unsigned RegPortReadHeld = 16;
  localparam int unsigned RegPortWriteHeld = 24;

  // A core.
  localparam logic [23:0] RegCoreBase = 24'h010000;
  localparam int unsigned RegCoreStride = 512;
  localparam int unsigned RegCoreCode = 0;
  localparam int unsigned RegCoreStatus = 8;
  localparam int unsigned RegCoreReason = 12;
  localparam int unsigned RegCorePc = 16;
  localparam int unsigned RegCoreFlags = 20;
  localparam int unsigned RegCoreInject = 24;
  localparam int unsigned RegCoreInstructions = 32;
  localparam int unsigned RegCoreCorrected = 88;
  localparam int unsigned RegCoreBusy = 96;
  localparam int unsigned RegCoreSync = 144;
  localparam int unsigned RegCoreQueue = 192;
  localparam int unsigned RegCoreFetch = 200;
  localparam int unsigned RegCoreStream = 208;
  localparam int unsigned RegCoreMemory = 216;
  localparam int unsigned RegCoreSpad = 224;

  // Counters of a core: how many, their width, and the number of one by the place of its register.
  localparam int unsigned CounterCount = 35;
  localparam int unsigned CounterIndexW = $clog2(CounterCount);
  localparam int unsigned CounterW = 48;
  function automatic int unsigned counter_place(input int unsigned offset);
    counter_place = (offset - RegCoreInstructions) / 8;
  endfunction

  /* verilator lint_on UNUSEDPARAM */

endpackage
