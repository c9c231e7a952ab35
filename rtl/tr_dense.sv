// DENSE: a value of x for all results and the weights' address, the control of the lanes' accumulators, and when a
// block's sums leave: as two halves, or one a cycle if every result has its own parameter. x comes with the window (5),
// its weights one cycle later (6), which is stage 1 of the lanes.
module tr_dense
  import tr_formats_pkg::*;
(
    input  logic                              clk,
    input  logic                              stop,
    input  logic                              launch,
    input  logic                              is_dense,
    input  logic                              each,
    input  logic [AccelWeightAddressBits-1:0] weights,
    input  logic                              valid_4,
    input  logic                              valid_5,
    input  logic                              first_5,
    input  logic                              last_5,
    input  logic [                       1:0] bias_5,
    input  logic [        AccelValueBits-1:0] value_5,
    input  logic [                       7:0] zero_point,     // is taken off, but
    input  logic [                       8:0] extreme,        // this is what 127, or -128 if it is negative, becomes
    output logic                              weight_read,
    output logic [AccelWeightAddressBits-1:0] weight_address,
    // to the lanes
    output logic                              dense_1,
    output logic                              dense_3,
    output logic                              dense_4,
    output logic                              first_3,
    output logic                              first_4,
    output logic signed [               17:0] x_1,
    output logic signed [               17:0] x_2,
    output logic                              dense_2,
    // results
    output logic                              first_half,     // the lanes' first accumulators are complete
    output logic                              load_next,      // in the next cycle a half of the accumulators enters
    output logic                              second_next,    // and it is the second one
    output logic                              second_half,    // the second ones leave two cycles later
    output logic                              each_run,
    output logic                              each_done,
    output logic [       AccelColumnBits-1:0] each_place,
    output logic [      AccelAddressBits-1:0] block
);
  logic keep_second;  // the second ones are, one cycle later
  logic first_1, first_2, ends_1, ends_2, ends_3;
  logic signed [8:0] x_5;
  logic [AccelColumnBits-1:0] place_next;
  assign x_5 = value_5 == {extreme[8], {7{!extreme[8]}}} ? extreme
                                                          : {value_5[7], value_5} - {zero_point[7], zero_point};
  always_ff @(posedge clk) begin
    case (bias_5)
      2'd0: x_1 <= 18'(x_5);
      2'd1: x_1 <= 18'sd1;
      2'd2: x_1 <= 18'sd256;
      default: x_1 <= 18'sd65536;
    endcase
    x_2 <= x_1;
    dense_1 <= valid_5 && is_dense;
    first_1 <= first_5;
    ends_1 <= valid_5 && is_dense && last_5;
    {dense_2, dense_3, dense_4} <= {dense_1, dense_2, dense_3};
    {first_2, first_3, first_4} <= {first_1, first_2, first_3};
    {ends_2, ends_3} <= {ends_1, ends_2};
    {second_half, keep_second, first_half} <= {keep_second, first_half, ends_3};
    if (each ? each_done : second_half) block <= block + AccelAddressBits'(1);
    each_place <= place_next;
    if (first_half) each_run <= each;
    else if (each_done) each_run <= 1'b0;
    if (launch) block <= '0;
    if (launch || stop) each_run <= 1'b0;
  end
  assign each_done = each_run && &each_place;
  assign place_next = launch ? '0 : each_place + AccelColumnBits'(each_run || first_half);
  assign second_next = each ? place_next == AccelColumnBits'(AccelOutputs) : keep_second;
  assign load_next = ends_3 || second_next;

  assign weight_read = valid_4 && is_dense;
  always_ff @(posedge clk) begin
    if (weight_read) weight_address <= weight_address + AccelWeightAddressBits'(1);
    if (launch) weight_address <= weights;
  end
endmodule
