// The store engine: strided copies from the scratchpad to memory (st).
//
// The words of runs are read, turned and gathered into beats with the strobes of their bytes; a beat that several small elements in a row share is
// written once. Bursts are announced while their data is still being read, and commands follow each other without a gap: memory answers in order.
module puce_store
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_dma_pkg::*;
#(
  parameter int unsigned PortBytes = 64
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when memory has answered for all it wrote.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  // Bytes of memory that the program may touch.
  input  logic [ValueW-1:0]        limit_i,
  output spad_req_t                read_req_o,
  input  spad_rsp_t                read_rsp_i,
  // AXI4 write channels (one identifier).
  output logic                     aw_valid_o,
  input  logic                     aw_ready_i,
  output logic [ValueW-1:0]        aw_addr_o,
  output logic [7:0]               aw_len_o,
  output logic                     w_valid_o,
  input  logic                     w_ready_i,
  output logic [8*PortBytes-1:0]   w_data_o,
  output logic [PortBytes-1:0]     w_strb_o,
  output logic                     w_last_o,
  input  logic                     b_valid_i,
  input  logic                     b_error_i
);

  localparam int unsigned BurstBytes = 1024;
  localparam int unsigned BurstBeats = (BurstBytes / PortBytes > 4) ? BurstBytes / PortBytes : 4;
  localparam int unsigned BurstW = $clog2(BurstBeats + 1);
  localparam int unsigned OffW = $clog2(PortBytes);
  localparam int unsigned BeatAddrW = ValueW - OffW;
  localparam int unsigned Chunks = PortBytes / WordBytes;
  // Bursts that memory has not answered for.
  localparam int unsigned Flight = 128;
  localparam int unsigned FlightW = $clog2(Flight + 1);
  // Bursts announced whose data is still to be sent.
  localparam int unsigned Announced = 16;
  // Words that are being read.
  localparam int unsigned Reads = 8;

  // ---- The command.
  logic              agu_valid, agu_ready, start_moves, base_ready;
  run_t              agu_run;
  logic [ValueW-1:0] base_d, base_q;

  assign base_d = (cmd_valid_i && cmd_ready_o) ? cmd_i.arg[ArgStSrc] : base_q;

  puce_agu3 u_agu (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_valid_i(cmd_valid_i),
    .start_ready_o(cmd_ready_o),
    .start_moves_o(start_moves),
    .elem_i(cmd_i.arg[ArgStElem]),
    .n_i({cmd_i.arg[ArgStN2], cmd_i.arg[ArgStN1], cmd_i.arg[ArgStN0]}),
    .from_step_i({cmd_i.arg[ArgStS2], cmd_i.arg[ArgStS1], cmd_i.arg[ArgStS0]}),
    .to_step_i({cmd_i.arg[ArgStD2], cmd_i.arg[ArgStD1], cmd_i.arg[ArgStD0]}),
    .to_i(cmd_i.arg[ArgStMem]),
    .bases_n_i(ValueW'(1)),
    .base_step_i(ValueW'(0)),
    .base_valid_i(1'b1),
    .base_ready_o(base_ready),
    .base_i(base_q),
    .run_valid_o(agu_valid),
    .run_ready_i(agu_ready),
    .run_o(agu_run)
  );

  // ---- Bursts: announced, and remembered until their data is sent and until memory has answered.
  logic              run_valid, run_ready;
  run_t              run;
  logic              burst_valid, burst_ready, burst_last, burst_none, burst_take, outside;
  logic [BurstW-1:0] burst_beats;
  logic [ValueW-1:0] burst_addr;
  logic              aw_valid_d, aw_valid_q;
  logic [ValueW-1:0] aw_addr_d, aw_addr_q;
  logic [7:0]        aw_len_d, aw_len_q;

  puce_dma_runs #(
    .PortBytes(PortBytes),
    .BurstBeats(BurstBeats),
    .ToMemory(1'b1)
  ) u_runs (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .limit_i(limit_i),
    .run_valid_i(agu_valid),
    .run_ready_o(agu_ready),
    .run_i(agu_run),
    .run_valid_o(run_valid),
    .run_ready_i(run_ready),
    .run_o(run),
    .burst_valid_o(burst_valid),
    .burst_ready_i(burst_ready),
    .burst_addr_o(burst_addr),
    .burst_beats_o(burst_beats),
    .burst_last_o(burst_last),
    .outside_o(outside)
  );

  logic                           length_space, length_valid, length_pop;
  logic [7:0]                     length;
  logic [$clog2(Announced+1)-1:0] length_count;
  logic                           flight_space, flight_valid, flight_pop, flight_none, flight_last;
  logic [FlightW-1:0]             flight_count;

  assign burst_none = burst_beats == '0;
  assign burst_ready = flight_space && (burst_none || (length_space && (!aw_valid_q || aw_ready_i)));
  assign burst_take = burst_valid && burst_ready;

  always_comb begin
    aw_valid_d = aw_valid_q && !aw_ready_i;
    aw_addr_d = aw_addr_q;
    aw_len_d = aw_len_q;
    if (burst_take && !burst_none) begin
      aw_valid_d = 1'b1;
      aw_addr_d = burst_addr;
      aw_len_d = 8'(burst_beats - BurstW'(1));
    end
  end

  assign aw_valid_o = aw_valid_q;
  assign aw_addr_o = aw_addr_q;
  assign aw_len_o = aw_len_q;

  puce_fifo #(
    .Width(8),
    .Depth(Announced)
  ) u_lengths (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(burst_take && !burst_none),
    .in_ready_o(length_space),
    .in_data_i(8'(burst_beats - BurstW'(1))),
    .out_valid_o(length_valid),
    .out_ready_i(length_pop),
    .out_data_o(length),
    .count_o(length_count)
  );

  puce_fifo #(
    .Width(2),
    .Depth(Flight)
  ) u_flight (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(burst_take),
    .in_ready_o(flight_space),
    .in_data_i({burst_none, burst_last}),
    .out_valid_o(flight_valid),
    .out_ready_i(flight_pop),
    .out_data_o({flight_none, flight_last}),
    .count_o(flight_count)
  );

  // Answers that came and are not yet matched with their burst.
  logic [FlightW-1:0] answers_d, answers_q;
  logic               done_d, done_q;

  assign flight_pop = flight_valid && (flight_none || (answers_q != '0));
  assign answers_d = answers_q + FlightW'(b_valid_i) - FlightW'(flight_pop && !flight_none);
  assign done_d = flight_pop && flight_last;
  assign done_o = done_q;

  // ---- Reading: a segment's word, with room for it.
  logic                       cut_valid, cut_ready, read_space, read_valid, read_pop;
  segment_t                   cut, read;
  logic                       data_space, data_valid, align_ready;
  logic [WordW-1:0]           data;
  logic [$clog2(Reads+1)-1:0] read_count, data_count;

  puce_dma_segments u_segments (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .run_valid_i(run_valid),
    .run_ready_o(run_ready),
    .run_i(run),
    .segment_valid_o(cut_valid),
    .segment_ready_i(cut_ready),
    .segment_o(cut)
  );

  assign cut_ready = read_space && (cut.empty || read_rsp_i.ready);

  always_comb begin
    read_req_o = '0;
    read_req_o.valid = cut_valid && !cut.empty && read_space;
    read_req_o.addr = cut.from;
  end

  puce_fifo #(
    .Width($bits(segment_t)),
    .Depth(Reads)
  ) u_reads (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(cut_valid && cut_ready),
    .in_ready_o(read_space),
    .in_data_i(cut),
    .out_valid_o(read_valid),
    .out_ready_i(read_pop),
    .out_data_o(read),
    .count_o(read_count)
  );

  puce_fifo #(
    .Width(WordW),
    .Depth(Reads)
  ) u_data (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(read_rsp_i.rvalid),
    .in_ready_o(data_space),
    .in_data_i(read_rsp_i.rdata),
    .out_valid_o(data_valid),
    .out_ready_i(read_pop && !read.empty),
    .out_data_o(data),
    .count_o(data_count)
  );

  assign read_pop = read_valid && (read.empty || data_valid) && align_ready;

  logic  word_valid, word_ready;
  word_t word;

  puce_dma_align u_align (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .in_valid_i(read_valid && (read.empty || data_valid)),
    .in_ready_o(align_ready),
    .segment_i(read),
    .data_i(data),
    .out_valid_o(word_valid),
    .out_ready_i(word_ready),
    .out_o(word)
  );

  // ---- Packing words into beats: a beat goes out when the next word lies in another, or at the end of the command.
  logic                         p_valid_d, p_valid_q;
  logic [BeatAddrW-1:0]         p_beat_d, p_beat_q, word_beat;
  logic [PortBytes-1:0]         p_strb_d, p_strb_q;
  logic [Chunks-1:0][WordW-1:0] p_data_d, p_data_q, merged_data;
  logic [PortBytes-1:0]         placed_strb, merged_strb;
  logic                         other, beat_push, beat_space, beat_valid;
  logic [1:0]                   beat_count;

  assign word_beat = word.addr[ValueW-1:OffW];
  assign other = p_valid_q && (p_beat_q != word_beat);
  if (Chunks > 1) begin : gen_place
    assign placed_strb = PortBytes'(word.strb) << {word.addr[OffW-1:WordOffW], WordOffW'(0)};
  end else begin : gen_whole
    assign placed_strb = word.strb;
  end
  assign merged_strb = (p_valid_q && !other) ? (p_strb_q | placed_strb) : placed_strb;
  always_comb begin
    for (int unsigned b = 0; b < PortBytes; b++) begin
      merged_data[b/WordBytes][8*(b%WordBytes)+:8] = placed_strb[b] ? word.data[8*(b%WordBytes)+:8] : p_data_q[b/WordBytes][8*(b%WordBytes)+:8];
    end
  end

  // The word after which its beat goes out stays for another cycle if that beat has just been begun.
  assign beat_push = word_valid && (word.strb != '0) && (other || word.last);
  assign word_ready = (word.strb == '0) || (!beat_push) || (beat_space && !(other && word.last));

  always_comb begin
    p_valid_d = p_valid_q;
    p_beat_d = p_beat_q;
    p_strb_d = p_strb_q;
    p_data_d = p_data_q;
    if (word_valid && (word.strb != '0) && (!beat_push || beat_space)) begin
      p_valid_d = !word.last || other;
      p_beat_d = word_beat;
      p_strb_d = merged_strb;
      p_data_d = merged_data;
    end
  end

  puce_fifo #(
    .Width(9 * PortBytes),
    .Depth(2)
  ) u_beats (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(beat_push),
    .in_ready_o(beat_space),
    .in_data_i(other ? {p_strb_q, p_data_q} : {merged_strb, merged_data}),
    .out_valid_o(beat_valid),
    .out_ready_i(length_valid && w_ready_i),
    .out_data_o({w_strb_o, w_data_o}),
    .count_o(beat_count)
  );

  // ---- Sending: a beat counts towards the burst that was announced for it.
  logic [7:0] sent_d, sent_q;

  assign w_valid_o = beat_valid && length_valid;
  assign w_last_o = sent_q == length;
  assign length_pop = w_valid_o && w_ready_i && w_last_o;
  always_comb begin
    sent_d = sent_q;
    if (w_valid_o && w_ready_i) begin
      sent_d = w_last_o ? '0 : sent_q + 8'd1;
    end
  end

  // ---- Faults.
  fault_e fault_d, fault_q;
  always_comb begin
    fault_d = FaultNone;
    if (outside) begin
      fault_d = FaultMemory;
    end else if (b_valid_i && b_error_i) begin
      fault_d = FaultBus;
    end
  end
  assign fault_o = fault_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      base_q <= '0;
      aw_valid_q <= 1'b0;
      aw_addr_q <= '0;
      aw_len_q <= '0;
      answers_q <= '0;
      done_q <= 1'b0;
      p_valid_q <= 1'b0;
      p_beat_q <= '0;
      p_strb_q <= '0;
      p_data_q <= '0;
      sent_q <= '0;
      fault_q <= FaultNone;
    end else begin
      base_q <= base_d;
      aw_valid_q <= aw_valid_d;
      aw_addr_q <= aw_addr_d;
      aw_len_q <= aw_len_d;
      answers_q <= answers_d;
      done_q <= done_d;
      p_valid_q <= p_valid_d;
      p_beat_q <= p_beat_d;
      p_strb_q <= p_strb_d;
      p_data_q <= p_data_d;
      sent_q <= sent_d;
      fault_q <= fault_d;
    end
  end

  logic unused;
  assign unused = ^{cmd_i.op, cmd_i.attr, cmd_i.arg[MaxArgs-1:ArgStD2+1], start_moves, base_ready, run.fresh, length_count, flight_count,
                    read_count, data_count, data_space, beat_count, word.addr[WordOffW-1:0]};

  Answered: assert property (@(posedge clk_i) !b_valid_i || (flight_count > answers_q)) else $error("an answer to no burst");

endmodule
