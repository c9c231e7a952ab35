// One requantisation lane, bit-exact to TFLite: (value + addend) * (low + high * 2^17), 2^rounding away from zero, then
// divided by 2^(30 + 4 * shift), halves up, plus the zero point, clamped. Two multipliers; in dense mode the same two
// accumulate weight * x of a fully connected layer.
// Latency from `value` to `result`: 7 cycles; `sum` (value + addend) follows after 1. Control comes with each stage.
module tr_lane (
    input  logic               clk,
    // stage 0: one of the two values is zero, and so is one of the addends
    input  logic        [23:0] value,
    input  logic        [24:0] dense_value,
    input  logic        [23:0] bias,
    input  logic        [23:0] partial,
    input  logic               use_partial,  // else it is not added
    input  logic               add,          // 0: dense_value passes as it is (25 bits)
    // stage 1, with the sum
    output logic signed [24:0] sum,
    input  logic               dense,        // stage 1: the multipliers see weights and x
    input  logic signed [ 7:0] weight1,
    input  logic signed [ 7:0] weight2,
    input  logic signed [17:0] factor1,      // stage 1: low part of the multiplier, or x
    input  logic signed [17:0] factor2,      // stage 2: upper part, or x one cycle later
    // stage 3
    input  logic               accumulate1,  // stage 3: add to the product before; with dense only
    input  logic               dense_3,
    input  logic        [47:0] away,         // stage 3: 2^rounding
    // stage 4
    input  logic               accumulate2,
    input  logic               dense_4,
    // stage 5
    input  logic        [ 2:0] shift,
    input  logic        [ 3:0] upper,        // bit k: shift <= k
    input  logic signed [ 7:0] zero_point,
    // stage 6
    input  logic signed [ 7:0] low,
    input  logic signed [ 7:0] high,
    output logic        [24:0] dense1,       // the accumulated sums
    output logic        [24:0] dense2,
    output logic signed [ 7:0] result
);
  logic [23:0] wrapped;
  logic negative_2, negative_3;
  logic signed [7:0] weight2_2;
  logic dense_2;
  tr_add_either #(.BITS(24)) entry (
      .a(value), .b(dense_value[23:0]), .c(partial), .use_c(use_partial), .d(bias), .sum(wrapped));

  // The first multiplier: registers at its inputs (2), its product (3) and its sum (4). The second is one later.
  /* verilator lint_off UNUSEDSIGNAL */
  logic signed [47:0] total1, total2;  // a product has 59 bits: those of total2 from 41 on are the sign
  /* verilator lint_on UNUSEDSIGNAL */
  tr_mac2 mac (
      .clk, .sum, .weight1, .dense1(dense), .factor1, .own1(dense_3), .accumulate1, .addend(away),
      .subtract(negative_3), .weight2(weight2_2), .dense2(dense_2), .factor2, .own2(dense_4), .accumulate2, .total1,
      .total2);

  logic signed [9:0] scaled, scaled_6;
  logic overflow, overflow_6, sign_6;
  logic signed [7:0] clamped;
  tr_scaled scale (.total(total2[41:12]), .shift, .upper, .zero_point, .sum(scaled), .overflow);
  tr_clamp clamp (.value(scaled_6), .overflow(overflow_6), .negative(sign_6), .low, .high, .result(clamped));

  always_ff @(posedge clk) begin
    sum <= {add ? wrapped[23] : dense_value[24], wrapped};
    // stage 1 -> 2
    weight2_2 <= weight2;
    dense_2 <= dense;
    negative_2 <= sum[24];
    // stage 2 -> 3
    negative_3 <= negative_2 && !dense_2;
    // stage 5 -> 6
    scaled_6 <= scaled;
    overflow_6 <= overflow;
    sign_6 <= total2[41];
    // stage 6 -> 7
    result <= clamped;
  end
  assign dense1 = total1[24:0];
  assign dense2 = total2[24:0];
endmodule
