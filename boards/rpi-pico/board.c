/* Raspberry Pi Pico: RP2040 at 125 MHz (1500 MHz / 6 / 2). */
#include "rp2.h"

const struct rp2_chip rp2_chip = {
    .resets = 0x4000c000u,
    .clocks = 0x40008000u,
    .xosc = 0x40024000u,
    .pll = 0x40028000u,
    .io = 0x40014000u,
    .pads = 0x4001c000u,
    .uart = 0x40034000u,
    .timer = 0x40054000u,
    .tick_control = 0x4005802cu, /* WATCHDOG TICK */
    .tick_cycles = 0x4005802cu,
    .used_resets = 1u << 5 | 1u << 8 | 1u << 12 | 1u << 21 | 1u << 22, /* IO, pads, PLL, timer, UART0 */
    .post_dividers = 6u << 16 | 2u << 12,
    .core_hz = 125000000u,
};
