// The parameter memory of a chip: written and read by the host, read by the cores, one access per cycle.
//
// Cores take turns; the host comes last (it has the time: a program that runs reads a word now and then).
module puce_params #(
  parameter int unsigned Cores = 1,
  // 32-bit words.
  parameter int unsigned Words = 4096,
  localparam int unsigned AddrW = $clog2(Words)
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  input  logic [Cores-1:0]             valid_i,
  output logic [Cores-1:0]             ready_o,
  input  logic [Cores-1:0][AddrW-1:0]  index_i,
  // The word of the core that was served in the cycle before.
  output logic [Cores-1:0]             rvalid_o,
  output logic [31:0]                  data_o,
  input  logic                         host_valid_i,
  output logic                         host_ready_o,
  input  logic                         host_write_i,
  input  logic [AddrW-1:0]             host_index_i,
  input  logic [31:0]                  host_data_i
);
  localparam int unsigned CoreW = (Cores > 1) ? $clog2(Cores) : 1;

  logic             any;
  logic [CoreW-1:0] core;
  logic [Cores-1:0] rvalid_d, rvalid_q;
  logic             en;
  logic [AddrW-1:0] addr;

  puce_turns #(
    .Askers(Cores)
  ) u_turns (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .ask_i(valid_i),
    .take_i(any),
    .any_o(any),
    .chosen_o(core)
  );

  assign host_ready_o = !any;
  assign en           = any || host_valid_i;
  assign addr         = any ? index_i[core] : host_index_i;
  assign ready_o      = rvalid_d;
  assign rvalid_o     = rvalid_q;

  always_comb begin
    rvalid_d = '0;
    if (any) rvalid_d[core] = 1'b1;
  end

  puce_sram #(
    .Depth(Words),
    .Granules(1),
    .GranuleW(32)
  ) u_words (
    .clk_i(clk_i),
    .en_i(en),
    .we_i(!any && host_write_i),
    .addr_i(addr),
    .wdata_i(host_data_i),
    .rdata_o(data_o)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) rvalid_q <= '0;
    else         rvalid_q <= rvalid_d;
  end
endmodule
