// OUTPUT: eight values of each window as int8, through a queue that takes what is under way when the stream stops.
module tr_output
  import tr_formats_pkg::*;
(
    input  logic        clk,
    input  logic        stop,
    input  logic        launch,
    input  logic [15:0] tiles,
    input  logic [ 7:0] zero_point,
    input  logic        reads,       // a read for the queue
    output logic        room,        // for another one
    input  logic        valid,       // its window
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [8*AccelValueBits-1:0] values,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic        busy,
    output logic [63:0] out_data,
    output logic        out_valid,
    input  logic        out_ready,
    output logic        out_last
);
  localparam int W = AccelValueBits;
  logic [63:0] queue[16];
  logic [3:0] head, tail, free;  // free: places, less what is under way
  logic [4:0] level;
  logic [18:0] left;
  logic push, pop;
  logic [63:0] beat;

  assign room = free != '0;
  assign busy = left != '0;
  assign out_valid = level != '0;
  assign out_data = queue[head];
  assign out_last = left == 19'd1;
  assign pop = out_valid && out_ready;
  always_ff @(posedge clk) begin
    push <= valid;
    for (int i = 0; i < 8; i++) beat[8*i+:8] <= values[i*W+:8] + zero_point;
    if (push) begin
      queue[tail] <= beat;
      tail <= tail + 4'd1;
    end
    if (pop) begin
      head <= head + 4'd1;
      left <= left - 19'd1;
    end
    level <= level + 5'(push) - 5'(pop);
    free <= free - 4'(reads) + 4'(pop);
    if (launch) left <= 19'(tiles) << (AccelColumnBits - 3);
    if (launch || stop) begin
      {head, tail, level} <= '0;
      free <= 4'd15;
      push <= 1'b0;
    end
  end
endmodule
