// The rows of a softmax: the valid columns of each row, and where its sink stands among the sinks (docs/isa.md, vsoft).
//
// A row's bounds are registers: those of the first row in the cycle after `start_i`, those of the next in the cycle after `next_i`.
module puce_vector_window
  import puce_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,
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
  typedef struct packed {
    logic [ValueW-1:0] place;
    logic [ValueW-1:0] token;
    logic [ValueW-1:0] last;
    logic [ValueW-1:0] group;
  } row_t;

  row_t              now, row_d, row_q;
  logic [CountW-1:0] lo_d, lo_q, hi_d, hi_q;
  logic [ValueW-1:0] sink_d, sink_q;

  assign lo_o   = lo_q;
  assign hi_o   = hi_q;
  assign sink_o = sink_q;

  function automatic logic [CountW-1:0] clamp(input logic [ValueW-1:0] column, input logic [CountW-1:0] cols);
    return column > ValueW'(cols) ? cols : CountW'(column);
  endfunction

  logic              place_last, token_last;
  logic [ValueW-1:0] first;

  always_comb begin
    now = row_q;
    if (start_i) now = '{place: '0, token: '0, last: soft_i.hi, group: '0};
    place_last = now.place == soft_i.per - ValueW'(1);
    token_last = now.token == soft_i.tokens - ValueW'(1);
    first      = (soft_i.window == '0 || now.last < soft_i.window) ? '0 : now.last - soft_i.window;
    row_d  = row_q;
    lo_d   = lo_q;
    hi_d   = hi_q;
    sink_d = sink_q;
    if (start_i || next_i) begin
      lo_d   = clamp(first, cols_i);
      hi_d   = clamp(now.last, cols_i);
      sink_d = (now.group + now.place) << 2;
      row_d  = now;
      row_d.place = now.place + ValueW'(1);
      if (place_last) begin
        row_d.place = '0;
        row_d.token = now.token + ValueW'(1);
        row_d.last  = now.last + ValueW'(1);
      end
      if (place_last && token_last) begin
        row_d.token = '0;
        row_d.last  = soft_i.hi;
        row_d.group = now.group + soft_i.per;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      row_q  <= '0;
      lo_q   <= '0;
      hi_q   <= '0;
      sink_q <= '0;
    end else begin
      row_q  <= row_d;
      lo_q   <= lo_d;
      hi_q   <= hi_d;
      sink_q <= sink_d;
    end
  end
endmodule
