/* Arduino Nano 33 BLE (and Sense): nRF52840 at 64 MHz; the link is on D1/TX (P1.03) and D0/RX (P1.10), because USB would
 * need a protocol stack. */
#include "nrf.h"

const struct nrf_board nrf_board = {
    .core_hz = 64000000u,
    .transmit_pin = 32u + 3u,
    .receive_pin = 32u + 10u,
    .cache = 0x4001e540u, /* NVMC ICACHECNF */
};
