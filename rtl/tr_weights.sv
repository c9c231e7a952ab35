// The weight memory: a power of two of words and the rest, which is wide where the former is deep, so that there are only
// two words to choose from. Read latency: one cycle; the last word read stays.
module tr_weights
  import tr_formats_pkg::*;
(
    input  logic                              clk,
    input  logic                              write,
    input  logic [AccelWeightAddressBits-1:0] write_address,
    input  logic [       AccelWeightBits-1:0] write_data,
    input  logic                              read,
    input  logic [AccelWeightAddressBits-1:0] read_address,
    output logic [       AccelWeightBits-1:0] read_data
);
  localparam int A = AccelWeightAddressBits;
  localparam int Low = 2 ** A > AccelWeightWords ? 2 ** (A - 1) : AccelWeightWords;
  localparam int High = AccelWeightWords - Low;
  logic [AccelWeightBits-1:0] low_data;
  logic write_high, read_high;
  tr_ram #(.WIDTH(AccelWeightBits), .DEPTH(Low)) low (
      .clk, .write(write && !write_high), .write_address(write_address[$clog2(Low)-1:0]), .write_data,
      .read(read && !read_high), .read_address(read_address[$clog2(Low)-1:0]), .read_data(low_data));
  if (High > 0) begin : g_high
    logic [AccelWeightBits-1:0] high_data;
    logic from_high, from_high_next;
    assign write_high = write_address[A-1];
    assign read_high = read_address[A-1];
    tr_ram #(.WIDTH(AccelWeightBits), .DEPTH(High)) high (
        .clk, .write(write && write_high), .write_address(write_address[$clog2(High)-1:0]), .write_data,
        .read(read && read_high), .read_address(read_address[$clog2(High)-1:0]), .read_data(high_data));
    assign from_high_next = read ? read_high : from_high;
    always_ff @(posedge clk) from_high <= from_high_next;
    tr_wide_select #(.BITS(AccelWeightBits)) choose (
        .clk, .a(low_data), .b(high_data), .second(from_high_next), .y(read_data));
  end else begin : g_low
    assign {write_high, read_high} = '0;
    assign read_data = low_data;
  end
endmodule
