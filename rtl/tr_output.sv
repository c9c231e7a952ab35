// OUTPUT: eight values of each window, through a queue that takes what is under way when the stream stops. A beat that
// was offered stays as it is until it is taken, also where the command was stopped: only the stream's reset takes it back.
module tr_output
  import tr_formats_pkg::*;
(
    input  logic        clk,
    input  logic        stop,
    input  logic        stream_reset,  // with stop
    input  logic        launch,
    input  logic [15:0] tiles,
    input  logic        more,        // another OUTPUT goes on with the packet
    input  logic        reads,       // a read for the queue
    output logic        room,        // for another one
    input  logic        valid,       // its window
    input  logic [63:0] values,
    output logic        busy,
    output logic [63:0] out_data,
    output logic        out_valid,
    input  logic        out_ready,
    output logic        out_last
);
  logic [63:0] queue[16];
  logic [3:0] head, tail, free;  // free: places, less what is under way
  logic [4:0] level;
  logic [18:0] left;
  logic push, pop, stays;
  logic stopped, stopped_last;  // the beat that is offered is a stopped command's, its packet's last
  logic [63:0] beat;

  assign room = free != '0;
  assign busy = left != '0;
  assign out_valid = level != '0;
  assign out_data = queue[head];
  assign out_last = stopped ? stopped_last : left == 19'd1 && !more;
  assign pop = out_valid && out_ready;
  assign stays = out_valid && !out_ready && !stream_reset;
  always_ff @(posedge clk) begin
    push <= valid;
    beat <= values;
    if (push) begin
      queue[tail] <= beat;
      tail <= tail + 4'd1;
    end
    if (pop) begin
      head <= head + 4'd1;
      stopped <= 1'b0;
      if (!stopped) left <= left - 19'd1;
    end
    level <= level + 5'(push) - 5'(pop);
    free <= free - 4'(reads) + 4'(pop);
    if (launch) left <= 19'(tiles) << (AccelColumnBits - 3);
    if (launch || stop) begin
      head <= stays ? head : '0;
      tail <= stays ? head + 4'd1 : '0;
      {level, stopped, stopped_last} <= {4'd0, stays, stays, out_last};
      free <= 4'd15 - 4'(stays);
      push <= 1'b0;
    end
  end
endmodule
