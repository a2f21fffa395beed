// puce_fifo keeps every word, in order, for any number of cycles: it is held to a row of words that moves up.
module puce_fifo_proof #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 4
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic             clear_i,
  input logic             in_valid_i,
  input logic [Width-1:0] in_data_i,
  input logic             out_ready_i
);
  localparam int unsigned CountW = $clog2(Depth + 1);

  logic              in_ready, out_valid;
  logic [Width-1:0]  out_data;
  logic [CountW-1:0] count;

  puce_fifo #(
    .Width(Width),
    .Depth(Depth)
  ) u_fifo (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .clear_i(clear_i),
    .in_valid_i(in_valid_i),
    .in_ready_o(in_ready),
    .in_data_i(in_data_i),
    .out_valid_o(out_valid),
    .out_ready_i(out_ready_i),
    .out_data_o(out_data),
    .count_o(count)
  );

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;
  always_comb if (!past_q) assume (!rst_ni);

  logic [Depth-1:0][Width-1:0] row_d, row_q;
  logic [CountW-1:0]           words_d, words_q;

  always_comb begin
    row_d   = row_q;
    words_d = words_q;
    if (out_valid && out_ready_i) begin
      row_d   = row_q >> Width;
      words_d = words_d - 1'b1;
    end
    if (in_valid_i && in_ready && !clear_i) begin
      row_d[words_d] = in_data_i;
      words_d        = words_d + 1'b1;
    end
    if (clear_i) words_d = '0;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) words_q <= '0;
    else         words_q <= words_d;
  end
  always_ff @(posedge clk_i) row_q <= row_d;

  always_comb begin
    if (rst_ni && past_q) begin
      assert (count == words_q && words_q <= Depth);
      assert (out_valid == (words_q != 0));
      assert (in_ready == (words_q != Depth));
      if (out_valid) assert (out_data == row_q[0]);
      // What the induction needs to know of the inside.
      assert (u_fifo.head_q < Depth && u_fifo.tail_q < Depth);
      assert ((32'(u_fifo.head_q) + 32'(count)) % Depth == 32'(u_fifo.tail_q));
      for (int unsigned i = 0; i < Depth; i++) begin
        if (i < 32'(words_q)) assert (u_fifo.mem_q[(32'(u_fifo.head_q) + i) % Depth] == row_q[i]);
      end
    end
  end
endmodule
