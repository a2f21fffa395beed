// Walks a copy of three dimensions, repeated for every base of a list, and names its runs of contiguous bytes, one per cycle.
//
// Innermost dimensions that are contiguous on both sides, or of one step, are merged into longer runs first, three cycles for each. A copy without a byte
// is one empty run. It never looks at limits, and it never takes a base that it does not need.
module puce_agu3
  import puce_pkg::*;
  import puce_dma_pkg::*;
(
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // The copy: `elem` bytes, then counts and steps, innermost first.
  input  logic                     start_valid_i,
  output logic                     start_ready_o,
  // Whether what is offered moves a byte; else no base is taken.
  output logic                     start_moves_o,
  input  logic [ValueW-1:0]        elem_i,
  input  logic [2:0][ValueW-1:0]   n_i,
  input  logic [2:0][ValueW-1:0]   from_step_i,
  input  logic [2:0][ValueW-1:0]   to_step_i,
  // It is repeated `bases_n` times: to `to`, `to + base_step` and so on, from the next of the bases.
  input  logic [ValueW-1:0]        to_i,
  input  logic [ValueW-1:0]        bases_n_i,
  input  logic [ValueW-1:0]        base_step_i,
  input  logic                     base_valid_i,
  output logic                     base_ready_o,
  input  logic [ValueW-1:0]        base_i,
  output logic                     run_valid_o,
  input  logic                     run_ready_i,
  output run_t                     run_o
);

  // Counts fit here: an instruction moves at most 2^RunW bytes.
  localparam int unsigned CountW = RunW + 1;
  localparam int unsigned HalfW = RunW / 2;

  typedef enum logic [2:0] {
    StIdle,
    StMultiply,
    StSum,
    StMerge,
    StBase,
    StRun,
    StEmpty
  } state_e;

  state_e                     state_d, state_q;
  // The bytes of a run; the parts of its product with the innermost count, and the product.
  logic [CountW-1:0]          elem_d, elem_q;
  logic [CountW-1:0]          low_d, low_q, product_d, product_q;
  logic [CountW-HalfW-1:0]    high_d, high_q;
  logic [2:0][CountW-1:0]     n_d, n_q;
  logic [2:0][ValueW-1:0]     from_step_d, from_step_q, to_step_d, to_step_q;
  logic [ValueW-1:0]          base_step_d, base_step_q;
  // Rounds that are still to come after the one at work, per dimension; the last is that of the bases.
  logic [3:0][CountW-1:0]     left_d, left_q;
  // Where the round at work began, per dimension.
  logic [2:0][ValueW-1:0]     from_d, from_q;
  logic [3:0][ValueW-1:0]     to_d, to_q;

  logic                       flat, merge;
  logic [3:0]                 more;
  logic [ValueW-1:0]          from_next, to_next;

  function automatic logic positive(input logic [ValueW-1:0] value);
    return !value[ValueW-1] && value != '0;
  endfunction

  assign start_moves_o = positive(elem_i) && positive(n_i[0]) && positive(n_i[1]) && positive(n_i[2]) && positive(bases_n_i);
  assign flat = (n_q[0] == CountW'(1)) && (n_q[1] == CountW'(1)) && (n_q[2] == CountW'(1));
  assign merge = (n_q[0] == CountW'(1)) || ((from_step_q[0] == ValueW'(elem_q)) && (to_step_q[0] == ValueW'(elem_q)));
  assign low_d = elem_q * CountW'(n_q[0][HalfW-1:0]);
  assign high_d = elem_q[CountW-HalfW-1:0] * n_q[0][CountW-1:HalfW];
  assign product_d = low_q + {high_q, HalfW'(0)};

  always_comb begin
    for (int unsigned i = 0; i < 4; i++) begin
      more[i] = left_q[i] != '0;
    end
  end

  // The next run: one step in the innermost dimension that has a round left, the dimensions inside it anew.
  always_comb begin
    from_next = from_q[2] + from_step_q[2];
    to_next = to_q[3] + base_step_q;
    if (more[0]) begin
      from_next = from_q[0] + from_step_q[0];
      to_next = to_q[0] + to_step_q[0];
    end else if (more[1]) begin
      from_next = from_q[1] + from_step_q[1];
      to_next = to_q[1] + to_step_q[1];
    end else if (more[2]) begin
      to_next = to_q[2] + to_step_q[2];
    end
  end

  always_comb begin
    state_d = state_q;
    elem_d = elem_q;
    n_d = n_q;
    from_step_d = from_step_q;
    to_step_d = to_step_q;
    base_step_d = base_step_q;
    left_d = left_q;
    from_d = from_q;
    to_d = to_q;
    start_ready_o = 1'b0;
    base_ready_o = 1'b0;
    run_valid_o = 1'b0;
    unique case (state_q)
      StIdle: begin
        start_ready_o = 1'b1;
        if (start_valid_i) begin
          elem_d = elem_i[CountW-1:0];
          for (int unsigned i = 0; i < 3; i++) begin
            n_d[i] = n_i[i][CountW-1:0];
          end
          from_step_d = from_step_i;
          to_step_d = to_step_i;
          base_step_d = base_step_i;
          left_d[3] = bases_n_i[CountW-1:0] - CountW'(1);
          to_d = {4{to_i}};
          state_d = start_moves_o ? StMultiply : StEmpty;
        end
      end
      StMultiply: begin
        state_d = StSum;
      end
      StSum: begin
        state_d = StMerge;
      end
      StMerge: begin
        if (merge && !flat) begin
          elem_d = product_q;
          n_d = {CountW'(1), n_q[2:1]};
          from_step_d = {ValueW'(0), from_step_q[2:1]};
          to_step_d = {ValueW'(0), to_step_q[2:1]};
          state_d = StMultiply;
        end else begin
          for (int unsigned i = 0; i < 3; i++) begin
            left_d[i] = n_q[i] - CountW'(1);
          end
          state_d = StBase;
        end
      end
      StBase: begin
        base_ready_o = 1'b1;
        if (base_valid_i) begin
          from_d = {3{base_i}};
          state_d = StRun;
        end
      end
      StRun: begin
        run_valid_o = 1'b1;
        if (run_ready_i) begin
          from_d[0] = from_next;
          to_d[0] = to_next;
          if (more[0]) begin
            left_d[0] = left_q[0] - CountW'(1);
          end else begin
            left_d[0] = n_q[0] - CountW'(1);
            from_d[1] = from_next;
            to_d[1] = to_next;
            if (more[1]) begin
              left_d[1] = left_q[1] - CountW'(1);
            end else begin
              left_d[1] = n_q[1] - CountW'(1);
              from_d[2] = from_next;
              to_d[2] = to_next;
              if (more[2]) begin
                left_d[2] = left_q[2] - CountW'(1);
              end else begin
                left_d[2] = n_q[2] - CountW'(1);
                left_d[3] = left_q[3] - CountW'(1);
                to_d[3] = to_next;
                state_d = more[3] ? StBase : StIdle;
              end
            end
          end
        end
      end
      StEmpty: begin
        run_valid_o = 1'b1;
        if (run_ready_i) begin
          state_d = StIdle;
        end
      end
      default: begin
        state_d = StIdle;
      end
    endcase
  end

  always_comb begin
    run_o = '0;
    run_o.from = from_q[0];
    run_o.to = to_q[0];
    run_o.len_m1 = RunW'(elem_q - CountW'(1));
    run_o.empty = state_q == StEmpty;
    run_o.last = run_o.empty || (more == '0);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      elem_q <= '0;
      low_q <= '0;
      high_q <= '0;
      product_q <= '0;
      n_q <= '0;
      from_step_q <= '0;
      to_step_q <= '0;
      base_step_q <= '0;
      left_q <= '0;
      from_q <= '0;
      to_q <= '0;
    end else begin
      state_q <= state_d;
      elem_q <= elem_d;
      low_q <= low_d;
      high_q <= high_d;
      product_q <= product_d;
      n_q <= n_d;
      from_step_q <= from_step_d;
      to_step_q <= to_step_d;
      base_step_q <= base_step_d;
      left_q <= left_d;
      from_q <= from_d;
      to_q <= to_d;
    end
  end

endmodule
