// Merges the readers of a core (0 fetch, 1 load, 2 weights) into one AXI4 read master; a reader's number is its identifier.
//
// Fetch asks first; load and weights take turns, and load comes first again when all is quiet, so that a program's time does not depend on what ran before.
// A reader asks only for what it has room for, so the master takes data in every cycle and any number of
// bursts may be on their way. It never splits, reorders or joins bursts.
module puce_axi_read
  import puce_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  localparam int unsigned Readers = 3
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,
  input  logic [Readers-1:0]              ar_valid_i,
  output logic [Readers-1:0]              ar_ready_o,
  input  logic [Readers-1:0][ValueW-1:0]  ar_addr_i,
  input  logic [Readers-1:0][7:0]         ar_len_i,
  output logic [Readers-1:0]              r_valid_o,
  output logic [8*PortBytes-1:0]          r_data_o,
  output logic                            r_error_o,
  output logic                            r_last_o,
  output logic                            axi_ar_valid_o,
  input  logic                            axi_ar_ready_i,
  output logic [1:0]                      axi_ar_id_o,
  output logic [ValueW-1:0]               axi_ar_addr_o,
  output logic [7:0]                      axi_ar_len_o,
  input  logic                            axi_r_valid_i,
  input  logic [1:0]                      axi_r_id_i,
  input  logic [8*PortBytes-1:0]          axi_r_data_i,
  input  logic                            axi_r_error_i,
  input  logic                            axi_r_last_i,
  // Bursts are on their way and no data comes.
  output logic                            waiting_o
);
  localparam int unsigned FlightW = 16;

  logic               ar_valid_d, ar_valid_q;
  logic [1:0]         ar_id_d, ar_id_q;
  logic [ValueW-1:0]  ar_addr_d, ar_addr_q;
  logic [7:0]         ar_len_d, ar_len_q;
  // The next turn is that of the weights.
  logic               turn_d, turn_q;
  logic [1:0]         chosen;
  logic               take;
  logic [Readers-1:0] r_valid_d, r_valid_q;
  logic [8*PortBytes-1:0] r_data_d, r_data_q;
  logic               r_error_d, r_error_q, r_last_d, r_last_q;
  logic [FlightW-1:0] flight_d, flight_q;

  always_comb begin
    chosen = 2'd1;
    if (ar_valid_i[0])                                      chosen = 2'd0;
    else if (ar_valid_i[2] && (turn_q || !ar_valid_i[1]))   chosen = 2'd2;
  end
  assign take = (ar_valid_i != '0) && (!ar_valid_q || axi_ar_ready_i);

  always_comb begin
    ar_ready_o = '0;
    ar_valid_d = ar_valid_q && !axi_ar_ready_i;
    ar_id_d    = ar_id_q;
    ar_addr_d  = ar_addr_q;
    ar_len_d   = ar_len_q;
    turn_d     = turn_q && (ar_valid_q || flight_q != '0);
    if (take) begin
      ar_ready_o[chosen] = 1'b1;
      ar_valid_d         = 1'b1;
      ar_id_d            = chosen;
      ar_addr_d          = ar_addr_i[chosen];
      ar_len_d           = ar_len_i[chosen];
      if (chosen != 2'd0) turn_d = chosen == 2'd1;
    end
  end

  // Data, one cycle later.
  always_comb begin
    r_valid_d = '0;
    r_data_d  = r_data_q;
    r_error_d = r_error_q;
    r_last_d  = r_last_q;
    if (axi_r_valid_i) begin
      if (axi_r_id_i < 2'(Readers)) r_valid_d[axi_r_id_i] = 1'b1;
      r_data_d  = axi_r_data_i;
      r_error_d = axi_r_error_i;
      r_last_d  = axi_r_last_i;
    end
  end

  always_comb begin
    flight_d = flight_q;
    if (take && !(axi_r_valid_i && axi_r_last_i)) flight_d = flight_q + FlightW'(1);
    if (!take && axi_r_valid_i && axi_r_last_i)   flight_d = flight_q - FlightW'(1);
  end

  assign axi_ar_valid_o = ar_valid_q;
  assign axi_ar_id_o    = ar_id_q;
  assign axi_ar_addr_o  = ar_addr_q;
  assign axi_ar_len_o   = ar_len_q;
  assign r_valid_o      = r_valid_q;
  assign r_data_o       = r_data_q;
  assign r_error_o      = r_error_q;
  assign r_last_o       = r_last_q;
  assign waiting_o      = flight_q != '0 && !axi_r_valid_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      ar_valid_q <= 1'b0;
      ar_id_q    <= '0;
      ar_addr_q  <= '0;
      ar_len_q   <= '0;
      turn_q     <= 1'b0;
      r_valid_q  <= '0;
      r_data_q   <= '0;
      r_error_q  <= 1'b0;
      r_last_q   <= 1'b0;
      flight_q   <= '0;
    end else begin
      ar_valid_q <= ar_valid_d;
      ar_id_q    <= ar_id_d;
      ar_addr_q  <= ar_addr_d;
      ar_len_q   <= ar_len_d;
      turn_q     <= turn_d;
      r_valid_q  <= r_valid_d;
      r_data_q   <= r_data_d;
      r_error_q  <= r_error_d;
      r_last_q   <= r_last_d;
      flight_q   <= flight_d;
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
    end else begin
      assert (!axi_r_valid_i || flight_q != '0) else $error("data that nobody asked for");
      assert ($onehot0(ar_ready_o)) else $error("two readers at once");
    end
  end
`endif
endmodule
