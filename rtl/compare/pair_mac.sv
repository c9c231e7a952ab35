// For comparison: a term MAC with a shifter in place of the coefficients: one pair of terms a cycle is added to a sum of
// 24 bits as +-2**(x_exponent + w_exponent). `clear` with the first pair of a sum; `sum` follows the last after 2 cycles.
module pair_mac (
    input  logic               clk,
    input  logic               valid,
    input  logic               clear,
    input  logic        [ 3:0] x_exponent,
    input  logic               x_minus,
    input  logic        [ 2:0] w_exponent,
    input  logic               w_minus,
    output logic signed [23:0] sum
);
  logic [3:0] exponent;
  logic counts, clears, minus;
  wire [15:0] power = counts ? 16'(1) << exponent : '0;
  wire signed [23:0] term = 24'(power) ^ {24{minus}};

  always_ff @(posedge clk) begin
    exponent <= x_exponent + 4'(w_exponent);
    counts <= valid;
    clears <= clear;
    minus <= (x_minus ^ w_minus) && valid;
    if (counts) sum <= (clears ? '0 : sum) + term + 24'(minus);
  end
endmodule
