// The rows of a softmax: the valid columns of each row, and where its sink stands among the sinks (docs/isa.md, vsoft).
//
// A row's bounds are registers; they are those of the next row in the cycle after `next_i`.
module puce_vector_window
  import puce_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,
  // The first row is there two cycles later.
  input  logic              start_i,
  input  soft_t             soft_i,
  input  logic [CountW-1:0] cols_i,
  input  logic              next_i,
  // Valid columns lo..hi.
  output logic [CountW-1:0] lo_o,
  output logic [CountW-1:0] hi_o,
  // Byte offset of the row's sink.
  output logic [ValueW-1:0] sink_o
);

  // The row after the one in the output registers: its place among `per`, its token, the end of its columns before the clamp, its group's first sink.
  logic [ValueW-1:0] place_d, place_q, token_d, token_q, end_d, end_q, group_d, group_q;
  logic              prime_q;
  logic [CountW-1:0] lo_d, lo_q, hi_d, hi_q;
  logic [ValueW-1:0] sink_d, sink_q;

  assign lo_o   = lo_q;
  assign hi_o   = hi_q;
  assign sink_o = sink_q;

  function automatic logic [CountW-1:0] clamp(input logic [ValueW-1:0] column, input logic [CountW-1:0] cols);
    return column > ValueW'(cols) ? cols : CountW'(column);
  endfunction

  logic              advance;
  logic              place_last, token_last;
  logic [ValueW-1:0] first;

  assign advance = next_i || prime_q;

  always_comb begin
    place_last = place_q == soft_i.per - ValueW'(1);
    token_last = token_q == soft_i.tokens - ValueW'(1);
    first      = (soft_i.window == '0 || end_q < soft_i.window) ? '0 : end_q - soft_i.window;
    place_d = place_q;
    token_d = token_q;
    end_d   = end_q;
    group_d = group_q;
    lo_d    = lo_q;
    hi_d    = hi_q;
    sink_d  = sink_q;
    if (advance) begin
      lo_d    = clamp(first, cols_i);
      hi_d    = clamp(end_q, cols_i);
      sink_d  = (group_q + place_q) << 2;
      place_d = place_q + ValueW'(1);
      if (place_last) begin
        place_d = '0;
        token_d = token_q + ValueW'(1);
        end_d   = end_q + ValueW'(1);
      end
      if (place_last && token_last) begin
        token_d = '0;
        end_d   = soft_i.hi;
        group_d = group_q + soft_i.per;
      end
    end
    if (start_i) begin
      place_d = '0;
      token_d = '0;
      end_d   = soft_i.hi;
      group_d = '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      place_q <= '0;
      token_q <= '0;
      end_q   <= '0;
      group_q <= '0;
      prime_q <= 1'b0;
      lo_q    <= '0;
      hi_q    <= '0;
      sink_q  <= '0;
    end else begin
      place_q <= place_d;
      token_q <= token_d;
      end_q   <= end_d;
      group_q <= group_d;
      prime_q <= start_i;
      lo_q    <= lo_d;
      hi_q    <= hi_d;
      sink_q  <= sink_d;
    end
  end
endmodule
