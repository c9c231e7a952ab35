// The accelerator without its bus: memories, command sequencer, and the engines that share one read port of the
// activation memory, the weight memory and the requantisation lanes. One command runs at a time.
module tr_core
  import tr_formats_pkg::*;
(
    input  logic        clk,
    input  logic        reset,
    // control
    input  logic        start_run,
    input  logic        start_load,
    input  logic        start_dump,
    input  logic [15:0] entry,
    input  logic [15:0] stop,
    input  logic [31:0] timeout,
    input  logic [ 9:0] dump_address,
    input  logic [15:0] dump_count,
    input  logic [ 7:0] select,
    output logic        busy,
    output logic        done,
    output logic [ 2:0] error,
    output logic [15:0] command_index,
    output logic [31:0] cycles,
    output logic [31:0] stamp,
    output logic [31:0] program_crc,
    output logic        waits_input,
    output logic        waits_output,
    // streams
    input  logic [63:0] in_data,
    input  logic        in_valid,
    output logic        in_ready,
    input  logic        in_last,
    output logic [63:0] out_data,
    output logic        out_valid,
    input  logic        out_ready,
    output logic        out_last
);
  localparam int W = AccelValueBits;
  localparam int S = AccelSumBits;
  localparam int Half = AccelOutputs;

  // ---- sequencer ------------------------------------------------------------------------------------------------
  typedef enum logic [2:0] {Idle, Fetch, Decode, Launch, Run, Settle, Finish} state_t;
  state_t state;
  logic [255:0] command, command_memory[AccelCommands];
  logic [7:0] opcode;
  logic [4:0] settle;
  logic [2:0] failure;  // an error of this cycle, or none
  logic engine_busy, launch, loading, dumping, ended, table_busy, in_busy, must_wait;
  logic [31:0] stamps[AccelCommands];
  logic command_read;

  assign opcode = command[CommandOpcodeLsb+:8];
  assign launch = state == Launch;
  assign busy = state != Idle;
  assign command_read = state == Fetch;
  always_ff @(posedge clk) if (command_read) command <= command_memory[command_index[7:0]];
  else if (start_load) command <= 256'(OpcodeLoad);
  else if (start_dump)
    command <= 256'(OpcodeOutput) | 256'(dump_address) << CommandSrcLsb | 256'(dump_count) << CommandTilesLsb;

  // Fields of the running command; memories are smaller than the fields.
  /* verilator lint_off UNUSEDSIGNAL */
  logic [15:0] tiles, count, pixels, weights, gather_at, parameters, src, src2, src_stride, dst, dst_stride;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [7:0] zero_point;
  logic signed [9:0] low, high;
  logic double_buffer, each;
  assign tiles = command[CommandTilesLsb+:16];
  assign count = command[CommandCountLsb+:16];
  assign pixels = command[CommandPixelsLsb+:16];
  assign weights = command[CommandWeightsLsb+:16];
  assign gather_at = command[CommandGatherLsb+:16];
  assign parameters = command[CommandParametersLsb+:16];
  assign src = command[CommandSrcLsb+:16];
  assign src2 = command[CommandSrc2Lsb+:16];
  assign src_stride = command[CommandSrcStrideLsb+:16];
  assign dst = command[CommandDstLsb+:16];
  assign dst_stride = command[CommandDstStrideLsb+:16];
  assign zero_point = command[CommandZeroPointLsb+:8];
  assign low = command[CommandLowLsb+:10];
  assign high = command[CommandHighLsb+:10];
  assign double_buffer = command[CommandDoubleBufferLsb];
  assign each = command[CommandEachLsb];

  logic is_input, is_output, is_load, is_array, is_dense, is_sum, is_maximum, is_table, is_add, known;
  assign is_input = opcode == 8'(OpcodeInput);
  assign is_output = opcode == 8'(OpcodeOutput);
  assign is_load = opcode == 8'(OpcodeLoad);
  assign is_array = opcode == 8'(OpcodeArray);
  assign is_dense = opcode == 8'(OpcodeDense);
  assign is_sum = opcode == 8'(OpcodeSum);
  assign is_maximum = opcode == 8'(OpcodeMaximum);
  assign is_table = opcode == 8'(OpcodeTable);
  assign is_add = opcode == 8'(OpcodeAdd);
  assign known = is_input | is_output | is_load | is_array | is_dense | is_sum | is_maximum | is_table | is_add;

  always_ff @(posedge clk) begin
    if (busy) cycles <= cycles + 32'd1;
    case (state)
      Idle: begin
        if (start_run || start_load || start_dump) begin
          state <= start_run ? Fetch : Launch;
          loading <= start_load;
          dumping <= start_dump;
          command_index <= entry;
          cycles <= '0;
          error <= '0;
          done <= 1'b0;
        end
      end
      Fetch:
      if (command_index != stop) state <= Decode;
      else if (!(table_busy || in_busy)) state <= Finish;  // a run from here on may need what comes
      Decode: begin
        if (opcode == 8'(OpcodeEnd)) state <= Finish;
        else if (known) begin
          if (!must_wait) state <= Launch;
        end else begin
          error <= 3'(AccelErrorOpcode);
          state <= Finish;
        end
      end
      Launch: state <= Run;
      Run:
      if (!engine_busy) begin
        // What is still in the lanes must be written before the next command is fetched: 8 cycles after ARRAY's last
        // results leave, more after the others' last read.
        settle <= is_array ? 5'd6 : is_dense || is_sum || is_maximum || is_add ? 5'd20 : 5'd2;
        state <= Settle;
      end
      Settle: begin
        settle <= settle - 5'd1;
        if (settle == '0) begin
          stamps[command_index[7:0]] <= cycles;
          if (loading || dumping) state <= Finish;
          else if (command_index == 16'(AccelCommands - 1)) begin
            error <= 3'(AccelErrorOverrun);
            state <= Finish;
          end else begin
            command_index <= command_index + 16'd1;
            state <= Fetch;
          end
        end
      end
      default: begin
        done <= 1'b1;
        state <= Idle;
      end
    endcase
    if (failure != '0 && state != Idle && state != Finish) begin
      error <= failure;
      state <= Finish;
    end
    if (reset) begin
      if (busy) begin
        error <= 3'(AccelErrorReset);
        done <= 1'b1;
      end
      state <= Idle;
    end
    stamp <= stamps[select];
  end
  assign ended = state == Finish || reset;  // engines stop
  // INPUT and TABLE go on beside what follows, unless that needs what they bring.
  assign must_wait = (table_busy && (is_add || is_table || is_load)) || (in_busy && !is_table && !(is_array && src != '0));

  // ---- streams in: values, load packets -------------------------------------------------------------------------
  logic in_take, in_ended, in_active;
  logic [18:0] in_left;  // beats
  logic [2:0] in_group;
  logic [7:0] in_zero_point;
  logic [15:0] in_across, in_count;       // of words in_stride apart
  logic [9:0] in_word, in_first, in_stride;
  logic [503:0] in_early;                 // values of the beats before
  logic [585:0] in_queue[4];              // whole words and where they go, until nobody else writes
  logic [1:0] in_head, in_tail;
  logic [2:0] in_held;                    // words in the queue
  logic [71:0] in_values;
  logic in_whole, in_writes, in_written_1, in_written_2, other_write;
  logic [10:0] in_arrived, in_needed;     // words
  logic packet_open;
  logic [7:0] packet_memory;
  logic [15:0] packet_address;
  logic [31:0] packet_left;
  logic [3:0] beat, beats;
  logic [511:0] load_early;
  logic [575:0] load_word;
  logic load_write;
  logic [7:0] load_memory;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [15:0] load_address;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [31:0] crc, idle_cycles;
  logic header_valid, packet_end, in_bad_crc, in_bad_packet;
  logic [15:0] depth;

  assign in_active = (in_left != '0 && !in_held[2]) || (state == Run && is_load && !packet_end);
  assign in_busy = in_left != '0 || in_held != '0 || in_written_1 || in_written_2;
  assign in_whole = in_take && in_left != '0 && &in_group;
  assign in_writes = in_held != '0 && !other_write;
  always_comb
    for (int i = 0; i < 8; i++)
      in_values[i*W+:W] = 9'($signed(in_data[i*8+:8])) - 9'($signed(in_zero_point));
  assign in_ready = in_active;
  assign in_take = in_active && in_valid;
  assign waits_input = in_active && !in_valid;

  function automatic logic [31:0] crc_next(input logic [31:0] previous, input logic [63:0] data);
    logic [31:0] value;
    value = previous;
    for (int i = 0; i < 64; i++) value = {1'b0, value[31:1]} ^ ((value[0] ^ data[i]) ? 32'hedb88320 : 32'h0);
    return value;
  endfunction

  always_comb begin
    header_valid = 1'b1;
    case (in_data[LoadPacketMemoryLsb+:8])
      8'(AccelMemoryCommands): {beats, depth} = {4'd4, 16'(AccelCommands)};
      8'(AccelMemoryWeights): {beats, depth} = {4'd9, 16'(AccelWeightWords)};
      8'(AccelMemoryGather): {beats, depth} = {4'd1, 16'(AccelGatherOps)};
      8'(AccelMemoryMasks): {beats, depth} = {4'd4, 16'(AccelMasks)};
      8'(AccelMemoryParameters): {beats, depth} = {4'd2, 16'(AccelParameters)};
      8'(AccelMemoryRoundings): {beats, depth} = {4'd2, 16'(AccelRoundings)};
      default: begin
        {beats, depth} = '0;
        header_valid = 1'b0;
      end
    endcase
    if (33'(in_data[LoadPacketAddressLsb+:16]) + 33'(in_data[LoadPacketValueLsb+:32]) > 33'(depth)) header_valid = 1'b0;
    if (in_data[LoadPacketValueLsb+:32] == '0) header_valid = 1'b0;
  end

  logic [3:0] packet_beats;
  logic is_end_packet;
  assign is_end_packet = in_data[LoadPacketMemoryLsb+:8] == 8'(AccelMemoryEnd);
  always_ff @(posedge clk) begin
    load_write <= 1'b0;
    {in_bad_crc, in_bad_packet} <= '0;
    {in_written_1, in_written_2} <= {in_writes, in_written_1};
    if (in_written_1) in_arrived <= in_arrived + 11'd1;
    in_held <= in_held + 3'(in_whole) - 3'(in_writes);
    if (in_whole) begin
      in_queue[in_tail] <= {in_word, in_values, in_early};
      in_tail <= in_tail + 2'd1;
    end
    if (in_writes) in_head <= in_head + 2'd1;
    if (launch && is_input) begin
      in_left <= {tiles, 3'b0};
      in_group <= '0;
      in_zero_point <= zero_point;
      {in_across, in_count} <= {16'd0, count};
      {in_word, in_first, in_stride} <= {dst[9:0], dst[9:0], dst_stride[9:0]};
      in_arrived <= '0;
    end
    if (launch) begin
      packet_open <= 1'b0;
      packet_end <= 1'b0;
      crc <= '1;
      if (loading) program_crc <= '0;
    end
    if (in_take && in_left != '0) begin
      in_left <= in_left - 19'd1;
      in_group <= in_group + 3'd1;
      in_early <= {in_values, in_early[503:72]};
      if (&in_group) begin
        in_across <= in_across + 16'd1;
        in_word <= in_word + in_stride;
        if (in_across + 16'd1 == in_count) begin
          in_across <= '0;
          {in_word, in_first} <= {2{in_first + 10'd1}};
        end
      end
    end
    if (in_take && is_load) begin
      crc <= crc_next(crc, in_data);
      if (!packet_open) begin
        if (is_end_packet) begin
          packet_end <= 1'b1;
          in_bad_crc <= in_data[LoadPacketValueLsb+:32] != ~crc;
          if (loading && in_data[LoadPacketValueLsb+:32] == ~crc) program_crc <= ~crc;
        end else begin
          in_bad_packet <= !header_valid;
          packet_open <= 1'b1;
          packet_memory <= in_data[LoadPacketMemoryLsb+:8];
          packet_address <= in_data[LoadPacketAddressLsb+:16];
          packet_left <= in_data[LoadPacketValueLsb+:32];
          packet_beats <= beats;
          beat <= '0;
        end
      end else begin
        load_early <= {in_data, load_early[511:64]};
        beat <= beat + 4'd1;
        if (beat + 4'd1 == packet_beats) begin
          beat <= '0;
          load_write <= 1'b1;
          load_word <= {in_data, load_early};
          load_memory <= packet_memory;
          load_address <= packet_address;
          packet_address <= packet_address + 16'd1;
          packet_left <= packet_left - 32'd1;
          if (packet_left == 32'd1) packet_open <= 1'b0;
        end
      end
    end
    if (state == Idle) in_ended <= 1'b0;
    else if (in_take && in_last) in_ended <= 1'b1;
    if (in_take || (out_valid && out_ready) || !(waits_input || waits_output)) idle_cycles <= '0;
    else idle_cycles <= idle_cycles + 32'd1;
    if (ended) begin
      load_write <= 1'b0;
      in_left <= '0;
      {in_head, in_tail, in_held, in_written_1, in_written_2} <= '0;
    end
  end

  always_comb begin
    failure = '0;
    if (timeout != '0 && idle_cycles >= timeout) failure = 3'(AccelErrorTimeout);
    if (in_active && in_ended) failure = 3'(AccelErrorShort);
    if (in_bad_packet) failure = 3'(AccelErrorPacket);
    if (in_bad_crc) failure = 3'(AccelErrorCrc);
  end

  // ---- memories that are only loaded ----------------------------------------------------------------------------
  logic [575:0] weight_memory[AccelWeightWords];
  logic [575:0] weight_data;
  logic weight_read;
  logic [12:0] weight_address;
  logic [63:0] gather_memory[AccelGatherOps];
  logic [63:0] gather_data;
  logic gather_read;
  logic [11:0] gather_address;
  logic [255:0] mask_memory[AccelMasks];
  logic [255:0] mask_data;
  logic [8:0] mask_address;
  logic [71:0] parameter_memory[AccelParameters];
  logic [71:0] parameter_data;
  logic [10:0] parameter_address;
  logic [95:0] rounding_memory[AccelRoundings];
  always_ff @(posedge clk) begin
    if (load_write && load_memory == 8'(AccelMemoryCommands)) command_memory[load_address[7:0]] <= load_word[575:320];
    if (load_write && load_memory == 8'(AccelMemoryWeights)) weight_memory[load_address[12:0]] <= load_word;
    if (load_write && load_memory == 8'(AccelMemoryGather)) gather_memory[load_address[11:0]] <= load_word[575:512];
    if (load_write && load_memory == 8'(AccelMemoryMasks)) mask_memory[load_address[8:0]] <= load_word[575:320];
    if (load_write && load_memory == 8'(AccelMemoryParameters))
      parameter_memory[load_address[10:0]] <= load_word[448+:72];
    if (load_write && load_memory == 8'(AccelMemoryRoundings))
      rounding_memory[load_address[4:0]] <= {load_word[512+:48], load_word[448+:48]};
  end
  always_ff @(posedge clk) begin
    if (weight_read) weight_data <= weight_memory[weight_address];
    if (gather_read) gather_data <= gather_memory[gather_address];
    mask_data <= mask_memory[mask_address];
    parameter_data <= parameter_memory[parameter_address];
  end

  // ---- what reads activations -----------------------------------------------------------------------------------
  // Tags travel with a window: tag[i] is i cycles after the address, tag[5] with the window, tag[6] with column_data.
  typedef struct packed {
    logic valid;
    logic [2:0] banks;
    logic [4:0] entry;
    logic [8:0] mask;
    logic last;          // of a step, a result, a block, a stream
    logic last_channel;
    logic first;         // of a block
    logic [1:0] bias;    // DENSE: rows of the bias
    logic second;        // ADD: the second input
  } tag_t;
  tag_t tag_0, tag[1:7];

  // The array and the reductions.
  logic gather_start, gather_valid, gather_busy, gather_last, gather_last_channel, may_step, by_channel;
  logic [9:0] gather_word;
  logic [5:0] gather_first;
  logic [1:0] gather_phase;
  logic [2:0] gather_banks;
  logic [4:0] gather_entry;
  logic [8:0] gather_mask;
  logic [15:0] steps_opened, steps_loaded, steps_used;
  logic step_done;
  assign by_channel = is_sum || is_maximum;
  assign gather_start = launch && (is_array || by_channel);
  assign may_step = by_channel || (16'(steps_opened - steps_used) < (double_buffer ? 16'd2 : 16'd1) &&
                                   (!in_busy || in_arrived >= in_needed));
  tr_gather gather (
      .clk, .reset(ended), .start(gather_start), .by_channel, .first_op(gather_at[11:0]), .channels(count),
      .channel_stride(src_stride[9:0]), .may_step, .busy(gather_busy), .memory_read(gather_read),
      .memory_address(gather_address), .memory_data(gather_data), .valid(gather_valid), .address(gather_word),
      .first(gather_first), .phase(gather_phase), .banks(gather_banks), .entry(gather_entry), .mask(gather_mask),
      .last(gather_last), .last_channel(gather_last_channel));
  always_ff @(posedge clk) begin
    if (gather_last) steps_opened <= steps_opened + 16'd1;
    if (tag[6].valid && tag[6].last) steps_loaded <= steps_loaded + 16'd1;
    if (step_done) steps_used <= steps_used + 16'd1;
    if (gather_last) in_needed <= in_needed + src2[10:0];
    if (launch) begin
      {steps_opened, steps_loaded, steps_used} <= '0;
      in_needed <= src[10:0];
    end
  end

  // DENSE, OUTPUT and ADD count through memory.
  logic scan_busy, scan_valid, scan_last, scan_room, scan_hold, each_done;
  logic [15:0] scan_block, scan_channel, scan_pixel;
  logic [9:0] scan_word, scan_channel_word;
  logic [2:0] scan_wait;
  logic [1:0] scan_bias;
  logic scan_pixel_last, scan_channel_last;
  logic [3:0] out_room;  // free places in the output queue, counting what is under way
  assign scan_pixel_last = scan_pixel + 16'd1 == pixels;
  assign scan_channel_last = scan_channel + 16'd1 == count;
  assign scan_room = !is_output || out_room != '0;
  assign scan_valid = scan_busy && scan_wait == '0 && scan_room && !scan_hold;
  always_ff @(posedge clk) begin
    if (scan_wait != '0) scan_wait <= scan_wait - 3'd1;
    if (scan_valid) begin
      if (is_output) begin  // eight values a cycle
        scan_pixel <= scan_pixel + 16'd8;
        if (scan_pixel[5:3] == 3'd7) begin
          scan_pixel <= '0;
          scan_word <= scan_word + 10'd1;
          scan_block <= scan_block + 16'd1;
          if (scan_block + 16'd1 == tiles) scan_busy <= 1'b0;
        end
      end else if (is_add) begin  // one word of each input, then two cycles for their sixteen at a time
        scan_bias <= scan_bias ^ 2'd1;
        if (scan_bias[0]) begin
          scan_wait <= 3'd2;
          scan_block <= scan_block + 16'd1;
          if (scan_block + 16'd1 == tiles) scan_busy <= 1'b0;
        end
      end else if (scan_bias != '0) begin  // the three rows of the bias
        scan_bias <= scan_bias + 2'd1;
        if (scan_bias == 2'd3) begin
          scan_wait <= 3'd7;
          scan_block <= scan_block + 16'd1;
          if (scan_block + 16'd1 == tiles) scan_busy <= 1'b0;
        end
      end else begin
        scan_pixel <= scan_pixel + 16'd1;
        if (&scan_pixel[5:0]) scan_word <= scan_word + 10'd1;
        if (scan_pixel_last) begin
          scan_pixel <= '0;
          scan_channel <= scan_channel_last ? '0 : scan_channel + 16'd1;
          scan_channel_word <= scan_channel_last ? src[9:0] : scan_channel_word + src_stride[9:0];
          scan_word <= scan_channel_last ? src[9:0] : scan_channel_word + src_stride[9:0];
          if (scan_channel_last) scan_bias <= 2'd1;
        end
      end
    end
    if (scan_valid && is_dense && each && scan_last) scan_hold <= 1'b1;
    else if (each_done || launch || ended) scan_hold <= 1'b0;
    if (launch) begin
      scan_busy <= is_dense || is_add || (is_output && tiles != '0);
      scan_word <= src[9:0];
      scan_channel_word <= src[9:0];
      {scan_block, scan_channel, scan_pixel, scan_wait, scan_bias} <= '0;
    end
    if (ended) scan_busy <= 1'b0;
  end
  assign scan_last = is_dense ? scan_bias == 2'd3 : is_add ? scan_bias[0] : 1'b0;

  logic [9:0] read_address;
  logic [5:0] read_first;
  logic [1:0] read_phase;
  always_comb begin
    tag_0 = '0;
    if (is_array || by_channel) begin
      read_address = gather_word;
      read_first = gather_first;
      read_phase = gather_phase;
      tag_0.valid = gather_valid;
      tag_0.banks = gather_banks;
      tag_0.entry = gather_entry;
      tag_0.mask = gather_mask;
      tag_0.last = gather_last;
      tag_0.last_channel = gather_last_channel;
    end else begin
      read_address = is_add ? (scan_bias[0] ? src2[9:0] : src[9:0]) + scan_block[9:0] : scan_word;
      read_first = is_add ? '0 : scan_pixel[5:0];
      read_phase = '0;
      tag_0.valid = scan_valid;
      tag_0.last = scan_last;
      tag_0.first = is_dense && scan_channel == '0 && scan_pixel == '0 && scan_bias == '0;
      tag_0.bias = scan_bias;
      tag_0.second = is_add && scan_bias[0];
    end
  end
  always_ff @(posedge clk) begin
    tag[1] <= tag_0;
    for (int i = 2; i < 8; i++) tag[i] <= tag[i-1];
    if (ended) for (int i = 1; i < 8; i++) tag[i].valid <= 1'b0;
  end

  logic act_write;
  logic [9:0] act_address;
  logic [63:0] act_enable;
  logic [575:0] act_data;
  logic [593:0] window;
  logic [3*576-1:0] column_data;
  logic [63:0] column_write;
  assign mask_address = tag[4].mask;
  tr_activations activations (
      .clk, .write(act_write), .write_address(act_address), .write_enable(act_enable), .write_data(act_data),
      .read_address, .read_first, .read_phase, .keep(mask_data[255:64]), .window, .column_data);
  always_ff @(posedge clk) column_write <= mask_data[63:0];

  // ---- the array ------------------------------------------------------------------------------------------------
  logic player_busy, player_read, player_may_yield, table_takes, issue, clear, group_done, group_first, group_final, tile_done;
  logic [12:0] player_address;
  logic [255:0] word;
  logic [2:0] group_rows;
  logic [1:0] group_halves;
  logic [9:0] group;
  logic [AccelRows*AccelColumns*S-1:0] total, held;
  tr_player player (
      .clk, .reset(ended), .start(launch && is_array), .first_word(weights), .count, .tiles,
      .halves(command[CommandHalvesLsb+:2]), .halves_last(command[CommandHalvesLastLsb+:2]),
      .step_ready(steps_loaded != steps_used), .shares(in_busy), .busy(player_busy),
      .may_yield(player_may_yield), .yields(table_takes), .memory_read(player_read),
      .memory_address(player_address), .memory_data(weight_data), .issue, .clear, .word, .step_done, .group_done,
      .group_first, .group_final, .group_rows, .group_halves, .group, .tile_done);
  tr_array array (
      .clk, .valid(issue), .clear, .parity(double_buffer & steps_used[0]), .word,
      .write_column(column_write & {64{tag[6].valid && is_array}}), .write_bank(tag[6].banks),
      .write_entry(tag[6].entry ^ {double_buffer & steps_loaded[0], 4'b0}), .write_data(column_data), .total);

  // Finished groups: seven cycles later their sums are taken over and leave 32 at a time.
  typedef struct packed {
    logic valid, first, final_sum, tile_end;
    logic [2:0] rows;
    logic [1:0] halves;
    logic [9:0] group;
  } group_t;
  group_t pending[1:7], leaving;
  logic [1:0] leave_row;
  logic leave_half, leave_last, leave_row_last;
  logic [9:0] tile_address, row_address, group_address;
  assign leave_row_last = leave_half || leaving.halves == 2'd1;
  assign leave_last = leave_row_last && 3'(leave_row) + 3'd1 == leaving.rows;
  always_ff @(posedge clk) begin
    pending[1] <= '{group_done, group_first, group_final, tile_done, group_rows, group_halves, group};
    for (int i = 2; i < 8; i++) pending[i] <= pending[i-1];
    if (leaving.valid) begin
      leave_half <= !leave_row_last;
      if (leave_row_last) begin
        leave_row <= leave_row + 2'd1;
        row_address <= row_address + dst_stride[9:0];
      end
      if (leave_last) begin
        leaving.valid <= 1'b0;
        if (leaving.final_sum) group_address <= row_address + dst_stride[9:0];
        if (leaving.tile_end) begin
          group_address <= tile_address + 10'd1;
          tile_address <= tile_address + 10'd1;
        end
      end
    end
    if (pending[7].valid) begin
      held <= total;
      leaving <= pending[7];
      leave_row <= '0;
      leave_half <= 1'b0;
      row_address <= leaving.valid ? (leaving.tile_end ? tile_address + 10'd1 :
                                      leaving.final_sum ? row_address + dst_stride[9:0] : group_address) : group_address;
    end
    if (launch) {tile_address, group_address} <= {dst[9:0], dst[9:0]};
    if (ended || launch) begin
      leaving.valid <= 1'b0;
      for (int i = 1; i < 8; i++) pending[i].valid <= 1'b0;
    end
  end

  // ---- the sum over columns -------------------------------------------------------------------------------------
  logic signed [S-1:0] tree_sum, running;
  logic signed [11:0] tree_1[8];
  logic signed [13:0] tree_2;
  logic sum_valid_1, sum_valid_2, sum_last_1, sum_last_2, sum_done, sum_open;
  logic [15:0] sum_channel;
  function automatic logic signed [W-1:0] value_at(input int i);
    return $signed(column_data[i*W+:W]);
  endfunction
  assign tree_sum = (sum_open ? running : '0) + S'(tree_2);
  always_ff @(posedge clk) begin
    for (int i = 0; i < 8; i++) begin
      tree_1[i] <= 12'(value_at(8*i)) + 12'(value_at(8*i+1)) + 12'(value_at(8*i+2)) + 12'(value_at(8*i+3))
                 + 12'(value_at(8*i+4)) + 12'(value_at(8*i+5)) + 12'(value_at(8*i+6)) + 12'(value_at(8*i+7));
    end
    tree_2 <= 14'(tree_1[0]) + 14'(tree_1[1]) + 14'(tree_1[2]) + 14'(tree_1[3])
            + 14'(tree_1[4]) + 14'(tree_1[5]) + 14'(tree_1[6]) + 14'(tree_1[7]);
    sum_valid_1 <= tag[6].valid && is_sum;
    sum_last_1 <= tag[6].last;
    sum_valid_2 <= sum_valid_1;
    sum_last_2 <= sum_last_1;
    sum_done <= sum_valid_2 && sum_last_2;
    if (sum_valid_2) begin
      running <= tree_sum;
      sum_open <= !sum_last_2;
    end
    if (sum_done) sum_channel <= sum_channel + 16'd1;
    if (launch) {sum_open, sum_channel} <= '0;
  end

  // ---- the largest value of each column -------------------------------------------------------------------------
  logic [575:0] largest;
  logic [63:0] fresh;
  logic maximum_done;
  logic [9:0] maximum_word, maximum_channel;
  always_ff @(posedge clk) begin
    maximum_done <= tag[6].valid && is_maximum && tag[6].last;
    if (tag[6].valid && is_maximum)
      for (int i = 0; i < 64; i++)
        if (column_write[i]) begin
          fresh[i] <= 1'b0;
          if (fresh[i] || $signed(column_data[i*W+:W]) > $signed(largest[i*W+:W]))
            largest[i*W+:W] <= column_data[i*W+:W];
        end
    if (maximum_done) begin
      // A new result begins; its first values may come in this very cycle.
      for (int i = 0; i < 64; i++) fresh[i] <= !(tag[6].valid && column_write[i]);
      for (int i = 0; i < 64; i++)
        if (tag[6].valid && column_write[i]) largest[i*W+:W] <= column_data[i*W+:W];
      maximum_word <= maximum_word + 10'd1;
      if (tag[7].last_channel) begin
        maximum_word <= maximum_channel + dst_stride[9:0];
        maximum_channel <= maximum_channel + dst_stride[9:0];
      end
    end
    if (launch) begin
      fresh <= '1;
      {maximum_word, maximum_channel} <= {dst[9:0], dst[9:0]};
    end
  end

  // ---- requantisation lanes -------------------------------------------------------------------------------------
  typedef struct packed {
    logic valid;
    logic partial;       // goes to the partial sums
    logic one;           // a single value, at `place`
    logic add;           // bias or partial sum is added
    logic use_partial;
    logic dense2;        // with dense: the second half
    logic [9:0] address;
    logic half;
    logic [5:0] place;
    logic [8:0] partial_at;
  } beat_t;
  beat_t beat_in, lane_beat[0:7];
  logic [1:0] dense_ends;
  logic each_run;  // results with their own parameters leave one a cycle
  logic [5:0] each_place;
  logic [9:0] dense_block;
  logic signed [17:0] x_1, x_2;
  logic dense_1, dense_2, dense_3, dense_4, first_1, first_2, first_3, first_4, ends_1, ends_2, ends_3;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [575:0] dense_weights;
  /* verilator lint_on UNUSEDSIGNAL */
  /* verilator lint_off UNUSEDSIGNAL */
  logic [71:0] parameter_0, parameter_1;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [2:0] shift_3, shift_4, shift_5;
  logic [95:0] rounding_3;

  always_comb begin
    beat_in = '0;
    parameter_address = parameters[10:0];
    if (leaving.valid) begin
      beat_in.valid = 1'b1;
      beat_in.partial = !leaving.final_sum;
      beat_in.add = 1'b1;
      beat_in.use_partial = !leaving.first;
      beat_in.address = row_address;
      beat_in.half = leave_half;
      beat_in.partial_at = {leaving.group[5:0], leave_row, leave_half};
      parameter_address = parameters[10:0] + {leaving.group[8:0], leave_row};
    end else if (sum_done) begin
      beat_in.valid = 1'b1;
      beat_in.one = 1'b1;
      beat_in.add = 1'b1;
      beat_in.address = dst[9:0] + sum_channel[15:6];
      beat_in.place = sum_channel[5:0];
    end else if (is_dense && each) begin
      beat_in.valid = dense_ends[0] || each_run;
      beat_in.one = 1'b1;
      beat_in.place = each_place;
      beat_in.address = dst[9:0] + dense_block;
      parameter_address = parameters[10:0] + {dense_block[4:0], each_place};
    end else if (|dense_ends) begin
      beat_in.valid = 1'b1;
      beat_in.dense2 = dense_ends[1];
      beat_in.half = dense_ends[1];
      beat_in.address = dst[9:0] + dense_block;
    end
  end

  // x of a fully connected layer comes with the window (5), its weights one cycle later (6): stage 1 of the lanes.
  always_ff @(posedge clk) begin
    case (tag[5].bias)
      2'd0: x_1 <= 18'($signed(window[W-1:0]));
      2'd1: x_1 <= 18'sd1;
      2'd2: x_1 <= 18'sd256;
      default: x_1 <= 18'sd65536;
    endcase
    x_2 <= x_1;
    dense_1 <= tag[5].valid && is_dense;
    first_1 <= tag[5].first;
    ends_1 <= tag[5].valid && is_dense && tag[5].last;
    {dense_2, dense_3, dense_4} <= {dense_1, dense_2, dense_3};
    {first_2, first_3, first_4} <= {first_1, first_2, first_3};
    {ends_2, ends_3} <= {ends_1, ends_2};
    dense_ends <= {dense_ends[0], ends_3};
    if (each ? each_done : dense_ends[1]) dense_block <= dense_block + 10'd1;
    if (each_run || dense_ends[0]) each_place <= each_place + 6'd1;
    if (dense_ends[0]) each_run <= each;
    else if (each_done) each_run <= 1'b0;
    if (launch) {dense_block, each_place} <= '0;
    if (launch || ended) each_run <= 1'b0;
  end
  assign each_done = each_run && &each_place;
  logic [12:0] dense_address;
  logic dense_read;
  assign dense_read = tag[4].valid && is_dense;
  always_ff @(posedge clk) begin
    if (dense_read) dense_address <= dense_address + 13'd1;
    if (launch) dense_address <= weights[13:1];
    dense_weights <= weight_data;
  end

  logic [24:0] lane_value[Half];
  logic signed [24:0] lane_sum[Half];
  logic [Half*S-1:0] partial_memory[AccelPartialWords];
  logic [Half*S-1:0] partial_data, partial_new;
  logic [24:0] lane_dense1[Half], lane_dense2[Half];
  logic signed [8:0] lane_result[Half];
  logic [S-1:0] bias_0;
  logic signed [17:0] factor1, factor2;
  assign bias_0 = parameter_data[ChannelParameterBiasLsb+:S];
  assign factor1 = dense_1 ? x_1 : $signed({1'b0, parameter_0[ChannelParameterLowLsb+:17]});
  assign factor2 = dense_2 ? x_2 : $signed({1'b0, parameter_1[ChannelParameterHighLsb+:17]});
  always_ff @(posedge clk) begin
    lane_beat[0] <= beat_in;
    for (int i = 1; i < 8; i++) lane_beat[i] <= lane_beat[i-1];
    if (ended) for (int i = 0; i < 8; i++) lane_beat[i].valid <= 1'b0;
    parameter_0 <= parameter_data;   // with stage 1
    parameter_1 <= parameter_0;      // with stage 2
    rounding_3 <= rounding_memory[parameter_1[ChannelParameterRoundingLsb+:5]];
    shift_3 <= parameter_1[ChannelParameterShiftLsb+:3];
    {shift_4, shift_5} <= {shift_3, shift_4};
    partial_data <= partial_memory[beat_in.partial_at];
    if (lane_beat[1].valid && lane_beat[1].partial) partial_memory[lane_beat[1].partial_at] <= partial_new;
  end
  for (genvar i = 0; i < Half; i++) begin : g_lane
    logic [S-1:0] taken;
    always_comb begin
      case ({leave_row, leave_half})
        3'd0: taken = held[(0*64+i)*S+:S];
        3'd1: taken = held[(0*64+32+i)*S+:S];
        3'd2: taken = held[(1*64+i)*S+:S];
        3'd3: taken = held[(1*64+32+i)*S+:S];
        3'd4: taken = held[(2*64+i)*S+:S];
        3'd5: taken = held[(2*64+32+i)*S+:S];
        3'd6: taken = held[(3*64+i)*S+:S];
        default: taken = held[(3*64+32+i)*S+:S];
      endcase
    end
    logic [24:0] second;  // of two results, kept while the first ones leave
    always_ff @(posedge clk) begin
      if (dense_ends[1]) second <= lane_dense2[i];
      if (is_array) lane_value[i] <= {taken[S-1], taken};
      else if (is_sum) lane_value[i] <= {running[S-1], running};
      else if (each ? dense_ends[0] : !beat_in.dense2) lane_value[i] <= lane_dense1[i];
      else if (!each) lane_value[i] <= lane_dense2[i];
      else if (each_place == 6'd32) lane_value[i] <= second;
    end
    tr_lane lane (
        .clk, .value(lane_value[i]), .addend(lane_beat[0].use_partial ? partial_data[i*S+:S] : bias_0),
        .add(lane_beat[0].add), .sum(lane_sum[i]), .dense(dense_1), .weight1(dense_weights[i*8+:8]),
        .weight2(dense_weights[(32+i)*8+:8]), .factor1, .factor2, .accumulate1(!first_3), .dense_3,
        .positive(rounding_3[47:0]), .negative(rounding_3[95:48]), .accumulate2(!first_4), .dense_4,
        .shift(shift_5), .low, .high, .dense1(lane_dense1[i]), .dense2(lane_dense2[i]), .result(lane_result[i]));
    assign partial_new[i*S+:S] = lane_sum[i][S-1:0];
  end

  // ---- ADD: two tables and a sum --------------------------------------------------------------------------------
  /* verilator lint_off UNUSEDSIGNAL */
  logic [575:0] add_early, add_first, add_second;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [3:0] add_quarter_1, add_quarter_2, add_quarter_3;  // one hot
  logic add_run;
  logic [1:0] add_quarter;
  logic [9:0] add_word, add_word_1, add_word_2, add_word_3;
  logic [7:0] table_index;
  logic table_write;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [63:0] table_pair;
  /* verilator lint_on UNUSEDSIGNAL */
  logic signed [8:0] add_result[AccelAdders];
  for (genvar i = 0; i < AccelAdders; i++) begin : g_adder
    logic signed [AccelTableBits-1:0] table1[AccelTableValues], table2[AccelTableValues];
    logic signed [AccelTableBits-1:0] value1, value2;
  /* verilator lint_off UNUSEDSIGNAL */
    logic signed [AccelTableBits-1:0] added;
  /* verilator lint_on UNUSEDSIGNAL */
    logic [7:0] index1, index2;
    logic signed [AccelTableBits-AccelTableFraction-1:0] whole;
    always_comb
      case (add_quarter)
        2'd0: {index1, index2} = {add_first[i*W+:8], add_second[i*W+:8]};
        2'd1: {index1, index2} = {add_first[(16+i)*W+:8], add_second[(16+i)*W+:8]};
        2'd2: {index1, index2} = {add_first[(32+i)*W+:8], add_second[(32+i)*W+:8]};
        default: {index1, index2} = {add_first[(48+i)*W+:8], add_second[(48+i)*W+:8]};
      endcase
    assign whole = added[AccelTableBits-1:AccelTableFraction];
    always_ff @(posedge clk) begin
      if (table_write) begin
        table1[table_index] <= table_pair[0+:AccelTableBits];
        table2[table_index] <= table_pair[32+:AccelTableBits];
      end
      value1 <= table1[index1];
      value2 <= table2[index2];
      added <= value1 + value2;
      add_result[i] <= whole > 11'(high) ? high[8:0] : whole < 11'(low) ? low[8:0] : whole[8:0];
    end
  end
  always_ff @(posedge clk) begin
    if (tag[5].valid && is_add) begin
      if (!tag[5].second) add_early <= window[575:0];
      else begin
        add_first <= add_early;
        add_second <= window[575:0];
        add_run <= 1'b1;
        add_quarter <= '0;
      end
    end
    if (add_run) begin
      add_quarter <= add_quarter + 2'd1;
      if (add_quarter == 2'd3) begin
        add_run <= tag[5].valid && tag[5].second && is_add;
        add_word <= add_word + 10'd1;
      end
    end
    add_quarter_1 <= add_run ? 4'd1 << add_quarter : '0;
    {add_quarter_2, add_quarter_3} <= {add_quarter_1, add_quarter_2};
    {add_word_1, add_word_2, add_word_3} <= {add_word, add_word_1, add_word_2};
    if (launch) begin
      add_word <= dst[9:0];
      add_run <= 1'b0;
    end
  end

  // TABLE: eight pairs a weight word, read when nobody else reads, while other commands run.
  logic [12:0] table_address;
  logic [511:0] table_word;
  logic table_wants, table_fresh;
  assign table_takes = table_wants && player_may_yield && !dense_read;
  assign table_pair = table_word[63:0];
  always_ff @(posedge clk) begin
    table_fresh <= table_takes;
    if (table_takes) begin
      table_wants <= 1'b0;
      table_address <= table_address + 13'd1;
    end
    if (table_fresh) begin
      table_word <= weight_data[511:0];
      table_write <= 1'b1;
    end else if (table_write) begin
      table_word <= table_word >> 64;
      table_index <= table_index + 8'd1;
      if (&table_index[2:0]) begin
        table_write <= 1'b0;
        table_wants <= !(&table_index);
      end
    end
    if (launch && is_table) begin
      table_wants <= 1'b1;
      table_address <= weights[13:1];
      table_index <= '0;
    end
    if (ended) {table_wants, table_fresh, table_write} <= '0;
  end
  assign table_busy = table_wants || table_fresh || table_write;

  assign weight_read = table_takes || player_read || dense_read;
  assign weight_address = table_takes ? table_address : is_array ? player_address : dense_address;

  // ---- what writes activations ----------------------------------------------------------------------------------
  logic [575:0] spread_result, spread_adder;
  always_comb begin
    for (int i = 0; i < 64; i++) begin
      spread_result[i*W+:W] = lane_result[i%32];
      spread_adder[i*W+:W] = add_result[i%16];
    end
  end
  assign other_write = is_add ? |add_quarter_3 : is_maximum ? maximum_done : lane_beat[7].valid && !lane_beat[7].partial;
  always_ff @(posedge clk) begin
    act_write <= 1'b0;
    if (in_writes) begin
      act_write <= 1'b1;
      act_enable <= '1;
      {act_address, act_data} <= in_queue[in_head];
    end else if (is_add) begin
      act_write <= |add_quarter_3;
      act_address <= add_word_3;
      for (int i = 0; i < 64; i++) act_enable[i] <= add_quarter_3[i/16];
      act_data <= spread_adder;
    end else if (is_maximum) begin
      act_write <= maximum_done;
      act_address <= maximum_word;
      act_enable <= '1;
      act_data <= largest;
    end else begin
      act_write <= lane_beat[7].valid && !lane_beat[7].partial;
      act_address <= lane_beat[7].address;
      for (int i = 0; i < 64; i++)
        act_enable[i] <= lane_beat[7].one ? lane_beat[7].place == 6'(i) : lane_beat[7].half == 1'(i / 32);
      act_data <= spread_result;
    end
    if (ended) act_write <= 1'b0;
  end

  // ---- streams out ----------------------------------------------------------------------------------------------
  logic [63:0] out_queue[16];
  logic [3:0] out_head, out_tail;
  logic [4:0] out_level;
  logic [18:0] out_left;
  logic out_push;
  logic [63:0] out_beat;
  assign out_valid = out_level != '0;
  assign out_data = out_queue[out_head];
  assign out_last = out_left == 19'd1;
  assign waits_output = out_valid && !out_ready;
  always_ff @(posedge clk) begin
    out_push <= tag[5].valid && is_output;
    for (int i = 0; i < 8; i++) out_beat[8*i+:8] <= window[i*W+:8] + zero_point;
    if (out_push) begin
      out_queue[out_tail] <= out_beat;
      out_tail <= out_tail + 4'd1;
    end
    if (out_valid && out_ready) begin
      out_head <= out_head + 4'd1;
      out_left <= out_left - 19'd1;
    end
    out_level <= out_level + 5'(out_push) - 5'(out_valid && out_ready);
    out_room <= out_room - 4'(scan_valid && is_output) + 4'(out_valid && out_ready);
    if (launch) out_left <= {tiles, 3'b0};
    if (launch || ended) begin
      {out_head, out_tail, out_level} <= '0;
      out_room <= 4'd15;
      out_push <= 1'b0;
    end
  end

  logic pending_any;
  always_comb begin
    pending_any = 1'b0;
    for (int i = 1; i < 8; i++) pending_any |= pending[i].valid;
  end

  always_comb begin
    case (opcode)
      8'(OpcodeInput): engine_busy = 1'b0;  // it goes on beside what follows
      8'(OpcodeLoad): engine_busy = !packet_end;
      8'(OpcodeOutput): engine_busy = out_left != '0;
      8'(OpcodeArray): engine_busy = gather_busy || player_busy || leaving.valid || pending_any;
      8'(OpcodeTable): engine_busy = 1'b0;  // it goes on beside what follows
      8'(OpcodeSum), 8'(OpcodeMaximum): engine_busy = gather_busy;
      default: engine_busy = scan_busy || scan_hold;
    endcase
  end
endmodule
