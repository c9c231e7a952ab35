// The accelerator on a Radiona ULX3S with an LFE5U-85F: its clock, its reset and its pins (boards/ulx3s-85f/ulx3s.lpf).
module ulx3s_top #(
    parameter int CLOCKS_PER_BIT = 25,  // of the accelerator's clock
    parameter int MULTIPLIER = 2,       // that clock in units of the oscillator's
    parameter int VCO_DIVIDER = 12      // MULTIPLIER x 25 MHz x VCO_DIVIDER is 400 to 800 MHz
) (
    input  logic clk_25mhz,
    input  logic ftdi_txd,    // from the FT231X
    output logic ftdi_rxd,    // to it
    output logic led,
    output logic wifi_gpio0   // high: the ESP32 leaves the board alone
);
  logic clk, locked;
  logic [7:0] waiting;  // cycles since the PLL has locked; a bitstream begins with zeros
  assign wifi_gpio0 = 1'b1;

  // FPGA-TN-02200: the output is CLKFB_DIV / CLKI_DIV times the input, and the VCO runs CLKOP_DIV times as fast as it.
  // Charge pump and loop filter are as ecppll sets them; nextpnr's own values are 0, no current.
  (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(
      .CLKI_DIV(1), .CLKFB_DIV(MULTIPLIER), .CLKOP_DIV(VCO_DIVIDER), .CLKOP_CPHASE(VCO_DIVIDER - 1), .CLKOP_FPHASE(0),
      .CLKOP_ENABLE("ENABLED"), .FEEDBK_PATH("CLKOP"), .OUTDIVIDER_MUXA("DIVA"), .PLLRST_ENA("DISABLED"),
      .INTFB_WAKE("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED")
  ) pll (
      .CLKI(clk_25mhz), .CLKFB(clk), .CLKOP(clk), .LOCK(locked), .RST(1'b0), .STDBY(1'b0), .PHASESEL0(1'b0),
      .PHASESEL1(1'b0), .PHASEDIR(1'b0), .PHASESTEP(1'b0), .PHASELOADREG(1'b0), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0));

  always_ff @(posedge clk or negedge locked)
    if (!locked) waiting <= '0;
    else if (!waiting[7]) waiting <= waiting + 8'd1;

  tr_serial #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) serial (
      .clk, .resetn(waiting[7]), .rxd(ftdi_txd), .txd(ftdi_rxd), .active(led));
endmodule
