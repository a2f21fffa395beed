// One bank of the scratchpad: a memory of 32-byte words, guarded per 32 bits.
//
// An access is taken in a cycle with `en_i` and `ready_o`; a read's data comes two cycles later. A write of whole 32-bit words takes one cycle. A write
// of a part of a 32-bit word reads, merges and writes, and takes three, with and without `Ecc`. From reset the bank clears itself, one word per cycle,
// since memory wakes with words that no code allows.
module puce_bank
  import puce_pkg::*;
  import puce_ecc_pkg::*;
#(
  parameter int unsigned Depth = 2048,
  parameter bit          Ecc = 1'b1,
  localparam int unsigned RowW = Depth > 1 ? $clog2(Depth) : 1,
  localparam int unsigned Granules = WordW / EccDataW,
  localparam int unsigned FlipGranuleW = $clog2(Granules),
  localparam int unsigned FlipBitW = $clog2(EccW)
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      en_i,
  input  logic                      we_i,
  input  logic [RowW-1:0]           row_i,
  input  logic [WordBytes-1:0]      strb_i,
  input  logic [WordW-1:0]          wdata_i,
  output logic                      ready_o,
  output logic [WordW-1:0]          rdata_o,
  // The access taken now reads the memory: a read, or a write of a part of a 32-bit word.
  output logic                      reads_o,
  // In a cycle after one with `reads_o`, with the same data that comes in the next cycle.
  output logic                      single_o,
  output logic                      double_o,
  // Fault injection, in a cycle with `reads_o`: bit 0 flips the named bit of what is read, bit 1 the one after it. Without `Ecc` nothing is flipped.
  input  logic [1:0]                flip_i,
  input  logic [FlipGranuleW-1:0]   flip_granule_i,
  input  logic [FlipBitW-1:0]       flip_bit_i
);

  localparam int unsigned GranuleBytes = EccDataW / 8;
  localparam int unsigned StoredW = Ecc ? EccW : EccDataW;

  typedef enum logic [1:0] {
    StClear,
    StIdle,
    StRead,
    StMerge
  } state_e;

  state_e                               state_d, state_q;
  logic [RowW-1:0]                      row_d, row_q;
  logic [WordBytes-1:0]                 strb_d, strb_q;
  logic [WordW-1:0]                     wdata_d, wdata_q;
  logic                                 fetched_d, fetched_q;
  logic [WordW-1:0]                     rdata_d, rdata_q;

  // The request now, seen in 32-bit words.
  logic [Granules-1:0]                  whole;
  logic                                 part;

  logic                                 mem_en;
  logic [Granules-1:0]                  mem_we;
  logic [RowW-1:0]                      mem_row;
  logic [WordW-1:0]                     mem_data;
  logic [Granules-1:0][StoredW-1:0]     mem_wdata, mem_rdata;
  logic [Granules-1:0]                  merge_we;
  logic [WordW-1:0]                     merged;
  logic [WordW-1:0]                     decoded;

  always_comb begin
    part = 1'b0;
    for (int unsigned g = 0; g < Granules; g++) begin
      whole[g] = &strb_i[g*GranuleBytes+:GranuleBytes];
      part = part | (!whole[g] && (strb_i[g*GranuleBytes+:GranuleBytes] != '0));
      merge_we[g] = |strb_q[g*GranuleBytes+:GranuleBytes];
    end
    for (int unsigned b = 0; b < WordBytes; b++) begin
      merged[8*b+:8] = strb_q[b] ? wdata_q[8*b+:8] : rdata_q[8*b+:8];
    end
  end

  assign ready_o = state_q == StIdle;
  assign reads_o = ready_o && en_i && (!we_i || part);

  always_comb begin
    state_d = state_q;
    row_d = row_q;
    strb_d = strb_q;
    wdata_d = wdata_q;
    fetched_d = 1'b0;
    mem_en = 1'b0;
    mem_we = '0;
    mem_row = row_q;
    mem_data = wdata_i;
    unique case (state_q)
      StClear: begin
        mem_en = 1'b1;
        mem_we = '1;
        mem_data = '0;
        row_d = row_q + 1'b1;
        if (row_q == RowW'(Depth - 1)) begin
          state_d = StIdle;
        end
      end
      StIdle: begin
        mem_row = row_i;
        mem_en = en_i && (reads_o || (strb_i != '0));
        mem_we = (we_i && !part) ? whole : '0;
        fetched_d = reads_o;
        if (en_i && we_i && part) begin
          state_d = StRead;
          row_d = row_i;
          strb_d = strb_i;
          wdata_d = wdata_i;
        end
      end
      StRead: begin
        state_d = StMerge;
      end
      StMerge: begin
        mem_en = 1'b1;
        mem_we = merge_we;
        mem_data = merged;
        state_d = StIdle;
      end
      default: begin
        state_d = StClear;
      end
    endcase
  end

  puce_sram #(
    .Depth(Depth),
    .Granules(Granules),
    .GranuleW(StoredW)
  ) u_sram (
    .clk_i(clk_i),
    .en_i(mem_en),
    .we_i(mem_we),
    .addr_i(mem_row),
    .wdata_i(mem_wdata),
    .rdata_o(mem_rdata)
  );

  if (Ecc) begin : gen_ecc
    logic [Granules-1:0][EccW-1:0] flips_d, flips_q;
    logic [Granules-1:0]           single, double;

    always_comb begin
      flips_d = '0;
      if (reads_o && (flip_i != '0)) begin
        flips_d[flip_granule_i] = EccW'(flip_i[0]) << flip_bit_i;
        if (flip_bit_i == FlipBitW'(EccW - 1)) begin
          flips_d[flip_granule_i][0] = flip_i[1];
        end else begin
          flips_d[flip_granule_i] = flips_d[flip_granule_i] | (EccW'({flip_i[1], 1'b0}) << flip_bit_i);
        end
      end
    end

    for (genvar g = 0; g < int'(Granules); g++) begin : gen_granule
      puce_ecc_enc u_enc (
        .data_i(mem_data[g*EccDataW+:EccDataW]),
        .word_o(mem_wdata[g])
      );
      puce_ecc_dec u_dec (
        .en_i(fetched_q),
        .word_i(mem_rdata[g] ^ flips_q[g]),
        .data_o(decoded[g*EccDataW+:EccDataW]),
        .single_o(single[g]),
        .double_o(double[g])
      );
    end

    assign single_o = |single;
    assign double_o = |double;

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        flips_q <= '0;
      end else begin
        flips_q <= flips_d;
      end
    end
  end else begin : gen_plain
    assign mem_wdata = mem_data;
    assign decoded = mem_rdata;
    assign single_o = 1'b0;
    assign double_o = 1'b0;
    logic unused_flip;
    assign unused_flip = &{1'b0, flip_i, flip_granule_i, flip_bit_i};
  end

  assign rdata_d = fetched_q ? decoded : rdata_q;
  assign rdata_o = rdata_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StClear;
      row_q <= '0;
      strb_q <= '0;
      wdata_q <= '0;
      fetched_q <= 1'b0;
      rdata_q <= '0;
    end else begin
      state_q <= state_d;
      row_q <= row_d;
      strb_q <= strb_d;
      wdata_q <= wdata_d;
      fetched_q <= fetched_d;
      rdata_q <= rdata_d;
    end
  end

endmodule
