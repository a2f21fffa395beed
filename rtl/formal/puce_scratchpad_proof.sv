// puce_scratchpad gives every bank to the first port that wants it, and each read its own word, in order, two cycles later.
//
// Banks may be ready or not, and answer anything.
module puce_scratchpad_proof
  import puce_pkg::*;
#(
  parameter int unsigned Bytes = 512,
  parameter int unsigned Banks = 4,
  parameter int unsigned Ports = 3
) (
  input logic                  clk_i,
  input logic                  rst_ni,
  input spad_req_t [Ports-1:0] req_i,
  input logic [1:0]            inject_i
);
  localparam int unsigned BankW = $clog2(Banks);
  localparam int unsigned ByteW = $clog2(WordBytes);
  localparam int unsigned RowW = $clog2(Bytes / WordBytes / Banks);

  spad_rsp_t [Ports-1:0] rsp;
  fault_e                fault;
  logic                  corrected;

  puce_scratchpad #(
    .Bytes(Bytes),
    .Banks(Banks),
    .Ports(Ports)
  ) u_scratchpad (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .req_i(req_i),
    .rsp_o(rsp),
    .fault_o(fault),
    .corrected_o(corrected),
    .inject_i(inject_i)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb if (!past_q) assume (!rst_ni);

  // What should be granted, and the reads of the two cycles before.
  logic [Ports-1:0]            want, legal, read, read1_q, read2_q;
  logic [Ports-1:0][BankW-1:0] bank, bank1_q, bank2_q;
  logic                        outside_q;

  always_comb begin
    for (int unsigned p = 0; p < Ports; p++) begin
      bank[p]   = req_i[p].addr[ByteW+:BankW];
      legal[p] = req_i[p].addr < ValueW'(Bytes);
      want[p]   = req_i[p].valid && u_scratchpad.bank_ready[bank[p]];
      for (int unsigned q = 0; q < p; q++) begin
        if (req_i[q].valid && bank[q] == bank[p]) want[p] = 1'b0;
      end
      read[p] = want[p] && !req_i[p].we;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read1_q   <= '0;
      read2_q   <= '0;
      outside_q <= 1'b0;
    end else begin
      read1_q   <= read;
      read2_q   <= read1_q;
      outside_q <= (want & ~legal) != '0;
    end
  end
  always_ff @(posedge clk_i) begin
    bank1_q <= bank;
    bank2_q <= bank1_q;
  end

  for (genvar p = 0; p < Ports; p++) begin : gen_port
    always_comb begin
      if (rst_ni && past_q) begin
        assert (rsp[p].ready == want[p]);
        assert (rsp[p].rvalid == read2_q[p]);
        if (read2_q[p]) assert (rsp[p].rdata == u_scratchpad.bank_rdata[bank2_q[p]]);
        // What the induction needs to know of the inside.
        assert (u_scratchpad.first_q[p] == read1_q[p] && u_scratchpad.second_q[p] == read2_q[p]);
        if (read1_q[p]) assert (u_scratchpad.first_bank_q[p] == bank1_q[p]);
        if (read2_q[p]) assert (u_scratchpad.second_bank_q[p] == bank2_q[p]);
      end
    end
  end

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    logic [Ports-1:0] mine;
    always_comb begin
      for (int unsigned p = 0; p < Ports; p++) mine[p] = want[p] && 32'(bank[p]) == b;
      if (rst_ni && past_q) begin
        // One access of one port at most, that of the port to which it was granted; none where the address is outside.
        assert ((mine & (mine - 1'b1)) == '0);
        assert (u_scratchpad.gen_bank[b].en == ((mine & legal) != '0));
        for (int unsigned p = 0; p < Ports; p++) begin
          if (mine[p]) begin
            assert (u_scratchpad.gen_bank[b].we == req_i[p].we && u_scratchpad.gen_bank[b].strb == req_i[p].strb);
            assert (u_scratchpad.gen_bank[b].row == req_i[p].addr[ByteW+BankW+:RowW]);
            assert (u_scratchpad.gen_bank[b].wdata == req_i[p].wdata);
          end
        end
      end
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      assert ((fault == FaultSpad) == outside_q);
      assert (u_scratchpad.outside_q == outside_q);
    end
  end
endmodule
