/* BBC micro:bit v1: nRF51822 at 16 MHz; pins 24 and 25 lead to the debugger's USB serial port. */
#include "nrf.h"

const struct nrf_board nrf_board = {.core_hz = 16000000u, .transmit_pin = 24u, .receive_pin = 25u, .cache = 0u};
