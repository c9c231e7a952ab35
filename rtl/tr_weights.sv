// The weight memory: as many words as block RAMs of 4096 x 9 bits hold, and the rest in wider ones, so that only two
// words are to choose from. Read latency: one cycle; the last word read stays.
module tr_weights
  import tr_formats_pkg::*;
(
    input  logic                       clk,
    input  logic                       write,
    input  logic [               12:0] write_address,
    input  logic [AccelWeightBits-1:0] write_data,
    input  logic                       read,
    input  logic [               12:0] read_address,
    output logic [AccelWeightBits-1:0] read_data
);
  localparam int Low = 4096;
  localparam int High = AccelWeightWords - Low;
  logic [AccelWeightBits-1:0] low_data, high_data;
  logic upper;
  tr_ram #(.WIDTH(AccelWeightBits), .DEPTH(Low), .SLICE(9)) low (
      .clk, .write(write && !write_address[12]), .write_address(write_address[11:0]), .write_data,
      .read(read && !read_address[12]), .read_address(read_address[11:0]), .read_data(low_data));
  tr_ram #(.WIDTH(AccelWeightBits), .DEPTH(High), .SLICE(72)) high (
      .clk, .write(write && write_address[12]), .write_address(write_address[$clog2(High)-1:0]), .write_data,
      .read(read && read_address[12]), .read_address(read_address[$clog2(High)-1:0]), .read_data(high_data));
  always_ff @(posedge clk) if (read) upper <= read_address[12];
  tr_select #(.BITS(AccelWeightBits)) choose (.a(low_data), .b(high_data), .second(upper), .y(read_data));
endmodule
