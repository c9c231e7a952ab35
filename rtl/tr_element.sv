// One element of the term array: a column's data for one output channel, nine terms a cycle, all of one exponent.
// Three banks of 32 values, each with three read ports (distributed RAM), replace the multiplexers; pairs of lanes are
// added as +-a+-b in ones' complement, the missing ones are in the bias. Latency: 4 cycles from entry to sum.
module tr_element
  import tr_formats_pkg::*;
(
    input  logic                                              clk,
    input  logic        [                    AccelBanks-1:0] write,
    input  logic        [                  AccelBanks*5-1:0] write_entry,  // the same for each bank
    input  logic        [  AccelBanks*AccelValueBits-1:0] write_data,
    input  logic        [                              44:0] entry,   // nine entries of five bits
    input  logic                                              none,    // with `entry`: lane 8 adds nothing
    input  logic        [                              11:0] pairs,   // four PairCodes, one cycle after `entry`
    input  logic                                              minus,   // two cycles after `entry`: lane 8 is subtracted
    output logic signed [                              11:0] sum
);
  localparam int W = AccelValueBits;
  logic [9*W-1:0] value;
  logic signed [W:0] pair_a, pair_b, pair_c, pair_d, held_d;
  logic signed [W-1:0] lone, held_lone;
  logic signed [W+2:0] three;

  wire [9*W-1:0] read;
  for (genvar b = 0; b < AccelBanks; b++) begin : g_bank
    tr_bank #(.BITS(W)) bank (
        .clk, .write(write[b]), .write_entry(write_entry[5*b+:5]), .write_data(write_data[b*W+:W]), .entry0(entry[15*b+:5]),
        .entry1(entry[15*b+5+:5]), .entry2(entry[15*b+10+:5]), .value0(read[3*b*W+:W]), .value1(read[(3*b+1)*W+:W]),
        .value2(read[(3*b+2)*W+:W]));
  end
  always_ff @(posedge clk) begin
    value <= read;
    if (none) value[8*W+:W] <= '0;
  end

  logic signed [W:0] sum_a, sum_b, sum_c, sum_d;
  tr_pair_add #(.BITS(W)) add_a (.a(value[0*W+:W]), .b(value[1*W+:W]), .code(pairs[2:0]), .sum(sum_a));
  tr_pair_add #(.BITS(W)) add_b (.a(value[3*W+:W]), .b(value[4*W+:W]), .code(pairs[5:3]), .sum(sum_b));
  tr_pair_add #(.BITS(W)) add_c (.a(value[6*W+:W]), .b(value[7*W+:W]), .code(pairs[8:6]), .sum(sum_c));
  tr_pair_add #(.BITS(W)) add_d (.a(value[2*W+:W]), .b(value[5*W+:W]), .code(pairs[11:9]), .sum(sum_d));

  logic signed [W+2:0] sum_three;
  logic signed [11:0] sum_all;
  (* keep *) logic subtracts;
  tr_add3 #(.BITS(W + 3)) add_three (
      .a((W + 3)'(pair_a)), .b((W + 3)'(pair_b)), .c((W + 3)'(pair_c)), .invert(1'b0), .sum(sum_three));
  tr_add3 #(.BITS(12)) add_all (
      .a(12'(three)), .b(12'(held_d)), .c(12'(held_lone)), .invert(subtracts), .sum(sum_all));

  always_ff @(posedge clk) begin
    pair_a <= sum_a;
    pair_b <= sum_b;
    pair_c <= sum_c;
    pair_d <= sum_d;
    lone <= value[8*W+:W];
    three <= sum_three;
    held_d <= pair_d;
    subtracts <= minus;
    held_lone <= lone;
    sum <= sum_all;
  end
endmodule
