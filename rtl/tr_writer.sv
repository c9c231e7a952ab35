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
    output logic [            AccelAddressBits-1:0] address,
    output logic [                AccelColumns-1:0] enable_even,  // values to write, if the address is even
    output logic [                AccelColumns-1:0] enable_odd,   // if it is odd
    output logic [               AccelWordBits-1:0] data
);
  assign other_write = |add_quarter || maximum_done || lanes_valid;  // of one command, so of one engine
  logic [1:0] source;
  logic [AccelColumns-1:0] add_enable, lanes_enable;
  assign source = in_write ? 2'd0 : is_add ? 2'd1 : is_maximum ? 2'd2 : 2'd3;
  always_comb
    for (int i = 0; i < AccelColumns; i++) begin
      add_enable[i] = add_quarter[i/AccelAdders];
      lanes_enable[i] = lanes_one ? lanes_place == AccelColumnBits'(i) : lanes_half == 1'(i / AccelOutputs);
    end
  localparam int Bits = AccelAddressBits + AccelWordBits + AccelColumns;
  logic [Bits-1:0] next;
  logic [AccelAddressBits-1:0] next_address;
  logic [AccelWordBits-1:0] next_data;
  logic [AccelColumns-1:0] next_enable;
  logic write;
  assign write = (in_write || other_write) && !stop;
  assign {next_address, next_data, next_enable} = next;
  tr_select4 #(.BITS(Bits)) choose (
      .a({in_address, in_data, {AccelColumns{1'b1}}}), .b({add_address, {4{add_results}}, add_enable}),
      .c({maximum_address, largest, {AccelColumns{1'b1}}}), .d({lanes_address, {2{lanes_results}}, lanes_enable}),
      .choice(source), .y(next));
  always_ff @(posedge clk) begin
    {address, data} <= {next_address, next_data};
    {enable_even, enable_odd} <= {2{next_enable}};
    if (!write || next_address[0]) enable_even <= '0;
    if (!write || !next_address[0]) enable_odd <= '0;
  end
endmodule
