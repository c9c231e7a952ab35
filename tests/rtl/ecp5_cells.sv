// Models of ECP5 cells as far as yosys uses them; tests/rtl/netlist.py says where they come from.
module block_ram #(parameter int WIDTH = 18, parameter OLD_FIRST = 0) (
    input clk, input ce, input we, input reset, input [13:0] address, input [17:0] data, output logic [17:0] out,
    output logic writes, output logic [17:0] mask, output logic [17:0] placed, input [17:0] word);
  localparam int Step = WIDTH == 18 ? 18 : WIDTH == 9 ? 9 : WIDTH;
  wire [3:0] at = address[3:0];
  wire [4:0] low = WIDTH == 18 ? 5'd0 : WIDTH == 9 ? (at[3] ? 5'd9 : 5'd0) : 5'd9 * 5'(at[3]) + 5'(at[2:0]);
  wire [17:0] lanes = WIDTH == 18 ? {{9{address[1]}}, {9{address[0]}}} : (18'd1 << Step) - 18'd1;
  assign mask = WIDTH == 18 ? lanes : lanes << low;
  assign placed = data << low;
  assign writes = ce && we;
  wire [17:0] found = (word >> low) & ((18'd1 << Step) - 18'd1);
  always_ff @(posedge clk) if (ce) out <= reset ? 18'd0 : we && !OLD_FIRST ? out : found;
endmodule

module dual_ram #(parameter int WIDTH_A = 18, parameter int WIDTH_B = 18, parameter OLD_A = 0, parameter OLD_B = 0) (
    input clka, input cea, input wea, input rsta, input [13:0] ada, input [17:0] dia, output [17:0] doa,
    input clkb, input ceb, input web, input rstb, input [13:0] adb, input [17:0] dib, output [17:0] dob);
  logic [17:0] memory[1024];
  wire writes_a, writes_b;
  wire [17:0] mask_a, mask_b, placed_a, placed_b;
  block_ram #(.WIDTH(WIDTH_A), .OLD_FIRST(OLD_A)) a (
      .clk(clka), .ce(cea), .we(wea), .reset(rsta), .address(ada), .data(dia), .out(doa),
      .writes(writes_a), .mask(mask_a), .placed(placed_a), .word(memory[ada[13:4]]));
  block_ram #(.WIDTH(WIDTH_B), .OLD_FIRST(OLD_B)) b (
      .clk(clkb), .ce(ceb), .we(web), .reset(rstb), .address(adb), .data(dib), .out(dob),
      .writes(writes_b), .mask(mask_b), .placed(placed_b), .word(memory[adb[13:4]]));
  always_ff @(posedge clka) begin
    if (writes_a) memory[ada[13:4]] <= (memory[ada[13:4]] & ~mask_a) | (placed_a & mask_a);
    if (writes_b) memory[adb[13:4]] <= (memory[adb[13:4]] & ~mask_b) | (placed_b & mask_b);
  end
endmodule

module multiplier (input [17:0] a, input [17:0] b, input signed_a, input signed_b, output [35:0] p);
  assign p = 36'($signed({signed_a & a[17], a}) * $signed({signed_b & b[17], b}));
endmodule

module EHXPLLL(input CLKI, CLKFB, RST, STDBY, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG, PLLWAKESYNC,
    ENCLKOP, output CLKOP, output LOCK);
  logic [2:0] cycles = '0;
  assign CLKOP = CLKI;
  assign LOCK = cycles[2];
  always_ff @(posedge CLKI) if (!LOCK) cycles <= cycles + 3'd1;
endmodule

module tr_serial(input clk, input resetn, input rxd, output txd, output active);
  ulx3s_top top (.clk_25mhz(clk), .ftdi_txd(rxd), .ftdi_rxd(txd), .led(active), .wifi_gpio0());
endmodule
