// A first-in first-out queue of any depth, with valid and ready on both sides.
//
// A word can be read in the cycle after it was written. `in_ready_o` does not depend on `out_ready_i` (and `out_valid_o` not on `in_valid_i`), so that a
// queue cuts every combinational path; at a depth of two or more a word passes in every cycle. It never drops, repeats or reorders a word.
module puce_fifo #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 4
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  // Forgets everything at the end of the cycle; no word is taken in that cycle.
  input  logic                         clear_i,
  input  logic                         in_valid_i,
  output logic                         in_ready_o,
  input  logic [Width-1:0]             in_data_i,
  output logic                         out_valid_o,
  input  logic                         out_ready_i,
  output logic [Width-1:0]             out_data_o,
  // Words inside.
  output logic [$clog2(Depth+1)-1:0]   count_o
);
  localparam int unsigned IndexW = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned CountW = $clog2(Depth + 1);

  logic [Width-1:0]  mem_q [Depth];
  logic [IndexW-1:0] head_d, head_q, tail_d, tail_q;
  logic [CountW-1:0] count_d, count_q;
  logic              push, pop;

  assign in_ready_o  = count_q != CountW'(Depth);
  assign out_valid_o = count_q != '0;
  assign out_data_o  = mem_q[head_q];
  assign count_o     = count_q;
  assign push        = in_valid_i && in_ready_o && !clear_i;
  assign pop         = out_valid_o && out_ready_i;

  always_comb begin
    head_d  = head_q;
    tail_d  = tail_q;
    count_d = count_q;
    if (push) tail_d = (tail_q == IndexW'(Depth - 1)) ? '0 : tail_q + IndexW'(1);
    if (pop)  head_d = (head_q == IndexW'(Depth - 1)) ? '0 : head_q + IndexW'(1);
    if (push && !pop) count_d = count_q + CountW'(1);
    if (pop && !push) count_d = count_q - CountW'(1);
    if (clear_i) begin
      head_d  = '0;
      tail_d  = '0;
      count_d = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      head_q  <= '0;
      tail_q  <= '0;
      count_q <= '0;
    end else begin
      head_q  <= head_d;
      tail_q  <= tail_d;
      count_q <= count_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) mem_q[tail_q] <= in_data_i;
  end

`ifndef SYNTHESIS
  // Words inside, counted without wrapping.
  longint unsigned taken_q, given_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      taken_q <= 0;
      given_q <= 0;
    end else begin
      taken_q <= clear_i ? 0 : taken_q + 64'(push);
      given_q <= clear_i ? 0 : given_q + 64'(pop);
      assert (taken_q - given_q == 64'(count_q)) else $error("a word is lost or invented");
      assert (count_q <= CountW'(Depth)) else $error("more words than places");
    end
  end
`endif
endmodule
