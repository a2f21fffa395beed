// The binary32 values of one part of a stored word: binary16, bfloat16, integer codes (the nibble order of a tile), or the word itself. Combinational.
module puce_vector_unpack
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
(
  input  unpack_e          unpack_i,
  // Which part of the word.
  input  logic [2:0]       sub_i,
  input  logic [WordW-1:0] word_i,
  output logic [WordW-1:0] word_o
);

  // Twice the E2M1 value of a nibble.
  function automatic logic [7:0] e2m1_doubled(input logic [3:0] nibble);
    logic [7:0] magnitude;
    unique case (nibble[2:0])
      3'd5:    magnitude = 8'd6;
      3'd6:    magnitude = 8'd8;
      3'd7:    magnitude = 8'd12;
      default: magnitude = {5'd0, nibble[2:0]};
    endcase
    return nibble[3] ? 8'd0 - magnitude : magnitude;
  endfunction

  // The integer of a nibble.
  function automatic logic [7:0] nibble_code(input logic [3:0] nibble, input unpack_e kind);
    unique case (kind)
      UnpackI4s: return {4'd0, nibble} - 8'd8;
      UnpackMx4: return e2m1_doubled(nibble);
      default:   return {4'd0, nibble};
    endcase
  endfunction

  logic [127:0] half;
  logic [63:0]  eight;
  logic [31:0]  four;
  assign half  = word_i[128*sub_i[0]+:128];
  assign eight = word_i[64*sub_i[1:0]+:64];
  assign four  = word_i[32*sub_i+:32];

  always_comb begin
    word_o = word_i;
    unique case (unpack_i)
      UnpackF16:  for (int unsigned i = 0; i < WordLanes; i++) word_o[32*i+:32] = f16_to_f32(half[16*i+:16]);
      UnpackBf16: for (int unsigned i = 0; i < WordLanes; i++) word_o[32*i+:32] = bf16_to_f32(half[16*i+:16]);
      UnpackI8:   for (int unsigned i = 0; i < WordLanes; i++) word_o[32*i+:32] = i8_to_f32(eight[8*i+:8]);
      UnpackI4s, UnpackI4m, UnpackMx4: begin
        for (int unsigned i = 0; i < WordLanes; i++) word_o[32*i+:32] = i8_to_f32(nibble_code(four[8*(i%4)+4*(i/4)+:4], unpack_i));
      end
      default: word_o = word_i;
    endcase
  end
endmodule
