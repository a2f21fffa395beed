// The scales and minimums of rows of stored blocks (vdeq), one pair of binary32 per block. Words of scales and of minimums come from the second queue in turns;
// each row begins with new ones.
//
// A scale or minimum that is NaN or infinite counts as zero and raises the flag.
module puce_vector_scales
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             start_i,
  input  scales_t          scales_i,
  // The second queue.
  input  logic             word_valid_i,
  input  logic [WordW-1:0] word_i,
  output logic             word_take_o,
  // Scalars of the next block.
  output logic             valid_o,
  input  logic             ready_i,
  output logic [31:0]      scale_o,
  output logic [31:0]      min_o,
  output logic             nan_o
);
  logic              run_d, run_q, scale_there_d, scale_there_q, min_there_d, min_there_q;
  logic [CountW-1:0] block_d, block_q, row_d, row_q;
  logic [WordW-1:0]  scale_word_d, scale_word_q, min_word_d, min_word_q;
  logic [15:0]       wide, min_bits;
  logic [7:0]        narrow, less;
  logic              byte_wide, need_scale, need_min, last, chunk_last;
  logic              scale_bad, min_bad;

  // The binary32 of 2^(x - 127 - lower).
  function automatic logic [31:0] power(input logic [7:0] x, input logic [7:0] lower);
    if (x > lower) return {1'b0, x - lower, 23'd0};
    return 32'h0040_0000 >> (lower - x);
  endfunction

  always_comb begin
    byte_wide  = scales_i.format == ScaleMx8 || scales_i.format == ScaleMx4;
    wide       = scale_word_q[16*block_q[3:0]+:16];
    narrow     = scale_word_q[8*block_q[4:0]+:8];
    min_bits   = min_word_q[16*block_q[3:0]+:16];
    less       = scales_i.format == ScaleMx8 ? 8'd6 : 8'd1;
    scale_bad  = 1'b0;
    min_bad    = scales_i.min && (&min_bits[14:10]);
    unique case (scales_i.format)
      ScaleF16: begin
        scale_o   = f16_to_f32(wide);
        scale_bad = &wide[14:10];
      end
      ScaleBf16: begin
        scale_o   = {wide, 16'd0};
        scale_bad = &wide[14:7];
      end
      ScaleMx8, ScaleMx4: begin
        scale_o   = power(narrow, less);
        scale_bad = &narrow;
      end
      default: scale_o = puce_fp_pkg::One;
    endcase
    min_o = f16_to_f32(min_bits);
    if (scale_bad) scale_o = '0;
    if (min_bad) min_o = '0;
  end

  always_comb begin
    need_scale  = scales_i.format != ScaleOne && !scale_there_q;
    need_min    = scales_i.min && !min_there_q;
    last        = block_q == scales_i.blocks - CountW'(1);
    chunk_last  = last || (byte_wide ? &block_q[4:0] : &block_q[3:0]);
    valid_o     = run_q && !need_scale && !need_min;
    nan_o       = valid_o && (scale_bad || min_bad);
    word_take_o = run_q && word_valid_i && (need_scale || need_min);

    run_d         = run_q;
    block_d       = block_q;
    row_d         = row_q;
    scale_there_d = scale_there_q;
    min_there_d   = min_there_q;
    scale_word_d  = scale_word_q;
    min_word_d    = min_word_q;
    if (word_take_o && need_scale) begin
      scale_there_d = 1'b1;
      scale_word_d  = word_i;
    end else if (word_take_o) begin
      min_there_d = 1'b1;
      min_word_d  = word_i;
    end
    if (valid_o && ready_i) begin
      block_d = last ? '0 : block_q + CountW'(1);
      if (chunk_last) begin
        scale_there_d = 1'b0;
        min_there_d   = 1'b0;
      end
      if (last) row_d = row_q - CountW'(1);
      if (last && row_q == CountW'(1)) run_d = 1'b0;
    end
    if (start_i) begin
      run_d         = scales_i.enable;
      block_d       = '0;
      row_d         = scales_i.rows;
      scale_there_d = 1'b0;
      min_there_d   = 1'b0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      run_q         <= 1'b0;
      block_q       <= '0;
      row_q         <= '0;
      scale_there_q <= 1'b0;
      min_there_q   <= 1'b0;
    end else begin
      run_q         <= run_d;
      block_q       <= block_d;
      row_q         <= row_d;
      scale_there_q <= scale_there_d;
      min_there_q   <= min_there_d;
    end
  end

  always_ff @(posedge clk_i) begin
    scale_word_q <= scale_word_d;
    min_word_q   <= min_word_d;
  end
endmodule
