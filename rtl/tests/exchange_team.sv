// The exchange engines of some cores and their hub; the test writes ports for each core.
module exchange_team
  import puce_pkg::*;
#(
  parameter int unsigned Cores = 2
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [Cores-1:0] running_i,
  input  logic [Cores-1:0] cmd_valid_i,
  output logic [Cores-1:0] cmd_ready_o,
  output logic [Cores-1:0] done_o,
  // What passes between the engines and the hub.
  output logic [Cores-1:0] arrived_o,
  output logic [Cores-1:0] turn_o,
  output logic [Cores-1:0] tx_valid_o,
  output logic [Cores-1:0] tx_ready_o,
  output logic [Cores-1:0] tx_end_o,
  output logic [Cores-1:0][ValueW-1:0] tx_addr_o,
  output logic [Cores-1:0][WordBytes-1:0] tx_strb_o,
  output logic [Cores-1:0] rx_ready_o,
  output logic             rx_valid_o,
  output logic [ValueW-1:0] rx_addr_o,
  output logic [WordBytes-1:0] rx_strb_o,
  output logic             release_o/* ports */
);
  cmd_t      [Cores-1:0] cmd;
  spad_req_t [Cores-1:0] read_req, write_req;
  spad_rsp_t [Cores-1:0] read_rsp, write_rsp;
  /* wires */

  logic [Cores-1:0]                arrived, turn, tx_valid, tx_ready, tx_end, rx_ready;
  logic [Cores-1:0][ValueW-1:0]    tx_addr;
  logic [Cores-1:0][WordBytes-1:0] tx_strb;
  logic [Cores-1:0][WordW-1:0]     tx_data;
  logic                            rx_valid, gathered;
  logic [ValueW-1:0]               rx_addr;
  logic [WordBytes-1:0]            rx_strb;
  logic [WordW-1:0]                rx_data;

  assign arrived_o = arrived;
  assign turn_o = turn;
  assign tx_valid_o = tx_valid;
  assign tx_ready_o = tx_ready;
  assign tx_end_o = tx_end;
  assign tx_addr_o = tx_addr;
  assign tx_strb_o = tx_strb;
  assign rx_ready_o = rx_ready;
  assign rx_valid_o = rx_valid;
  assign rx_addr_o = rx_addr;
  assign rx_strb_o = rx_strb;
  assign release_o = gathered;

  for (genvar c = 0; c < Cores; c++) begin : gen_core
    fault_e fault;
    puce_exchange u_exchange (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .cmd_valid_i (cmd_valid_i[c]),
      .cmd_i       (cmd[c]),
      .cmd_ready_o (cmd_ready_o[c]),
      .done_o      (done_o[c]),
      .fault_o     (fault),
      .read_req_o  (read_req[c]),
      .read_rsp_i  (read_rsp[c]),
      .write_req_o (write_req[c]),
      .write_rsp_i (write_rsp[c]),
      .arrived_o   (arrived[c]),
      .turn_i      (turn[c]),
      .tx_valid_o  (tx_valid[c]),
      .tx_ready_i  (tx_ready[c]),
      .tx_addr_o   (tx_addr[c]),
      .tx_strb_o   (tx_strb[c]),
      .tx_data_o   (tx_data[c]),
      .tx_end_o    (tx_end[c]),
      .rx_valid_i  (rx_valid),
      .rx_ready_o  (rx_ready[c]),
      .rx_addr_i   (rx_addr),
      .rx_strb_i   (rx_strb),
      .rx_data_i   (rx_data),
      .release_i   (gathered)
    );
    assert property (@(posedge clk_i) disable iff (!rst_ni) fault == FaultNone) else $error("an exchange has no fault of its own");
  end

  puce_hub #(
    .Cores (Cores)
  ) u_hub (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .running_i  (running_i),
    .arrived_i  (arrived),
    .turn_o     (turn),
    .tx_valid_i (tx_valid),
    .tx_ready_o (tx_ready),
    .tx_addr_i  (tx_addr),
    .tx_strb_i  (tx_strb),
    .tx_data_i  (tx_data),
    .tx_end_i   (tx_end),
    .rx_valid_o (rx_valid),
    .rx_ready_i (rx_ready),
    .rx_addr_o  (rx_addr),
    .rx_strb_o  (rx_strb),
    .rx_data_o  (rx_data),
    .release_o  (gathered)
  );
endmodule
