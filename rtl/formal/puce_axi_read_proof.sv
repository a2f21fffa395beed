// puce_axi_read passes every burst on once, in order, and holds it until memory takes it; answers go to who asked; no two readers starve each other.
//
// Memory answers no more bursts than it was asked. The bursts under way are fewer than the counter can count: readers ask for no more than they have room for.
module puce_axi_read_proof
  import puce_pkg::*;
#(
  localparam int unsigned Readers = 3
) (
  input logic                           clk_i,
  input logic                           rst_ni,
  input logic [Readers-1:0]             ar_valid_i,
  input logic [Readers-1:0][ValueW-1:0] ar_addr_i,
  input logic [Readers-1:0][7:0]        ar_len_i,
  input logic                           axi_ar_ready_i,
  input logic                           axi_r_valid_i,
  input logic [1:0]                     axi_r_id_i,
  input logic [7:0]                     axi_r_data_i,
  input logic                           axi_r_error_i,
  input logic                           axi_r_last_i
);
  logic [Readers-1:0] ar_ready, r_valid;
  logic [7:0]         r_data;
  logic               r_error, r_last, ar_valid, waiting;
  logic [1:0]         ar_id;
  logic [ValueW-1:0]  ar_addr;
  logic [7:0]         ar_len;

  puce_axi_read #(
    .PortBytes(1)
  ) u_read (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .ar_valid_i(ar_valid_i),
    .ar_ready_o(ar_ready),
    .ar_addr_i(ar_addr_i),
    .ar_len_i(ar_len_i),
    .r_valid_o(r_valid),
    .r_data_o(r_data),
    .r_error_o(r_error),
    .r_last_o(r_last),
    .axi_ar_valid_o(ar_valid),
    .axi_ar_ready_i(axi_ar_ready_i),
    .axi_ar_id_o(ar_id),
    .axi_ar_addr_o(ar_addr),
    .axi_ar_len_o(ar_len),
    .axi_r_valid_i(axi_r_valid_i),
    .axi_r_id_i(axi_r_id_i),
    .axi_r_data_i(axi_r_data_i),
    .axi_r_error_i(axi_r_error_i),
    .axi_r_last_i(axi_r_last_i),
    .waiting_o(waiting)
  );

  typedef struct packed {
    logic [1:0]        id;
    logic [ValueW-1:0] addr;
    logic [7:0]        len;
  } burst_t;

  logic past_q;
  initial past_q = 1'b0;
  always_ff @(posedge clk_i) past_q <= 1'b1;

  // ---- Bursts taken from a reader and not yet by memory, and the one that is held for memory.
  logic [Readers-1:0] take;
  logic               give, owed_q, held_q;
  burst_t             now, taken_q, held_burst_q;

  assign take = ar_valid_i & ar_ready;
  assign give = ar_valid && axi_ar_ready_i;
  assign now  = '{id: ar_id, addr: ar_addr, len: ar_len};

  // ---- Bursts that were taken and that memory has not answered to the end.
  logic [16:0] flight_q;
  logic        ends;
  assign ends = axi_r_valid_i && axi_r_last_i;
  always_comb begin
    if (!past_q) assume (!rst_ni);
    if (axi_r_valid_i) assume (32'(axi_r_id_i) < Readers && flight_q != '0);
    if (take != '0 && !ends) assume (flight_q < 17'h0_ffff);
  end

  // ---- Turns of the other that went by while load or weights asked; what came from memory in the cycle before.
  logic [2:1]         passed_q;
  logic [Readers-1:0] came_q;
  logic [7:0]         data_q;
  logic               error_q, last_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      owed_q   <= 1'b0;
      held_q   <= 1'b0;
      flight_q <= '0;
      passed_q <= '0;
      came_q   <= '0;
    end else begin
      owed_q <= take != '0 || (owed_q && !give);
      held_q <= ar_valid && !axi_ar_ready_i;
      flight_q <= flight_q + 17'(take != '0) - 17'(ends);
      for (int unsigned r = 0; r < Readers; r++) begin
        came_q[r] <= axi_r_valid_i && 32'(axi_r_id_i) == r;
      end
      passed_q[1] <= (passed_q[1] || take[2]) && ar_valid_i[1] && !take[1];
      passed_q[2] <= (passed_q[2] || take[1]) && ar_valid_i[2] && !take[2];
    end
  end
  always_ff @(posedge clk_i) begin
    held_burst_q <= now;
    data_q       <= axi_r_data_i;
    error_q      <= axi_r_error_i;
    last_q       <= axi_r_last_i;
    for (int unsigned r = 0; r < Readers; r++) begin
      if (take[r]) taken_q <= '{id: 2'(r), addr: ar_addr_i[r], len: ar_len_i[r]};
    end
  end

  always_comb begin
    if (rst_ni && past_q) begin
      // At most one is taken, one who asks, and one whenever there is a place.
      assert ((take & (take - 3'd1)) == '0 && (ar_ready & ~ar_valid_i) == '0);
      assert ((take != '0) == (ar_valid_i != '0 && (!ar_valid || axi_ar_ready_i)));
      // Fetch comes first; of load and weights neither is passed over twice.
      assert (!(ar_valid_i[0] && (take[1] || take[2])));
      assert (!(passed_q[1] && ar_valid_i[1] && take[2]) && !(passed_q[2] && ar_valid_i[2] && take[1]));
      // Memory sees each once, as it was asked, and steady.
      assert (ar_valid == owed_q);
      if (ar_valid) assert (now == taken_q && 32'(ar_id) < Readers);
      assert (!held_q || (ar_valid && now == held_burst_q));
      // Answers go to who asked, one cycle later.
      assert (r_valid == came_q);
      if (r_valid != '0) assert (r_data == data_q && r_error == error_q && r_last == last_q);
      // The count of bursts under way is right.
      assert (17'(u_read.flight_q) == flight_q);
      assert (waiting == (flight_q != '0 && !axi_r_valid_i));
      // What the induction needs to know of the inside.
      assert (passed_q == '0 || ar_valid);
      assert (!passed_q[1] || !u_read.turn_q);
      assert (!passed_q[2] || u_read.turn_q);
    end
  end
endmodule
