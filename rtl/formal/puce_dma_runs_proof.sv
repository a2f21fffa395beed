// puce_dma_runs asks for every beat of every run once, in order, in bursts that keep the rules, and passes every run on once, in order; nothing of a run
// outside the limit, and nothing after it.
//
// The limit stays. Memory, and a run, are at most as large as the parameters say. Of the queue of runs only the ports are taken.
module puce_dma_runs_proof
  import puce_pkg::*;
  import puce_dma_pkg::*;
#(
  parameter int unsigned PortBytes = 64,
  parameter int unsigned BurstBeats = 16,
  parameter bit          ToMemory = 1'b0,
  // Bits of an address (below 48) and of a run's length.
  parameter int unsigned AddressBits = 14,
  parameter int unsigned LengthBits = 12,
  localparam int unsigned BeatsW = $clog2(BurstBeats + 1)
) (
  input logic              clk_i,
  input logic              rst_ni,
  input logic [ValueW-1:0] limit_i,
  input logic              run_valid_i,
  input run_t              run_i,
  input logic              run_ready_i,
  input logic              burst_ready_i
);
  localparam int unsigned OffW = $clog2(PortBytes);
  localparam int unsigned BeatAddrW = ValueW - OffW;

  logic              run_ready, run_valid, burst_valid, burst_last, outside;
  run_t              run;
  logic [ValueW-1:0] burst_addr;
  logic [BeatsW-1:0] burst_beats;

  puce_dma_runs #(
    .PortBytes(PortBytes),
    .BurstBeats(BurstBeats),
    .ToMemory(ToMemory)
  ) u_runs (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .limit_i(limit_i),
    .run_valid_i(run_valid_i),
    .run_ready_o(run_ready),
    .run_i(run_i),
    .run_valid_o(run_valid),
    .run_ready_i(run_ready_i),
    .run_o(run),
    .burst_valid_o(burst_valid),
    .burst_ready_i(burst_ready_i),
    .burst_addr_o(burst_addr),
    .burst_beats_o(burst_beats),
    .burst_last_o(burst_last),
    .outside_o(outside)
  );

  logic              past_q;
  logic [ValueW-1:0] limit_q, mem;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) begin
    past_q  <= 1'b1;
    limit_q <= limit_i;
  end
  assign mem = ToMemory ? run_i.to : run_i.from;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    else assume (limit_i == limit_q);
    assume (mem >> AddressBits == '0 && limit_i >> AddressBits == '0 && run_i.len_m1 >> LengthBits == '0);
  end

  // ---- A run as it came in: its beats, and which of them the run before it in the command has asked for already.
  typedef struct packed {
    logic                 none;
    logic                 last;
    logic [BeatAddrW-1:0] at;
    logic [BeatAddrW-1:0] till;
  } want_t;

  logic                 known_q, bad, bad_q, take, asks, done_now;
  logic [BeatAddrW-1:0] before_q, first, till;
  logic [ValueW-1:0]    ending;
  logic                 fresh;
  want_t                want;

  assign ending = mem + ValueW'(run_i.len_m1);
  assign first  = mem[ValueW-1:OffW];
  assign till   = ending[ValueW-1:OffW];
  assign take   = run_valid_i && run_ready;
  assign bad    = !run_i.empty && ending >= limit_i;
  assign fresh  = !known_q || first != before_q;
  assign want   = '{none: run_i.empty || (!fresh && first == till), last: run_i.last, at: fresh ? first : first + 1'b1, till: till};

  // ---- Runs that came in and whose bursts did not all go out, the oldest first (a run that asks for nothing and ends nothing is not among them), and the
  // run that came in and did not go on.
  want_t [2:0] row_d, row_q;
  run_t        held_q;
  logic [1:0]  rows_d, rows_q;
  logic        holds_q, give;
  assign give     = burst_valid && burst_ready_i;
  assign done_now = row_q[0].none || burst_addr[ValueW-1:OffW] + BeatAddrW'(burst_beats) - 1'b1 == row_q[0].till;
  assign asks     = !want.none || want.last;
  always_comb begin
    row_d   = row_q;
    rows_d  = rows_q;
    if (give) begin
      if (done_now) begin
        row_d  = row_q >> $bits(want_t);
        rows_d = rows_d - 2'd1;
      end else begin
        row_d[0].at = row_q[0].at + BeatAddrW'(burst_beats);
      end
    end
    if (take && !bad && !bad_q) begin
      if (asks) begin
        row_d[rows_d] = want;
        rows_d        = rows_d + 2'd1;
      end
    end
  end

  logic              burst_held_q, burst_last_q;
  logic [ValueW-1:0] burst_addr_q;
  logic [BeatsW-1:0] burst_beats_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      rows_q       <= '0;
      holds_q      <= 1'b0;
      known_q      <= 1'b0;
      bad_q        <= 1'b0;
      burst_held_q <= 1'b0;
    end else begin
      rows_q       <= rows_d;
      holds_q      <= (take && !bad && !bad_q) || (holds_q && !u_runs.b_take);
      bad_q        <= bad_q || (take && bad);
      burst_held_q <= burst_valid && !burst_ready_i;
      if (take) known_q <= !run_i.last;
    end
  end
  always_ff @(posedge clk_i) begin
    row_q         <= row_d;
    burst_addr_q  <= burst_addr;
    burst_beats_q <= burst_beats;
    burst_last_q  <= burst_last;
    if (take) begin
      before_q     <= till;
      held_q       <= run_i;
      held_q.fresh <= fresh;
    end
  end

  // ---- What the induction needs to know of the inside: the run of the first step asks last, the one of the third step first.
  logic [ValueW-1:0]    a_mem;
  logic [BeatAddrW-1:0] a_first;
  logic                 a_counts, a_asks;
  logic [1:0]           place;
  assign a_mem    = ToMemory ? u_runs.a_run_q.to : u_runs.a_run_q.from;
  assign a_first  = a_mem[ValueW-1:OffW];
  assign a_counts = u_runs.a_valid_q && !bad_q;
  assign a_asks   = u_runs.wants || u_runs.a_run_q.last;
  assign place    = 2'(u_runs.b_valid_q);

  always_comb begin
    if (rst_ni && past_q) begin
      // A burst asks for the next beats of the oldest run, for no more than it has, and ends a command when its last run has no more.
      if (burst_valid) begin
        assert (rows_q != '0 && burst_addr[OffW-1:0] == '0);
        assert ((burst_beats == '0) == row_q[0].none && burst_last == (row_q[0].last && done_now));
        if (!row_q[0].none) begin
          assert (burst_addr[ValueW-1:OffW] == row_q[0].at && row_q[0].at <= row_q[0].till);
          assert (BeatAddrW'(burst_beats) <= row_q[0].till - row_q[0].at + 1'b1);
          // AXI: it stays inside its piece of memory, and so inside 4 KiB.
          assert (32'(burst_addr[OffW+:$clog2(BurstBeats)]) + 32'(burst_beats) <= BurstBeats);
        end
      end
      assert (!burst_held_q || (burst_valid && burst_addr == burst_addr_q && burst_beats == burst_beats_q && burst_last == burst_last_q));
      // Runs go on as they came, each once.
      if (u_runs.b_take) assert (holds_q && u_runs.run_in == held_q);
      assert (!outside || bad_q);

      for (int unsigned i = 0; i < 3; i++) begin
        if (i < 32'(rows_q)) assert (row_q[i].none || row_q[i].till >> (AddressBits + 1 - OffW) == '0);
      end
      assert (!known_q || bad_q || before_q >> (AddressBits + 1 - OffW) == '0);
      assert (32'(rows_q) == 32'(u_runs.b_valid_q) + 32'(a_counts && a_asks));
      assert (holds_q == a_counts);
      if (bad_q) assert (u_runs.outside_q || (u_runs.a_valid_q && u_runs.a_outside));
      if (u_runs.a_valid_q) begin
        assert (a_mem >> AddressBits == '0 && u_runs.a_run_q.len_m1 >> LengthBits == '0 && u_runs.a_end_q == {1'b0, a_mem} + (ValueW + 1)'(u_runs.a_run_q.len_m1));
        assert (BeatAddrW'(u_runs.a_left_m1_q) == u_runs.a_last - a_first);
        assert (u_runs.outside_q || u_runs.a_outside == bad_q);
      end
      if (a_counts) begin
        assert (known_q == !u_runs.a_run_q.last && before_q == u_runs.a_last);
        assert (u_runs.run_in == held_q);
        if (a_asks) begin
          assert (row_q[place].last == u_runs.a_run_q.last && row_q[place].none == !u_runs.wants);
          if (u_runs.wants) assert (row_q[place].till == u_runs.a_last && row_q[place].at == (u_runs.fresh ? a_first : a_first + 1'b1));
        end
      end else if (!bad_q) begin
        assert (u_runs.known_q == known_q && (!known_q || u_runs.before_q == before_q));
      end
      if (u_runs.b_valid_q) begin
        assert (row_q[0].last == u_runs.b_end_q && row_q[0].none == u_runs.b_none_q);
        if (!row_q[0].none) assert (row_q[0].at == u_runs.b_at_q && row_q[0].till == u_runs.b_at_q + BeatAddrW'(u_runs.b_left_m1_q) && row_q[0].at <= row_q[0].till);
      end
    end
  end
endmodule
