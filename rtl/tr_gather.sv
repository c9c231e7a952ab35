// Plays gather operations: one window a cycle. For the array the list is played once, a step ahead of the weights; for
// SUM and MAXIMUM it is played again for every channel.
module tr_gather
  import tr_formats_pkg::*;
(
    input  logic        clk,
    input  logic        reset,
    input  logic        start,
    input  logic        by_channel,     // play the list `channels` times
    input  logic [AccelGatherAddressBits-1:0] first_op,
    input  logic [15:0] channels,
    input  logic [AccelAddressBits-1:0] channel_stride,
    input  logic        may_step,       // room for another step's data
    output logic        busy,
    // gather memory, read in one cycle
    output logic        memory_read,
    output logic [AccelGatherAddressBits-1:0] memory_address,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [GatherOpBits-1:0] memory_data,
    /* verilator lint_on UNUSEDSIGNAL */
    // the window
    output logic        valid,
    output logic [AccelAddressBits-1:0] address,
    output logic [AccelColumnBits-1:0] first,
    output logic [ 1:0] phase,
    output logic [ 2:0] banks,
    output logic [ 4:0] entry,
    output logic [AccelMaskAddressBits-1:0] mask,
    output logic        last,           // of a step, or of a result
    output logic        last_channel    // with `last`: the last result of this channel
);
  localparam int A = AccelAddressBits;
  localparam int G = AccelGatherAddressBits;
  logic [G-1:0] pointer;
  logic loaded, done, step_open;
  logic [5:0] repeats;  // how often the operation was played, this time included
  logic [A-1:0] offset;
  logic [15:0] channels_left;
  logic channel_last;  // 1 is left
  logic [G-1:0] list_start;
  logic op_last, op_end, op_done, list_done;

  assign op_last = memory_data[GatherOpLastLsb];
  assign op_end = memory_data[GatherOpEndLsb];
  assign address = memory_data[GatherOpAddressLsb+:A] + offset;
  assign first = memory_data[GatherOpFirstLsb+:AccelColumnBits];
  assign phase = memory_data[GatherOpPhaseLsb+:2];
  assign banks = memory_data[GatherOpBanksLsb+:3];
  assign entry = memory_data[GatherOpEntryLsb+:5] + repeats[4:0] - 5'd1;
  assign mask = memory_data[GatherOpMaskLsb+:AccelMaskAddressBits];
  assign valid = loaded && !done && (step_open || may_step);
  assign op_done = by_channel || repeats == memory_data[GatherOpCountLsb+:6];
  assign last = valid && op_done && op_last;
  assign last_channel = op_end;
  assign list_done = valid && op_done && op_end && (!by_channel || channel_last);
  assign busy = loaded && !done;
  assign memory_read = start || (valid && op_done);
  assign memory_address = start ? first_op : op_end ? list_start : pointer;

  always_ff @(posedge clk) begin
    if (memory_read) pointer <= memory_address + G'(1);
    if (valid) begin
      step_open <= !last;
      repeats <= op_done ? 6'd1 : repeats + 6'd1;
      if (by_channel && op_done && op_end) begin
        channels_left <= channels_left - 16'd1;
        channel_last <= channels_left == 16'd2;
        offset <= offset + channel_stride;
      end else if (!by_channel) offset <= op_done ? '0 : offset + memory_data[GatherOpStrideLsb+:A];
      if (list_done) done <= 1'b1;
    end
    if (start) begin
      loaded <= 1'b1;
      {done, step_open} <= '0;
      {repeats, offset} <= {6'd1, {A{1'b0}}};
      channels_left <= channels;
      channel_last <= channels == 16'd1;
      list_start <= first_op;
    end
    if (reset) {loaded, done} <= '0;
  end
endmodule
