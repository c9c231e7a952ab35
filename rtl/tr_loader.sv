// Load packets (LoadPacket, then words of one memory) up to an END packet with the CRC-32 of all beats before it.
module tr_loader
  import tr_formats_pkg::*;
(
    input  logic                       clk,
    input  logic                       stop,
    input  logic                       launch,
    input  logic                       active,       // a load runs
    input  logic                       whole,        // with launch: a program
    input  logic [               63:0] in_data,
    input  logic                       take,         // a beat, only when wanted
    output logic                       wanted,
    output logic                       complete,     // the END packet came
    output logic                       bad_packet,
    output logic                       bad_crc,
    output logic [               31:0] program_crc,  // of the program that was loaded last; 0: none
    // to the memories
    output logic                       write,
    output logic [                7:0] memory,
    output logic [               15:0] address,
    output logic [AccelWeightBits-1:0] word          // beats fill it from the top
);
  logic open, header_valid, is_end;
  logic [7:0] packet_memory;
  logic [15:0] packet_address, depth;
  logic [31:0] packet_left, crc;
  logic [3:0] beat, beats, packet_beats;
  logic [AccelWeightBits-65:0] early;

  function automatic logic [31:0] crc_next(input logic [31:0] previous, input logic [63:0] data);
    logic [31:0] value;
    value = previous;
    for (int i = 0; i < 64; i++) value = {1'b0, value[31:1]} ^ ((value[0] ^ data[i]) ? 32'hedb88320 : 32'h0);
    return value;
  endfunction

  assign wanted = active && !complete;
  assign is_end = in_data[LoadPacketMemoryLsb+:8] == 8'(AccelMemoryEnd);
  always_comb begin
    header_valid = 1'b1;
    case (in_data[LoadPacketMemoryLsb+:8])
      8'(AccelMemoryCommands): {beats, depth} = {4'(CommandBits / 64), 16'(AccelCommands)};
      8'(AccelMemoryWeights): {beats, depth} = {4'(AccelWeightBits / 64), 16'(AccelWeightWords)};
      8'(AccelMemoryGather): {beats, depth} = {4'(GatherOpBits / 64), 16'(AccelGatherOps)};
      8'(AccelMemoryMasks): {beats, depth} = {4'(GatherMaskBits / 64), 16'(AccelMasks)};
      8'(AccelMemoryParameters): {beats, depth} = {4'(ChannelParameterBits / 64), 16'(AccelParameters)};
      default: begin
        {beats, depth} = '0;
        header_valid = 1'b0;
      end
    endcase
    if (33'(in_data[LoadPacketAddressLsb+:16]) + 33'(in_data[LoadPacketValueLsb+:32]) > 33'(depth)) header_valid = 1'b0;
    if (in_data[LoadPacketValueLsb+:32] == '0) header_valid = 1'b0;
  end

  always_ff @(posedge clk) begin
    write <= 1'b0;
    {bad_crc, bad_packet} <= '0;
    if (launch) begin
      open <= 1'b0;
      complete <= 1'b0;
      crc <= '1;
      if (whole) program_crc <= '0;
    end
    if (take) begin
      crc <= crc_next(crc, in_data);
      if (!open) begin
        if (is_end) begin
          complete <= 1'b1;
          bad_crc <= in_data[LoadPacketValueLsb+:32] != ~crc;
          if (whole && in_data[LoadPacketValueLsb+:32] == ~crc) program_crc <= ~crc;
        end else begin
          bad_packet <= !header_valid;
          open <= 1'b1;
          packet_memory <= in_data[LoadPacketMemoryLsb+:8];
          packet_address <= in_data[LoadPacketAddressLsb+:16];
          packet_left <= in_data[LoadPacketValueLsb+:32];
          packet_beats <= beats;
          beat <= '0;
        end
      end else begin
        early <= {in_data, early[AccelWeightBits-65:64]};
        beat <= beat + 4'd1;
        if (beat + 4'd1 == packet_beats) begin
          beat <= '0;
          write <= 1'b1;
          word <= {in_data, early};
          memory <= packet_memory;
          address <= packet_address;
          packet_address <= packet_address + 16'd1;
          packet_left <= packet_left - 32'd1;
          if (packet_left == 32'd1) open <= 1'b0;
        end
      end
    end
    if (stop) write <= 1'b0;
  end
endmodule
