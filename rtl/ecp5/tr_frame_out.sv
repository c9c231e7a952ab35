// A reply: header, payload and CRC-32 are put into a memory, then sent with COBS between zero bytes.
module tr_frame_out
  import tr_formats_pkg::*;
  import tr_crc_pkg::*;
(
    input  logic                       clk,
    input  logic                       reset,
    input  logic                       start,
    input  logic [FrameHeaderBits-1:0] header,
    output logic [                9:0] payload_at,     // which byte of it
    input  logic [                7:0] payload_value,  // in the next cycle
    output logic                       busy,
    // the line
    output logic                       valid,
    input  logic                       ready,
    output logic [                7:0] value
);
  localparam int HeaderBytes = FrameHeaderBits / 8;
  localparam logic [7:0] Longest = 8'd254;  // bytes behind one code of COBS
  typedef enum logic [2:0] {Idle, Fill, Open, Read, Look, Code, Bytes, Close} state_t;
  state_t state;
  logic [9:0] at, filled, total, body_end;  // `at`: the byte that is read; of the memory, but in Fill of the body
  logic [7:0] run, code, body_value, read_value;
  logic [31:0] crc;
  logic filling, in_header, in_body, at_zero, at_end, full, more, fetched;
  logic [FrameHeaderBits-1:0] header_left;
  (* ram_style = "block" *) logic [7:0] memory[1024];

  assign busy = state != Idle;
  assign payload_at = at - 10'(HeaderBytes);
  assign body_value = in_header ? header_left[7:0] : in_body ? payload_value : ~crc[7:0];
  assign at_end = at == total;
  assign at_zero = read_value == '0;
  assign full = run == Longest;
  assign valid = state == Open || state == Code || (state == Bytes && fetched) || state == Close;
  assign value = state == Code ? code : state == Bytes ? read_value : '0;

  always_ff @(posedge clk) begin
    if (filling) memory[filled] <= body_value;
    read_value <= memory[at];
    filling <= 1'b0;
    fetched <= 1'b0;
    case (state)
      Idle: begin
        at <= '0;
        crc <= CrcStart;
        header_left <= header;
        body_end <= 10'(HeaderBytes) + header[FrameHeaderLengthLsb+:10];
        if (start) state <= Fill;
      end
      Fill: begin  // a byte behind `at`: payloads come a cycle late
        {filling, filled} <= {1'b1, at};
        in_header <= at < 10'(HeaderBytes);
        in_body <= at < body_end;
        total <= body_end + 10'd4;
        at <= at + 10'd1;
        if (filling && at == total) begin
          filling <= 1'b0;
          state <= Open;
        end
      end
      Open: begin
        {at, run} <= '0;
        if (ready) state <= Read;
      end
      Read: state <= Look;
      Look:
      if (at_end || full || at_zero) begin
        code <= run + 8'd1;
        more <= !at_end;  // another code follows
        at <= at - 10'(run);
        state <= Code;
      end else begin
        at <= at + 10'd1;
        run <= run + 8'd1;
        state <= Read;
      end
      Code: if (ready) state <= Bytes;
      Bytes:
      if (run == '0) begin
        if (more && code != 8'hff) at <= at + 10'd1;  // the zero that the next code stands for
        state <= more ? Read : Close;
      end else begin
        fetched <= !fetched || !ready;
        if (fetched && ready) begin
          at <= at + 10'd1;
          run <= run - 8'd1;
        end
      end
      Close: if (ready) state <= Idle;
    endcase
    if (filling) begin
      crc <= in_body ? crc_after(crc, body_value) : {8'hff, crc[31:8]};
      header_left <= header_left >> 8;
    end
    if (reset) {state, filling} <= {Idle, 1'b0};
  end
endmodule
