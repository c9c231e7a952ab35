/* WCH CH32V307 (EVT board): 144 MHz = 18 * 8 MHz, USART1 on PA9 (out) and PA10 (in), which the WCH-Link's port is wired to. */
#include "ch32.h"

const struct ch32_board ch32_board = {
    .hsi_hz = 8000000u,
    .pll_hz = 144000000u,
    .port = 0x40010800u,             /* GPIOA */
    .enable = 1u << 14 | 1u << 2,    /* USART1, port A */
    .transmit_pin = 9u,
    .receive_pin = 10u,
    .flash_latency = 0u,             /* no such register */
    .prescalers = 4u << 8,           /* APB1 by 2; PLLMUL 0 is 18 on this chip */
    .undivided = 0x40023800u,        /* EXTEN_CTR */
    .systick_run = 1u << 0 | 1u << 2,
};
