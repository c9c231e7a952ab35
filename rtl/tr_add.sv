// ADD: table 1 of one input plus table 2 of the other, a quarter of a word a cycle.
module tr_add
  import tr_formats_pkg::*;
(
    input  logic                                  clk,
    input  logic                                  launch,
    input  logic [          AccelAddressBits-1:0] dst,
    input  logic signed [                    7:0] low,
    input  logic signed [                    7:0] high,
    input  logic                                  valid,          // a word of the first input, or
    input  logic                                  second,         // of the second
    input  logic [AccelColumns*AccelValueBits-1:0] values,
    input  logic                                  table_write,
    input  logic [                           7:0] table_index,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [                          63:0] table_pair,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [                           3:0] write_quarter,  // one hot, or none
    output logic [          AccelAddressBits-1:0] address,
    output logic [AccelAdders*AccelValueBits-1:0] results
);
  localparam int W = AccelValueBits;
  localparam int Adders = AccelAdders;
  localparam int Bits = AccelTableBits;
  localparam int WholeBits = AccelTableBits - AccelTableFraction;

  logic [AccelWordBits-1:0] early, first, other;
  logic [3:0] quarter_1, quarter_2;  // one hot
  logic run;
  logic [1:0] quarter;
  logic [AccelAddressBits-1:0] word, word_1, word_2;

  for (genvar i = 0; i < Adders; i++) begin : g_adder
    logic signed [Bits-1:0] table1[AccelTableValues], table2[AccelTableValues];
    logic signed [Bits-1:0] value1, value2;
    /* verilator lint_off UNUSEDSIGNAL */
    logic signed [Bits-1:0] added;
    /* verilator lint_on UNUSEDSIGNAL */
    logic [7:0] index1, index2;
    logic signed [WholeBits-1:0] whole;
    logic signed [W-1:0] clamped, result;
    tr_select4 #(.BITS(16)) choose (
        .a({first[i*W+:W], other[i*W+:W]}), .b({first[(Adders+i)*W+:W], other[(Adders+i)*W+:W]}),
        .c({first[(2*Adders+i)*W+:W], other[(2*Adders+i)*W+:W]}),
        .d({first[(3*Adders+i)*W+:W], other[(3*Adders+i)*W+:W]}), .choice(quarter), .y({index1, index2}));
    tr_dsp_add #(.BITS(Bits)) adder (.clk, .a(value1), .b(value2), .sum(added));
    assign whole = added[Bits-1:AccelTableFraction];
    tr_clamp clamp (
        .value(whole[9:0]), .overflow(whole[WholeBits-1] != whole[9]), .negative(whole[WholeBits-1]), .low, .high,
        .result(clamped));
    always_ff @(posedge clk) begin
      if (table_write) begin
        table1[table_index] <= table_pair[0+:Bits];
        table2[table_index] <= table_pair[32+:Bits];
      end
      value1 <= table1[index1];
      value2 <= table2[index2];
      result <= clamped;
    end
    assign results[i*W+:W] = result;
  end

  always_ff @(posedge clk) begin
    if (valid) begin
      if (!second) early <= values;
      else begin
        first <= early;
        other <= values;
        run <= 1'b1;
        quarter <= '0;
      end
    end
    if (run) begin
      quarter <= quarter + 2'd1;
      if (quarter == 2'd3) begin
        run <= valid && second;
        word <= word + AccelAddressBits'(1);
      end
    end
    quarter_1 <= run ? 4'd1 << quarter : '0;
    {quarter_2, write_quarter} <= {quarter_1, quarter_2};
    {word_1, word_2, address} <= {word, word_1, word_2};
    if (launch) begin
      word <= dst;
      run <= 1'b0;
    end
  end
endmodule
