// The queue in front of an engine: instructions as serial words, in order.
//
// `Depth` is counted in instructions that were dispatched and that the engine has not taken yet, wherever they are between control and engine. A place is
// reserved when an instruction begins and given back when the engine takes it; the words of reserved instructions always find room, so they are never held up.
module puce_queue
  import puce_pkg::*;
#(
  // Instructions.
  parameter int unsigned Depth = 8,
  // Most words of one instruction: header, operands, tokens.
  parameter int unsigned InstrWords = 19
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  // Whether one more instruction has a place; an instruction begins; the engine has taken one.
  output logic              room_o,
  input  logic              reserve_i,
  input  logic              leave_i,
  input  logic              in_valid_i,
  input  logic [ValueW-1:0] in_word_i,
  output logic              out_valid_o,
  input  logic              out_ready_i,
  output logic [ValueW-1:0] out_word_o
);
  localparam int unsigned Words = Depth * InstrWords;
  localparam int unsigned AddrW = $clog2(Words);
  localparam int unsigned CountW = $clog2(Depth + 1);
  localparam int unsigned FillW = $clog2(Words + 1);

  logic [CountW-1:0] count_d, count_q;
  logic [AddrW-1:0]  head_d, head_q, tail_d, tail_q;
  // Words in the memory; the one that was read last is in `out_valid_q`.
  logic [FillW-1:0]  fill_d, fill_q;
  logic              out_valid_d, out_valid_q;
  logic              read;

  assign room_o      = count_q != CountW'(Depth);
  assign out_valid_o = out_valid_q;
  assign read        = fill_q != '0 && (!out_valid_q || out_ready_i);

  always_comb begin
    count_d     = count_q;
    head_d      = head_q;
    tail_d      = tail_q;
    fill_d      = fill_q;
    out_valid_d = read || (out_valid_q && !out_ready_i);
    if (reserve_i && !leave_i) count_d = count_q + CountW'(1);
    if (leave_i && !reserve_i) count_d = count_q - CountW'(1);
    if (in_valid_i) tail_d = (tail_q == AddrW'(Words - 1)) ? '0 : tail_q + AddrW'(1);
    if (read)       head_d = (head_q == AddrW'(Words - 1)) ? '0 : head_q + AddrW'(1);
    if (in_valid_i && !read) fill_d = fill_q + FillW'(1);
    if (read && !in_valid_i) fill_d = fill_q - FillW'(1);
  end

  puce_ram #(
    .Width(ValueW),
    .Depth(Words)
  ) u_words (
    .clk_i(clk_i),
    .write_i(in_valid_i),
    .waddr_i(tail_q),
    .wdata_i(in_word_i),
    .read_i(read),
    .raddr_i(head_q),
    .rdata_o(out_word_o)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_q     <= '0;
      head_q      <= '0;
      tail_q      <= '0;
      fill_q      <= '0;
      out_valid_q <= 1'b0;
    end else begin
      count_q     <= count_d;
      head_q      <= head_d;
      tail_q      <= tail_d;
      fill_q      <= fill_d;
      out_valid_q <= out_valid_d;
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
    end else begin
      assert (!reserve_i || room_o) else $error("an instruction without a place");
      assert (!leave_i || count_q != '0) else $error("more instructions left than came");
      assert (!in_valid_i || fill_q != FillW'(Words)) else $error("a word without a place");
    end
  end
`endif
endmodule
