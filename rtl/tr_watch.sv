// What goes wrong with the streams: no beat for `timeout` cycles, an end before all data came, a bad load packet.
module tr_watch
  import tr_formats_pkg::*;
(
    input  logic        clk,
    input  logic        busy,
    input  logic [31:0] timeout,      // cycles; 0: none
    input  logic        in_wanted,
    input  logic        in_take,
    input  logic        in_last,
    input  logic        waits_input,
    input  logic        waits_output,
    input  logic        out_taken,
    input  logic        bad_packet,
    input  logic        bad_crc,
    output logic [ 2:0] failure       // one cycle
);
  logic in_ended, has_timeout;
  logic [31:0] idle_cycles;

  always_ff @(posedge clk) begin
    if (!busy) in_ended <= 1'b0;
    else if (in_take && in_last) in_ended <= 1'b1;
    if (in_take || out_taken || !(waits_input || waits_output)) idle_cycles <= '0;
    else idle_cycles <= idle_cycles + 32'd1;
  end

  always_ff @(posedge clk) begin
    has_timeout <= timeout != '0;
    failure <= '0;
    if (has_timeout && idle_cycles >= timeout) failure <= 3'(AccelErrorTimeout);
    if (in_wanted && in_ended) failure <= 3'(AccelErrorShort);
    if (bad_packet) failure <= 3'(AccelErrorPacket);
    if (bad_crc) failure <= 3'(AccelErrorCrc);
    if (!busy) failure <= '0;
  end
endmodule
