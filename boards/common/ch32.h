/* What boards with WCH's CH32V tell their shared driver in ch32.c. */
#ifndef CH32_H
#define CH32_H

#include <stdint.h>

struct ch32_board {
    uint32_t hsi_hz;
    uint32_t pll_hz;
    uint32_t port;           /* base address of the GPIO port with the UART */
    uint32_t enable;         /* bits of RCC_APB2PCENR: that port, AFIO, USART1 */
    uint32_t transmit_pin;
    uint32_t receive_pin;
    uint32_t flash_latency;  /* FLASH_ACTLR for that speed */
    uint32_t prescalers;     /* of RCC_CFGR0 for that speed, with the PLL's factor */
    uint32_t undivided;      /* address of EXTEN_CTR, where HSI must be kept from being halved; 0: nothing is */
    uint32_t systick_run;    /* STK_CTLR: counts up at the core's clock */
};

/* The board's own. */
extern const struct ch32_board ch32_board;

#endif
