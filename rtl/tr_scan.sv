// DENSE, OUTPUT and ADD count through activation memory: one read a cycle. DENSE reads value after value of each channel,
// then the three rows of the bias, for each block of results; OUTPUT eight values of a word; ADD a word of each input.
module tr_scan
  import tr_formats_pkg::*;
(
    input  logic                        clk,
    input  logic                        stop,
    input  logic                        launch,
    input  logic                        is_dense,
    input  logic                        is_output,
    input  logic                        is_add,
    input  logic                        each,          // DENSE: results leave one a cycle; the next block waits
    input  logic                        each_done,
    input  logic                        out_room,      // OUTPUT: the queue takes another beat
    input  logic [                15:0] tiles,
    input  logic [                15:0] count,
    input  logic [                15:0] pixels,
    input  logic [AccelAddressBits-1:0] src,
    input  logic [AccelAddressBits-1:0] src2,
    input  logic [AccelAddressBits-1:0] src_stride,
    output logic                        busy,
    output logic                        valid,         // a read
    output logic [AccelAddressBits-1:0] address,
    output logic [ AccelColumnBits-1:0] value,         // of the word
    output logic                        first,         // of a block
    output logic                        last,          // of a block, or of a pair
    output logic [                 1:0] bias           // DENSE: 1 to 3 are rows of the bias; ADD: 1 is the second input
);
  localparam int A = AccelAddressBits;
  localparam int Bits = AccelColumnBits;

  logic open, hold;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [15:0] block;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [15:0] channel, pixel;
  logic [A-1:0] word, channel_word, next_word;
  logic [2:0] pause;
  logic pixel_last, channel_last, block_last, one_pixel, one_channel;  // registers, as counters are compared ahead
  logic block_done;

  assign next_word = channel_last ? src : channel_word + src_stride;
  assign valid = open && pause == '0 && (!is_output || out_room) && !hold;
  assign last = is_dense ? bias == 2'd3 : is_add ? bias[0] : 1'b0;
  assign first = is_dense && channel == '0 && pixel == '0 && bias == '0;
  assign address = is_add ? (bias[0] ? src2 : src) + block[A-1:0] : word;
  assign value = is_add ? '0 : pixel[Bits-1:0];
  assign busy = open || hold;

  assign block_done = valid && (is_output ? &pixel[Bits-1:3] : is_add ? bias[0] : bias == 2'd3);

  always_ff @(posedge clk) begin
    if (pause != '0) pause <= pause - 3'd1;
    if (block_done) begin
      block <= block + 16'd1;
      block_last <= block + 16'd2 == tiles;
      if (block_last) open <= 1'b0;
      if (!is_output) pause <= is_add ? 3'd2 : 3'd7;
    end
    if (valid) begin
      if (is_output) begin  // eight values a cycle
        pixel <= pixel + 16'd8;
        if (&pixel[Bits-1:3]) begin
          pixel <= '0;
          word <= word + A'(1);
        end
      end else if (is_add) begin  // one word of each input, then two cycles for their sums, a quarter of a word at a time
        bias <= bias ^ 2'd1;
      end else if (bias != '0) begin  // the three rows of the bias
        bias <= bias + 2'd1;
      end else begin
        pixel <= pixel + 16'd1;
        pixel_last <= pixel + 16'd2 == pixels;
        if (&pixel[Bits-1:0]) word <= word + A'(1);
        if (pixel_last) begin
          pixel <= '0;
          pixel_last <= one_pixel;
          channel <= channel_last ? '0 : channel + 16'd1;
          channel_last <= channel_last ? one_channel : channel + 16'd2 == count;
          channel_word <= next_word;
          word <= next_word;
          if (channel_last) bias <= 2'd1;
        end
      end
    end
    if (valid && is_dense && each && last) hold <= 1'b1;
    else if (each_done || launch || stop) hold <= 1'b0;
    if (launch) begin
      open <= is_dense || is_add || (is_output && tiles != '0);
      word <= src;
      channel_word <= src;
      {block, channel, pixel, pause, bias} <= '0;
      block_last <= tiles == 16'd1;
      {pixel_last, one_pixel} <= {2{pixels == 16'd1}};
      {channel_last, one_channel} <= {2{count == 16'd1}};
    end
    if (stop) open <= 1'b0;
  end
endmodule
