/* What boards with an RP2040 or RP2350 tell their shared drivers in rp2.c. Where registers lie differs; offsets, but for
 * bits in RESETS, are the same. */
#ifndef RP2_H
#define RP2_H

#include <stdint.h>

struct rp2_chip {
    uint32_t resets, clocks, xosc, pll, io, pads, uart, timer; /* base addresses */
    uint32_t tick_control, tick_cycles; /* microseconds for the timer; one address where one register has both */
    uint32_t used_resets;               /* bits of what is used here */
    uint32_t post_dividers;             /* of the PLL, which runs at 1500 MHz */
    uint32_t core_hz;
};

/* The board's own. */
extern const struct rp2_chip rp2_chip;

#endif
