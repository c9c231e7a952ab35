/* verilator lint_off DECLFILENAME */
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

// The same, written in values of eight bits that are enabled one by one: 64 bits of a word are a block RAM of their own,
// simple dual port with byte enables, 512 words deep.
module tr_byte_ram #(
    parameter int VALUES = 64,  // a multiple of 8
    parameter int DEPTH  = 512
) (
    input  logic                     clk,
    input  logic [       VALUES-1:0] write,
    input  logic [$clog2(DEPTH)-1:0] write_address,
    input  logic [     8*VALUES-1:0] write_data,
    input  logic [$clog2(DEPTH)-1:0] read_address,
    output logic [     8*VALUES-1:0] read_data
);
  for (genvar s = 0; s < VALUES; s = s + 8) begin : g_slice
    (* ram_style = "block" *) logic [63:0] memory[DEPTH];
    always_ff @(posedge clk) begin
      for (int i = 0; i < 8; i++) if (write[s+i]) memory[write_address][8*i+:8] <= write_data[8*(s+i)+:8];
      read_data[8*s+:64] <= memory[read_address];
    end
  end
endmodule

// 32 values with one port to write and three to read, in the cycle of their addresses. A RAM32M holds two bits of all
// values for three readers (UG474); inferred, each port would have a copy of its own.
module tr_bank #(
    parameter int BITS = 8
) (
    input  logic                 clk,
    input  logic                 write,
    input  logic [          4:0] write_entry,
    input  logic [     BITS-1:0] write_data,
    input  logic [          4:0] entry0,
    input  logic [          4:0] entry1,
    input  logic [          4:0] entry2,
    output logic [     BITS-1:0] value0,
    output logic [     BITS-1:0] value1,
    output logic [     BITS-1:0] value2
);
`ifdef SYNTHESIS
  for (genvar i = 0; i < BITS; i = i + 2) begin : g_bits
    RAM32M ram (
        .WCLK(clk), .WE(write), .ADDRD(write_entry), .ADDRA(entry0), .ADDRB(entry1), .ADDRC(entry2),
        .DIA(write_data[i+:2]), .DIB(write_data[i+:2]), .DIC(write_data[i+:2]), .DID(write_data[i+:2]),
        .DOA(value0[i+:2]), .DOB(value1[i+:2]), .DOC(value2[i+:2]), .DOD());
  end
`else
  logic [BITS-1:0] values[32];
  always_ff @(posedge clk) if (write) values[write_entry] <= write_data;
  assign value0 = values[entry0];
  assign value1 = values[entry1];
  assign value2 = values[entry2];
`endif
endmodule
