// The code that guards 32 bits with 7: single errors are corrected, double errors detected.
//
// An odd-weight-column code after M. Y. Hsiao, "A class of optimal minimum odd-weight-column SEC-DED codes", IBM Journal of Research and Development
// 14(4), 1970: every data bit has a column of weight 3, every check bit one of weight 1. The zero word has zero check bits.
package puce_ecc_pkg;

  localparam int unsigned EccDataW = 32;
  localparam int unsigned EccCheckW = 7;
  localparam int unsigned EccW = EccDataW + EccCheckW;

  // The column of each data bit: the words of weight 3 in ascending order, less three chosen so that every check bit covers 13 or 14 data bits.
  function automatic logic [EccDataW-1:0][EccCheckW-1:0] ecc_columns();
    logic [EccDataW-1:0][EccCheckW-1:0] columns;
    int unsigned at;
    columns = '0;
    at = 0;
    for (int unsigned v = 0; v < 2 ** EccCheckW; v++) begin
      if ($countones(v) == 3 && v != 'b0000111 && v != 'b0111000 && v != 'b1000011) begin
        columns[at] = EccCheckW'(v);
        at = at + 1;
      end
    end
    return columns;
  endfunction

  localparam logic [EccDataW-1:0][EccCheckW-1:0] EccColumns = ecc_columns();

  // The data bits that each check bit covers.
  function automatic logic [EccCheckW-1:0][EccDataW-1:0] ecc_rows();
    logic [EccCheckW-1:0][EccDataW-1:0] rows;
    for (int unsigned c = 0; c < EccCheckW; c++) begin
      for (int unsigned d = 0; d < EccDataW; d++) begin
        rows[c][d] = EccColumns[d][c];
      end
    end
    return rows;
  endfunction

  localparam logic [EccCheckW-1:0][EccDataW-1:0] EccRows = ecc_rows();

endpackage
