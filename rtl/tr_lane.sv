// One requantisation lane, bit-exact to TFLite: ((value + addend) * (low + high * 2^17) + rounding) >> (30 + 4 * shift),
// clamped. Two multipliers; in dense mode the same two accumulate weight * x of a fully connected layer.
// Latency from `value` to `result`: 7 cycles; `sum` (value + addend) follows after 1. Control comes with each stage.
module tr_lane (
    input  logic               clk,
    // stage 0
    input  logic        [24:0] value,
    input  logic        [23:0] addend,       // bias or partial sum
    input  logic               add,          // 0: value passes as it is (25 bits)
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
    input  logic        [47:0] positive,     // stage 3
    input  logic        [47:0] negative,
    // stage 4
    input  logic               accumulate2,
    input  logic               dense_4,
    // stage 5
    input  logic        [ 2:0] shift,
    // stage 6
    input  logic signed [ 9:0] low,
    input  logic signed [ 9:0] high,
    output logic        [24:0] dense1,       // the accumulated sums
    output logic        [24:0] dense2,
    output logic signed [ 8:0] result
);
  logic signed [23:0] wrapped;
  logic negative_2, negative_3;
  logic signed [7:0] weight2_2;
  logic dense_2;
  logic signed [24:0] sum_2;
  assign wrapped = value[23:0] + addend;

  // The first multiplier: registers at its inputs (2), its product (3) and its sum (4). The second is one later.
  logic signed [24:0] operand1, operand2;
  logic signed [17:0] factor1_2, factor2_3;
  logic signed [42:0] product1, product2;
  logic signed [47:0] total1, total2;
  logic signed [47:0] added1, added2;
  always_comb begin
    if (dense_3) added1 = accumulate1 ? total1 : 48'sd0;
    else added1 = negative_3 ? $signed(negative) : $signed(positive);
    if (dense_4) added2 = accumulate2 ? total2 : 48'sd0;
    else added2 = total1 >>> 17;
  end

  logic signed [9:0] selected;
  logic above, below;
  logic signed [47:0] shifted;
  always_comb begin
    case (shift)
      3'd0: shifted = total2 >>> 13;
      3'd1: shifted = total2 >>> 17;
      3'd2: shifted = total2 >>> 21;
      3'd3: shifted = total2 >>> 25;
      default: shifted = total2 >>> 29;
    endcase
  end

  always_ff @(posedge clk) begin
    sum <= add ? 25'(wrapped) : $signed(value);
    // stage 1 -> 2
    operand1 <= dense ? 25'(weight1) : sum;
    factor1_2 <= factor1;
    sum_2 <= sum;
    weight2_2 <= weight2;
    dense_2 <= dense;
    negative_2 <= sum[24];
    // stage 2 -> 3
    operand2 <= dense_2 ? 25'(weight2_2) : sum_2;
    factor2_3 <= factor2;
    product1 <= operand1 * factor1_2;
    negative_3 <= negative_2;
    // stage 3 -> 4
    total1 <= 48'(product1) + added1;
    product2 <= operand2 * factor2_3;
    // stage 4 -> 5
    total2 <= 48'(product2) + added2;
    // stage 5 -> 6
    selected <= shifted[9:0];
    above <= !shifted[47] && |shifted[46:9];
    below <= shifted[47] && !(&shifted[46:9]);
    // stage 6 -> 7
    if (above || (!below && selected > high)) result <= high[8:0];
    else if (below || selected < low) result <= low[8:0];
    else result <= selected[8:0];
  end
  assign dense1 = total1[24:0];
  assign dense2 = total2[24:0];
endmodule
