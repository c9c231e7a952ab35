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

  always_ff @(posedge clk) begin
    done <= valid && last;
    if (valid)
      for (int i = 0; i < AccelColumns; i++)
        if (write[i]) begin
          fresh[i] <= 1'b0;
          if (fresh[i] || $signed(values[i*W+:W]) > $signed(largest[i*W+:W])) largest[i*W+:W] <= values[i*W+:W];
        end
    if (done) begin
      // A new result begins; its first values may come in this very cycle.
      for (int i = 0; i < AccelColumns; i++) fresh[i] <= !(valid && write[i]);
      for (int i = 0; i < AccelColumns; i++) if (valid && write[i]) largest[i*W+:W] <= values[i*W+:W];
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
