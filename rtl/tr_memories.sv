// The memories that are only loaded. All are read in one cycle. Masks and commands share one: a command is read when no
// window is under way.
module tr_memories
  import tr_formats_pkg::*;
(
    input  logic                                clk,
    // from the loader
    input  logic                                write,
    input  logic [                         7:0] write_memory,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [                        15:0] write_address,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [         AccelWeightBits-1:0] write_word,
    // to the engines
    input  logic                                command_read,    // a command, not a mask
    input  logic [ AccelCommandAddressBits-1:0] command_address,
    output logic [             CommandBits-1:0] command,
    input  logic                                weight_read,
    input  logic [  AccelWeightAddressBits-1:0] weight_address,
    output logic [         AccelWeightBits-1:0] weight,
    input  logic                                gather_read,
    input  logic [  AccelGatherAddressBits-1:0] gather_address,
    output logic [            GatherOpBits-1:0] gather,
    input  logic [    AccelMaskAddressBits-1:0] mask_address,
    output logic [          GatherMaskBits-1:0] mask,
    input  logic [AccelParameterAddressBits-1:0] parameter_address,
    output logic [                        71:0] parameters
);
  localparam int Top = AccelWeightBits - 1;
  localparam int GatherBits = GatherOpReservedLsb;  // those that say something
  localparam int Shared = CommandBits > GatherMaskBits ? CommandBits : GatherMaskBits;
  localparam int M = AccelMaskAddressBits;
  logic write_commands, write_masks;
  logic [Shared-1:0] shared;

  tr_weights weight_memory (
      .clk, .write(write && write_memory == 8'(AccelMemoryWeights)),
      .write_address(write_address[AccelWeightAddressBits-1:0]), .write_data(write_word), .read(weight_read),
      .read_address(weight_address), .read_data(weight));
  wire [GatherBits-1:0] gather_fields;
  assign gather = GatherOpBits'(gather_fields);
  tr_ram #(.WIDTH(GatherBits), .DEPTH(AccelGatherOps)) gather_memory (
      .clk, .write(write && write_memory == 8'(AccelMemoryGather)),
      .write_address(write_address[AccelGatherAddressBits-1:0]),
      .write_data(write_word[AccelWeightBits-GatherOpBits+:GatherBits]),
      .read(gather_read), .read_address(gather_address), .read_data(gather_fields));
  tr_ram #(.WIDTH(72), .DEPTH(AccelParameters)) parameter_memory (  // the rest of a ChannelParameter is reserved
      .clk, .write(write && write_memory == 8'(AccelMemoryParameters)),
      .write_address(write_address[AccelParameterAddressBits-1:0]), .write_data(write_word[AccelWeightBits-128+:72]),
      .read(1'b1), .read_address(parameter_address), .read_data(parameters));

  assign write_commands = write && write_memory == 8'(AccelMemoryCommands);
  assign write_masks = write && write_memory == 8'(AccelMemoryMasks);
  tr_ram #(.WIDTH(Shared), .DEPTH(2 * AccelMasks)) shared_memory (
      .clk, .write(write_commands || write_masks), .write_address({write_commands, write_address[M-1:0]}),
      .write_data(write_word[Top-:Shared]), .read(1'b1),
      .read_address(command_read ? {1'b1, M'(command_address)} : {1'b0, mask_address}), .read_data(shared));
  assign command = shared[Shared-1-:CommandBits];
  assign mask = shared[Shared-1-:GatherMaskBits];
endmodule
