// What enters the requantisation lanes in each cycle, with which parameter and where it goes: half a row of a group that
// leaves the array, a sum over columns, or results of DENSE. A suffix _0 is the first cycle in the lanes.
module tr_beats
  import tr_formats_pkg::*;
(
    input  logic                                clk,
    input  logic                                stop,
    input  logic [AccelParameterAddressBits-1:0] parameters,
    input  logic [         AccelAddressBits-1:0] dst,
    // from the array
    input  logic                                leaving,
    input  logic                                leaving_first,
    input  logic                                leaving_final,
    input  logic [        AccelAddressBits-1:0] leaving_address,
    input  logic                                leaving_half,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [                         9:0] leaving_group,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [            AccelRowBits-1:0] leaving_row,
    // from tr_sum
    input  logic                                sum_done,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [                        15:0] sum_channel,
    /* verilator lint_on UNUSEDSIGNAL */
    // from tr_dense
    input  logic                                each,           // of a DENSE
    input  logic                                first_half,
    input  logic                                second_half,
    input  logic                                each_run,
    input  logic [         AccelColumnBits-1:0] each_place,
    input  logic [        AccelAddressBits-1:0] dense_block,
    // to the lanes
    output logic [AccelParameterAddressBits-1:0] parameter_address,
    output logic [  AccelPartialAddressBits-1:0] partial_read,
    output logic                                add,            // of the next cycle: bias or partial sum is added
    output logic                                use_partial,
    output logic                                partial_write_1,
    output logic [  AccelPartialAddressBits-1:0] partial_address_1,
    // with the result
    output logic                                valid_7,
    output logic                                one_7,          // a single value, at `place`
    output logic [         AccelColumnBits-1:0] place_7,
    output logic                                half_7,
    output logic [        AccelAddressBits-1:0] address_7
);
  localparam int A = AccelAddressBits;
  localparam int C = AccelColumnBits;
  localparam int P = AccelParameterAddressBits;

  logic valid, partial, one, half;
  logic [A-1:0] address;
  logic [C-1:0] place;
  logic [AccelPartialAddressBits-1:0] partial_at;

  always_comb begin
    {valid, partial, one, add, use_partial, half} = '0;
    address = dst + dense_block;
    place = '0;
    partial_at = '0;
    parameter_address = parameters;
    if (leaving) begin
      valid = 1'b1;
      partial = !leaving_final;
      add = 1'b1;
      use_partial = !leaving_first;
      address = leaving_address;
      half = leaving_half;
      partial_at = {leaving_group[AccelPartialAddressBits-AccelRowBits-2:0], leaving_row, leaving_half};
      parameter_address = parameters + P'({leaving_group, leaving_row});
    end else if (sum_done) begin
      valid = 1'b1;
      one = 1'b1;
      add = 1'b1;
      address = dst + A'(sum_channel >> C);
      place = sum_channel[C-1:0];
    end else if (each) begin
      valid = first_half || each_run;
      one = 1'b1;
      place = each_place;
      parameter_address = parameters + P'({dense_block, each_place});
    end else if (first_half || second_half) begin
      valid = 1'b1;
      half = second_half;
    end
  end
  assign partial_read = partial_at;

  // Bit i or element i: stage i of the lanes.
  logic [7:0] valids, ones, halves;
  logic [1:0] partials;
  logic [A-1:0] addresses[0:7];
  logic [C-1:0] places[0:7];
  logic [AccelPartialAddressBits-1:0] partial_at_0;
  always_ff @(posedge clk) begin
    valids <= {valids[6:0], valid};
    ones <= {ones[6:0], one};
    halves <= {halves[6:0], half};
    partials <= {partials[0], partial};
    addresses[0] <= address;
    places[0] <= place;
    for (int i = 1; i < 8; i++) addresses[i] <= addresses[i-1];
    for (int i = 1; i < 8; i++) places[i] <= places[i-1];
    partial_at_0 <= partial_at;
    partial_address_1 <= partial_at_0;
    if (partials[1]) valids[2] <= 1'b0;  // it does not go on
    if (stop) valids <= '0;
  end
  assign partial_write_1 = valids[1] && partials[1];
  assign {valid_7, one_7, half_7} = {valids[7], ones[7], halves[7]};
  assign {place_7, address_7} = {places[7], addresses[7]};
endmodule
