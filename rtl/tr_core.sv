// The accelerator without its bus: the sequencer, memories, and engines that share one read port of the activation
// memory, the weight memory and the requantisation lanes. One command runs at a time; INPUT and TABLE go on beside
// others.
module tr_core
  import tr_formats_pkg::*;
(
    input  logic                               clk,
    input  logic                               reset,
    input  logic                               stream_reset,  // with reset: of what `out_valid` offers, too
    // control
    input  logic                               start_run,
    input  logic                               start_load,
    input  logic                               start_dump,
    input  logic [                       15:0] entry,
    input  logic [                       15:0] stop,
    input  logic [                       31:0] timeout,
    input  logic [                       15:0] dump_address,
    input  logic [                       15:0] dump_count,
    input  logic [AccelCommandAddressBits-1:0] select,
    output logic                               busy,
    output logic                               done,
    output logic [                        2:0] error,
    output logic [                       15:0] command_index,
    output logic [                       31:0] cycles,
    output logic [                       31:0] stamp,
    output logic [                       31:0] program_crc,
    output logic                               waits_input,
    output logic                               waits_output,
    // streams
    input  logic [                       63:0] in_data,
    input  logic                               in_valid,
    output logic                               in_ready,
    input  logic                               in_last,
    output logic [                       63:0] out_data,
    output logic                               out_valid,
    input  logic                               out_ready,
    output logic                               out_last
);
  localparam int W = AccelValueBits;
  localparam int A = AccelAddressBits;

  // ---- commands -------------------------------------------------------------------------------------------------
  /* verilator lint_off UNUSEDSIGNAL */
  logic [CommandBits-1:0] command_data, command;  // `tag` is the host's
  logic [AccelCommandAddressBits-1:0] command_address;
  logic [15:0] tiles, src, src2, src_stride, dst, dst_stride;  // memories are smaller than the fields
  /* verilator lint_on UNUSEDSIGNAL */
  logic is_input, is_output, is_load, is_array, is_dense, is_sum, is_maximum, is_table, is_add;
  logic goes_on;  // with the packet, behind an OUTPUT
  logic launch, loading, ended, engine_busy, command_read;
  logic input_busy, table_busy, scan_busy, gather_busy, player_busy, leaving_busy, output_busy, load_complete,
      load_busy;
  logic [2:0] failure;
  logic [7:0] zero_point;
  logic [15:0] count, first_weight;
  logic [AccelWeightAddressBits-1:0] weights;
  logic signed [7:0] low, high, output_zero_point;
  logic double_buffer, each;
  tr_sequencer sequencer (
      .clk, .reset, .start_run, .start_load, .start_dump, .entry, .stop, .dump_address, .dump_count, .select, .busy,
      .done, .error, .command_index, .cycles, .stamp, .command_read, .command_address, .command_data, .command,
      .engine_busy, .table_busy,
      .in_busy(input_busy), .load_busy, .failure, .launch, .loading, .ended, .is_input, .is_output, .is_load, .is_array,
      .is_dense, .is_sum, .is_maximum, .is_table, .is_add, .more(goes_on), .tiles, .src);
  assign count = command[CommandCountLsb+:16];
  assign first_weight = command[CommandWeightsLsb+:16];  // in halves of a word
  assign weights = first_weight[AccelWeightAddressBits:1];
  assign src2 = command[CommandSrc2Lsb+:16];
  assign src_stride = command[CommandSrcStrideLsb+:16];
  assign dst = command[CommandDstLsb+:16];
  assign dst_stride = command[CommandDstStrideLsb+:16];
  assign zero_point = command[CommandZeroPointLsb+:8];
  assign output_zero_point = command[CommandOutputZeroPointLsb+:8];
  assign low = command[CommandLowLsb+:8];
  assign high = command[CommandHighLsb+:8];
  assign double_buffer = command[CommandDoubleBufferLsb];
  assign each = is_dense && command[CommandEachLsb];
  // Registered: it says so a cycle after the engine is done, and until it has begun.
  always_ff @(posedge clk)
    if (launch) engine_busy <= 1'b1;
    else if (is_input || is_table) engine_busy <= 1'b0;  // they go on beside what follows
    else if (is_load) engine_busy <= (loading || !command[CommandDuringLoadLsb]) && !load_complete;  // so may a LOAD
    else if (is_output) engine_busy <= output_busy;
    else if (is_array) engine_busy <= gather_busy || player_busy || leaving_busy;
    else if (is_sum || is_maximum) engine_busy <= gather_busy;
    else engine_busy <= scan_busy;

  // ---- streams in -----------------------------------------------------------------------------------------------
  logic input_wanted, load_wanted, bad_packet, bad_crc, load_write, input_write, other_write, input_arrives;
  logic [7:0] load_memory;
  logic [15:0] load_address;
  logic [AccelWeightBits-1:0] load_word;
  logic [A:0] input_arrived;
  logic [A-1:0] input_address;
  logic [AccelWordBits-1:0] input_data;
  assign in_ready = input_wanted || load_wanted;
  assign waits_input = in_ready && !in_valid;
  tr_input in_words (
      .clk, .stop(ended), .start(launch && is_input), .tiles, .count, .dst(dst[A-1:0]),
      .dst_stride(dst_stride[A-1:0]), .in_data, .take(input_wanted && in_valid), .wanted(input_wanted),
      .busy(input_busy), .arrived(input_arrived), .arrives(input_arrives), .other_write, .write(input_write), .write_address(input_address),
      .write_data(input_data));
  tr_loader loader (
      .clk, .stop(ended), .launch, .starts(is_load), .whole(loading), .in_data,
      .take(load_wanted && in_valid), .wanted(load_wanted), .complete(load_complete), .busy(load_busy),
      .bad_packet, .bad_crc,
      .program_crc, .write(load_write), .memory(load_memory), .address(load_address), .word(load_word));
  tr_watch watch (
      .clk, .busy, .timeout, .in_wanted(in_ready), .in_take(in_ready && in_valid), .in_last, .waits_input,
      .waits_output, .out_taken(out_valid && out_ready), .bad_packet, .bad_crc, .failure);

  // ---- memories that are only loaded ----------------------------------------------------------------------------
  logic table_read, player_read, player_may_yield, dense_read, gather_read;
  logic [AccelWeightAddressBits-1:0] table_address, player_address, dense_address;
  logic [AccelWeightBits-1:0] weight_data;
  logic [AccelGatherAddressBits-1:0] gather_address;
  logic [GatherOpBits-1:0] gather_data;
  logic [AccelMaskAddressBits-1:0] mask_address;
  logic [GatherMaskBits-1:0] mask;
  logic [AccelParameterAddressBits-1:0] parameter_address;
  logic [71:0] parameters;
  tr_memories memories (
      .clk, .write(load_write), .write_memory(load_memory), .write_address(load_address), .write_word(load_word),
      .command_read, .command_address, .command(command_data),
      .weight_read(table_read || player_read || dense_read),
      .weight_address(table_read ? table_address : is_array ? player_address : dense_address), .weight(weight_data),
      .gather_read, .gather_address, .gather(gather_data), .mask_address, .mask, .parameter_address, .parameters);

  // ---- activations ----------------------------------------------------------------------------------------------
  logic scan_valid, scan_first, scan_last, each_done, out_room, step_done, step_ready, used_parity, loaded_parity;
  logic [A-1:0] scan_address, read_address, write_address;
  logic [AccelColumnBits-1:0] scan_value, read_first;
  logic [1:0] scan_bias, read_phase, bias_5;
  logic valid_4, valid_5, first_5, last_5, valid_6, last_6, last_channel_7;
  logic [AccelBanks-1:0] banks_6;
  logic [4:0] entry_6;
  logic [AccelColumns-1:0] write_even, write_odd, column_write;
  logic [AccelWordBits-1:0] write_data;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [(AccelColumns+AccelBanks-1)*W-1:0] window;  // the last two values are for the banks only
  /* verilator lint_on UNUSEDSIGNAL */
  logic [AccelBanks*AccelColumns*W-1:0] column_data;
  tr_scan scan (
      .clk, .stop(ended), .launch, .is_dense, .is_output, .is_add, .each, .each_done, .out_room, .tiles, .count,
      .pixels(command[CommandPixelsLsb+:16]), .src(src[A-1:0]), .src2(src2[A-1:0]), .src_stride(src_stride[A-1:0]),
      .busy(scan_busy), .valid(scan_valid), .address(scan_address), .value(scan_value), .first(scan_first),
      .last(scan_last), .bias(scan_bias));
  tr_reader reader (
      .clk, .stop(ended), .launch, .is_array, .by_channel(is_sum || is_maximum), .double_buffer,
      .gather_at(command[CommandGatherLsb+:AccelGatherAddressBits]), .count, .src_stride(src_stride[A-1:0]),
      .in_busy(input_busy), .in_arrived(input_arrived), .in_arrives(input_arrives), .in_first(src[A:0]), .in_more(src2[A:0]), .gather_busy,
      .gather_read, .gather_address, .gather_data, .scan_valid, .scan_address, .scan_value, .scan_first, .scan_last,
      .scan_bias, .step_done, .step_ready, .used_parity, .loaded_parity, .read_address, .read_first, .read_phase,
      .mask_4(mask_address), .valid_4, .valid_5, .first_5, .last_5, .bias_5, .valid_6, .last_6, .banks_6, .entry_6,
      .last_channel_7);
  tr_activations activations (
      .clk, .write_address, .write_even, .write_odd, .write_data, .read_address, .read_first,
      .read_phase, .keep(mask[GatherMaskBits-1:AccelColumns]), .padding(zero_point), .window,
      .column_data);
  always_ff @(posedge clk) column_write <= mask[AccelColumns-1:0];

  // ---- the array ------------------------------------------------------------------------------------------------
  logic issue, clear, group_done, group_first, group_final, tile_done;
  logic [AccelRows*RowTermsBits-1:0] word;
  logic [2:0] group_rows;
  logic [1:0] group_halves;
  logic [9:0] group;
  logic [AccelRows*AccelColumns*AccelSumBits-1:0] total;
  logic leaving, leaving_first, leaving_final, leaving_half;
  logic [A-1:0] leaving_address;
  logic [9:0] leaving_group;
  logic [AccelRowBits-1:0] leaving_row;
  logic [AccelOutputs*AccelSumBits-1:0] leaving_values;
  tr_player player (
      .clk, .reset(ended), .start(launch && is_array), .first_word(first_weight), .count, .tiles,
      .halves(command[CommandHalvesLsb+:2]), .halves_last(command[CommandHalvesLastLsb+:2]), .step_ready,
      .shares(input_busy), .busy(player_busy), .may_yield(player_may_yield), .yields(table_read),
      .memory_read(player_read),
      .memory_address(player_address), .memory_data(weight_data), .issue, .clear, .word, .step_done, .group_done,
      .group_first, .group_final, .group_rows, .group_halves, .group, .tile_done);
  tr_array array (
      .clk, .valid(issue), .clear, .parity(used_parity), .word,
      .write_column(column_write & {AccelColumns{valid_6 && is_array}}), .write_bank(banks_6),
      .write_entry(entry_6 ^ {loaded_parity, 4'b0}), .write_data(column_data), .total);
  tr_leaving groups (
      .clk, .stop(ended), .launch, .dst(dst[A-1:0]), .dst_stride(dst_stride[A-1:0]), .group_done, .group_first,
      .group_final, .tile_done, .group_rows, .group_halves, .group, .total, .busy(leaving_busy), .valid(leaving),
      .first(leaving_first), .final_sum(leaving_final), .address(leaving_address), .half(leaving_half),
      .at_group(leaving_group), .row(leaving_row), .values(leaving_values));

  // ---- reductions, fully connected layers, additions ------------------------------------------------------------
  logic sum_done, maximum_done, table_write;
  logic [AccelSumBits-1:0] sum;
  logic [15:0] sum_channel;
  logic [A-1:0] maximum_address, dense_block, add_address;
  logic [AccelWordBits-1:0] largest;
  logic dense_1, dense_2, dense_3, dense_4, first_3, first_4, first_half, second_half, each_run, load_next, second_next;
  logic signed [17:0] x_1, x_2;
  logic [AccelColumnBits-1:0] each_place;
  logic [7:0] table_index;
  logic [63:0] table_pair;
  logic [3:0] add_quarter;
  logic [AccelAdders*W-1:0] add_results;
  tr_sum sums (
      .clk, .launch, .valid(valid_6 && is_sum), .last(last_6), .values(column_data[AccelWordBits-1:0]),
      .done(sum_done), .sum, .channel(sum_channel));
  tr_maximum maximum (
      .clk, .launch, .dst(dst[A-1:0]), .dst_stride(dst_stride[A-1:0]), .valid(valid_6 && is_maximum), .last(last_6),
      .last_channel(last_channel_7), .write(column_write), .values(column_data[AccelWordBits-1:0]),
      .done(maximum_done), .address(maximum_address), .largest);
  tr_dense dense (
      .clk, .stop(ended), .launch, .is_dense, .each, .weights, .valid_4, .valid_5, .first_5, .last_5, .bias_5,
      .value_5(window[W-1:0]), .zero_point, .extreme(command[CommandExtremeLsb+:9]), .weight_read(dense_read), .weight_address(dense_address), .dense_1, .dense_2, .dense_3,
      .dense_4, .first_3, .first_4, .x_1, .x_2, .first_half, .load_next, .second_next, .second_half, .each_run, .each_done,
      .each_place,
      .block(dense_block));
  tr_table tables (
      .clk, .stop(ended), .start(launch && is_table), .weights, .may_read(player_may_yield && !dense_read),
      .read(table_read), .read_address(table_address), .read_data(weight_data), .busy(table_busy),
      .write(table_write), .index(table_index), .pair(table_pair));
  tr_add add (
      .clk, .launch, .dst(dst[A-1:0]), .low, .high, .valid(valid_5 && is_add), .second(bias_5[0]),
      .values(window[AccelWordBits-1:0]), .table_write, .table_index, .table_pair, .write_quarter(add_quarter),
      .address(add_address), .results(add_results));

  // ---- requantisation and results -------------------------------------------------------------------------------
  logic add_bias, use_partial, partial_write_1, lanes_valid, lanes_one, lanes_half;
  logic [AccelPartialAddressBits-1:0] partial_read, partial_address_1;
  logic [AccelColumnBits-1:0] lanes_place;
  logic [A-1:0] lanes_address;
  logic [AccelOutputs*W-1:0] lanes_results;
  tr_beats beats (
      .clk, .stop(ended), .parameters(command[CommandParametersLsb+:AccelParameterAddressBits]), .dst(dst[A-1:0]),
      .leaving, .leaving_first, .leaving_final, .leaving_address, .leaving_half, .leaving_group, .leaving_row,
      .sum_done, .sum_channel, .each, .first_half, .second_half, .each_run, .each_place, .dense_block,
      .parameter_address, .partial_read, .add(add_bias), .use_partial, .partial_write_1, .partial_address_1,
      .valid_7(lanes_valid), .one_7(lanes_one), .place_7(lanes_place), .half_7(lanes_half),
      .address_7(lanes_address));
  tr_lanes lanes (
      .clk, .is_array, .is_sum, .array_values(leaving_values), .sum, .first_half, .load_next, .second_next,
      .partial_read, .add(add_bias), .use_partial, .partial_write_1, .partial_address_1, .parameters,
      .zero_point(output_zero_point), .low, .high, .weights(weight_data), .dense_1, .dense_2, .dense_3,
      .dense_4, .first_3, .first_4, .x_1, .x_2, .results(lanes_results));
  tr_writer writer (
      .clk, .stop(ended), .is_add, .is_maximum, .in_write(input_write), .in_address(input_address),
      .in_data(input_data), .add_quarter, .add_address, .add_results, .maximum_done, .maximum_address, .largest,
      .lanes_valid, .lanes_one, .lanes_place, .lanes_half, .lanes_address, .lanes_results, .other_write,
      .address(write_address), .enable_even(write_even), .enable_odd(write_odd), .data(write_data));
  tr_output out_words (
      .clk, .stop(ended), .stream_reset, .launch, .tiles, .more(goes_on), .reads(scan_valid && is_output),
      .room(out_room),
      .valid(valid_5 && is_output), .values(window[8*W-1:0]), .busy(output_busy), .out_data, .out_valid, .out_ready,
      .out_last);
  assign waits_output = out_valid && !out_ready;
endmodule
