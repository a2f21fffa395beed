// One row of the matrix engine: dot products of a row's codes with the codes of Columns tokens, summed over the steps of a block.
//
// A byte of codes is two 4-bit columns or one 8-bit column. Each half of it is a signed factor between -12 and 12, so that one pair of multipliers
// serves both: two codes against two activations, or the halves of one code against the same activation twice, the upper product worth 16 times.
// An integer half without sign is taken as (value - 8): a sum then lacks 8 times the sum of the activation codes, which the caller adds, except for
// the kind whose codes are offset by 8 in earnest. E2M1 elements are taken as twice their value.
//
// The lane never sees scales, and never rounds.
module puce_lane
  import puce_matrix_pkg::*;
#(
  parameter int unsigned Depth = 8,
  parameter int unsigned Columns = 4
) (
  input  logic                                  clk_i,
  input  logic                                  rst_ni,
  // A step: bytes of codes, and how they are read; `first` and `last` step of a block.
  input  logic                                  valid_i,
  input  logic                                  first_i,
  input  logic                                  last_i,
  input  mode_e                                 mode_i,
  input  logic [Depth/2-1:0][7:0]               codes_i,
  // The activations of the step before: those of byte `b` in elements 2b (lower half) and 2b + 1 (upper half).
  input  logic [Columns-1:0][Depth-1:0][7:0]    x_i,
  // LaneLat cycles after the last step, for one cycle.
  output logic                                  done_o,
  output logic signed [Columns-1:0][SumW-1:0]   sum_o
);
  localparam int unsigned Pairs = Depth / 2;
  // Pairs products of at most 12 x 128.
  localparam int unsigned DotW = 12 + $clog2(Pairs);

  typedef logic signed [4:0] factor_t;

  // The signed factor of one half of a byte.
  function automatic factor_t factor(logic [3:0] half, logic upper, mode_e mode);
    logic [4:0] magnitude;
    magnitude = half[2:0] <= 3'd4 ? {2'd0, half[2:0]} : half[2:0] == 3'd5 ? 5'd6 : half[2:0] == 3'd6 ? 5'd8 : 5'd12;
    unique case (mode)
      ModeFp4:  factor = half[3] ? -$signed(magnitude) : $signed(magnitude);
      ModeInt8: factor = upper ? {half[3], half} : {~half[3], ~half[3], half[2:0]};
      default:  factor = {~half[3], ~half[3], half[2:0]};
    endcase
  endfunction

  factor_t [Pairs-1:0] low_d, low_q, high_d, high_q;
  logic [2:0] valid_d, valid_q;
  logic [1:0] first_d, first_q;
  logic [2:0] last_d, last_q;
  logic [1:0] byte_d, byte_q;
  logic signed [Columns-1:0][DotW-1:0] dot_low_d, dot_low_q, dot_high_d, dot_high_q;
  logic signed [Columns-1:0][SumW-1:0] sum_d, sum_q;

  always_comb begin
    valid_d = {valid_q[1:0], valid_i};
    last_d  = {last_q[1:0], last_i};
    first_d = {first_q[0], first_i};
    byte_d  = {byte_q[0], mode_i == ModeInt8};
  end

  always_comb begin
    low_d  = low_q;
    high_d = high_q;
    if (valid_i) begin
      for (int unsigned b = 0; b < Pairs; b++) begin
        low_d[b]  = factor(codes_i[b][3:0], 1'b0, mode_i);
        high_d[b] = factor(codes_i[b][7:4], 1'b1, mode_i);
      end
    end
  end

  always_comb begin
    dot_low_d  = dot_low_q;
    dot_high_d = dot_high_q;
    if (valid_q[0]) begin
      for (int unsigned c = 0; c < Columns; c++) begin
        dot_low_d[c]  = '0;
        dot_high_d[c] = '0;
        for (int unsigned b = 0; b < Pairs; b++) begin
          dot_low_d[c]  = dot_low_d[c] + DotW'($signed(low_q[b])) * DotW'($signed(x_i[c][2*b]));
          dot_high_d[c] = dot_high_d[c] + DotW'($signed(high_q[b])) * DotW'($signed(x_i[c][2*b+1]));
        end
      end
    end
  end

  always_comb begin
    sum_d = sum_q;
    if (valid_q[1]) begin
      for (int unsigned c = 0; c < Columns; c++) begin
        sum_d[c] = (first_q[1] ? '0 : sum_q[c]) + SumW'($signed(dot_low_q[c]))
                 + (SumW'($signed(dot_high_q[c])) <<< (byte_q[1] ? 4 : 0));
      end
    end
  end

  assign done_o = valid_q[2] && last_q[2];
  assign sum_o  = sum_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else         valid_q <= valid_d;
  end

  always_ff @(posedge clk_i) begin
    first_q    <= first_d;
    last_q     <= last_d;
    byte_q     <= byte_d;
    low_q      <= low_d;
    high_q     <= high_d;
    dot_low_q  <= dot_low_d;
    dot_high_q <= dot_high_d;
    sum_q      <= sum_d;
  end
endmodule
