// The smoke test of chip `{{ chip }}`: a host and a memory around puce_chip, which runs a program and must leave the memory that the emulator left.
//
// +case=DIR names the folder of a case: memory.hex and expected.hex in beats of a memory port, params.hex. Prints PASS or the first difference, and ends.
// It is a test bench: not synthesizable, and its memory is the plainest one that keeps the rules of AXI4.
`timescale 1ns / 1ps
module smoke;

  localparam int unsigned PortBytes = {{ port_bytes }};
  localparam int unsigned MemPorts = {{ mem_ports }};
  localparam int unsigned IdW = {{ id_width }};
  localparam int unsigned ParamWords = {{ param_words }};
  // Beats of memory in the files, and cycles from a read to its data.
  localparam int unsigned Beats = {{ beats }};
  localparam int unsigned Latency = 20;
  localparam int unsigned MaxCycles = 2000000;

  logic clk = 1'b0;
  logic rst_n = 1'b0;
  logic irq;

  logic [MemPorts-1:0]                  ar_valid, ar_ready, r_valid, r_ready, r_last;
  logic [MemPorts-1:0][IdW-1:0]         ar_id, r_id, aw_id, b_id;
  logic [MemPorts-1:0][47:0]            ar_addr, aw_addr;
  logic [MemPorts-1:0][7:0]             ar_len, aw_len;
  logic [MemPorts-1:0][2:0]             ar_size, aw_size;
  logic [MemPorts-1:0][1:0]             ar_burst, aw_burst, r_resp, b_resp;
  logic [MemPorts-1:0][8*PortBytes-1:0] r_data, w_data;
  logic [MemPorts-1:0]                  aw_valid, aw_ready, w_valid, w_ready, w_last, b_valid, b_ready;
  logic [MemPorts-1:0][PortBytes-1:0]   w_strb;

  logic        lite_aw_valid = 1'b0, lite_aw_ready, lite_w_valid = 1'b0, lite_w_ready, lite_b_valid;
  logic        lite_ar_valid = 1'b0, lite_ar_ready, lite_r_valid;
  logic [23:0] lite_aw_addr = '0, lite_ar_addr = '0;
  logic [31:0] lite_w_data = '0, lite_r_data;
  logic [1:0]  lite_b_resp, lite_r_resp;

  logic [8*PortBytes-1:0] memory[Beats];
  logic [8*PortBytes-1:0] expected[Beats];
  logic [31:0]            params[ParamWords];
  // Register writes of a case: how many, then address and data of each.
  logic [31:0] host[1+2*{{ host_words }}];

  always #5 clk = ~clk;

  puce_chip u_chip (
    .clk_i          (clk),
    .rst_ni         (rst_n),
    .irq_o          (irq),
    .axi_ar_valid_o (ar_valid),
    .axi_ar_ready_i (ar_ready),
    .axi_ar_id_o    (ar_id),
    .axi_ar_addr_o  (ar_addr),
    .axi_ar_len_o   (ar_len),
    .axi_ar_size_o  (ar_size),
    .axi_ar_burst_o (ar_burst),
    .axi_r_valid_i  (r_valid),
    .axi_r_ready_o  (r_ready),
    .axi_r_id_i     (r_id),
    .axi_r_data_i   (r_data),
    .axi_r_resp_i   (r_resp),
    .axi_r_last_i   (r_last),
    .axi_aw_valid_o (aw_valid),
    .axi_aw_ready_i (aw_ready),
    .axi_aw_id_o    (aw_id),
    .axi_aw_addr_o  (aw_addr),
    .axi_aw_len_o   (aw_len),
    .axi_aw_size_o  (aw_size),
    .axi_aw_burst_o (aw_burst),
    .axi_w_valid_o  (w_valid),
    .axi_w_ready_i  (w_ready),
    .axi_w_data_o   (w_data),
    .axi_w_strb_o   (w_strb),
    .axi_w_last_o   (w_last),
    .axi_b_valid_i  (b_valid),
    .axi_b_ready_o  (b_ready),
    .axi_b_id_i     (b_id),
    .axi_b_resp_i   (b_resp),
    .lite_aw_valid_i(lite_aw_valid),
    .lite_aw_ready_o(lite_aw_ready),
    .lite_aw_addr_i (lite_aw_addr),
    .lite_w_valid_i (lite_w_valid),
    .lite_w_ready_o (lite_w_ready),
    .lite_w_data_i  (lite_w_data),
    .lite_w_strb_i  (4'hf),
    .lite_b_valid_o (lite_b_valid),
    .lite_b_ready_i (1'b1),
    .lite_b_resp_o  (lite_b_resp),
    .lite_ar_valid_i(lite_ar_valid),
    .lite_ar_ready_o(lite_ar_ready),
    .lite_ar_addr_i (lite_ar_addr),
    .lite_r_valid_o (lite_r_valid),
    .lite_r_ready_i (1'b1),
    .lite_r_data_o  (lite_r_data),
    .lite_r_resp_o  (lite_r_resp)
  );

  // Memory: one burst of each direction and port at a time.
  for (genvar p = 0; p < MemPorts; p++) begin : gen_port
    logic        reading, writing, answering;
    logic [47:0] read_at, write_at;
    logic [7:0]  read_left;
    int unsigned wait_left;

    assign ar_ready[p] = !reading;
    assign r_valid[p]  = reading && wait_left == 0;
    assign r_data[p]   = memory[read_at / PortBytes];
    assign r_last[p]   = read_left == 0;
    assign r_resp[p]   = 2'b00;
    assign aw_ready[p] = !writing && !answering;
    assign w_ready[p]  = writing;
    assign b_valid[p]  = answering;
    assign b_resp[p]   = 2'b00;

    always_ff @(posedge clk or negedge rst_n) begin
      if (!rst_n) begin
        reading <= 1'b0;
        writing <= 1'b0;
        answering <= 1'b0;
      end else begin
        if (ar_valid[p] && ar_ready[p]) begin
          reading <= 1'b1;
          r_id[p] <= ar_id[p];
          read_at <= ar_addr[p];
          read_left <= ar_len[p];
          wait_left <= Latency;
        end else if (reading && wait_left != 0) begin
          wait_left <= wait_left - 1;
        end else if (r_valid[p] && r_ready[p]) begin
          read_at <= read_at + PortBytes;
          read_left <= read_left - 8'd1;
          reading <= !r_last[p];
        end
        if (aw_valid[p] && aw_ready[p]) begin
          writing <= 1'b1;
          b_id[p] <= aw_id[p];
          write_at <= aw_addr[p];
        end
        if (w_valid[p] && w_ready[p]) begin
          for (int unsigned b = 0; b < PortBytes; b++) begin
            if (w_strb[p][b]) memory[write_at/PortBytes][8*b+:8] <= w_data[p][8*b+:8];
          end
          write_at <= write_at + PortBytes;
          writing <= !w_last[p];
          answering <= w_last[p];
        end
        if (b_valid[p] && b_ready[p]) answering <= 1'b0;
      end
    end
  end

  // Host. Inputs change at falling edges, so that they stand at the rising ones.
  task automatic write_word(input logic [23:0] at, input logic [31:0] data);
    lite_aw_addr = at;
    lite_w_data = data;
    lite_aw_valid = 1'b1;
    lite_w_valid = 1'b1;
    while (lite_aw_valid || lite_w_valid) begin
      logic aw_taken, w_taken;
      @(posedge clk);
      aw_taken = lite_aw_ready;
      w_taken = lite_w_ready;
      @(negedge clk);
      if (aw_taken) lite_aw_valid = 1'b0;
      if (w_taken) lite_w_valid = 1'b0;
    end
    while (!lite_b_valid) @(negedge clk);
    @(negedge clk);
  endtask

  task automatic read_word(input logic [23:0] at, output logic [31:0] data);
    logic taken;
    lite_ar_addr = at;
    lite_ar_valid = 1'b1;
    do begin
      @(posedge clk);
      taken = lite_ar_ready;
      @(negedge clk);
    end while (!taken);
    lite_ar_valid = 1'b0;
    while (!lite_r_valid) @(negedge clk);
    data = lite_r_data;
    @(negedge clk);
  endtask

  initial begin
    string folder;
    logic [31:0] status;
    int unsigned cycles;
    bit failed;
    if (!$value$plusargs("case=%s", folder)) folder = "smoke/case0";
    $readmemh({folder, "/memory.hex"}, memory);
    $readmemh({folder, "/expected.hex"}, expected);
    $readmemh({folder, "/params.hex"}, params);
    repeat (4) @(negedge clk);
    rst_n = 1'b1;
    repeat (2) @(negedge clk);
    $readmemh({folder, "/host.hex"}, host);
    for (int unsigned i = 0; i < ParamWords; i++) write_word(24'(32'h{{ window }} + 4 * i), params[i]);
    for (int unsigned i = 0; i < host[0]; i++) write_word(host[1+2*i][23:0], host[2+2*i]);
    write_word(24'h{{ control }}, 32'd1);
    status = 32'd1;
    cycles = 0;
    while (status[0] && cycles < MaxCycles) begin
      repeat (100) @(negedge clk);
      cycles += 100;
      read_word(24'h{{ status }}, status);
    end
    // $finish ends the simulation only when this block waits or ends: what went wrong is remembered.
    failed = 1'b0;
    if (status[2:0] != 3'b010) begin
      $display("FAIL: %s: status %0d after %0d cycles", folder, status, cycles);
      failed = 1'b1;
    end
    for (int unsigned i = 0; i < Beats; i++) begin
      if (!failed && memory[i] !== expected[i]) begin
        $display("FAIL: %s: beat %0d is %h, the emulator has %h", folder, i, memory[i], expected[i]);
        failed = 1'b1;
      end
    end
    if (!failed) $display("PASS: %s, %0d beats of memory equal the emulator's, about %0d cycles", folder, Beats, cycles);
    $finish;
  end

endmodule
