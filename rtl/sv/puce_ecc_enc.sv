// Appends the check bits of puce_ecc_pkg to a 32-bit word (check bits on top). Combinational.
module puce_ecc_enc
  import puce_ecc_pkg::*;
(
  input  logic [EccDataW-1:0] data_i,
  output logic [EccW-1:0]     word_o
);

  logic [EccCheckW-1:0] check;

  for (genvar c = 0; c < int'(EccCheckW); c++) begin : gen_check
    assign check[c] = ^(data_i & EccRows[c]);
  end

  assign word_o = {check, data_i};

endmodule
