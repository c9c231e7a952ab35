// One requantisation lane, bit-exact to TFLite: ((value + addend) * (low + high * 2^17) + rounding) >> (30 + 4 * shift),
// clamped. Two multipliers; in dense mode the same two accumulate weight * x of a fully connected layer.
// Latency from `value` to `result`: 7 cycles; `sum` (value + addend) follows after 1. Control comes with each stage.
module tr_lane (
    input  logic               clk,
    // stage 0
    input  logic        [24:0] value,
    input  logic        [23:0] bias,
    input  logic        [23:0] partial,
    input  logic               use_partial,  // the partial sum is added, not the bias
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
  assign wrapped = value[23:0] + ({24{add}} & (use_partial ? partial : bias));

  // The first multiplier: registers at its inputs (2), its product (3) and its sum (4). The second is one later.
  /* verilator lint_off UNUSEDSIGNAL */
  logic signed [47:0] total1;
  /* verilator lint_on UNUSEDSIGNAL */
  logic signed [47:0] total2;
  logic [47:0] rounding;
  tr_select #(.BITS(48)) choose (.a(positive), .b(negative), .second(negative_3), .y(rounding));
  tr_mac2 mac (
      .clk, .sum, .weight1, .dense1(dense), .factor1, .own1(dense_3), .accumulate1, .addend(rounding),
      .weight2(weight2_2), .dense2(dense_2), .factor2, .own2(dense_4), .accumulate2, .total1, .total2);

  logic signed [9:0] selected;
  logic above, below;
  // Upper bits of the total that differ from its sign, from the ninth of the result up; each shift begins 4 bits later.
  logic [25:0] differs;
  logic [4:0] some;
  logic overflow, sign;
  logic signed [9:0] shifted;
  assign sign = total2[47];
  assign differs = total2[47:22] ^ {26{sign}};
  assign some = {|differs[25:16], |differs[15:12], |differs[11:8], |differs[7:4], |differs[3:0]};
  always_comb
    case (shift)
      3'd0: {overflow, shifted} = {|some, total2[22:13]};
      3'd1: {overflow, shifted} = {|some[4:1], total2[26:17]};
      3'd2: {overflow, shifted} = {|some[4:2], total2[30:21]};
      3'd3: {overflow, shifted} = {|some[4:3], total2[34:25]};
      default: {overflow, shifted} = {some[4], total2[38:29]};
    endcase

  always_ff @(posedge clk) begin
    sum <= {add ? wrapped[23] : value[24], wrapped};
    // stage 1 -> 2
    weight2_2 <= weight2;
    dense_2 <= dense;
    negative_2 <= sum[24];
    // stage 2 -> 3
    negative_3 <= negative_2;
    // stage 5 -> 6
    selected <= shifted;
    above <= overflow && !sign;
    below <= overflow && sign;
    // stage 6 -> 7
    if (above || (!below && selected > high)) result <= high[8:0];
    else if (below || selected < low) result <= low[8:0];
    else result <= selected[8:0];
  end
  assign dense1 = total1[24:0];
  assign dense2 = total2[24:0];
endmodule
