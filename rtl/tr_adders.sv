/* verilator lint_off DECLFILENAME */
// Arithmetic mapped by hand where the synthesiser would take more: adders of the term array with one LUT6_2 a bit on the
// carry chain, multiplexers, and DSP48E1 with their operation modes. SYNTHESIS selects the mapped form; that both are
// equal is proven in tests/rtl/test_static.py for all inputs, and tried for DSP slices in tests/accel/test_mapped.py.

`ifdef SYNTHESIS
// A chain of carries: where a bit does not propagate the carry, its `generated` is the next one. `carry` are those out of
// the bits.
module tr_carry #(
    parameter int BITS = 8
) (
    input  wire            first,
    input  wire [BITS-1:0] propagate,
    input  wire [BITS-1:0] generated,
    output wire [BITS-1:0] total,
    output wire [BITS-1:0] carry
);
  localparam int Chains = (BITS + 3) / 4;
  localparam int N = 4 * Chains;
  wire [Chains-1:0] start;
  wire [N-1:0] s, di, o;
  wire [N:0] co;
  assign start = Chains'(first);
  assign s = N'(propagate);
  assign di = N'(generated);
  assign co[0] = 1'b0;
  for (genvar i = 0; i < Chains; i++) begin : g_chain
    CARRY4 four (
        .CI(co[4*i]), .CYINIT(start[i]), .DI(di[4*i+:4]), .S(s[4*i+:4]), .O(o[4*i+:4]),
        .CO(co[4*i+1+:4]));
  end
  assign total = o[BITS-1:0];
  assign carry = co[BITS:1];
endmodule
`endif

// a and b, each as is, complemented or zero, as a PairCode says; one bit more comes out than goes in.
module tr_pair_add #(
    parameter int BITS = 8
) (
    input  logic        [BITS-1:0] a,
    input  logic        [BITS-1:0] b,
    input  logic        [     2:0] code,
    output logic signed [  BITS:0] sum
);
`ifdef SYNTHESIS
  localparam int N = BITS + 1;
  function automatic logic [63:0] table_of();
    logic first, second;
    logic [63:0] bits;
    bits = '0;
    for (int i = 0; i < 32; i++) begin
      case (i[4:2])
        3'd0, 3'd7: first = 1'b0;
        3'd2, 3'd5, 3'd6: first = ~i[0];
        default: first = i[0];
      endcase
      case (i[4:2])
        3'd0, 3'd1, 3'd2: second = 1'b0;
        3'd4, 3'd6: second = ~i[1];
        default: second = i[1];
      endcase
      bits[i] = first;
      bits[32+i] = first ^ second;
    end
    return bits;
  endfunction
  wire [N-1:0] propagate, generated;
  for (genvar i = 0; i < N; i++) begin : g_bit
    LUT6_2 #(.INIT(table_of())) lut (
        .I0(a[i<BITS?i:BITS-1]), .I1(b[i<BITS?i:BITS-1]), .I2(code[0]), .I3(code[1]), .I4(code[2]), .I5(1'b1),
        .O6(propagate[i]), .O5(generated[i]));
  end
  tr_carry #(.BITS(N)) chain (.first(1'b0), .propagate, .generated, .total(sum), .carry());
`else
  localparam int N = BITS + 1;
  logic signed [BITS:0] first, second;
  always_comb begin
    case (code)
      3'd0, 3'd7: first = '0;
      3'd2, 3'd5, 3'd6: first = N'($signed(~a));
      default: first = N'($signed(a));
    endcase
    case (code)
      3'd0, 3'd1, 3'd2: second = '0;
      3'd4, 3'd6: second = N'($signed(~b));
      default: second = N'($signed(b));
    endcase
  end
  assign sum = first + second;
`endif
endmodule

`ifdef SYNTHESIS
// A bit of tr_add3: the majority of three bits, and their sum and `below`, the majority of the bit before. One LUT6 holds
// both, which is what HLUTNM asks for; as a LUT6_2 the way from `below` to the majority, which does not depend on it,
// would look like a ripple through all bits to a timing engine that does not read INIT.
module tr_add3_bit (
    input  wire a,
    input  wire b,
    input  wire c,
    input  wire invert,
    input  wire below,
    output wire majority,
    output wire sum
);
  (* HLUTNM = "bit" *) LUT4 #(.INIT(16'h8ee8)) lut_majority (.I0(a), .I1(b), .I2(c), .I3(invert), .O(majority));
  (* HLUTNM = "bit" *) LUT5 #(.INIT(32'h96696996)) lut_sum (
      .I0(a), .I1(b), .I2(c), .I3(invert), .I4(below), .O(sum));
endmodule
`endif

// a + b + c, or a + b + ~c, modulo 2^BITS: a compressor of three bits to two, whose second one the chain adds.
module tr_add3 #(
    parameter int BITS = 12
) (
    input  logic signed [BITS-1:0] a,
    input  logic signed [BITS-1:0] b,
    input  logic signed [BITS-1:0] c,
    input  logic                   invert,
    output logic signed [BITS-1:0] sum
);
`ifdef SYNTHESIS
  wire [BITS-1:0] propagate;
  wire [BITS:0] majority;
  assign majority[0] = 1'b0;
  for (genvar i = 0; i < BITS; i++) begin : g_bit
    tr_add3_bit add_bit (
        .a(a[i]), .b(b[i]), .c(c[i]), .invert, .below(majority[i]), .majority(majority[i+1]), .sum(propagate[i]));
  end
  tr_carry #(.BITS(BITS)) chain (
      .first(1'b0), .propagate, .generated(majority[BITS-1:0]), .total(sum), .carry());
`else
  assign sum = a + b + (invert ? ~c : c);
`endif
endmodule

// The sum of eight signed values, three bits wider.
module tr_add8 #(
    parameter int BITS = 9
) (
    input  logic        [8*BITS-1:0] values,
    output logic signed [BITS+2:0] sum
);
  localparam int N = BITS + 3;
  logic signed [N-1:0] value[8];
  logic signed [N-1:0] sum_a, sum_b, sum_c;
  always_comb for (int i = 0; i < 8; i++) value[i] = N'($signed(values[i*BITS+:BITS]));
  tr_add3 #(.BITS(N)) add_a (.a(value[0]), .b(value[1]), .c(value[2]), .invert(1'b0), .sum(sum_a));
  tr_add3 #(.BITS(N)) add_b (.a(value[3]), .b(value[4]), .c(value[5]), .invert(1'b0), .sum(sum_b));
  assign sum_c = value[6] + value[7];
  tr_add3 #(.BITS(N)) add_all (.a(sum_a), .b(sum_b), .c(sum_c), .invert(1'b0), .sum);
endmodule

// Two Horner accumulators of 24 bits: load, add, double or quadruple and add. One DSP48E1, its multiplier unused: the
// total comes back as P and, four times, as A:B, which are wires.
module tr_horner2 (
    input  logic               clk,
    input  logic               valid,  // with the sums: nothing happens without it
    input  logic               clear,  // start from zero
    input  logic        [ 1:0] shift,  // how often to double first, 0 to 2
    input  logic signed [11:0] sum0,
    input  logic signed [11:0] sum1,
    output logic        [23:0] total0,
    output logic        [23:0] total1
);
`ifdef SYNTHESIS
  logic valid_q;
  logic [6:0] opmode;
  always_comb
    if (clear) opmode = {3'b000, 2'b11, 2'b00};          // 0 + C
    else if (shift[1]) opmode = {3'b000, 2'b11, 2'b11};  // A:B + C
    else if (shift[0]) opmode = {3'b010, 2'b11, 2'b10};  // P + C + P
    else opmode = {3'b010, 2'b11, 2'b00};                // P + C
  logic [47:0] four;
  assign four = {total1[21:0], 2'b00, total0[21:0], 2'b00};
  always_ff @(posedge clk) valid_q <= valid;
  DSP48E1 #(
      .USE_MULT("NONE"), .USE_DPORT("FALSE"), .USE_SIMD("TWO24"), .AREG(0), .BREG(0), .ACASCREG(0), .BCASCREG(0),
      .CREG(1), .PREG(1), .MREG(0), .ADREG(0), .DREG(0), .INMODEREG(0), .OPMODEREG(1), .ALUMODEREG(0),
      .CARRYINREG(0), .CARRYINSELREG(0)
  ) dsp (
      .CLK(clk), .A(four[47:18]), .B(four[17:0]), .C({{12{sum1[11]}}, sum1, {12{sum0[11]}}, sum0}), .D(25'd0),
      .OPMODE(opmode), .ALUMODE(4'd0), .INMODE(5'd0), .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b0), .CEA2(1'b0),
      .CEB1(1'b0),
      .CEB2(1'b0), .CEC(1'b1), .CEP(valid_q), .CEM(1'b0), .CED(1'b0), .CEAD(1'b0), .CECTRL(1'b1), .CEALUMODE(1'b0),
      .CECARRYIN(1'b0), .CEINMODE(1'b0), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0),
      .RSTP(1'b0), .RSTCTRL(1'b0), .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .RSTINMODE(1'b0),
      .P({total1, total0}));
`else
  logic valid_q, clear_q;
  logic [1:0] shift_q;
  logic signed [11:0] sum0_q, sum1_q;
  always_ff @(posedge clk) begin
    valid_q <= valid;
    clear_q <= clear;
    shift_q <= shift;
    sum0_q <= sum0;
    sum1_q <= sum1;
    if (valid_q) begin
      total0 <= (clear_q ? '0 : total0 << shift_q) + 24'(sum0_q);
      total1 <= (clear_q ? '0 : total1 << shift_q) + 24'(sum1_q);
    end
  end
`endif
endmodule

// b where `second`, else a: two bits a LUT.
module tr_select #(
    parameter int BITS = 2
) (
    input  logic [BITS-1:0] a,
    input  logic [BITS-1:0] b,
    input  logic            second,
    output logic [BITS-1:0] y
);
`ifdef SYNTHESIS
  function automatic logic [63:0] table_of();
    logic [63:0] bits;
    bits = '0;
    for (int i = 0; i < 32; i++) begin
      bits[i] = i[4] ? i[1] : i[0];
      bits[32+i] = i[4] ? i[3] : i[2];
    end
    return bits;
  endfunction
  for (genvar i = 0; i < BITS; i = i + 2) begin : g_pair
    localparam int Next = i + 1 < BITS ? i + 1 : i;
    wire low, high;
    LUT6_2 #(.INIT(table_of())) lut (
        .I0(a[i]), .I1(b[i]), .I2(a[Next]), .I3(b[Next]), .I4(second), .I5(1'b1), .O5(low), .O6(high));
    assign y[i] = low;
    if (Next != i) begin : g_high
      assign y[Next] = high;
    end
  end
`else
  assign y = second ? b : a;
`endif
endmodule

// a, b, c or d: one bit a LUT.
module tr_select4 #(
    parameter int BITS = 2
) (
    input  logic [BITS-1:0] a,
    input  logic [BITS-1:0] b,
    input  logic [BITS-1:0] c,
    input  logic [BITS-1:0] d,
    input  logic [     1:0] choice,
    output logic [BITS-1:0] y
);
`ifdef SYNTHESIS
  for (genvar i = 0; i < BITS; i = i + 1) begin : g_bit
    wire chosen;
    LUT6 #(.INIT(64'hff00f0f0ccccaaaa)) lut (
        .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(d[i]), .I4(choice[0]), .I5(choice[1]), .O(chosen));
    assign y[i] = chosen;
  end
`else
  assign y = choice[1] ? (choice[0] ? d : c) : choice[0] ? b : a;
`endif
endmodule

// One of eight: two LUTs and a MUXF7 a bit.
module tr_select8 #(
    parameter int BITS = 2
) (
    input  logic [8*BITS-1:0] values,
    input  logic [       2:0] choice,
    output logic [  BITS-1:0] y
);
  logic [BITS-1:0] low, high;
  tr_select4 #(.BITS(BITS)) choose_low (
      .a(values[0+:BITS]), .b(values[BITS+:BITS]), .c(values[2*BITS+:BITS]), .d(values[3*BITS+:BITS]),
      .choice(choice[1:0]), .y(low));
  tr_select4 #(.BITS(BITS)) choose_high (
      .a(values[4*BITS+:BITS]), .b(values[5*BITS+:BITS]), .c(values[6*BITS+:BITS]), .d(values[7*BITS+:BITS]),
      .choice(choice[1:0]), .y(high));
`ifdef SYNTHESIS
  for (genvar i = 0; i < BITS; i = i + 1) begin : g_bit
    wire chosen;
    MUXF7 choose (.I0(low[i]), .I1(high[i]), .S(choice[2]), .O(chosen));
    assign y[i] = chosen;
  end
`else
  assign y = choice[2] ? high : low;
`endif
endmodule

// tr_select, tr_select4 and tr_select8 of many bits: the choice comes a cycle earlier and has a register for each 64 loads.
module tr_wide_select #(
    parameter int BITS = 128
) (
    input  logic            clk,
    input  logic [BITS-1:0] a,
    input  logic [BITS-1:0] b,
    input  logic            second,
    output logic [BITS-1:0] y
);
  for (genvar i = 0; i < BITS; i = i + 128) begin : g_slice
    localparam int N = BITS - i < 128 ? BITS - i : 128;
    (* keep *) logic second_q;
    always_ff @(posedge clk) second_q <= second;
    tr_select #(.BITS(N)) choose (.a(a[i+:N]), .b(b[i+:N]), .second(second_q), .y(y[i+:N]));
  end
endmodule

module tr_wide_select4 #(
    parameter int BITS = 64
) (
    input  logic            clk,
    input  logic [BITS-1:0] a,
    input  logic [BITS-1:0] b,
    input  logic [BITS-1:0] c,
    input  logic [BITS-1:0] d,
    input  logic [     1:0] choice,
    output logic [BITS-1:0] y
);
  for (genvar i = 0; i < BITS; i = i + 64) begin : g_slice
    localparam int N = BITS - i < 64 ? BITS - i : 64;
    (* keep *) logic [1:0] choice_q;
    always_ff @(posedge clk) choice_q <= choice;
    tr_select4 #(.BITS(N)) choose (
        .a(a[i+:N]), .b(b[i+:N]), .c(c[i+:N]), .d(d[i+:N]), .choice(choice_q), .y(y[i+:N]));
  end
endmodule

module tr_wide_select8 #(
    parameter int BITS = 32
) (
    input  logic              clk,
    input  logic [8*BITS-1:0] values,
    input  logic [       2:0] choice,
    output logic [  BITS-1:0] y
);
  for (genvar i = 0; i < BITS; i = i + 32) begin : g_slice
    localparam int N = BITS - i < 32 ? BITS - i : 32;
    (* keep *) logic [2:0] choice_q;
    wire [8*N-1:0] part;
    for (genvar k = 0; k < 8; k++) begin : g_value
      assign part[k*N+:N] = values[k*BITS+i+:N];
    end
    always_ff @(posedge clk) choice_q <= choice;
    tr_select8 #(.BITS(N)) choose (.values(part), .choice(choice_q), .y(y[i+:N]));
  end
endmodule

// Two multiplier-accumulators of a requantisation lane in two cascaded DSP48E1 (UG479), whose pre-adders choose between
// the sum and a weight:
// total1 = (dense1 ? weight1 : sum) * factor1 + (own1 ? (accumulate1 ? total1 : 0) : subtract ? -addend : addend), and
// total2 = (dense2 ? weight2 : sum of a cycle before) * factor2 + (own2 ? (accumulate2 ? total2 : 0) : total1 >>> 17).
// Operands have a register, products one, totals one: own1, accumulate1, addend and subtract come two cycles after sum.
// Own totals are not subtracted: `subtract` is 0 then.
module tr_mac2 (
    input  logic               clk,
    input  logic signed [24:0] sum,
    input  logic signed [ 7:0] weight1,
    input  logic               dense1,
    input  logic signed [17:0] factor1,
    input  logic               own1,
    input  logic               accumulate1,
    input  logic        [47:0] addend,
    input  logic               subtract,
    input  logic signed [ 7:0] weight2,
    input  logic               dense2,
    input  logic signed [17:0] factor2,
    input  logic               own2,
    input  logic               accumulate2,
    output logic signed [47:0] total1,
    output logic signed [47:0] total2
);
`ifdef SYNTHESIS
  wire [47:0] cascade;
  wire [2:0] from1, from2;  // Z: 0 nothing, 2 P, 3 C, 5 PCIN >> 17
  assign from1 = own1 ? {1'b0, accumulate1, 1'b0} : 3'd3;
  assign from2 = own2 ? {1'b0, accumulate2, 1'b0} : 3'd5;
  tr_dsp_mac #(.DELAY(1)) first (
      .clk, .operand(sum), .weight(weight1), .dense(dense1), .factor(factor1), .from(from1), .addend, .subtract,
      .cascade_in(48'd0), .cascade_out(cascade), .total(total1));
  tr_dsp_mac #(.DELAY(2)) second (
      .clk, .operand(sum), .weight(weight2), .dense(dense2), .factor(factor2), .from(from2),
      .addend(48'd0), .subtract(1'b0), .cascade_in(cascade), .cascade_out(), .total(total2));
`else
  logic signed [24:0] operand1, operand2, sum_q;
  logic signed [17:0] factor1_q, factor2_q;
  logic signed [42:0] product1, product2;
  always_ff @(posedge clk) begin
    sum_q <= sum;
    operand1 <= dense1 ? 25'(weight1) : sum;
    operand2 <= dense2 ? 25'(weight2) : sum_q;
    {factor1_q, factor2_q} <= {factor1, factor2};
    product1 <= operand1 * factor1_q;
    product2 <= operand2 * factor2_q;
    total1 <= 48'(product1) + (own1 ? (accumulate1 ? total1 : 48'sd0) : subtract ? -$signed(addend) : $signed(addend));
    total2 <= 48'(product2) + (own2 ? (accumulate2 ? total2 : 48'sd0) : total1 >>> 17);
  end
`endif
endmodule

`ifdef SYNTHESIS
// A DSP48E1 as multiplier-accumulator, registers at operands (one or two at the first), product and total:
// total = (dense ? weight : operand) * factor + Z, or - Z (its complement and a carry), where `from` chooses Z (UG479
// table 2-9) of this cycle's.
module tr_dsp_mac #(
    parameter int DELAY = 1
) (
    input  logic        clk,
    input  logic [24:0] operand,
    input  logic [ 7:0] weight,
    input  logic        dense,
    input  logic [17:0] factor,
    input  logic [ 2:0] from,
    input  logic [47:0] addend,
    input  logic        subtract,
    input  logic [47:0] cascade_in,
    output wire  [47:0] cascade_out,
    output wire  [47:0] total
);
  DSP48E1 #(
      .USE_MULT("MULTIPLY"), .USE_DPORT("TRUE"), .USE_SIMD("ONE48"), .AREG(DELAY), .BREG(1), .ACASCREG(DELAY),
      .BCASCREG(1), .CREG(0), .PREG(1), .MREG(1), .ADREG(0), .DREG(1), .INMODEREG(1), .OPMODEREG(0), .ALUMODEREG(0),
      .CARRYINREG(0), .CARRYINSELREG(0)
  ) dsp (
      .CLK(clk), .A({{5{operand[24]}}, operand}), .B(factor), .C(addend), .D({{17{weight[7]}}, weight}),
      .OPMODE({from, 4'b0101}), .INMODE({2'b0, dense, dense, 1'b0}), .ALUMODE({3'd0, subtract}), .CARRYIN(subtract), .CARRYINSEL(3'd0),
      .CEA1(1'(DELAY - 1)), .CEA2(1'b1), .CEB1(1'b0), .CEB2(1'b1), .CEC(1'b0), .CEP(1'b1), .CEM(1'b1), .CED(1'b1),
      .CEAD(1'b0), .CECTRL(1'b0), .CEALUMODE(1'b0), .CECARRYIN(1'b0), .CEINMODE(1'b1), .RSTA(1'b0), .RSTB(1'b0),
      .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0),
      .RSTINMODE(1'b0), .PCIN(cascade_in), .PCOUT(cascade_out), .P(total));
endmodule
`endif

// (a | b) + ((c where `use_c`) | d), modulo 2^BITS: of a and b, and of c and d, one is zero.
module tr_add_either #(
    parameter int BITS = 24
) (
    input  logic [BITS-1:0] a,
    input  logic [BITS-1:0] b,
    input  logic [BITS-1:0] c,
    input  logic            use_c,
    input  logic [BITS-1:0] d,
    output logic [BITS-1:0] sum
);
`ifdef SYNTHESIS
  function automatic logic [63:0] table_of();
    logic [63:0] bits;
    bits = '0;
    for (int i = 0; i < 32; i++) begin
      bits[i] = i[0] | i[1];
      bits[32+i] = (i[0] | i[1]) ^ ((i[2] & i[3]) | i[4]);
    end
    return bits;
  endfunction
  wire [BITS-1:0] propagate, generated;
  for (genvar i = 0; i < BITS; i++) begin : g_bit
    LUT6_2 #(.INIT(table_of())) lut (
        .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(use_c), .I4(d[i]), .I5(1'b1), .O6(propagate[i]), .O5(generated[i]));
  end
  tr_carry #(.BITS(BITS)) chain (.first(1'b0), .propagate, .generated, .total(sum), .carry());
`else
  assign sum = (a | b) + ((use_c ? c : '0) | d);
`endif
endmodule

// A product as the result it stands for: shifted right by 1 + 4 * shift, the last bit shifted out added for rounding, and
// the zero point. Nine bits of it are looked at; `overflow` where others, those of the groups of four from the ninth up
// that `upper` names and the last four always, differ from the sign.
module tr_scaled (
    input  logic        [29:0] total,
    input  logic        [ 2:0] shift,       // 0 to 4
    input  logic        [ 3:0] upper,
    input  logic signed [ 7:0] zero_point,
    output logic signed [ 9:0] sum,
    output logic               overflow
);
`ifdef SYNTHESIS
  function automatic logic [63:0] table_of();  // (m or, where `last`, the fifth choice) xor z
    logic [63:0] bits;
    for (int i = 0; i < 64; i++) bits[i] = (i[2] ? i[1] : i[0]) ^ i[3];
    return bits;
  endfunction
  wire [9:0] chosen;  // of the first four shifts: the bit below the result, then its nine
  wire [9:0] propagate, generated;
  wire rounding;
  for (genvar i = 0; i < 10; i++) begin : g_choice
    LUT6 #(.INIT(64'hff00f0f0ccccaaaa)) lut (
        .I0(total[i]), .I1(total[4+i]), .I2(total[8+i]), .I3(total[12+i]), .I4(shift[0]), .I5(shift[1]),
        .O(chosen[i]));
  end
  LUT6 #(.INIT(table_of())) lut_rounding (
      .I0(chosen[0]), .I1(total[16]), .I2(shift[2]), .I3(1'b0), .I4(1'b0), .I5(1'b0), .O(rounding));
  for (genvar i = 0; i < 10; i++) begin : g_bit
    localparam int From = i < 9 ? i + 1 : 9;  // sign extension
    assign generated[i] = zero_point[i<8?i:7];
    LUT6 #(.INIT(table_of())) lut (
        .I0(chosen[From]), .I1(total[16+From]), .I2(shift[2]), .I3(generated[i]), .I4(1'b0), .I5(1'b0),
        .O(propagate[i]));
  end
  tr_carry #(.BITS(10)) chain (.first(rounding), .propagate, .generated, .total(sum), .carry());
`else
  logic [9:0] shifted;
  assign shifted = 10'(total >> (shift[2] ? 5'd16 : {1'b0, shift[1:0], 2'b0}));
  assign sum = 10'($signed(shifted[9:1])) + 10'(zero_point) + 10'($signed({1'b0, shifted[0]}));
`endif
  wire [4:0] differs;
  for (genvar k = 0; k < 5; k++) begin : g_upper
    assign differs[k] = (k < 4 ? upper[k<4?k:3] : 1'b1) && total[9+4*k+:4] != {4{total[29]}};
  end
  assign overflow = |differs;
endmodule

// a > b, both signed, of an even number of bits: two bits a LUT of a carry chain, which goes on where they are equal, else
// ends in whether a's are the larger ones.
module tr_greater #(
    parameter int BITS = 8
) (
    input  logic [BITS-1:0] a,
    input  logic [BITS-1:0] b,
    output logic            greater
);
`ifdef SYNTHESIS
  localparam int Pairs = BITS / 2;
  function automatic logic [63:0] table_of(input logic top);
    logic [63:0] bits;
    bits = '0;
    for (int i = 0; i < 32; i++) begin
      bits[i] = {i[1] ^ top, i[0]} > {i[3] ^ top, i[2]};
      bits[32+i] = i[1:0] == i[3:2];
    end
    return bits;
  endfunction
  wire [Pairs-1:0] equal, beyond, ends;
  for (genvar i = 0; i < Pairs; i++) begin : g_pair
    LUT6_2 #(.INIT(table_of(i == Pairs - 1))) lut (
        .I0(a[2*i]), .I1(a[2*i+1]), .I2(b[2*i]), .I3(b[2*i+1]), .I4(1'b0), .I5(1'b1), .O6(equal[i]), .O5(beyond[i]));
  end
  tr_carry #(.BITS(Pairs)) chain (.first(1'b0), .propagate(equal), .generated(beyond), .total(), .carry(ends));
  assign greater = ends[Pairs-1];
`else
  assign greater = $signed(a) > $signed(b);
`endif
endmodule

// `value` within low and high; beyond them all where `overflow`.
module tr_clamp (
    input  logic signed [9:0] value,
    input  logic              overflow,
    input  logic              negative,  // with overflow
    input  logic signed [7:0] low,
    input  logic signed [7:0] high,
    output logic signed [7:0] result
);
  logic above, below;
`ifdef SYNTHESIS
  // As in tr_greater, or for the smaller. The last pair is that above the limit's sign.
  function automatic logic [63:0] table_of(input logic less, input logic top);
    logic [63:0] bits;
    logic signed [2:0] a, b;
    bits = '0;
    for (int i = 0; i < 32; i++) begin
      a = top ? {i[1], i[1:0]} : {1'b0, i[1:0]};
      b = top ? {3{i[2]}} : {1'b0, i[3:2]};
      bits[i] = less ? a < b : a > b;
      bits[32+i] = a == b;
      if (top && i[3]) {bits[i], bits[32+i]} = {i[4] == less, 1'b0};
    end
    return bits;
  endfunction
  for (genvar k = 0; k < 2; k++) begin : g_side
    wire [4:0] equal, beyond, ends;
    wire [7:0] limit;
    assign limit = k == 0 ? high : low;
    for (genvar i = 0; i < 4; i++) begin : g_pair
      LUT6_2 #(.INIT(table_of(k == 1, 1'b0))) lut (
          .I0(value[2*i]), .I1(value[2*i+1]), .I2(limit[2*i]), .I3(limit[2*i+1]), .I4(1'b0), .I5(1'b1),
          .O6(equal[i]), .O5(beyond[i]));
    end
    LUT6_2 #(.INIT(table_of(k == 1, 1'b1))) lut_top (
        .I0(value[8]), .I1(value[9]), .I2(limit[7]), .I3(overflow), .I4(negative), .I5(1'b1), .O6(equal[4]),
        .O5(beyond[4]));
    tr_carry #(.BITS(5)) chain (.first(1'b0), .propagate(equal), .generated(beyond), .total(), .carry(ends));
    if (k == 0) begin : g_above
      assign above = ends[4];
    end else begin : g_below
      assign below = ends[4];
    end
  end
`else
  assign above = overflow ? !negative : value > 10'(high);
  assign below = overflow ? negative : value < 10'(low);
`endif
  assign result = above ? high : below ? low : value[7:0];
endmodule

// a + b of up to 48 bits a cycle later, in a DSP48E1's adder.
module tr_dsp_add #(
    parameter int BITS = 31
) (
    input  logic                   clk,
    input  logic signed [BITS-1:0] a,
    input  logic signed [BITS-1:0] b,
    output logic signed [BITS-1:0] sum
);
`ifdef SYNTHESIS
  wire [47:0] wide, total;
  assign wide = {{(48 - BITS) {a[BITS-1]}}, a};
  assign sum = total[BITS-1:0];
  DSP48E1 #(
      .USE_MULT("NONE"), .USE_DPORT("FALSE"), .USE_SIMD("ONE48"), .AREG(0), .BREG(0), .ACASCREG(0), .BCASCREG(0),
      .CREG(0), .PREG(1), .MREG(0), .ADREG(0), .DREG(0), .INMODEREG(0), .OPMODEREG(0), .ALUMODEREG(0), .CARRYINREG(0),
      .CARRYINSELREG(0)
  ) dsp (
      .CLK(clk), .A(wide[47:18]), .B(wide[17:0]), .C({{(48 - BITS) {b[BITS-1]}}, b}), .D(25'd0),
      .OPMODE(7'b0110011), .ALUMODE(4'd0), .INMODE(5'd0), .CARRYIN(1'b0), .CARRYINSEL(3'd0), .CEA1(1'b0), .CEA2(1'b0),
      .CEB1(1'b0), .CEB2(1'b0), .CEC(1'b0), .CEP(1'b1), .CEM(1'b0), .CED(1'b0), .CEAD(1'b0), .CECTRL(1'b0),
      .CEALUMODE(1'b0), .CECARRYIN(1'b0), .CEINMODE(1'b0), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0),
      .RSTM(1'b0), .RSTP(1'b0), .RSTCTRL(1'b0), .RSTALUMODE(1'b0), .RSTALLCARRYIN(1'b0), .RSTINMODE(1'b0),
      .PCIN(48'd0), .PCOUT(), .P(total));
`else
  always_ff @(posedge clk) sum <= a + b;
`endif
endmodule
