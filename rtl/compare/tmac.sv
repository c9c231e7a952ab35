// For comparison: the term MAC of Kung, McDanel and Zhang (SC20, section V): one pair of a data term and a weight term a
// cycle. Exponents are added, signs are multiplied, and the coefficient of that power of two counts up or down; after a
// dot product the vector of coefficients leaves as a binary number, lowest bit first, through one carry.
//
// Exponents are 0 to 8 for data less its zero point, 0 to 7 for weights; COUNT bits hold the coefficients of up to 2**(COUNT-1) - 1 pairs of a power of two.
// `convert` shifts the vector down by one power a cycle: bit i of the sum is in `digit` i + 1 cycles after the cycle in
// which `convert` rose, and the vector is empty after 16.
module tmac #(
    parameter int COUNT = 12
) (
    input  logic       clk,
    input  logic       reset,
    input  logic       valid,
    input  logic [3:0] x_exponent,
    input  logic       x_minus,
    input  logic [2:0] w_exponent,
    input  logic       w_minus,
    input  logic       convert,
    output logic       digit
);
  localparam int POWERS = 16;
  logic signed [COUNT-1:0] coefficient[POWERS];
  logic [3:0] exponent;
  logic counts, minus;
  logic signed [COUNT:0] carry;
  wire signed [COUNT:0] total = carry + (COUNT + 1)'(coefficient[0]);

  always_ff @(posedge clk) begin
    exponent <= x_exponent + 4'(w_exponent);
    counts <= valid;
    minus <= x_minus ^ w_minus;
  end

  // One LUT a bit beside its carry: what is added stands first, as synthesis feeds carries from there.
  wire signed [COUNT-1:0] step = {{(COUNT - 1) {minus && !convert}}, !convert};
  for (genvar power = 0; power < POWERS; power++) begin : g_power
    localparam int ABOVE = power + 1 == POWERS ? power : power + 1;
    wire signed [COUNT-1:0] above = power + 1 == POWERS ? '0 : coefficient[ABOVE];
    wire taken = counts && exponent == 4'(power);
    always_ff @(posedge clk) begin
      if (reset) coefficient[power] <= '0;
      else if (convert || taken) coefficient[power] <= step + (convert ? above : coefficient[power]);
    end
  end

  always_ff @(posedge clk) begin
    if (reset || !convert) carry <= '0;
    else carry <= total >>> 1;
    digit <= total[0];
  end
endmodule
