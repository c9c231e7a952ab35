/* What boards with an STM32F405 or F407 tell their shared driver in stm32f4.c. */
#ifndef STM32F4_H
#define STM32F4_H

#include <stdbool.h>
#include <stdint.h>

/* Pins are of port A. */
struct stm32f4_uart {
    uint32_t usart;        /* base address */
    bool on_apb2;          /* or on APB1 */
    uint32_t clock_enable; /* bit of that bus's enable register */
    uint32_t transmit_pin;
    uint32_t receive_pin;
};

/* The board's own. */
extern const struct stm32f4_uart stm32f4_uart;

#endif
