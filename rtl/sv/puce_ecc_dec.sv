// Mends a word of puce_ecc_pkg with one wrong bit, and tells of one with two. Combinational.
//
// It never claims to mend two wrong bits: then `data_o` is the data as it came.
module puce_ecc_dec
  import puce_ecc_pkg::*;
(
  // Only then is the word looked at; else `data_o` is zero.
  input  logic                en_i,
  input  logic [EccW-1:0]     word_i,
  output logic [EccDataW-1:0] data_o,
  // One wrong bit, mended.
  output logic                single_o,
  // More wrong bits than can be mended.
  output logic                double_o
);

  logic [EccCheckW-1:0] syndrome;
  logic [EccDataW-1:0]  flip;
  logic                 in_check;

  always_comb begin
    syndrome = '0;
    flip = '0;
    in_check = 1'b0;
    data_o = '0;
    single_o = 1'b0;
    double_o = 1'b0;
    if (en_i) begin
      for (int unsigned c = 0; c < EccCheckW; c++) begin
        syndrome[c] = word_i[EccDataW+c] ^ (^(word_i[EccDataW-1:0] & EccRows[c]));
      end
      if (syndrome != '0) begin
        for (int unsigned d = 0; d < EccDataW; d++) begin
          flip[d] = syndrome == EccColumns[d];
        end
        in_check = $onehot(syndrome);
        single_o = in_check || (flip != '0);
        double_o = !single_o;
      end
      data_o = word_i[EccDataW-1:0] ^ flip;
    end
  end

endmodule
