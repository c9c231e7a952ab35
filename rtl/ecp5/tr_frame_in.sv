// Frames of the serial link as they come in: COBS is taken off, header and CRC-32 are looked at, and each byte of the
// payload is shown as it comes, before it is known whether the frame is good.
module tr_frame_in
  import tr_formats_pkg::*;
  import tr_crc_pkg::*;
(
    input  logic                       clk,
    input  logic                       reset,
    input  logic                       hold,     // a reply is under way: what comes meanwhile is dropped
    input  logic                       valid,    // a byte of the line
    input  logic [                7:0] value,
    output logic [FrameHeaderBits-1:0] header,
    output logic                       put,      // a byte behind the header; the last four are the CRC
    output logic [                9:0] put_at,
    output logic [                7:0] put_value,
    output logic                       ended,    // one cycle: the frame is over
    output logic                       good      // with it: and undamaged
);
  localparam int HeaderBytes = FrameHeaderBits / 8;
  localparam int CrcBytes = 4;
  logic dropping, some, zero_follows, decoded, ends, in_order;
  logic [7:0] left, byte_1;
  logic [9:0] count;  // decoded bytes; stays at the largest
  logic [31:0] crc;

  assign put = decoded && count >= 10'(HeaderBytes);
  assign put_at = count - 10'(HeaderBytes);
  assign put_value = byte_1;

  always_ff @(posedge clk) begin
    {decoded, ends} <= '0;
    if (valid) begin
      if (value == '0) begin
        ends <= some;
        in_order <= left == '0;
        {some, dropping, left, zero_follows} <= '0;
      end else if (hold || dropping) begin
        dropping <= 1'b1;
        some <= 1'b0;
      end else begin
        some <= 1'b1;
        if (left == '0) begin
          decoded <= zero_follows;
          byte_1 <= '0;
          left <= value - 8'd1;
          zero_follows <= value != 8'hff;
        end else begin
          decoded <= 1'b1;
          byte_1 <= value;
          left <= left - 8'd1;
        end
      end
    end
    if (decoded) begin
      crc <= crc_after(crc, byte_1);
      if (!(&count)) count <= count + 10'd1;
      if (count < 10'(HeaderBytes)) header <= {byte_1, header[FrameHeaderBits-1:8]};
    end
    ended <= ends;
    good <= in_order && crc == CrcResidue && count == 10'(HeaderBytes + CrcBytes) + header[FrameHeaderLengthLsb+:10]
        && header[FrameHeaderLengthLsb+:16] <= 16'(MaxPayload);
    if (ends) {count, crc} <= {10'd0, CrcStart};
    if (reset) begin
      {dropping, some, left, zero_follows, decoded, ends, ended, count} <= {1'b1, 23'd0};
      crc <= CrcStart;
    end
  end
endmodule
