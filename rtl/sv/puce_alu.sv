// What control computes with registers: two 64-bit operands, one result.
//
// All operations take one cycle but the product, which takes the operands apart into steps of 8 bits: `start_i`, then the result with `done_o`, the same
// number of cycles later for any operands. The operands hold still until then.
module puce_alu
  import puce_isa_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        start_i,
  input  logic [7:0]  op_i,
  input  logic [63:0] a_i,
  input  logic [63:0] b_i,
  output logic        done_o,
  output logic [63:0] result_o
);
  localparam int unsigned StepW = 8;
  localparam int unsigned Steps = 64 / StepW;
  localparam int unsigned CountW = $clog2(Steps + 2);

  logic               done_d, done_q;
  logic [63:0]        result_d, result_q;
  // Steps left; the operands as they move past each other; the product of the last step.
  logic [CountW-1:0]  left_d, left_q;
  logic [63:0]        a_d, a_q, b_d, b_q, partial_d, partial_q;
  logic [63:0]        sum;
  logic               minus, less;

  assign minus = op_i == OpSub;
  assign sum   = a_i + (b_i ^ {64{minus}}) + 64'(minus);
  assign less  = $signed(a_i) < $signed(b_i);

  always_comb begin
    done_d    = 1'b0;
    result_d  = result_q;
    left_d    = left_q;
    a_d       = a_q;
    b_d       = b_q;
    partial_d = partial_q;
    if (start_i) begin
      done_d = op_i != OpMul;
      unique case (op_i)
        OpSet:        result_d = b_i;
        OpAdd, OpSub: result_d = sum;
        OpMin:        result_d = less ? a_i : b_i;
        OpMax:        result_d = less ? b_i : a_i;
        OpShr:        result_d = $unsigned($signed(a_i) >>> b_i[5:0]);
        OpAnd:        result_d = a_i & b_i;
        default:      result_d = '0;
      endcase
      if (op_i == OpMul) begin
        left_d    = CountW'(Steps + 1);
        a_d       = a_i;
        b_d       = b_i;
        partial_d = '0;
      end
    end else if (left_q != '0) begin
      left_d    = left_q - CountW'(1);
      partial_d = a_q * 64'(b_q[StepW-1:0]);
      a_d       = a_q << StepW;
      b_d       = b_q >> StepW;
      result_d  = result_q + partial_q;
      done_d    = left_q == CountW'(1);
    end
  end

  assign done_o   = done_q;
  assign result_o = result_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      done_q    <= 1'b0;
      result_q  <= '0;
      left_q    <= '0;
      a_q       <= '0;
      b_q       <= '0;
      partial_q <= '0;
    end else begin
      done_q    <= done_d;
      result_q  <= result_d;
      left_q    <= left_d;
      a_q       <= a_d;
      b_q       <= b_d;
      partial_q <= partial_d;
    end
  end
endmodule
