// For comparison: one int8 multiply-accumulate a cycle. Operands are registered, as is the product; sums have 24 bits, as
// in the term array. `clear` with the first operands of a sum; `sum` follows the last ones after 3 cycles.
module int8_mac (
    input  logic               clk,
    input  logic               enable,
    input  logic               clear,
    input  logic signed [ 7:0] x,
    input  logic signed [ 7:0] w,
    output logic signed [23:0] sum
);
  logic signed [7:0] held_x, held_w;
  logic signed [15:0] product;
  logic [1:0] enabled, cleared;

  always_ff @(posedge clk) begin
    held_x <= x;
    held_w <= w;
    product <= held_x * held_w;
    enabled <= {enabled[0], enable};
    cleared <= {cleared[0], clear};
    if (enabled[1]) sum <= (cleared[1] ? 24'd0 : sum) + 24'(product);
  end
endmodule
