/* What the STM32 boards share. Register offsets are the same in RM0090 (F405), RM0432 (L4R5) and RM0444 (G0B1). */
#ifndef STM32_H
#define STM32_H

#include <stdbool.h>
#include <stdint.h>

#include "tr_parts.h"

/* The internal oscillator HSI16 that every clock here comes from, Hz. 1 %: good enough for a UART. */
#define STM32_HSI_HZ 16000000u

/* TIM2: 32 bits in all three; chapter "General-purpose timers" of each manual. */
#define STM32_TIM2 0x40000000u

/* Start TIM2 as the free-running counter behind tr_timer_read(); its bus clock must be on. */
void stm32_timer_start(void);

/* Wait until the masked register has the value; false if it does not come in a time far longer than any
 * oscillator needs, some milliseconds (an emulator without that register, or a broken chip). */
static inline bool stm32_wait(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t spin = 0u; spin < 10000u; spin++) {
        if ((TR_REGISTER(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

/* Replace the masked bits. */
static inline void stm32_modify(uint32_t address, uint32_t mask, uint32_t value)
{
    TR_REGISTER(address) = (TR_REGISTER(address) & ~mask) | value;
}

#endif
