// Reduces the words of a group to one value: the largest, the largest magnitude, or the one valid lane. For `ScanTop`, the largest of those that come after
// the last one found, by value and then by index.
//
// Groups follow each other without a gap; a result comes a fixed number of cycles after a group's last word.
module puce_vector_scan
  import puce_pkg::*;
  import puce_fp_pkg::*;
  import puce_vector_pkg::*;
(
  input  logic              clk_i,
  input  logic              rst_ni,
  input  scan_e             scan_i,
  // Forgets what was found (ScanTop). It does so by itself after the last pass over a row.
  input  logic              start_i,
  input  logic              valid_i,
  /* verilator lint_off UNUSEDSIGNAL */ // What is said of words for the lanes does not count here.
  input  tag_t              tag_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  logic [WordW-1:0]  word_i,
  output logic              valid_o,
  output logic [31:0]       value_o,
  output logic [CountW-1:0] index_o,
  // A NaN was among the valid lanes.
  output logic              nan_o
);

  localparam int unsigned Levels = 3;

  // A candidate: keys compare as signed integers, the lower lane wins among equals.
  typedef struct packed {
    logic               valid;
    logic signed [31:0] key;
    logic [2:0]         lane;
  } best_t;

  typedef struct packed {
    logic              nan;
    logic              group_last;
    logic              last;
    logic [CountW-1:0] index;
  } info_t;

  function automatic best_t better(input best_t a, input best_t b);
    return (b.valid && (!a.valid || b.key > a.key)) ? b : a;
  endfunction

  // What was found last, and whether anything was.
  logic               found_d, found_q;
  logic signed [31:0] found_key_d, found_key_q;
  logic [CountW-1:0]  found_index_d, found_index_q;

  best_t [WordLanes-1:0] keys_d, keys_q;
  best_t [3:0]           four_d, four_q;
  best_t [1:0]           two_d, two_q;
  best_t                 one_d, one_q;
  info_t [Levels:0]      info_d, info_q;
  logic [Levels:0]       stage_q;

  // What is compared.
  function automatic logic signed [31:0] key_of(input logic [31:0] value, input scan_e kind);
    unique case (kind)
      ScanPick:           return value;
      ScanAbs, ScanQuant: return {1'b0, value[30:0]};
      ScanTop:            return order(is_nan(value) ? {1'b1, Infinity[30:0]} : value);
      default:            return order(value);
    endcase
  endfunction

  // Keys of one word. Those that were found already come before what was found last.
  logic index_above, index_same;
  always_comb begin
    index_above = tag_i.index > (found_index_q >> 3);
    index_same  = tag_i.index == (found_index_q >> 3);
    info_d[0]   = '{nan: 1'b0, group_last: tag_i.group_last, last: tag_i.row_last, index: tag_i.index};
    for (int unsigned i = 1; i <= Levels; i++) info_d[i] = info_q[i-1];
    keys_d = keys_q;
    if (valid_i) begin
      for (int unsigned i = 0; i < WordLanes; i++) begin
        info_d[0].nan |= tag_i.mask[i] && is_nan(word_i[32*i+:32]);
        keys_d[i].key   = key_of(word_i[32*i+:32], scan_i);
        keys_d[i].lane  = 3'(i);
        keys_d[i].valid = tag_i.mask[i];
        if (scan_i == ScanTop && found_q && keys_d[i].key >= found_key_q) begin
          keys_d[i].valid = tag_i.mask[i] && keys_d[i].key == found_key_q && (index_above || (index_same && 3'(i) > found_index_q[2:0]));
        end
      end
    end
  end

  always_comb begin
    four_d = four_q;
    two_d  = two_q;
    one_d  = one_q;
    if (stage_q[0]) for (int unsigned i = 0; i < 4; i++) four_d[i] = better(keys_q[2*i], keys_q[2*i+1]);
    if (stage_q[1]) for (int unsigned i = 0; i < 2; i++) two_d[i] = better(four_q[2*i], four_q[2*i+1]);
    if (stage_q[2]) one_d = better(two_q[0], two_q[1]);
  end

  // The group so far.
  logic               any_d, any_q, nan_d, nan_q, done_d, done_q, last_d, last_q, fresh_d, fresh_q;
  logic signed [31:0] key_d, key_q;
  logic [CountW-1:0]  index_d, index_q;
  always_comb begin
    any_d   = any_q;
    nan_d   = nan_q;
    key_d   = key_q;
    index_d = index_q;
    fresh_d = fresh_q;
    done_d  = 1'b0;
    last_d  = last_q;
    if (stage_q[Levels]) begin
      nan_d = info_q[Levels].nan || (nan_q && !fresh_q);
      if (fresh_q || !any_q || (one_q.valid && one_q.key > key_q)) begin
        any_d   = one_q.valid;
        key_d   = one_q.key;
        index_d = {info_q[Levels].index[CountW-4:0], one_q.lane};
      end
      fresh_d = info_q[Levels].group_last;
      done_d  = info_q[Levels].group_last;
      last_d  = info_q[Levels].last;
    end
    if (start_i) fresh_d = 1'b1;
  end

  // The result: of a group without a valid lane, the identity.
  always_comb begin
    unique case (scan_i)
      ScanPick:           value_o = key_q;
      ScanAbs, ScanQuant: value_o = any_q ? key_q : '0;
      default:            value_o = any_q ? order(key_q) : {1'b1, Infinity[30:0]};
    endcase
    if (scan_i == ScanMax && nan_q) value_o = CanonicalNan;
  end

  assign valid_o = done_q;
  assign index_o = index_q;
  assign nan_o   = nan_q;

  always_comb begin
    found_d       = found_q;
    found_key_d   = found_key_q;
    found_index_d = found_index_q;
    if (done_q) begin
      found_d       = !last_q;
      found_key_d   = key_q;
      found_index_d = index_q;
    end
    if (start_i) found_d = 1'b0;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      stage_q <= '0;
      any_q   <= 1'b0;
      nan_q   <= 1'b0;
      fresh_q <= 1'b1;
      done_q  <= 1'b0;
      found_q <= 1'b0;
    end else begin
      stage_q <= {stage_q[Levels-1:0], valid_i};
      any_q   <= any_d;
      nan_q   <= nan_d;
      fresh_q <= fresh_d;
      done_q  <= done_d;
      found_q <= found_d;
    end
  end

  always_ff @(posedge clk_i) begin
    keys_q <= keys_d;
    four_q <= four_d;
    two_q  <= two_d;
    one_q  <= one_d;
    info_q <= info_d;
    key_q         <= key_d;
    index_q       <= index_d;
    last_q        <= last_d;
    found_key_q   <= found_key_d;
    found_index_q <= found_index_d;
  end
endmodule
