// A queue and what stands behind it, as between control and an engine.
module front_bench
  import puce_pkg::*;
#(
  parameter int unsigned Depth = 3,
  parameter int unsigned Args = 5
) (
  input  logic                                  clk_i,
  input  logic                                  rst_ni,
  output logic                                  room_o,
  input  logic                                  reserve_i,
  input  logic                                  word_valid_i,
  input  logic [ValueW-1:0]                     word_i,
  input  logic [Engines-1:0][CommandCountW-1:0] done_count_i,
  output logic                                  cmd_valid_o,
  input  logic                                  cmd_ready_i,
  output cmd_t                                  cmd_o,
  input  logic                                  done_i,
  output logic                                  busy_o,
  output logic                                  waiting_o
);
  logic              front_valid, front_ready;
  logic [ValueW-1:0] front_word;

  puce_queue #(
    .Depth(Depth),
    .InstrWords(Engines + Args)
  ) u_queue (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .room_o(room_o),
    .reserve_i(reserve_i),
    .leave_i(cmd_valid_o && cmd_ready_i),
    .in_valid_i(word_valid_i),
    .in_word_i(word_i),
    .out_valid_o(front_valid),
    .out_ready_i(front_ready),
    .out_word_o(front_word)
  );

  puce_front #(
    .Args(Args)
  ) u_front (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .word_valid_i(front_valid),
    .word_ready_o(front_ready),
    .word_i(front_word),
    .done_count_i(done_count_i),
    .cmd_valid_o(cmd_valid_o),
    .cmd_ready_i(cmd_ready_i),
    .cmd_o(cmd_o),
    .done_i(done_i),
    .busy_o(busy_o),
    .waiting_o(waiting_o)
  );
endmodule
