// INPUT: beats of eight int8 values become words, which wait in a queue until nobody else writes. It goes on beside the
// commands that follow.
module tr_input
  import tr_formats_pkg::*;
(
    input  logic                        clk,
    input  logic                        stop,
    input  logic                        start,
    input  logic [                15:0] tiles,        // words
    input  logic [                15:0] count,        // words `dst_stride` apart that come one after the other
    input  logic [AccelAddressBits-1:0] dst,
    input  logic [AccelAddressBits-1:0] dst_stride,
    input  logic [                63:0] in_data,
    input  logic                        take,         // a beat, only when wanted
    output logic                        wanted,
    output logic                        busy,
    output logic [  AccelAddressBits:0] arrived,      // words in memory
    output logic                        arrives,      // one more, in the next cycle
    input  logic                        other_write,
    output logic                        write,        // in the next cycle
    output logic [AccelAddressBits-1:0] write_address,
    output logic [   AccelWordBits-1:0] write_data
);
  localparam int W = AccelValueBits;
  localparam int A = AccelAddressBits;
  localparam int BeatBits = AccelColumnBits - 3;  // of the number of a word's beat
  localparam int Early = AccelWordBits - 8 * W;

  logic [18:0] left;  // beats
  logic more, beat_last;  // left is not 0, is 1
  logic [BeatBits-1:0] group;
  logic [15:0] across, count_q;  // words that are left of those side by side
  logic across_last;
  logic [A-1:0] word, first, stride;
  logic [Early-1:0] early;  // values of the beats before
  logic [A+AccelWordBits-1:0] queue[4];
  logic [1:0] head, tail;
  logic [2:0] held;  // words in the queue
  logic whole, written_1, written_2;

  assign wanted = more && !held[2];
  assign busy = more || held != '0 || written_1 || written_2;
  assign arrives = written_1;
  assign whole = take && &group;
  assign write = held != '0 && !other_write;
  assign {write_address, write_data} = queue[head];

  always_ff @(posedge clk) begin
    {written_1, written_2} <= {write, written_1};
    if (arrives) arrived <= arrived + (A + 1)'(1);
    held <= held + 3'(whole) - 3'(write);
    if (whole) begin
      queue[tail] <= {word, in_data, early};
      tail <= tail + 2'd1;
    end
    if (write) head <= head + 2'd1;
    if (start) begin
      left <= 19'(tiles) << BeatBits;
      group <= '0;
      more <= tiles != '0;
      beat_last <= 1'b0;  // a word is two beats at least
      {across, count_q} <= {2{count}};
      across_last <= count == 16'd1;
      {word, first, stride} <= {dst, dst, dst_stride};
      arrived <= '0;
    end
    if (take) begin
      left <= left - 19'd1;
      beat_last <= left == 19'd2;
      if (beat_last) more <= 1'b0;
      group <= group + BeatBits'(1);
      for (int i = 0; i < Early / 64; i++) if (group == BeatBits'(i)) early[64*i+:64] <= in_data;
      if (&group) begin
        across <= across - 16'd1;
        across_last <= across == 16'd2;
        word <= word + stride;
        if (across_last) begin
          across <= count_q;
          across_last <= count_q == 16'd1;
          {word, first} <= {2{first + A'(1)}};
        end
      end
    end
    if (stop) begin
      more <= 1'b0;
      {head, tail, held, written_1, written_2} <= '0;
    end
  end
endmodule
