// A memory with one port to write and one to read, a cycle later, in slices of SLICE bits: each slice is a block RAM of
// its own where SLICE x DEPTH is one's size (UG473: 4096 x 9, 2048 x 18, 1024 x 36, 512 x 72), with nothing behind it.
module tr_ram #(
    parameter int WIDTH = 72,
    parameter int DEPTH = 512,
    parameter int SLICE = DEPTH > 2048 ? 9 : DEPTH > 1024 ? 18 : DEPTH > 512 ? 36 : 72
) (
    input  logic                     clk,
    input  logic                     write,
    input  logic [$clog2(DEPTH)-1:0] write_address,
    input  logic [        WIDTH-1:0] write_data,
    input  logic                     read,
    input  logic [$clog2(DEPTH)-1:0] read_address,
    output logic [        WIDTH-1:0] read_data
);
  for (genvar i = 0; i < WIDTH; i = i + SLICE) begin : g_slice
    localparam int Bits = WIDTH - i < SLICE ? WIDTH - i : SLICE;
    (* ram_style = "block" *) logic [Bits-1:0] memory[DEPTH];
    always_ff @(posedge clk) begin
      if (write) memory[write_address] <= write_data[i+:Bits];
      if (read) read_data[i+:Bits] <= memory[read_address];
    end
  end
endmodule
