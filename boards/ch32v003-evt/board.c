/* WCH CH32V003 (EVT board): 48 MHz = 2 * 24 MHz, USART1 on PD5 (out) and PD6 (in), which the WCH-LinkE's port is wired to. */
#include "ch32.h"

const struct ch32_board ch32_board = {
    .hsi_hz = 24000000u,
    .pll_hz = 48000000u,
    .port = 0x40011400u,             /* GPIOD */
    .enable = 1u << 14 | 1u << 5,    /* USART1, port D */
    .transmit_pin = 5u,
    .receive_pin = 6u,
    .flash_latency = 1u,
    .prescalers = 0u,                /* PLL of HSI, always by 2 */
    .undivided = 0u,
    .systick_run = 1u << 0 | 1u << 2, /* on, at HCLK instead of an eighth */
};
