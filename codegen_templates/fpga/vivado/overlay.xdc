# The overlay uses no pins of the programmable logic: DDR and MIO are the processor's own, and the only clock, FCLK0, is
# constrained by the PS7 block. A smaller file is quicker to load.
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
