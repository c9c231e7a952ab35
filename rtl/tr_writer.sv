// What writes activations: results of the running command, else words of an INPUT that goes on beside it.
module tr_writer
  import tr_formats_pkg::*;
(
    input  logic                                    clk,
    input  logic                                    stop,
    input  logic                                    is_add,
    input  logic                                    is_maximum,
    input  logic                                    in_write,
    input  logic [            AccelAddressBits-1:0] in_address,
    input  logic [               AccelWordBits-1:0] in_data,
    input  logic [                             3:0] add_quarter,
    input  logic [            AccelAddressBits-1:0] add_address,
    input  logic [  AccelAdders*AccelValueBits-1:0] add_results,
    input  logic                                    maximum_done,
    input  logic [            AccelAddressBits-1:0] maximum_address,
    input  logic [               AccelWordBits-1:0] largest,
    input  logic                                    lanes_valid,
    input  logic                                    lanes_one,
    input  logic [             AccelColumnBits-1:0] lanes_place,
    input  logic                                    lanes_half,
    input  logic [            AccelAddressBits-1:0] lanes_address,
    input  logic [AccelOutputs*AccelValueBits-1:0] lanes_results,
    output logic                                    other_write,  // not INPUT's
    output logic                                    write,
    output logic [            AccelAddressBits-1:0] address,
    output logic [                AccelColumns-1:0] enable,
    output logic [               AccelWordBits-1:0] data
);
  assign other_write = is_add ? |add_quarter : is_maximum ? maximum_done : lanes_valid;
  logic [1:0] source;
  logic [AccelColumns-1:0] add_enable, lanes_enable;
  assign source = in_write ? 2'd0 : is_add ? 2'd1 : is_maximum ? 2'd2 : 2'd3;
  always_comb
    for (int i = 0; i < AccelColumns; i++) begin
      add_enable[i] = add_quarter[i/AccelAdders];
      lanes_enable[i] = lanes_one ? lanes_place == AccelColumnBits'(i) : lanes_half == 1'(i / AccelOutputs);
    end
  always_ff @(posedge clk) begin
    write <= (in_write || other_write) && !stop;
    case (source)
      2'd0: {address, data, enable} <= {in_address, in_data, {AccelColumns{1'b1}}};
      2'd1: {address, data, enable} <= {add_address, {4{add_results}}, add_enable};
      2'd2: {address, data, enable} <= {maximum_address, largest, {AccelColumns{1'b1}}};
      default: {address, data, enable} <= {lanes_address, {2{lanes_results}}, lanes_enable};
    endcase
  end
endmodule
