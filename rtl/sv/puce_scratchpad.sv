// The scratchpad: banks of 32-byte words, interleaved by address, shared by ports of fixed priority (port 0 first).
//
// Every bank takes one access per cycle, from the first port that wants it; ports that want different banks do not see each other. An access outside the
// scratchpad is taken, changes nothing and is told by `fault_o`. From reset the banks clear themselves; until then no port is ready.
module puce_scratchpad
  import puce_pkg::*;
  import puce_ecc_pkg::*;
#(
  parameter int unsigned Bytes = 524288,
  // A power of two.
  parameter int unsigned Banks = 8,
  parameter int unsigned Ports = 11,
  // Single-error correction, double-error detection on every 32 bits.
  parameter bit          Ecc = 1'b1
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  spad_req_t [Ports-1:0]    req_i,
  output spad_rsp_t [Ports-1:0]    rsp_o,
  // FaultSpad for an address outside, FaultEcc for a word with two wrong bits.
  output fault_e                   fault_o,
  // Pulses for each word in which one wrong bit was mended.
  output logic                     corrected_o,
  // Fault injection: bits to flip in the next word that is read from memory arrays (for tests and for self-test by the host). A cycle with bit 0 flips one
  // bit of that word, with bit 1 its neighbour, with both two bits of the same 32; the place moves on by one bit with each injection.
  input  logic [1:0]               inject_i
);

  localparam int unsigned Words = Bytes / WordBytes;
  localparam int unsigned Depth = Words / Banks;
  localparam int unsigned ByteW = $clog2(WordBytes);
  localparam int unsigned BankShift = $clog2(Banks);
  localparam int unsigned BankW = Banks > 1 ? BankShift : 1;
  localparam int unsigned RowW = Depth > 1 ? $clog2(Depth) : 1;
  localparam int unsigned Granules = WordW / EccDataW;
  localparam int unsigned FlipGranuleW = $clog2(Granules);
  localparam int unsigned FlipBitW = $clog2(EccW);

  if (SpadLat != 2) begin : gen_latency
    $error("puce_scratchpad answers after two cycles");
  end

  // What a port's address means.
  logic [Ports-1:0][BankW-1:0]     bank;
  logic [Ports-1:0]                inside_range;
  // One bit per port that gets its bank.
  logic [Banks-1:0][Ports-1:0]     grant;
  logic [Ports-1:0]                granted;

  logic [Banks-1:0]                bank_ready, bank_reads, bank_single, bank_double;
  logic [WordW-1:0]                bank_rdata [Banks];
  logic [Banks-1:0][1:0]           bank_flip;

  // Reads on their way: granted one and two cycles ago.
  logic [Ports-1:0]                first_d, first_q, second_q;
  logic [Ports-1:0][BankW-1:0]     first_bank_q, second_bank_q;

  logic                            outside_d, outside_q;
  logic                            corrected_q, double_q;
  logic [1:0]                      armed_d, armed_q;
  logic [FlipGranuleW-1:0]         flip_granule_d, flip_granule_q;
  logic [FlipBitW-1:0]             flip_bit_d, flip_bit_q;

  always_comb begin
    for (int unsigned p = 0; p < Ports; p++) begin
      bank[p] = Banks > 1 ? req_i[p].addr[ByteW+:BankW] : '0;
      inside_range[p] = req_i[p].addr[ValueW-1:ByteW] < (ValueW - ByteW)'(Words);
    end
  end

  always_comb begin
    granted = '0;
    for (int unsigned b = 0; b < Banks; b++) begin
      grant[b] = '0;
      for (int unsigned p = Ports; p > 0; p--) begin
        if (req_i[p-1].valid && (bank[p-1] == BankW'(b)) && bank_ready[b]) begin
          grant[b] = Ports'(1) << (p - 1);
        end
      end
      granted = granted | grant[b];
    end
  end

  for (genvar b = 0; b < int'(Banks); b++) begin : gen_bank
    logic                   en, we;
    logic [RowW-1:0]        row;
    logic [WordBytes-1:0]   strb;
    logic [WordW-1:0]       wdata;

    always_comb begin
      en = 1'b0;
      we = 1'b0;
      row = '0;
      strb = '0;
      wdata = '0;
      for (int unsigned p = 0; p < Ports; p++) begin
        if (grant[b][p]) begin
          en = inside_range[p];
          we = req_i[p].we;
          row = req_i[p].addr[ByteW+BankShift+:RowW];
          strb = req_i[p].strb;
          wdata = req_i[p].wdata;
        end
      end
    end

    puce_bank #(
      .Depth(Depth),
      .Ecc(Ecc)
    ) u_bank (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .en_i(en),
      .we_i(we),
      .row_i(row),
      .strb_i(strb),
      .wdata_i(wdata),
      .ready_o(bank_ready[b]),
      .rdata_o(bank_rdata[b]),
      .reads_o(bank_reads[b]),
      .single_o(bank_single[b]),
      .double_o(bank_double[b]),
      .flip_i(bank_flip[b]),
      .flip_granule_i(flip_granule_q),
      .flip_bit_i(flip_bit_q)
    );
  end

  for (genvar p = 0; p < int'(Ports); p++) begin : gen_port
    assign first_d[p] = granted[p] && !req_i[p].we;
    assign rsp_o[p].ready = granted[p];
    assign rsp_o[p].rvalid = second_q[p];
    assign rsp_o[p].rdata = second_q[p] ? bank_rdata[second_bank_q[p]] : '0;
  end

  // An injection waits for the first bank that reads; the place walks over all bits of all 32-bit words.
  always_comb begin
    bank_flip = '0;
    armed_d = armed_q | inject_i;
    flip_granule_d = flip_granule_q;
    flip_bit_d = flip_bit_q;
    if ((armed_q != '0) && (bank_reads != '0)) begin
      for (int unsigned b = Banks; b > 0; b--) begin
        if (bank_reads[b-1]) begin
          bank_flip = '0;
          bank_flip[b-1] = armed_q;
        end
      end
      armed_d = inject_i;
      flip_bit_d = flip_bit_q + 1'b1;
      if (flip_bit_q == FlipBitW'(EccW - 1)) begin
        flip_bit_d = '0;
        flip_granule_d = flip_granule_q + 1'b1;
      end
    end
  end

  assign outside_d = |(granted & ~inside_range);

  always_comb begin
    fault_o = FaultNone;
    if (outside_q) begin
      fault_o = FaultSpad;
    end else if (double_q) begin
      fault_o = FaultEcc;
    end
  end
  assign corrected_o = corrected_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      first_q <= '0;
      second_q <= '0;
      first_bank_q <= '0;
      second_bank_q <= '0;
      outside_q <= 1'b0;
      corrected_q <= 1'b0;
      double_q <= 1'b0;
      armed_q <= '0;
      flip_granule_q <= '0;
      flip_bit_q <= '0;
    end else begin
      first_q <= first_d;
      second_q <= first_q;
      first_bank_q <= bank;
      second_bank_q <= first_bank_q;
      outside_q <= outside_d;
      corrected_q <= |bank_single;
      double_q <= |bank_double;
      armed_q <= armed_d;
      flip_granule_q <= flip_granule_d;
      flip_bit_q <= flip_bit_d;
    end
  end

  for (genvar b = 0; b < int'(Banks); b++) begin : gen_check
    OneGrant: assert property (@(posedge clk_i) $onehot0(grant[b]));
  end

endmodule
