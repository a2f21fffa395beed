// The exchange engine of one core: all-gathers between the cores of the chip (gather).
//
// The chip's hub (puce_hub) waits until every running core has come to its gather, lets them send one after the other, and broadcasts each beat to all.
// When it is its turn the engine reads its pieces (puce_exchange_pieces), moves their bytes to their places at the destination (puce_exchange_align) and
// sends them; a beat that comes back goes into the scratchpad, except where source and destination are the same place. What a core sends may not be
// written by another member of the same gather. It never looks at the scope: the chip's cores are all there is.
module puce_exchange
  import puce_pkg::*;
(
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when all that this core received can be read.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  output spad_req_t                read_req_o,
  input  spad_rsp_t                read_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i,
  // To the hub: this core waits in a gather; it is this core's turn to send; a beat of up to 32 bytes at any byte address of the receivers' scratchpads
  // (data and strobes already at the place that they have in the aligned word); the last beat was sent before.
  output logic                     arrived_o,
  input  logic                     turn_i,
  output logic                     tx_valid_o,
  input  logic                     tx_ready_i,
  output logic [ValueW-1:0]        tx_addr_o,
  output logic [WordBytes-1:0]     tx_strb_o,
  output logic [WordW-1:0]         tx_data_o,
  output logic                     tx_end_o,
  // From the hub: a beat to write; the gather is complete.
  input  logic                     rx_valid_i,
  output logic                     rx_ready_o,
  input  logic [ValueW-1:0]        rx_addr_i,
  input  logic [WordBytes-1:0]     rx_strb_i,
  input  logic [WordW-1:0]         rx_data_i,
  input  logic                     release_i
);
  localparam int unsigned OffsetW = $clog2(WordBytes);
  localparam int unsigned WordAddrW = ValueW - OffsetW;
  // Words that were asked for and have not gone on: enough for one in each cycle.
  localparam int unsigned Ahead = SpadLat + 4;
  localparam int unsigned CreditW = $clog2(Ahead + 1);
  // Own beats that are on their way through the hub.
  localparam int unsigned Own = 4;
  // Beats that came and wait for the scratchpad.
  localparam int unsigned Waiting = 4;

  typedef enum logic [1:0] {
    Idle,
    Gathering,
    Draining
  } state_e;

  typedef struct packed {
    logic                 first;
    logic                 last;
    logic [OffsetW-1:0]   source;
    logic [OffsetW-1:0]   target;
    logic [OffsetW-1:0]   tail;
    logic [WordAddrW-1:0] word;
    logic                 same;
  } place_t;

  typedef struct packed {
    logic [WordAddrW-1:0] word;
    logic [WordBytes-1:0] strb;
    logic [WordW-1:0]     data;
  } beat_t;

  state_e             state_d, state_q;
  logic               start, asked, ended, go;
  logic [CreditW-1:0] credit_d, credit_q;
  place_t             place_in, place_out;
  logic               word_valid, word_ready, word_pop, places_valid;
  logic [WordW-1:0]   word;
  logic               align_valid, align_ready, align_same, align_busy;
  logic               own_valid, own_same, own_ready, own_pop;
  beat_t              beat_in, beat_out;
  logic               beat_push, beat_room, beat_valid;

  assign cmd_ready_o = state_q == Idle;
  assign start       = cmd_valid_i && cmd_ready_o;
  assign arrived_o   = state_q == Gathering;
  assign done_o      = state_q == Draining && !beat_valid;
  assign fault_o     = FaultNone;

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      Idle:      if (cmd_valid_i) state_d = Gathering;
      Gathering: if (release_i) state_d = Draining;
      Draining:  if (!beat_valid) state_d = Idle;
      default:   state_d = Idle;
    endcase
  end

  // ---- Reading.
  assign go       = turn_i && credit_q != '0;
  assign asked    = read_req_o.valid && read_rsp_i.ready;
  assign word_pop = word_valid && word_ready;
  assign credit_d = credit_q + CreditW'(word_pop) - CreditW'(asked);

  logic              read_valid;
  logic [ValueW-1:0] read_addr;
  puce_exchange_pieces u_pieces (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .start_i      (start),
    .cmd_i        (cmd_i),
    .go_i         (go),
    .read_valid_o (read_valid),
    .read_addr_o  (read_addr),
    .read_ready_i (read_rsp_i.ready),
    .first_o      (place_in.first),
    .last_o       (place_in.last),
    .source_o     (place_in.source),
    .target_o     (place_in.target),
    .tail_o       (place_in.tail),
    .word_o       (place_in.word),
    .same_o       (place_in.same),
    .ended_o      (ended)
  );

  always_comb begin
    read_req_o       = '0;
    read_req_o.valid = read_valid;
    read_req_o.addr  = read_addr;
  end

  logic places_room, words_room;
  logic [CreditW-1:0] places_count, words_count;
  puce_fifo #(
    .Width ($bits(place_t)),
    .Depth (Ahead)
  ) u_places (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (asked),
    .in_ready_o  (places_room),
    .in_data_i   (place_in),
    .out_valid_o (places_valid),
    .out_ready_i (word_pop),
    .out_data_o  (place_out),
    .count_o     (places_count)
  );

  puce_fifo #(
    .Width (WordW),
    .Depth (Ahead)
  ) u_words (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (read_rsp_i.rvalid),
    .in_ready_o  (words_room),
    .in_data_i   (read_rsp_i.rdata),
    .out_valid_o (word_valid),
    .out_ready_i (word_ready),
    .out_data_o  (word),
    .count_o     (words_count)
  );

  // ---- Sending.
  puce_exchange_align u_align (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .word_valid_i (word_valid),
    .word_ready_o (word_ready),
    .data_i       (word),
    .first_i      (place_out.first),
    .last_i       (place_out.last),
    .source_i     (place_out.source),
    .target_i     (place_out.target),
    .tail_i       (place_out.tail),
    .word_i       (place_out.word),
    .same_i       (place_out.same),
    .tx_valid_o   (align_valid),
    .tx_ready_i   (align_ready),
    .tx_addr_o    (tx_addr_o),
    .tx_strb_o    (tx_strb_o),
    .tx_data_o    (tx_data_o),
    .tx_same_o    (align_same),
    .busy_o       (align_busy)
  );

  assign tx_valid_o  = align_valid && own_ready;
  assign align_ready = tx_ready_i && own_ready;
  assign tx_end_o    = turn_i && ended && credit_q == CreditW'(Ahead) && !align_busy;

  // Which of the own beats are already in their place; the hub keeps the order.
  logic [$clog2(Own+1)-1:0] own_count;
  assign own_pop = rx_valid_i && own_valid;
  puce_fifo #(
    .Width (1),
    .Depth (Own)
  ) u_own (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (align_valid && tx_ready_i),
    .in_ready_o  (own_ready),
    .in_data_i   (align_same),
    .out_valid_o (own_valid),
    .out_ready_i (own_pop),
    .out_data_o  (own_same),
    .count_o     (own_count)
  );

  // ---- Receiving.
  assign beat_in    = '{word: rx_addr_i[ValueW-1:OffsetW], strb: rx_strb_i, data: rx_data_i};
  assign beat_push  = rx_valid_i && state_q == Gathering && !(own_valid && own_same);
  assign rx_ready_o = beat_room;

  logic [$clog2(Waiting+1)-1:0] beat_count;
  puce_fifo #(
    .Width ($bits(beat_t)),
    .Depth (Waiting)
  ) u_beats (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (1'b0),
    .in_valid_i  (beat_push),
    .in_ready_o  (beat_room),
    .in_data_i   (beat_in),
    .out_valid_o (beat_valid),
    .out_ready_i (write_rsp_i.ready),
    .out_data_o  (beat_out),
    .count_o     (beat_count)
  );

  always_comb begin
    write_req_o       = '0;
    write_req_o.valid = beat_valid;
    write_req_o.we    = 1'b1;
    write_req_o.addr  = {beat_out.word, OffsetW'(0)};
    write_req_o.strb  = beat_out.strb;
    write_req_o.wdata = beat_out.data;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q  <= Idle;
      credit_q <= CreditW'(Ahead);
    end else begin
      state_q  <= state_d;
      credit_q <= credit_d;
    end
  end

  logic unused;
  assign unused = ^{places_room, words_room, places_count, words_count, places_valid, own_count, beat_count, rx_addr_i[OffsetW-1:0],
                    write_rsp_i.rvalid, write_rsp_i.rdata};

`ifndef SYNTHESIS
  assert property (@(posedge clk_i) disable iff (!rst_ni) read_rsp_i.rvalid |-> words_room) else $error("a word finds no place");
  assert property (@(posedge clk_i) disable iff (!rst_ni) asked |-> places_room) else $error("what is known of a word finds no place");
  assert property (@(posedge clk_i) disable iff (!rst_ni) word_valid |-> places_valid) else $error("a word of which nothing is known");
  assert property (@(posedge clk_i) disable iff (!rst_ni) beat_push |-> beat_room) else $error("a beat finds no place");
  assert property (@(posedge clk_i) disable iff (!rst_ni) release_i && state_q == Gathering |-> !turn_i) else $error("a gather ends in a turn");
`endif
endmodule
