// Several cores on one memory port: bursts take turns; the number of a core stands above the identifier that it gave.
//
// Read data and write responses go back to the core that the identifier names, and are taken in every cycle. The data of writes follows in the order of
// their addresses, as AXI4 asks; a core whose address was not yet taken keeps its data. A burst is never split.
module puce_axi_mux
  import puce_pkg::*;
#(
  parameter int unsigned Masters = 2,
  parameter int unsigned PortBytes = 64,
  // Identifiers of a core.
  parameter int unsigned LowW = 2,
  // Write bursts whose data is still to come.
  parameter int unsigned Writes = 8,
  localparam int unsigned IdW = LowW + $clog2(Masters)
) (
  input  logic                                clk_i,
  input  logic                                rst_ni,
  // Cores.
  input  logic [Masters-1:0]                  ar_valid_i,
  output logic [Masters-1:0]                  ar_ready_o,
  input  logic [Masters-1:0][LowW-1:0]        ar_id_i,
  input  logic [Masters-1:0][ValueW-1:0]      ar_addr_i,
  input  logic [Masters-1:0][7:0]             ar_len_i,
  output logic [Masters-1:0]                  r_valid_o,
  output logic [LowW-1:0]                     r_id_o,
  output logic [8*PortBytes-1:0]              r_data_o,
  output logic                                r_error_o,
  output logic                                r_last_o,
  input  logic [Masters-1:0]                  aw_valid_i,
  output logic [Masters-1:0]                  aw_ready_o,
  input  logic [Masters-1:0][ValueW-1:0]      aw_addr_i,
  input  logic [Masters-1:0][7:0]             aw_len_i,
  input  logic [Masters-1:0]                  w_valid_i,
  output logic [Masters-1:0]                  w_ready_o,
  input  logic [Masters-1:0][8*PortBytes-1:0] w_data_i,
  input  logic [Masters-1:0][PortBytes-1:0]   w_strb_i,
  input  logic [Masters-1:0]                  w_last_i,
  output logic [Masters-1:0]                  b_valid_o,
  output logic                                b_error_o,
  // The memory port.
  output logic                                axi_ar_valid_o,
  input  logic                                axi_ar_ready_i,
  output logic [IdW-1:0]                      axi_ar_id_o,
  output logic [ValueW-1:0]                   axi_ar_addr_o,
  output logic [7:0]                          axi_ar_len_o,
  input  logic                                axi_r_valid_i,
  output logic                                axi_r_ready_o,
  input  logic [IdW-1:0]                      axi_r_id_i,
  input  logic [8*PortBytes-1:0]              axi_r_data_i,
  input  logic [1:0]                          axi_r_resp_i,
  input  logic                                axi_r_last_i,
  output logic                                axi_aw_valid_o,
  input  logic                                axi_aw_ready_i,
  output logic [IdW-1:0]                      axi_aw_id_o,
  output logic [ValueW-1:0]                   axi_aw_addr_o,
  output logic [7:0]                          axi_aw_len_o,
  output logic                                axi_w_valid_o,
  input  logic                                axi_w_ready_i,
  output logic [8*PortBytes-1:0]              axi_w_data_o,
  output logic [PortBytes-1:0]                axi_w_strb_o,
  output logic                                axi_w_last_o,
  input  logic                                axi_b_valid_i,
  output logic                                axi_b_ready_o,
  input  logic [IdW-1:0]                      axi_b_id_i,
  input  logic [1:0]                          axi_b_resp_i
);
  assign axi_r_ready_o = 1'b1;
  assign axi_b_ready_o = 1'b1;
  assign r_id_o    = axi_r_id_i[LowW-1:0];
  assign r_data_o  = axi_r_data_i;
  assign r_error_o = axi_r_resp_i[1];
  assign r_last_o  = axi_r_last_i;
  assign b_error_o = axi_b_resp_i[1];

  if (Masters == 1) begin : gen_one
    assign axi_ar_valid_o = ar_valid_i[0];
    assign axi_ar_id_o    = ar_id_i[0];
    assign axi_ar_addr_o  = ar_addr_i[0];
    assign axi_ar_len_o   = ar_len_i[0];
    assign ar_ready_o[0]  = axi_ar_ready_i;
    assign r_valid_o[0]   = axi_r_valid_i;
    assign axi_aw_valid_o = aw_valid_i[0];
    assign axi_aw_id_o    = '0;
    assign axi_aw_addr_o  = aw_addr_i[0];
    assign axi_aw_len_o   = aw_len_i[0];
    assign aw_ready_o[0]  = axi_aw_ready_i;
    assign axi_w_valid_o  = w_valid_i[0];
    assign axi_w_data_o   = w_data_i[0];
    assign axi_w_strb_o   = w_strb_i[0];
    assign axi_w_last_o   = w_last_i[0];
    assign w_ready_o[0]   = axi_w_ready_i;
    assign b_valid_o[0]   = axi_b_valid_i;

    // One core needs neither the clock nor the places of the identifiers.
    logic unused;
    assign unused = ^{clk_i, rst_ni, axi_b_id_i};
  end else begin : gen_many
    localparam int unsigned CoreW = $clog2(Masters);

    logic [CoreW-1:0] ar_core, aw_core, w_core, r_core, b_core;
    logic             ar_any, aw_any, ar_take, aw_take;
    logic             ar_valid_d, ar_valid_q, aw_valid_d, aw_valid_q;
    logic [IdW-1:0]   ar_id_d, ar_id_q, aw_id_d, aw_id_q;
    logic [ValueW-1:0] ar_addr_d, ar_addr_q, aw_addr_d, aw_addr_q;
    logic [7:0]       ar_len_d, ar_len_q, aw_len_d, aw_len_q;
    logic             order_ready, order_valid, order_pop;
    logic [$clog2(Writes+1)-1:0] order_count;

    puce_turns #(
      .Askers(Masters)
    ) u_ar_turns (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .ask_i(ar_valid_i),
      .take_i(ar_take),
      .any_o(ar_any),
      .chosen_o(ar_core)
    );

    puce_turns #(
      .Askers(Masters)
    ) u_aw_turns (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .ask_i(aw_valid_i),
      .take_i(aw_take),
      .any_o(aw_any),
      .chosen_o(aw_core)
    );

    // Whose data comes next.
    puce_fifo #(
      .Width(CoreW),
      .Depth(Writes)
    ) u_order (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .clear_i(1'b0),
      .in_valid_i(aw_take),
      .in_ready_o(order_ready),
      .in_data_i(aw_core),
      .out_valid_o(order_valid),
      .out_ready_i(order_pop),
      .out_data_o(w_core),
      .count_o(order_count)
    );

    assign ar_take = ar_any && (!ar_valid_q || axi_ar_ready_i);
    assign aw_take = aw_any && (!aw_valid_q || axi_aw_ready_i) && order_ready;

    always_comb begin
      ar_ready_o = '0;
      ar_valid_d = ar_valid_q && !axi_ar_ready_i;
      ar_id_d    = ar_id_q;
      ar_addr_d  = ar_addr_q;
      ar_len_d   = ar_len_q;
      if (ar_take) begin
        ar_ready_o[ar_core] = 1'b1;
        ar_valid_d          = 1'b1;
        ar_id_d             = {ar_core, ar_id_i[ar_core]};
        ar_addr_d           = ar_addr_i[ar_core];
        ar_len_d            = ar_len_i[ar_core];
      end
    end

    always_comb begin
      aw_ready_o = '0;
      aw_valid_d = aw_valid_q && !axi_aw_ready_i;
      aw_id_d    = aw_id_q;
      aw_addr_d  = aw_addr_q;
      aw_len_d   = aw_len_q;
      if (aw_take) begin
        aw_ready_o[aw_core] = 1'b1;
        aw_valid_d          = 1'b1;
        aw_id_d             = {aw_core, LowW'(0)};
        aw_addr_d           = aw_addr_i[aw_core];
        aw_len_d            = aw_len_i[aw_core];
      end
    end

    assign axi_ar_valid_o = ar_valid_q;
    assign axi_ar_id_o    = ar_id_q;
    assign axi_ar_addr_o  = ar_addr_q;
    assign axi_ar_len_o   = ar_len_q;
    assign axi_aw_valid_o = aw_valid_q;
    assign axi_aw_id_o    = aw_id_q;
    assign axi_aw_addr_o  = aw_addr_q;
    assign axi_aw_len_o   = aw_len_q;

    assign axi_w_valid_o = order_valid && w_valid_i[w_core];
    assign axi_w_data_o  = w_data_i[w_core];
    assign axi_w_strb_o  = w_strb_i[w_core];
    assign axi_w_last_o  = w_last_i[w_core];
    assign order_pop     = axi_w_valid_o && axi_w_ready_i && axi_w_last_o;

    assign r_core = axi_r_id_i[IdW-1:LowW];
    assign b_core = axi_b_id_i[IdW-1:LowW];

    always_comb begin
      w_ready_o = '0;
      r_valid_o = '0;
      b_valid_o = '0;
      w_ready_o[w_core] = order_valid && axi_w_ready_i;
      r_valid_o[r_core] = axi_r_valid_i;
      b_valid_o[b_core] = axi_b_valid_i;
    end

    // The low bits of a write's identifier are always zero; how many bursts wait is of no interest.
    logic unused;
    assign unused = ^{axi_b_id_i[LowW-1:0], order_count};

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        ar_valid_q <= 1'b0;
        ar_id_q    <= '0;
        ar_addr_q  <= '0;
        ar_len_q   <= '0;
        aw_valid_q <= 1'b0;
        aw_id_q    <= '0;
        aw_addr_q  <= '0;
        aw_len_q   <= '0;
      end else begin
        ar_valid_q <= ar_valid_d;
        ar_id_q    <= ar_id_d;
        ar_addr_q  <= ar_addr_d;
        ar_len_q   <= ar_len_d;
        aw_valid_q <= aw_valid_d;
        aw_id_q    <= aw_id_d;
        aw_addr_q  <= aw_addr_d;
        aw_len_q   <= aw_len_d;
      end
    end
  end

  // Only the error bit of a response says something that the cores use.
  logic unused_resp;
  assign unused_resp = ^{axi_r_resp_i[0], axi_b_resp_i[0]};
endmodule
