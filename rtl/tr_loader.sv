// Load packets (LoadPacket, then words of one memory) up to an END packet with the CRC-32 of all beats before it.
module tr_loader
  import tr_formats_pkg::*;
(
    input  logic                       clk,
    input  logic                       stop,
    input  logic                       launch,
    input  logic                       starts,       // with launch: a load
    input  logic                       whole,        // with launch: a program
    input  logic [               63:0] in_data,
    input  logic                       take,         // a beat, only when wanted
    output logic                       wanted,
    output logic                       complete,     // the END packet came
    output logic                       busy,         // from then on until what is wrong with it was said
    output logic                       bad_packet,
    output logic                       bad_crc,
    output logic [               31:0] program_crc,  // of the program that was loaded last; 0: none
    // to the memories
    output logic                       write,
    output logic [                7:0] memory,
    output logic [               15:0] address,
    output logic [AccelWeightBits-1:0] word          // beats fill it from the top
);
  logic open, header_valid, is_end, packet_last;  // the word under way is the packet's last one
  logic compares;  // the END packet's CRC, a cycle after it
  logic [7:0] packet_memory;
  logic [15:0] packet_address, depth;
  logic [31:0] packet_left, crc, claimed;
  logic [63:0] data_q;
  logic counts, compared, agrees, starting;
  logic [2:0] said;
  logic [3:0] beat, beats, packet_beats;
  logic [AccelWeightBits-65:0] early;

  // Each bit of the next CRC is the parity of some bits of the last one and of the beat: two or three levels of LUTs,
  // where a loop over the beat's bits would be a chain.
  function automatic logic [32*96-1:0] crc_rows();  // row i: the bits of {data, previous} that bit i is the parity of
    logic [32*96-1:0] rows;
    logic [31:0] column;
    for (int j = 0; j < 96; j++) begin
      column = j < 32 ? 32'd1 << j : 32'd0;
      for (int i = 0; i < 64; i++) column = {1'b0, column[31:1]} ^ (column[0] ^ (j == 32 + i) ? 32'hedb88320 : 32'd0);
      for (int i = 0; i < 32; i++) rows[96*i+j] = column[i];
    end
    return rows;
  endfunction
  localparam logic [32*96-1:0] CrcRows = crc_rows();
  wire [31:0] crc_next;
  for (genvar i = 0; i < 32; i++) begin : g_crc
    assign crc_next[i] = ^({data_q, crc} & CrcRows[96*i+:96]);
  end

  assign starting = launch && starts;
  assign busy = wanted || compares || said != '0;
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
    {bad_crc, bad_packet, compares} <= '0;
    // A beat's CRC is worked out a cycle after the beat, and compared after the END packet, which is not in it.
    data_q <= in_data;
    counts <= take && !(is_end && !open);
    if (counts) crc <= crc_next;
    compared <= compares;
    agrees <= claimed == crc;
    if (compared) begin
      bad_crc <= !agrees;
      if (whole && agrees) program_crc <= ~crc;
    end
    if (starting) begin
      open <= 1'b0;
      complete <= 1'b0;
      crc <= '1;
      counts <= 1'b0;
      if (whole) program_crc <= '0;
    end
    if (take) begin
      if (!open) begin
        if (is_end) begin
          complete <= 1'b1;
          compares <= 1'b1;
          claimed <= ~in_data[LoadPacketValueLsb+:32];
        end else begin
          bad_packet <= !header_valid;
          open <= 1'b1;
          packet_memory <= in_data[LoadPacketMemoryLsb+:8];
          packet_address <= in_data[LoadPacketAddressLsb+:16];
          packet_left <= in_data[LoadPacketValueLsb+:32];
          packet_last <= in_data[LoadPacketValueLsb+:32] == 32'd1;
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
          packet_last <= packet_left == 32'd2;
          if (packet_last) open <= 1'b0;
        end
      end
    end
    if (starting) wanted <= 1'b1;
    else if (stop || (take && !open && is_end)) wanted <= 1'b0;
    said <= {said[1:0], compares};
    if (stop) {write, compares, compared, said} <= '0;
  end
endmodule
