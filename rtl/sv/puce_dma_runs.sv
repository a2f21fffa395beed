// Turns the memory side of runs into bursts of whole beats, and passes the runs on to whoever moves their bytes.
//
// Beats of consecutive runs of one command are asked for once where a run begins in the beat in which the one before it ended: then the run is passed on
// without `fresh`. A burst never crosses a multiple of `BurstBeats` beats. A run outside the limit stops it for good; nothing of that run goes on.
module puce_dma_runs
  import puce_pkg::*;
  import puce_dma_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  // A power of two, at most 256 and at most 4 KiB.
  parameter int unsigned BurstBeats = 16,
  // Whether memory is where the bytes go.
  parameter bit          ToMemory = 1'b0,
  localparam int unsigned BeatsW = $clog2(BurstBeats + 1)
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic [ValueW-1:0]   limit_i,
  input  logic                run_valid_i,
  output logic                run_ready_o,
  input  run_t                run_i,
  output logic                run_valid_o,
  input  logic                run_ready_i,
  output run_t                run_o,
  // A burst of `beats` from byte `addr` on; none only ends a command. Every command ends with a `last` one.
  output logic                burst_valid_o,
  input  logic                burst_ready_i,
  output logic [ValueW-1:0]   burst_addr_o,
  output logic [BeatsW-1:0]   burst_beats_o,
  output logic                burst_last_o,
  output logic                outside_o
);

  localparam int unsigned OffW = $clog2(PortBytes);
  localparam int unsigned BeatAddrW = ValueW - OffW;
  localparam int unsigned BurstW = $clog2(BurstBeats);
  // Most beats of a run.
  localparam int unsigned LeftW = RunW - OffW + 1;

  if (BurstBeats * PortBytes > 4096) begin : gen_burst
    $error("a burst of puce_dma_runs may cross 4 KiB");
  end

  // First step: the end of the run, and its beats less one.
  logic                   a_valid_d, a_valid_q;
  run_t                   a_run_d, a_run_q;
  logic [ValueW:0]        a_end_d, a_end_q;
  logic [RunW:0]          reach;
  logic [LeftW-1:0]       a_left_m1_d, a_left_m1_q;
  logic [ValueW-1:0]      mem_i, mem_a;
  logic                   a_take, a_go;

  // Second step: its place against the limit and the run before it.
  logic                   known_d, known_q;
  logic [BeatAddrW-1:0]   before_d, before_q;
  logic                   outside_d, outside_q;
  logic [BeatAddrW-1:0]   a_first, a_last;
  logic                   a_outside, fresh, wants;

  // Third step: its bursts, from a beat on, and how many beats are left less one.
  logic                   b_valid_d, b_valid_q, b_none_d, b_none_q, b_end_d, b_end_q;
  logic [BeatAddrW-1:0]   b_at_d, b_at_q;
  logic [LeftW-1:0]       b_left_m1_d, b_left_m1_q;
  logic                   b_take, b_ends, b_final;
  logic [BurstW-1:0]      b_room_m1, b_beats_m1;

  logic                   run_space;
  run_t                   run_in;
  logic [1:0]             run_count;

  assign mem_i = ToMemory ? run_i.to : run_i.from;
  assign mem_a = ToMemory ? a_run_q.to : a_run_q.from;
  assign run_ready_o = !outside_q && (!a_valid_q || a_go);
  assign a_take = run_valid_i && run_ready_o;

  assign reach = (RunW + 1)'(run_i.len_m1) + (RunW + 1)'(mem_i[OffW-1:0]);

  always_comb begin
    a_valid_d = a_valid_q && !a_go;
    a_run_d = a_run_q;
    a_end_d = a_end_q;
    a_left_m1_d = a_left_m1_q;
    if (a_take) begin
      a_valid_d = 1'b1;
      a_run_d = run_i;
      a_end_d = {1'b0, mem_i} + (ValueW + 1)'(run_i.len_m1);
      a_left_m1_d = reach[RunW:OffW];
    end
  end

  assign a_first = mem_a[ValueW-1:OffW];
  assign a_last = a_end_q[ValueW-1:OffW];
  assign a_outside = !a_run_q.empty && (a_end_q >= {1'b0, limit_i});
  assign fresh = !known_q || (a_first != before_q);
  assign wants = !a_run_q.empty && (fresh || (a_left_m1_q != '0));

  assign b_take = a_valid_q && !a_outside && !outside_q && run_space && (!b_valid_q || b_final);
  assign a_go = b_take || (a_valid_q && a_outside);

  always_comb begin
    known_d = known_q;
    before_d = before_q;
    outside_d = outside_q || (a_valid_q && a_outside);
    if (b_take) begin
      known_d = !a_run_q.last;
      before_d = a_last;
    end
  end

  assign b_room_m1 = ~b_at_q[BurstW-1:0];
  assign b_ends = b_none_q || (b_left_m1_q <= LeftW'(b_room_m1));
  assign b_beats_m1 = b_ends ? b_left_m1_q[BurstW-1:0] : b_room_m1;
  assign b_final = burst_ready_i && b_ends;

  always_comb begin
    b_valid_d = b_valid_q && !b_final;
    b_none_d = b_none_q;
    b_end_d = b_end_q;
    b_at_d = b_at_q;
    b_left_m1_d = b_left_m1_q;
    if (b_valid_q && burst_ready_i) begin
      // On to the boundary.
      b_at_d = {b_at_q[BeatAddrW-1:BurstW] + (BeatAddrW - BurstW)'(1), BurstW'(0)};
      b_left_m1_d = b_left_m1_q - (LeftW'(b_room_m1) + LeftW'(1));
    end
    if (b_take) begin
      b_valid_d = wants || a_run_q.last;
      b_none_d = !wants;
      b_end_d = a_run_q.last;
      b_at_d = fresh ? a_first : a_first + BeatAddrW'(1);
      b_left_m1_d = fresh ? a_left_m1_q : a_left_m1_q - LeftW'(1);
    end
  end

  assign burst_valid_o = b_valid_q;
  assign burst_addr_o = {b_at_q, OffW'(0)};
  assign burst_beats_o = b_none_q ? '0 : BeatsW'(b_beats_m1) + BeatsW'(1);
  assign burst_last_o = b_end_q && b_ends;
  assign outside_o = outside_q;

  always_comb begin
    run_in = a_run_q;
    run_in.fresh = fresh;
  end

  puce_fifo #(
    .Width($bits(run_t)),
    .Depth(2)
  ) u_out (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(1'b0),
    .in_valid_i(b_take),
    .in_ready_o(run_space),
    .in_data_i(run_in),
    .out_valid_o(run_valid_o),
    .out_ready_i(run_ready_i),
    .out_data_o(run_o),
    .count_o(run_count)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      a_valid_q <= 1'b0;
      a_run_q <= '0;
      a_end_q <= '0;
      a_left_m1_q <= '0;
      known_q <= 1'b0;
      before_q <= '0;
      outside_q <= 1'b0;
      b_valid_q <= 1'b0;
      b_none_q <= 1'b0;
      b_end_q <= 1'b0;
      b_at_q <= '0;
      b_left_m1_q <= '0;
    end else begin
      a_valid_q <= a_valid_d;
      a_run_q <= a_run_d;
      a_end_q <= a_end_d;
      a_left_m1_q <= a_left_m1_d;
      known_q <= known_d;
      before_q <= before_d;
      outside_q <= outside_d;
      b_valid_q <= b_valid_d;
      b_none_q <= b_none_d;
      b_end_q <= b_end_d;
      b_at_q <= b_at_d;
      b_left_m1_q <= b_left_m1_d;
    end
  end

  // The address within a beat and the fill of the queue say nothing here.
  logic unused;
  assign unused = ^{a_end_q[ValueW], a_end_q[OffW-1:0], mem_a[OffW-1:0], reach[OffW-1:0], run_count};

  Inside: assert property (@(posedge clk_i) !burst_valid_o || b_none_q || (32'(b_at_q[BurstW-1:0]) + 32'(burst_beats_o) <= BurstBeats))
    else $error("a burst crosses its boundary");

endmodule
