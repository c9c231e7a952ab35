// The requantisation lanes, side by side, with the partial sums of layers that are computed in several steps.
module tr_lanes
  import tr_formats_pkg::*;
(
    input  logic                                   clk,
    // what enters
    input  logic                                   is_array,
    input  logic                                   is_sum,
    input  logic [AccelOutputs*AccelSumBits-1:0] array_values,
    input  logic [               AccelSumBits-1:0] sum,
    input  logic                                   first_half,
    input  logic                                   load_next,
    input  logic                                   second_next,
    // control, as tr_beats gives it
    input  logic [    AccelPartialAddressBits-1:0] partial_read,
    input  logic                                   add,          // of stage 0, a cycle before it
    input  logic                                   use_partial,
    input  logic                                   partial_write_1,
    input  logic [    AccelPartialAddressBits-1:0] partial_address_1,
    // parameters: with stage 0
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [                           71:0] parameters,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic signed [                     7:0] zero_point,       // of the results
    input  logic signed [                     7:0] low,
    input  logic signed [                     7:0] high,
    // DENSE, as tr_dense gives it
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [            AccelWeightBits-1:0] weights,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                                   dense_1,
    input  logic                                   dense_2,
    input  logic                                   dense_3,
    input  logic                                   dense_4,
    input  logic                                   first_3,
    input  logic                                   first_4,
    input  logic signed [                    17:0] x_1,
    input  logic signed [                    17:0] x_2,
    output logic [AccelOutputs*AccelValueBits-1:0] results
);
  localparam int W = AccelValueBits;
  localparam int S = AccelSumBits;
  localparam int Outputs = AccelOutputs;

  logic [8*AccelColumns-1:0] weights_q;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [71:0] parameters_1, parameters_2;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [2:0] shift_3, shift_4;
  logic [3:0] upper_5;
  logic [47:0] away_3;
  logic [Outputs*S-1:0] partial_data;
  wire [Outputs*S-1:0] partial_new;
  logic [S-1:0] bias_0, sum_bias;
  logic adds_bias;
  logic signed [17:0] factor1, factor2;

  // A channel's sum over pixels enters with the bias, which is the same for all of a SUM's channels.
  assign bias_0 = is_sum ? sum_bias : parameters[ChannelParameterBiasLsb+:S] & {S{adds_bias}};
  assign factor1 = dense_1 ? x_1 : $signed({1'b0, parameters_1[ChannelParameterLowLsb+:17]});
  assign factor2 = dense_2 ? x_2 : $signed({1'b0, parameters_2[ChannelParameterHighLsb+:17]});
  always_ff @(posedge clk) begin
    weights_q <= weights[8*AccelColumns-1:0];
    parameters_1 <= parameters;
    parameters_2 <= parameters_1;
    sum_bias <= parameters[ChannelParameterBiasLsb+:S] + sum;
    for (int i = 0; i < 48; i++) away_3[i] <= parameters_2[ChannelParameterRoundingLsb+:6] == 6'(i);
    shift_3 <= parameters_2[ChannelParameterShiftLsb+:3];
    shift_4 <= shift_3;
    adds_bias <= add && !use_partial;
    for (int k = 0; k < 4; k++) upper_5[k] <= shift_4 <= 3'(k);
  end
  tr_ram #(.WIDTH(Outputs * S), .DEPTH(AccelPartialWords)) partial_memory (
      .clk, .write(partial_write_1), .write_address(partial_address_1), .write_data(partial_new), .read(1'b1),
      .read_address(partial_read), .read_data(partial_data));

  // What enters: sums of the array, or of the lanes' own two accumulators (the second one is kept while the first
  // leaves).
  // Controls have copies for each two lanes, or eight, so that no net has more than 64 loads. What a command says is
  // there long before the first value.
  for (genvar g = 0; g < Outputs / 2; g++) begin : g_two
    (* keep *) logic load, last_half, keep_second, add_0, use_partial_0, from_array, from_none;
    always_ff @(posedge clk) begin
      {load, last_half, keep_second} <= {load_next, second_next, first_half};
      {add_0, use_partial_0} <= {add, use_partial};
      {from_array, from_none} <= {is_array, is_array || is_sum};
    end
  end
  for (genvar g = 0; g < Outputs / 8; g++) begin : g_eight
    (* keep *) logic [2:0] shift_5;
    (* keep *) logic signed [7:0] zero_point_q, low_q, high_q;
    always_ff @(posedge clk) begin
      shift_5 <= shift_4;
      {zero_point_q, low_q, high_q} <= {zero_point, low, high};
    end
  end
  for (genvar i = 0; i < Outputs; i++) begin : g_lane
    logic [S-1:0] value;
    logic [24:0] dense_value, dense_next, dense1, dense2, second;
    /* verilator lint_off UNUSEDSIGNAL */
    logic signed [24:0] lane_sum;
    /* verilator lint_on UNUSEDSIGNAL */
    logic signed [W-1:0] result;
    tr_select #(.BITS(25)) choose (.a(dense1), .b(second), .second(g_two[i/2].last_half), .y(dense_next));
    always_ff @(posedge clk) begin
      if (g_two[i/2].keep_second) second <= dense2;
      value <= array_values[i*S+:S];
      if (!g_two[i/2].from_array) value <= '0;
      if (g_two[i/2].load) dense_value <= dense_next;
      if (g_two[i/2].from_none) dense_value <= '0;
    end
    tr_lane lane (
        .clk, .value, .dense_value, .bias(bias_0), .partial(partial_data[i*S+:S]),
        .use_partial(g_two[i/2].use_partial_0), .add(g_two[i/2].add_0), .sum(lane_sum), .dense(dense_1), .weight1(weights_q[i*8+:8]),
        .weight2(weights_q[(Outputs+i)*8+:8]), .factor1, .factor2, .accumulate1(!first_3), .dense_3, .away(away_3),
        .accumulate2(!first_4), .dense_4, .shift(g_eight[i/8].shift_5), .upper(upper_5),
        .zero_point(g_eight[i/8].zero_point_q), .low(g_eight[i/8].low_q), .high(g_eight[i/8].high_q), .dense1, .dense2,
        .result);
    assign partial_new[i*S+:S] = lane_sum[S-1:0];
    assign results[i*W+:W] = result;
  end
endmodule
