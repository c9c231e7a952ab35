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
  always_ff @(posedge clk) begin
    write <= (in_write || other_write) && !stop;
    if (in_write) begin
      enable <= '1;
      {address, data} <= {in_address, in_data};
    end else if (is_add) begin
      address <= add_address;
      for (int i = 0; i < AccelColumns; i++) enable[i] <= add_quarter[i/AccelAdders];
      data <= {4{add_results}};
    end else if (is_maximum) begin
      address <= maximum_address;
      enable <= '1;
      data <= largest;
    end else begin
      address <= lanes_address;
      for (int i = 0; i < AccelColumns; i++)
        enable[i] <= lanes_one ? lanes_place == AccelColumnBits'(i) : lanes_half == 1'(i / AccelOutputs);
      data <= {2{lanes_results}};
    end
  end
endmodule
