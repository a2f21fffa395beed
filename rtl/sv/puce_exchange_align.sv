// The sending half of the exchange engine: moves bytes from their places in the words of the source to their places in the words of the destination.
//
// Each word is turned by the distance between the two places, once; a word of the destination is joined from what was turned last and what is turned now.
// So a row of n words takes n cycles, and one more where its bytes spread over one more word at the destination or where the first word only begins one.
module puce_exchange_align
  import puce_pkg::*;
#(
  parameter int unsigned OffsetW = $clog2(WordBytes)
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // A word of the source, with what puce_exchange_pieces says of it.
  input  logic                     word_valid_i,
  output logic                     word_ready_o,
  input  logic [WordW-1:0]         data_i,
  input  logic                     first_i,
  input  logic                     last_i,
  input  logic [OffsetW-1:0]       source_i,
  input  logic [OffsetW-1:0]       target_i,
  input  logic [OffsetW-1:0]       tail_i,
  input  logic [ValueW-OffsetW-1:0] word_i,
  input  logic                     same_i,
  // A word of the destination.
  output logic                     tx_valid_o,
  input  logic                     tx_ready_i,
  output logic [ValueW-1:0]        tx_addr_o,
  output logic [WordBytes-1:0]     tx_strb_o,
  output logic [WordW-1:0]         tx_data_o,
  output logic                     tx_same_o,
  // A word is in here.
  output logic                     busy_o
);
  localparam int unsigned WordAddrW = ValueW - OffsetW;

  // ---- First stage: the word, turned.
  logic                           turned_valid_d, turned_valid_q, first_q, last_q, same_q;
  logic [OffsetW-1:0]             turn, turn_q, source_q, target_q, tail_q;
  logic [WordAddrW-1:0]           word_q;
  logic [WordBytes-1:0][7:0]      data, turned, turned_q;
  logic                           turned_ready, load;

  assign data         = data_i;
  assign turn         = source_i - target_i;
  assign word_ready_o = !turned_valid_q || turned_ready;
  assign load         = word_valid_i && word_ready_o;
  assign turned_valid_d = word_ready_o ? word_valid_i : turned_valid_q;

  always_comb begin
    turned = '0;
    if (word_valid_i) begin
      for (int unsigned b = 0; b < WordBytes; b++) begin
        turned[b] = data[OffsetW'(b) + turn];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (load) begin
      turned_q <= turned;
      first_q  <= first_i;
      last_q   <= last_i;
      same_q   <= same_i;
      turn_q   <= turn;
      source_q <= source_i;
      target_q <= target_i;
      tail_q   <= tail_i;
      word_q   <= word_i;
    end
  end

  // ---- Second stage: the destination's word. `flush`: the row's last source word was joined, and what is left of it makes one more.
  logic                      flush_d, flush_q;
  // Whether the row has sent a word, and the words it has sent.
  logic                      begun_d, begun_q;
  logic [WordAddrW-1:0]      offset_d, offset_q;
  logic [WordBytes-1:0][7:0] kept_q, joined;
  logic [WordBytes-1:0]      strb;
  logic                      out_valid_d, out_valid_q, out_same_q, out_ready;
  logic [WordAddrW-1:0]      out_word_q;
  logic [WordBytes-1:0]      out_strb_q;
  logic [WordW-1:0]          out_data_q;
  logic                      primes, emits, more, ends, step;
  logic [OffsetW-1:0]        stop, source_stop;
  logic [OffsetW:0]          finish, source_finish;

  assign out_ready = !out_valid_q || tx_ready_i;
  // The first word only begins the destination's first word if that reaches beyond it.
  assign primes = first_q && source_q > target_q;
  // Where the row ends in the last word of the destination, and of the source.
  assign stop   = target_q + tail_q;
  assign finish = (stop == '0) ? (OffsetW+1)'(WordBytes) : {1'b0, stop};
  assign source_stop   = source_q + tail_q;
  assign source_finish = (source_stop == '0) ? (OffsetW+1)'(WordBytes) : {1'b0, source_stop};
  // The word that is joined now takes the first `turn_q` bytes of the source's word, or all where nothing turns; what is left makes one more.
  assign more   = last_q && turn_q != '0 && (OffsetW+1)'(turn_q) < source_finish;
  assign emits  = flush_q || !primes;
  assign ends   = flush_q || (last_q && !more);
  assign step   = turned_valid_q && (!emits || out_ready);
  assign turned_ready = step && (flush_q || !more);

  always_comb begin
    flush_d  = flush_q;
    begun_d  = begun_q;
    offset_d = offset_q;
    if (step) begin
      flush_d  = !flush_q && more;
      begun_d  = !ends && (begun_q || emits);
      offset_d = ends ? '0 : offset_q + WordAddrW'(emits);
    end
  end

  // Lanes from WordBytes - turn on come from the word that is turned now; the lanes below were kept.
  always_comb begin
    joined = '0;
    strb   = '0;
    if (turned_valid_q) begin
      for (int unsigned b = 0; b < WordBytes; b++) begin
        joined[b] = (!flush_q && (turn_q == '0 || (OffsetW+1)'(b) + (OffsetW+1)'(turn_q) >= (OffsetW+1)'(WordBytes))) ? turned_q[b] : kept_q[b];
        strb[b]   = (begun_q || OffsetW'(b) >= target_q) && (!ends || (OffsetW+1)'(b) < finish);
      end
    end
  end

  assign out_valid_d = out_ready ? (step && emits) : out_valid_q;

  always_ff @(posedge clk_i) begin
    if (step) kept_q <= turned_q;
    if (step && emits) begin
      out_word_q <= word_q + offset_q;
      out_strb_q <= strb;
      out_data_q <= joined;
      out_same_q <= same_q;
    end
  end

  assign tx_valid_o = out_valid_q;
  assign tx_addr_o  = {out_word_q, OffsetW'(0)};
  assign tx_strb_o  = out_strb_q;
  assign tx_data_o  = out_data_q;
  assign tx_same_o  = out_same_q;
  assign busy_o     = turned_valid_q || out_valid_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      turned_valid_q <= 1'b0;
      flush_q        <= 1'b0;
      begun_q        <= 1'b0;
      offset_q       <= '0;
      out_valid_q    <= 1'b0;
    end else begin
      turned_valid_q <= turned_valid_d;
      flush_q        <= flush_d;
      begun_q        <= begun_d;
      offset_q       <= offset_d;
      out_valid_q    <= out_valid_d;
    end
  end
endmodule
