// The load engine: strided and gathering copies from memory to the scratchpad (ld, ldg).
//
// Runs of contiguous bytes are asked for in bursts as far ahead as the buffer of beats has room; the beats that come are cut, turned and gathered into
// words of the scratchpad. Commands follow each other without a gap, but a gathering load, whose table an earlier command may have written, waits for
// those before it. A beat of memory that several small elements in a row share is asked for once; elements elsewhere cost a beat each. As many beats and
// runs as the buffer has beats are under way: with 64 of them and 100 cycles to memory, elements that are no run come at 0.6 per cycle.
module puce_load
  import puce_pkg::*;
  import puce_isa_pkg::*;
  import puce_dma_pkg::*;
#(
  parameter int unsigned PortBytes = 64
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // Command: taken with valid and ready; `done_o` pulses once per command, in order, when all it wrote can be read.
  input  logic                     cmd_valid_i,
  input  cmd_t                     cmd_i,
  output logic                     cmd_ready_o,
  output logic                     done_o,
  output fault_e                   fault_o,
  // Bytes of memory that the program may touch.
  input  logic [ValueW-1:0]        limit_i,
  // Scratchpad: the table of a gathering load is read, data is written.
  output spad_req_t                table_req_o,
  input  spad_rsp_t                table_rsp_i,
  output spad_req_t                write_req_o,
  input  spad_rsp_t                write_rsp_i,
  // Memory: bursts of whole beats inside 4 KiB; the data cannot be held up, so a burst is asked for only when there is room for it.
  output logic                     ar_valid_o,
  input  logic                     ar_ready_i,
  output logic [ValueW-1:0]        ar_addr_o,
  output logic [7:0]               ar_len_o,
  input  logic                     r_valid_i,
  input  logic [8*PortBytes-1:0]   r_data_i,
  input  logic                     r_error_i,
  input  logic                     r_last_i
);

  localparam int unsigned BufferBytes = 4096;
  // Room for what 32 bytes per cycle ask for in 100 cycles, in beats.
  localparam int unsigned Beats = (BufferBytes / PortBytes > 16) ? BufferBytes / PortBytes : 16;
  localparam int unsigned BurstBytes = 1024;
  localparam int unsigned BurstBeats = (BurstBytes / PortBytes > 4) ? BurstBytes / PortBytes : 4;
  localparam int unsigned BeatsW = $clog2(Beats + 1);
  localparam int unsigned BurstW = $clog2(BurstBeats + 1);
  localparam int unsigned SlotW = $clog2(Beats);
  localparam int unsigned OffW = $clog2(PortBytes);
  localparam int unsigned Chunks = PortBytes / WordBytes;
  // Commands under way: each has a run in one of the queues.
  localparam int unsigned FlightW = BeatsW + 2;

  // ---- The command.
  logic                      gathers, gathers_d, gathers_q;
  logic                      start, start_ready, start_moves, gather_ready;
  logic [ValueW-1:0]         mem, base_d, base_q, base;
  logic                      base_valid, base_ready, address_valid;
  logic [ValueW-1:0]         address;
  logic [ValueW-1:0]         elem, to, bases_n, base_step;
  logic [2:0][ValueW-1:0]    n, from_step, to_step;
  logic [FlightW-1:0]        flight_d, flight_q;

  always_comb begin
    gathers = cmd_i.op == OpLdg;
    if (gathers) begin
      mem = cmd_i.arg[ArgLdgMem];
      to = cmd_i.arg[ArgLdgDst];
      elem = cmd_i.arg[ArgLdgElem];
      n = {ValueW'(1), ValueW'(1), cmd_i.arg[ArgLdgN1]};
      from_step = {ValueW'(0), ValueW'(0), cmd_i.arg[ArgLdgS1]};
      to_step = {ValueW'(0), ValueW'(0), cmd_i.arg[ArgLdgD1]};
      bases_n = cmd_i.arg[ArgLdgN];
      base_step = cmd_i.arg[ArgLdgD0];
    end else begin
      mem = cmd_i.arg[ArgLdMem];
      to = cmd_i.arg[ArgLdDst];
      elem = cmd_i.arg[ArgLdElem];
      n = {cmd_i.arg[ArgLdN2], cmd_i.arg[ArgLdN1], cmd_i.arg[ArgLdN0]};
      from_step = {cmd_i.arg[ArgLdS2], cmd_i.arg[ArgLdS1], cmd_i.arg[ArgLdS0]};
      to_step = {cmd_i.arg[ArgLdD2], cmd_i.arg[ArgLdD1], cmd_i.arg[ArgLdD0]};
      bases_n = ValueW'(1);
      base_step = '0;
    end
  end

  assign cmd_ready_o = start_ready && (!gathers || (gather_ready && (flight_q == '0)));
  assign start = cmd_valid_i && cmd_ready_o;
  assign flight_d = flight_q + FlightW'(start) - FlightW'(done_o);

  always_comb begin
    gathers_d = gathers_q;
    base_d = base_q;
    if (start) begin
      gathers_d = gathers;
      base_d = mem;
    end
  end

  puce_dma_gather u_gather (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_valid_i(start && gathers && start_moves),
    .start_ready_o(gather_ready),
    .base_i(cmd_i.arg[ArgLdgMem]),
    .step_i(cmd_i.arg[ArgLdgStep]),
    .table_i(cmd_i.arg[ArgLdgTable]),
    .n_i(cmd_i.arg[ArgLdgN]),
    .req_o(table_req_o),
    .rsp_i(table_rsp_i),
    .addr_valid_o(address_valid),
    .addr_ready_i(base_ready && gathers_q),
    .addr_o(address)
  );

  assign base_valid = !gathers_q || address_valid;
  assign base = gathers_q ? address : base_q;

  logic agu_valid, agu_ready;
  run_t agu_run;

  puce_agu3 u_agu (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .start_valid_i(start),
    .start_ready_o(start_ready),
    .start_moves_o(start_moves),
    .elem_i(elem),
    .n_i(n),
    .from_step_i(from_step),
    .to_step_i(to_step),
    .to_i(to),
    .bases_n_i(bases_n),
    .base_step_i(base_step),
    .base_valid_i(base_valid),
    .base_ready_o(base_ready),
    .base_i(base),
    .run_valid_o(agu_valid),
    .run_ready_i(agu_ready),
    .run_o(agu_run)
  );

  // ---- Bursts, asked for when their beats have room.
  logic              run_valid, run_ready;
  run_t              run;
  logic              burst_valid, burst_room, burst_last, outside;
  logic [BurstW-1:0] burst_beats;
  logic [BeatsW-1:0] room_d, room_q;
  logic              asked, open;

  puce_dma_runs #(
    .PortBytes(PortBytes),
    .BurstBeats(BurstBeats),
    .ToMemory(1'b0)
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
    .burst_ready_i((burst_beats == '0) || (burst_room && ar_ready_i)),
    .burst_addr_o(ar_addr_o),
    .burst_beats_o(burst_beats),
    .burst_last_o(burst_last),
    .outside_o(outside)
  );

  assign burst_room = room_q >= BeatsW'(burst_beats);
  assign ar_valid_o = burst_valid && (burst_beats != '0) && burst_room;
  assign ar_len_o = 8'(burst_beats - BurstW'(1));
  assign asked = ar_valid_o && ar_ready_i;
  assign room_d = room_q + BeatsW'(open) - (asked ? BeatsW'(burst_beats) : '0);

  // ---- The runs whose beats are on their way; where in its beat a run begins is all that is left of where it comes from.
  localparam int unsigned HeldW = $bits(run_t) - ValueW + OffW;

  logic               held_valid, held_ready;
  logic [HeldW-1:0]   held;
  run_t               held_run;
  logic [BeatsW-1:0]  held_count;

  puce_fifo #(
    .Width(HeldW),
    .Depth(Beats)
  ) u_held (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(run_valid),
    .in_ready_o(run_ready),
    .in_data_i({run.from[OffW-1:0], run.to, run.len_m1, run.empty, run.last, run.fresh}),
    .out_valid_o(held_valid),
    .out_ready_i(held_ready),
    .out_data_o(held),
    .count_o(held_count)
  );

  assign held_run = run_t'({(ValueW - OffW)'(0), held});

  logic     cut_valid, cut_ready;
  segment_t cut;

  puce_dma_segments u_segments (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .run_valid_i(held_valid),
    .run_ready_o(held_ready),
    .run_i(held_run),
    .segment_valid_o(cut_valid),
    .segment_ready_i(cut_ready),
    .segment_o(cut)
  );

  // ---- The buffer of beats. A segment that begins a beat takes the next; the memory's output holds it for those that follow.
  logic [SlotW-1:0]        put_d, put_q, get_d, get_q;
  logic [BeatsW-1:0]       there_d, there_q;
  logic                    opens;
  logic [8*PortBytes-1:0]  beat;
  logic                    s_valid_d, s_valid_q, s_go;
  segment_t                s_segment_d, s_segment_q;
  logic                    c_valid_d, c_valid_q, c_go;
  segment_t                c_segment_d, c_segment_q;
  logic [WordW-1:0]        c_data_d, c_data_q;
  logic [Chunks-1:0][WordW-1:0] chunks;
  logic [WordW-1:0]        chunk;

  assign opens = !cut.empty && (cut.first ? cut.fresh : (cut.from[OffW-1:0] == '0));
  assign cut_ready = (!s_valid_q || s_go) && (!opens || (there_q != '0));
  assign open = cut_valid && cut_ready && opens;
  assign s_go = !c_valid_q || c_go;
  assign chunks = beat;
  if (Chunks > 1) begin : gen_chunk
    assign chunk = chunks[s_segment_q.from[OffW-1:WordOffW]];
  end else begin : gen_whole
    assign chunk = chunks[0];
  end

  always_comb begin
    put_d = put_q;
    get_d = get_q;
    if (r_valid_i) begin
      put_d = (put_q == SlotW'(Beats - 1)) ? '0 : put_q + SlotW'(1);
    end
    if (open) begin
      get_d = (get_q == SlotW'(Beats - 1)) ? '0 : get_q + SlotW'(1);
    end
    there_d = there_q + BeatsW'(r_valid_i) - BeatsW'(open);
    s_valid_d = s_valid_q && !s_go;
    s_segment_d = s_segment_q;
    if (cut_valid && cut_ready) begin
      s_valid_d = 1'b1;
      s_segment_d = cut;
    end
    c_valid_d = c_valid_q && !c_go;
    c_segment_d = c_segment_q;
    c_data_d = c_data_q;
    if (s_valid_q && s_go) begin
      c_valid_d = 1'b1;
      c_segment_d = s_segment_q;
      c_data_d = chunk;
    end
  end

  puce_ram #(
    .Width(8 * PortBytes),
    .Depth(Beats)
  ) u_beats (
    .clk_i(clk_i),
    .write_i(r_valid_i),
    .waddr_i(put_q),
    .wdata_i(r_data_i),
    .read_i(open),
    .raddr_i(get_q),
    .rdata_o(beat)
  );

  // ---- Words for the scratchpad.
  logic  word_valid, word_ready, done_d, done_q;
  word_t word;

  puce_dma_align u_align (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .in_valid_i(c_valid_q),
    .in_ready_o(c_go),
    .segment_i(c_segment_q),
    .data_i(c_data_q),
    .out_valid_o(word_valid),
    .out_ready_i(word_ready),
    .out_o(word)
  );

  assign word_ready = (word.strb == '0) || write_rsp_i.ready;
  assign done_d = word_valid && word_ready && word.last;
  assign done_o = done_q;

  always_comb begin
    write_req_o = '0;
    write_req_o.valid = word_valid && (word.strb != '0);
    write_req_o.we = 1'b1;
    write_req_o.addr = word.addr;
    write_req_o.strb = word.strb;
    write_req_o.wdata = word.data;
  end

  // ---- Faults.
  fault_e fault_d, fault_q;
  always_comb begin
    fault_d = FaultNone;
    if (outside) begin
      fault_d = FaultMemory;
    end else if (r_valid_i && r_error_i) begin
      fault_d = FaultBus;
    end
  end
  assign fault_o = fault_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      gathers_q <= 1'b0;
      base_q <= '0;
      flight_q <= '0;
      room_q <= BeatsW'(Beats);
      put_q <= '0;
      get_q <= '0;
      there_q <= '0;
      s_valid_q <= 1'b0;
      s_segment_q <= '0;
      c_valid_q <= 1'b0;
      c_segment_q <= '0;
      c_data_q <= '0;
      done_q <= 1'b0;
      fault_q <= FaultNone;
    end else begin
      gathers_q <= gathers_d;
      base_q <= base_d;
      flight_q <= flight_d;
      room_q <= room_d;
      put_q <= put_d;
      get_q <= get_d;
      there_q <= there_d;
      s_valid_q <= s_valid_d;
      s_segment_q <= s_segment_d;
      c_valid_q <= c_valid_d;
      c_segment_q <= c_segment_d;
      c_data_q <= c_data_d;
      done_q <= done_d;
      fault_q <= fault_d;
    end
  end

  // Bursts end where they were asked to; the other parts say nothing here.
  logic unused;
  assign unused = ^{cmd_i.attr, cmd_i.arg[MaxArgs-1:ArgLdD2+1], burst_last, held_count, r_last_i, write_rsp_i.rvalid, write_rsp_i.rdata};

  Asked: assert property (@(posedge clk_i) !r_valid_i || (there_q + room_q < BeatsW'(Beats))) else $error("a beat that nobody asked for");

endmodule
