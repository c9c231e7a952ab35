/* STM32F4DISCOVERY (MB997): USART2 on PA2 (out) and PA3 (in), which are free there; PA9 is not (a capacitor of USB). */
#include "stm32f4.h"

const struct stm32f4_uart stm32f4_uart = {
    .usart = 0x40004400u,
    .on_apb2 = false,
    .clock_enable = 1u << 17,
    .transmit_pin = 2u,
    .receive_pin = 3u,
};
