/* Netduino Plus 2: USART1 on PA9 (out) and PA10 (in), pins that the ROM loader listens on (AN2606, STM32F40xxx). */
#include "stm32f4.h"

const struct stm32f4_uart stm32f4_uart = {
    .usart = 0x40011000u,
    .on_apb2 = true,
    .clock_enable = 1u << 4,
    .transmit_pin = 9u,
    .receive_pin = 10u,
};
