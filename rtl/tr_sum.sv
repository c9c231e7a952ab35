// SUM: adds up the values of all columns, window after window, until the last one of a channel.
module tr_sum
  import tr_formats_pkg::*;
(
    input  logic                                  clk,
    input  logic                                  launch,
    input  logic                                  valid,
    input  logic                                  last,
    input  logic [AccelColumns*AccelValueBits-1:0] values,
    output logic                                  done,     // the sum is complete
    output logic [              AccelSumBits-1:0] sum,
    output logic [                          15:0] channel
);
  localparam int W = AccelValueBits;
  localparam int S = AccelSumBits;
  localparam int Parts = AccelColumns / 8;
  localparam int PartBits = W + 3;
  localparam int Bits = W + AccelColumnBits;

  logic signed [PartBits-1:0] part[Parts];
  logic signed [Bits-1:0] all, all_next;
  logic signed [S-1:0] total;
  logic valid_1, valid_2, last_1, last_2, open;
  logic signed [PartBits-1:0] part_next[Parts];
  for (genvar i = 0; i < Parts; i++) begin : g_part
    tr_add8 #(.BITS(W)) add (.values(values[8*i*W+:8*W]), .sum(part_next[i]));
  end
  always_comb begin
    all_next = '0;
    for (int i = 0; i < Parts; i++) all_next = all_next + Bits'(part[i]);
  end
  assign total = (open ? $signed(sum) : '0) + S'(all);
  always_ff @(posedge clk) begin
    for (int i = 0; i < Parts; i++) part[i] <= part_next[i];
    all <= all_next;
    valid_1 <= valid;
    last_1 <= last;
    valid_2 <= valid_1;
    last_2 <= last_1;
    done <= valid_2 && last_2;
    if (valid_2) begin
      sum <= total;
      open <= !last_2;
    end
    if (done) channel <= channel + 16'd1;
    if (launch) {open, channel} <= '0;
  end
endmodule
