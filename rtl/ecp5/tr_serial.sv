// The term accelerator behind a serial line: frames of docs/formats.md set its registers and carry its streams.
module tr_serial
  import tr_formats_pkg::*;
#(
    parameter int CLOCKS_PER_BIT = 25
) (
    input  logic clk,
    input  logic resetn,
    input  logic rxd,     // from the host
    output logic txd,     // to it
    output logic active   // a request is worked on
);
  logic reset;
  always_ff @(posedge clk) reset <= !resetn;

  // ---- the line -----------------------------------------------------------------------------------------------------
  logic byte_came, put, ended, good, reply, replying, send, sent;
  logic [7:0] byte_in, put_value, payload_value, byte_out;
  logic [9:0] put_at, payload_at;
  logic [FrameHeaderBits-1:0] header, reply_header;
  tr_uart_in #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) from_host (
      .clk, .reset, .line(rxd), .valid(byte_came), .value(byte_in));
  tr_frame_in frame_in (
      .clk, .reset, .hold(active), .valid(byte_came), .value(byte_in), .header, .put, .put_at, .put_value, .ended,
      .good);
  tr_frame_out frame_out (
      .clk, .reset, .start(reply), .header(reply_header), .payload_at, .payload_value, .busy(replying), .valid(send),
      .ready(sent), .value(byte_out));
  tr_uart_out #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) to_host (
      .clk, .reset, .valid(send), .ready(sent), .value(byte_out), .line(txd));

  // ---- requests, and the accelerator --------------------------------------------------------------------------------
  logic [7:0] address;
  logic [31:0] write_value, read_value;
  logic awvalid, awready, wvalid, wready, bvalid, arvalid, arready, rvalid;
  logic [63:0] in_data, out_data;
  logic in_valid, in_ready, in_last, out_valid, out_ready, flush;
  tr_bridge bridge (
      .clk, .reset, .header, .put, .put_at, .put_value, .ended, .good, .busy(active), .reply, .reply_header,
      .payload_at, .payload_value, .replying, .address, .write_value, .awvalid, .awready, .wvalid, .wready, .bvalid,
      .arvalid, .arready, .rvalid, .read_value, .in_data, .in_valid, .in_ready, .in_last, .out_data, .out_valid,
      .out_ready, .flush);

  /* verilator lint_off UNUSEDSIGNAL */
  logic [7:0] keep;
  logic [1:0] bresp, rresp;
  logic out_last, irq;
  /* verilator lint_on UNUSEDSIGNAL */
  tr_accelerator accelerator (
      .clk, .resetn(!reset), .s_axi_awaddr(address), .s_axi_awprot('0), .s_axi_awvalid(awvalid),
      .s_axi_awready(awready), .s_axi_wdata(write_value), .s_axi_wstrb('1), .s_axi_wvalid(wvalid),
      .s_axi_wready(wready), .s_axi_bresp(bresp), .s_axi_bvalid(bvalid), .s_axi_bready(1'b1),
      .s_axi_araddr(address), .s_axi_arprot('0), .s_axi_arvalid(arvalid), .s_axi_arready(arready),
      .s_axi_rdata(read_value), .s_axi_rresp(rresp), .s_axi_rvalid(rvalid), .s_axi_rready(1'b1),
      .m_axis_resetn(!flush), .s_axis_tdata(in_data), .s_axis_tvalid(in_valid), .s_axis_tready(in_ready), .s_axis_tlast(in_last),
      .m_axis_tdata(out_data), .m_axis_tkeep(keep), .m_axis_tvalid(out_valid), .m_axis_tready(out_ready),
      .m_axis_tlast(out_last), .irq);
endmodule
