/* verilator lint_off DECLFILENAME */
// What test_handshakes.py proves of modules that talk to AXI: once VALID, it and what comes with it stay until READY.
// Assumptions say what the modules around them do; the assertions beside `offer` are what the induction needs.

module offer #(
    parameter int BITS
) (
    input logic            clk,
    input logic            withdraws,  // a reset that takes offers back
    input logic            valid,
    input logic            ready,
    input logic [BITS-1:0] payload
);
  logic waits = 1'b0;
  logic [BITS-1:0] offered;
  always_ff @(posedge clk) begin
    waits <= valid && !ready && !withdraws;
    offered <= payload;
  end
  always_comb if (waits) assert (valid && payload == offered);
endmodule

// The queue behind OUTPUT, at any stop, start and reset.
module output_offers (
    input logic        clk, stop, stream_reset, launch, more, reads, valid, out_ready,
    input logic [15:0] tiles,
    input logic [63:0] values
);
  logic started = 1'b0, runs = 1'b0, had_more;
  logic [3:0] under_way;  // reads whose window has not come
  logic room, busy, out_valid, out_last;
  logic [63:0] out_data;
  tr_output dut (.*);
  offer #(.BITS(65)) beat (
      .clk, .withdraws(stream_reset), .valid(out_valid), .ready(out_ready), .payload({out_last, out_data}));

  wire [5:0] coming = 6'(dut.level) + 6'(dut.push) + 6'(under_way);
  always_ff @(posedge clk) begin
    started <= 1'b1;
    runs <= !stop && (launch || (runs && dut.left != '0));
    under_way <= launch || stop ? '0 : under_way + 4'(reads) - 4'(valid);
    had_more <= more;
  end
  always_comb begin
    assume (started || (stop && stream_reset));
    assume (stop || !stream_reset);
    assume (!(launch && runs && dut.left != '0));  // a command begins when the one before has ended
    assume (!runs || more == had_more);
    assume (!reads || (runs && room && 19'(coming) - 19'(dut.stopped) < dut.left));  // tr_scan counts the beats
    assume (!valid || under_way != '0);
    if (started) begin
      assert (coming + 6'(dut.free) == 6'd15);
      assert (dut.tail - dut.head == dut.level[3:0]);
      assert (19'(coming) - 19'(dut.stopped) <= (runs ? dut.left : '0));
      assert (!dut.stopped || out_valid);
    end
  end
endmodule

// Registers: the core behind them is a stub that says anything.
module register_offers
  import tr_formats_pkg::*;
(
    input logic        clk, resetn, s_axi_awvalid, s_axi_wvalid, s_axi_bready, s_axi_arvalid, s_axi_rready,
    input logic [ 7:0] s_axi_awaddr, s_axi_araddr,
    input logic [31:0] s_axi_wdata,
    input logic [ 3:0] s_axi_wstrb
);
  logic started = 1'b0;
  logic s_axi_awready, s_axi_wready, s_axi_bvalid, s_axi_arready, s_axi_rvalid;
  logic [1:0] s_axi_bresp, s_axi_rresp;
  logic [31:0] s_axi_rdata;
  tr_accelerator dut (
      .clk, .resetn, .s_axi_awaddr, .s_axi_awvalid, .s_axi_awready, .s_axi_wdata, .s_axi_wstrb, .s_axi_wvalid,
      .s_axi_wready, .s_axi_bresp, .s_axi_bvalid, .s_axi_bready, .s_axi_araddr, .s_axi_arvalid, .s_axi_arready,
      .s_axi_rdata, .s_axi_rresp, .s_axi_rvalid, .s_axi_rready);
  offer #(.BITS(2)) written (
      .clk, .withdraws(!resetn), .valid(s_axi_bvalid), .ready(s_axi_bready), .payload(s_axi_bresp));
  offer #(.BITS(34)) value (
      .clk, .withdraws(!resetn), .valid(s_axi_rvalid), .ready(s_axi_rready), .payload({s_axi_rresp, s_axi_rdata}));

  // Addresses, data and reads that came and were not answered, and what TIMEOUT must be.
  logic [1:0] addresses, data, reads;
  logic [7:0] address;
  logic [31:0] word, timeout;
  logic [3:0] bytes;
  wire answered = s_axi_bvalid && s_axi_bready;
  wire written_now = addresses != '0 && data != '0 && !s_axi_bvalid;
  always_ff @(posedge clk) begin
    started <= 1'b1;
    addresses <= addresses + 2'(s_axi_awvalid && s_axi_awready) - 2'(answered);
    data <= data + 2'(s_axi_wvalid && s_axi_wready) - 2'(answered);
    reads <= reads + 2'(s_axi_arvalid && s_axi_arready) - 2'(s_axi_rvalid && s_axi_rready);
    if (s_axi_awvalid && s_axi_awready) address <= s_axi_awaddr;
    if (s_axi_wvalid && s_axi_wready) {word, bytes} <= {s_axi_wdata, s_axi_wstrb};
    if (written_now && address[7:2] == 6'(AccelRegisterTimeout >> 2))
      for (int i = 0; i < 4; i++) if (bytes[i]) timeout[8*i+:8] <= word[8*i+:8];
    if (!resetn) {addresses, data, reads, timeout} <= '0;
  end
  always_comb begin
    assume (started || !resetn);
    if (started) begin
      assert (dut.timeout == timeout);
      assert (!s_axi_bvalid || (addresses != '0 && data != '0));  // no answer without a question
      assert (reads == 2'(dut.reads) + 2'(s_axi_rvalid) && s_axi_arready == (reads == '0));
      assert (addresses == 2'(dut.got_address) + 2'(s_axi_bvalid) && s_axi_awready == !dut.got_address);
      assert (data == 2'(dut.got_data) + 2'(s_axi_bvalid) && s_axi_wready == !dut.got_data);
      if (dut.got_address) assert (dut.write_at[7:2] == address[7:2] && dut.write_at[1:0] == '0);
      if (dut.got_data) assert (dut.write_value == word && dut.strobe == bytes);
    end
  end
endmodule

// The ULX3S's bridge, which asks those registers and fills the input stream.
module bridge_offers
  import tr_formats_pkg::*;
(
    input logic                       clk, reset, put, ended, good, replying, awready, wready, bvalid, arready, rvalid,
    input logic                       in_ready, out_valid,
    input logic [FrameHeaderBits-1:0] header,
    input logic [                9:0] put_at, payload_at,
    input logic [                7:0] put_value,
    input logic [               31:0] read_value,
    input logic [               63:0] out_data
);
  localparam logic [2:0] Write = 2, Read = 3;  // of tr_bridge's states
  logic started = 1'b0;
  logic awvalid, wvalid, arvalid, in_valid, in_last, flush;
  logic [ 7:0] address;
  logic [31:0] write_value;
  logic [63:0] in_data;
  tr_bridge #(.BEATS(4)) dut (
      .clk, .reset, .header, .put, .put_at, .put_value, .ended, .good, .payload_at, .replying, .address, .write_value,
      .awvalid, .awready, .wvalid, .wready, .bvalid, .arvalid, .arready, .rvalid, .read_value, .in_data, .in_valid,
      .in_ready, .in_last, .out_data, .out_valid, .flush);
  offer #(.BITS(8)) write_address (.clk, .withdraws(reset), .valid(awvalid), .ready(awready), .payload(address));
  offer #(.BITS(32)) write_data (.clk, .withdraws(reset), .valid(wvalid), .ready(wready), .payload(write_value));
  offer #(.BITS(8)) read_address (.clk, .withdraws(reset), .valid(arvalid), .ready(arready), .payload(address));
  offer #(.BITS(65)) beat (
      .clk, .withdraws(reset || flush), .valid(in_valid), .ready(in_ready), .payload({in_last, in_data}));

  always_ff @(posedge clk) started <= 1'b1;
  always_comb begin
    assume (started || reset);
    assume (!bvalid || !(awvalid || wvalid));  // as `register_offers` proves
    assume (!rvalid || !arvalid);
    if (started) begin
      assert (dut.state == Write || !(awvalid || wvalid));
      assert (dut.state == Read || !arvalid);
    end
  end
endmodule
