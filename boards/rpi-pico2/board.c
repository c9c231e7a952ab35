/* Raspberry Pi Pico 2: RP2350 at 150 MHz (1500 MHz / 5 / 2). */
#include "rp2.h"

const struct rp2_chip rp2_chip = {
    .resets = 0x40020000u,
    .clocks = 0x40010000u,
    .xosc = 0x40048000u,
    .pll = 0x40050000u,
    .io = 0x40028000u,
    .pads = 0x40038000u,
    .uart = 0x40070000u,
    .timer = 0x400b0000u,
    .tick_control = 0x40108018u, /* TICKS TIMER0_CTRL and TIMER0_CYCLES */
    .tick_cycles = 0x4010801cu,
    .used_resets = 1u << 6 | 1u << 9 | 1u << 14 | 1u << 23 | 1u << 26, /* IO, pads, PLL, TIMER0, UART0 */
    .post_dividers = 5u << 16 | 2u << 12,
    .core_hz = 150000000u,
};

/* What its ROM looks for in the first 4 KB (RP2350 data sheet, 5.9.5): a block that says "program for the Arm cores,
 * secure, RP2350"; vectors at the beginning of the image go without saying. */
static const uint32_t image_def[] __attribute__((section(".tr_boot_data"), used)) = {
    0xffffded3u, /* begins */
    0x10210142u, /* item IMAGE_TYPE of one word: EXE, S, ARM, RP2350 */
    0x000001ffu, /* last item: one word came before */
    0x00000000u, /* no other block */
    0xab123579u, /* ends */
};
