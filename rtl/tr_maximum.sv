// MAXIMUM: the largest of each column's values, window after window, and the word where it goes.
module tr_maximum
  import tr_formats_pkg::*;
(
    input  logic                                  clk,
    input  logic                                  launch,
    input  logic [          AccelAddressBits-1:0] dst,
    input  logic [          AccelAddressBits-1:0] dst_stride,
    input  logic                                  valid,
    input  logic                                  last,
    input  logic                                  last_channel,  // a cycle later: it was the channel's last word
    input  logic [              AccelColumns-1:0] write,
    input  logic [AccelColumns*AccelValueBits-1:0] values,
    output logic                                  done,
    output logic [          AccelAddressBits-1:0] address,
    output logic [             AccelWordBits-1:0] largest
);
  localparam int W = AccelValueBits;
  logic [AccelColumns-1:0] fresh;
  logic [AccelAddressBits-1:0] channel;

  logic [AccelColumns-1:0] larger;
  for (genvar i = 0; i < AccelColumns; i++) begin : g_column
    logic greater;
    tr_greater #(.BITS(W)) compare (.a(values[i*W+:W]), .b(largest[i*W+:W]), .greater);
    assign larger[i] = valid && write[i] && (fresh[i] || done || greater);
  end

  always_ff @(posedge clk) begin
    done <= valid && last;
    // When a result is done the next one begins; its first values may come in that very cycle.
    fresh <= (fresh | {AccelColumns{done}}) & ~(write & {AccelColumns{valid}});
    for (int i = 0; i < AccelColumns; i++) if (larger[i]) largest[i*W+:W] <= values[i*W+:W];
    if (done) begin
      address <= address + AccelAddressBits'(1);
      if (last_channel) begin
        address <= channel + dst_stride;
        channel <= channel + dst_stride;
      end
    end
    if (launch) begin
      fresh <= '1;
      {address, channel} <= {dst, dst};
    end
  end
endmodule
