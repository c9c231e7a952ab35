/* verilator lint_off DECLFILENAME */
// A serial line, eight data bits, no parity, one stop bit: bytes that come in. A byte whose stop bit is low is dropped.
module tr_uart_in #(
    parameter int CLOCKS_PER_BIT = 25  // 4 or more
) (
    input  logic       clk,
    input  logic       reset,
    input  logic       line,
    output logic       valid,  // one cycle
    output logic [7:0] value
);
  localparam int TimerBits = $clog2(CLOCKS_PER_BIT + CLOCKS_PER_BIT / 2 + 1);
  logic line_1, line_2, busy;
  logic [TimerBits-1:0] timer;
  logic [3:0] left;  // bits, the stop bit among them

  always_ff @(posedge clk) begin
    {line_2, line_1} <= {line_1, line};
    valid <= 1'b0;
    timer <= timer - TimerBits'(1);
    if (!busy) begin
      busy <= !line_2;
      left <= 4'd9;
      timer <= TimerBits'(CLOCKS_PER_BIT + CLOCKS_PER_BIT / 2 - 1);  // the middle of the first data bit
    end else if (timer == '0) begin
      timer <= TimerBits'(CLOCKS_PER_BIT - 1);
      left <= left - 4'd1;
      if (left == 4'd1) {busy, valid} <= {1'b0, line_2};
      else value <= {line_2, value[7:1]};
    end
    if (reset) {busy, valid, line_1, line_2} <= 4'b0011;
  end
endmodule

// Bytes that go out.
module tr_uart_out #(
    parameter int CLOCKS_PER_BIT = 25
) (
    input  logic       clk,
    input  logic       reset,
    input  logic       valid,
    output logic       ready,
    input  logic [7:0] value,
    output logic       line
);
  localparam int TimerBits = $clog2(CLOCKS_PER_BIT);
  logic [TimerBits-1:0] timer;
  logic [8:0] bits;
  logic [3:0] left;

  assign ready = left == '0;
  always_ff @(posedge clk) begin
    timer <= timer - TimerBits'(1);
    if (ready) begin
      timer <= TimerBits'(CLOCKS_PER_BIT - 1);
      if (valid) begin
        {bits, line} <= {1'b1, value, 1'b0};
        left <= 4'd10;
      end
    end else if (timer == '0) begin
      timer <= TimerBits'(CLOCKS_PER_BIT - 1);
      {bits, line} <= {1'b1, bits};
      left <= left - 4'd1;
    end
    if (reset) {left, line} <= 5'd1;
  end
endmodule
