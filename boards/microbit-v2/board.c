/* BBC micro:bit v2: nRF52833 at 64 MHz; P0.06 and P1.08 lead to the debugger's USB serial port. */
#include "nrf.h"

const struct nrf_board nrf_board = {
    .core_hz = 64000000u,
    .transmit_pin = 6u,
    .receive_pin = 32u + 8u,
    .cache = 0x4001e540u, /* NVMC ICACHECNF */
};
