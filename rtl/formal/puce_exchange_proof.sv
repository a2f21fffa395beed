// puce_exchange has a place for every word that it asks for and for every beat that comes back, and loses none of the credits that say so.
//
// Of what names the words and moves their bytes only the ports are taken; a word is asked for only when it may be (puce_exchange_pieces: never without
// `go_i`). The scratchpad answers SpadLat cycles after it took a request (puce_scratchpad_proof). The hub (puce_hub_proof) gives a turn, and beats, only to
// those who arrived, all at once, when all have room, and keeps their order; it releases when no turn is left.
module puce_exchange_proof
  import puce_pkg::*;
(
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic                 cmd_valid_i,
  input cmd_t                 cmd_i,
  input spad_rsp_t            read_rsp_i,
  input spad_rsp_t            write_rsp_i,
  input logic                 turn_i,
  input logic                 tx_ready_i,
  input logic                 rx_valid_i,
  input logic [ValueW-1:0]    rx_addr_i,
  input logic [WordBytes-1:0] rx_strb_i,
  input logic [WordW-1:0]     rx_data_i,
  input logic                 release_i
);
  localparam int unsigned Ahead = SpadLat + 4;
  localparam int unsigned Own = 4;

  logic                 cmd_ready, done, arrived, tx_valid, tx_end, rx_ready;
  fault_e               fault;
  spad_req_t            read_req, write_req;
  logic [ValueW-1:0]    tx_addr;
  logic [WordBytes-1:0] tx_strb;
  logic [WordW-1:0]     tx_data;

  puce_exchange u_exchange (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .cmd_valid_i(cmd_valid_i),
    .cmd_i(cmd_i),
    .cmd_ready_o(cmd_ready),
    .done_o(done),
    .fault_o(fault),
    .read_req_o(read_req),
    .read_rsp_i(read_rsp_i),
    .write_req_o(write_req),
    .write_rsp_i(write_rsp_i),
    .arrived_o(arrived),
    .turn_i(turn_i),
    .tx_valid_o(tx_valid),
    .tx_ready_i(tx_ready_i),
    .tx_addr_o(tx_addr),
    .tx_strb_o(tx_strb),
    .tx_data_o(tx_data),
    .tx_end_o(tx_end),
    .rx_valid_i(rx_valid_i),
    .rx_ready_o(rx_ready),
    .rx_addr_i(rx_addr_i),
    .rx_strb_i(rx_strb_i),
    .rx_data_i(rx_data_i),
    .release_i(release_i)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Reads on their way, own beats inside the hub, a command at work.
  logic [SpadLat-1:0] flight_q;
  logic [2:0]         way_q;
  logic               works_q;
  logic               asked, back;
  assign asked = read_req.valid && read_rsp_i.ready;
  assign back  = rx_valid_i && way_q != '0;

  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (u_exchange.read_valid) assume (u_exchange.go);
    assume (read_rsp_i.rvalid == flight_q[SpadLat-1]);
    if (turn_i) assume (arrived);
    if (tx_ready_i) assume (turn_i);
    if (rx_valid_i && arrived) assume (rx_ready);
    if (release_i) assume (!turn_i && way_q == '0 && !rx_valid_i);
    // A turn lasts until its end was said, and the hub is then empty of it before release.
    if (way_q != '0) assume (arrived);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      flight_q <= '0;
      way_q    <= '0;
      works_q  <= 1'b0;
    end else begin
      flight_q <= {flight_q[SpadLat-2:0], asked};
      way_q    <= way_q + 3'(tx_valid && tx_ready_i) - 3'(back);
      works_q  <= (works_q && !done) || (cmd_valid_i && cmd_ready);
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // Credits: free places and words that were asked for and have not gone on make up all places, so none is lost and a word always has one.
      assert (32'(u_exchange.credit_q) + 32'(u_exchange.places_count) == Ahead);
      assert (32'(u_exchange.words_count) + 32'($countones(flight_q)) == 32'(u_exchange.places_count));
      if (asked) assert (u_exchange.places_room);
      if (read_rsp_i.rvalid) assert (u_exchange.words_room);
      if (u_exchange.word_valid) assert (u_exchange.places_valid);
      // Own beats: each that is on its way through the hub is known, and no more than there are places.
      assert (u_exchange.own_count == way_q && 32'(way_q) <= Own);
      if (tx_valid && tx_ready_i) assert (32'(way_q) < Own);
      // Beats that come.
      if (u_exchange.beat_push) assert (u_exchange.beat_room);
      assert (32'(u_exchange.beat_count) <= 4);
      // The end is said when nothing is left to send.
      if (tx_end) assert (flight_q == '0 && !u_exchange.word_valid && !u_exchange.align_busy && u_exchange.ended);
      // One `done` for each command, when all that came is written.
      assert (cmd_ready == !works_q && u_exchange.state_q <= 2'd2);
      if (done) assert (works_q && u_exchange.beat_count == '0);
      assert (!(write_req.valid && cmd_ready));
    end
  end
endmodule
