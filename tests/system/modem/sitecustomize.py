"""For programs that move a serial port's modem lines (test_stm32loader.py): a pseudo-terminal has none, so that they
move nothing."""

import serial

for name in ("_update_rts_state", "_update_dtr_state"):
    setattr(serial.Serial, name, lambda self: None)
