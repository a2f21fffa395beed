// Commands that wait for each other never wait for ever: as long as one is not done, one can go on.
//
// The abstraction: control goes through a program and either notes that an engine waits for what another was given so far (`sync`), or gives an engine a
// command with what is noted for it (puce_control_proof), if its queue has room. A queue is a row of commands, the first of which is carried out when every
// token of it is satisfied (puce_queue_proof, puce_front_proof); it is done some time after. What an engine does in that time, and how long it takes, is
// open, except that it ends whatever the others do. (Weights that the stream's buffer has no room for end only after the product that takes them has
// begun: a program must not wait for those before it has given that product.) Stamps number the commands in program order.
module puce_sync_proof #(
  parameter int unsigned Engines = 3,
  parameter int unsigned Depth = 2,
  localparam int unsigned EngineW = $clog2(Engines),
  localparam int unsigned FillW = $clog2(Depth + 1),
  localparam int unsigned CountW = 4
) (
  input logic                clk_i,
  input logic                rst_ni,
  // What control does, if it can: nothing, a note, a command; the engine that waits or is given a command, and the one that is waited for.
  input logic                note_i,
  input logic                give_i,
  input logic [EngineW-1:0]  engine_i,
  input logic [EngineW-1:0]  other_i,
  // Engines that end the command at the head of their queue, if they can.
  input logic [Engines-1:0]  end_i
);
  typedef struct packed {
    logic [CountW-1:0]              stamp;
    logic [Engines-1:0]             waits;
    logic [Engines-1:0][CountW-1:0] count;
  } command_t;

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Control: commands given in all and to each engine, and what is noted.
  logic [CountW-1:0]                           stamp_q;
  logic [Engines-1:0][CountW-1:0]              given_q, done_q;
  logic [Engines-1:0][Engines-1:0]             noted_d, noted_q;
  logic [Engines-1:0][Engines-1:0][CountW-1:0] count_d, count_q;
  // ---- Queues, the oldest command first.
  command_t [Engines-1:0][Depth-1:0]           row_d, row_q;
  logic [Engines-1:0][FillW-1:0]               fill_d, fill_q;
  logic [Engines-1:0]                          can_end, ends;
  logic                                        gives;

  assign gives = give_i && !note_i && 32'(fill_q[engine_i]) != Depth;
  assign ends  = can_end & end_i;

  always_comb begin
    if (!past_q) assume (!rst_ni);
    assume (32'(engine_i) < Engines && 32'(other_i) < Engines);
    // Numbers here do not wrap; in the chip they are compared around a circle that is far longer than what is under way.
    assume (stamp_q != '1);
  end

  always_comb begin
    noted_d = noted_q;
    count_d = count_q;
    row_d   = row_q;
    fill_d  = fill_q;
    for (int unsigned e = 0; e < Engines; e++) begin
      can_end[e] = fill_q[e] != '0;
      for (int unsigned o = 0; o < Engines; o++) begin
        if (row_q[e][0].waits[o] && done_q[o] < row_q[e][0].count[o]) can_end[e] = 1'b0;
      end
      if (can_end[e] && end_i[e]) begin
        row_d[e]  = row_q[e] >> $bits(command_t);
        fill_d[e] = fill_q[e] - 1'b1;
      end
    end
    if (note_i) begin
      noted_d[engine_i][other_i] = 1'b1;
      count_d[engine_i][other_i] = given_q[other_i];
    end
    if (gives) begin
      row_d[engine_i][fill_d[engine_i]] = '{stamp: stamp_q, waits: noted_q[engine_i], count: count_q[engine_i]};
      fill_d[engine_i]                  = fill_d[engine_i] + 1'b1;
      noted_d[engine_i]                 = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      stamp_q <= '0;
      given_q <= '0;
      done_q  <= '0;
      noted_q <= '0;
      fill_q  <= '0;
    end else begin
      stamp_q <= stamp_q + CountW'(gives);
      noted_q <= noted_d;
      fill_q  <= fill_d;
      for (int unsigned e = 0; e < Engines; e++) begin
        given_q[e] <= given_q[e] + CountW'(gives && 32'(engine_i) == e);
        done_q[e]  <= done_q[e] + CountW'(ends[e]);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    count_q <= count_d;
    row_q   <= row_d;
  end

  // The engine whose first command is the oldest of all that are not done.
  logic [EngineW-1:0] oldest;
  logic [CountW-1:0]  least;
  always_comb begin
    oldest = '0;
    least  = '1;
    for (int unsigned e = 0; e < Engines; e++) begin
      if (fill_q[e] != '0 && row_q[e][0].stamp < least) begin
        oldest = EngineW'(e);
        least  = row_q[e][0].stamp;
      end
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // The oldest command that is not done waits for nothing; so with an empty set of commands aside, something can always go on.
      if (fill_q != '0) assert (can_end[oldest]);
      // What the induction needs to know.
      for (int unsigned e = 0; e < Engines; e++) begin
        assert (32'(fill_q[e]) <= Depth && given_q[e] == done_q[e] + CountW'(fill_q[e]));
        assert (given_q[e] <= stamp_q && done_q[e] <= given_q[e]);
        for (int unsigned o = 0; o < Engines; o++) begin
          // No note asks for a command that was not given.
          if (noted_q[e][o]) assert (count_q[e][o] <= given_q[o]);
        end
        for (int unsigned i = 0; i < Depth; i++) begin
          if (i < 32'(fill_q[e])) begin
            assert (row_q[e][i].stamp < stamp_q);
            if (i > 0) assert (row_q[e][i].stamp > row_q[e][i-1].stamp);
            for (int unsigned o = 0; o < Engines; o++) begin
              if (row_q[e][i].waits[o]) begin
                assert (row_q[e][i].count[o] <= given_q[o]);
                // The commands that a token asks for come before it in the program.
                for (int unsigned j = 0; j < Depth; j++) begin
                  if (j < 32'(fill_q[o]) && done_q[o] + CountW'(j) < row_q[e][i].count[o]) assert (row_q[o][j].stamp < row_q[e][i].stamp);
                end
              end
            end
          end
        end
      end
    end
  end
endmodule
