// The memories that are only loaded. All are read in one cycle; the rounding table is small and is read where it is.
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
    input  logic                                command_read,
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
    output logic [                        71:0] parameters,
    input  logic [AccelRoundingAddressBits-1:0] rounding_address,
    output logic [                        47:0] positive,
    output logic [                        47:0] negative
);
  localparam int Top = AccelWeightBits - 1;
  logic [CommandBits-1:0] command_memory[AccelCommands];
  logic [AccelWeightBits-1:0] weight_memory[AccelWeightWords];
  logic [GatherOpBits-1:0] gather_memory[AccelGatherOps];
  logic [GatherMaskBits-1:0] mask_memory[AccelMasks];
  logic [71:0] parameter_memory[AccelParameters];  // the rest of a ChannelParameter is reserved
  logic [95:0] rounding_memory[AccelRoundings];

  always_ff @(posedge clk) begin
    if (write && write_memory == 8'(AccelMemoryCommands))
      command_memory[write_address[AccelCommandAddressBits-1:0]] <= write_word[Top-:CommandBits];
    if (write && write_memory == 8'(AccelMemoryWeights))
      weight_memory[write_address[AccelWeightAddressBits-1:0]] <= write_word;
    if (write && write_memory == 8'(AccelMemoryGather))
      gather_memory[write_address[AccelGatherAddressBits-1:0]] <= write_word[Top-:GatherOpBits];
    if (write && write_memory == 8'(AccelMemoryMasks))
      mask_memory[write_address[AccelMaskAddressBits-1:0]] <= write_word[Top-:GatherMaskBits];
    if (write && write_memory == 8'(AccelMemoryParameters))
      parameter_memory[write_address[AccelParameterAddressBits-1:0]] <= write_word[AccelWeightBits-128+:72];
    if (write && write_memory == 8'(AccelMemoryRoundings))
      rounding_memory[write_address[AccelRoundingAddressBits-1:0]] <=
          {write_word[AccelWeightBits-64+:48], write_word[AccelWeightBits-128+:48]};
  end
  always_ff @(posedge clk) begin
    if (command_read) command <= command_memory[command_address];
    if (weight_read) weight <= weight_memory[weight_address];
    if (gather_read) gather <= gather_memory[gather_address];
    mask <= mask_memory[mask_address];
    parameters <= parameter_memory[parameter_address];
    {negative, positive} <= rounding_memory[rounding_address];
  end
endmodule
