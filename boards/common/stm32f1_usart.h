/* USART and GPIO of the STM32F1, which RISC-V chips of WCH and GigaDevice have taken over
 * (ST RM0008, 9 and 27; the same registers in openwch/ch32v003 and ch32v307, ch32v*.h, and in GD32VF103's gd32vf103_usart.h
 * and gd32vf103_gpio.h). */
#ifndef STM32F1_USART_H
#define STM32F1_USART_H

#include <stdint.h>

#include "tr_parts.h"

#define USART_STATUS 0x00u
#define USART_DATA 0x04u
#define USART_BAUD 0x08u
#define USART_CONTROL1 0x0cu
#define USART_CONTROL2 0x10u
#define USART_CONTROL3 0x14u
#define USART_RECEIVED (1u << 5)
#define USART_COMPLETE (1u << 6)
#define USART_EMPTY (1u << 7)
#define USART_RE (1u << 2)
#define USART_TE (1u << 3)
#define USART_PCE (1u << 10) /* even, because PS (bit 9) is 0 */
#define USART_M (1u << 12)   /* nine bits, of which the last is the parity */
#define USART_UE (1u << 13)

#define GPIO_CONFIG(port, pin) ((port) + 4u * ((pin) / 8u))
#define GPIO_SET(port) ((port) + 0x10u)
#define GPIO_OUT_ALTERNATE 0xbu
#define GPIO_IN_PULLED 0x8u

static inline void stm32f1_pin(uint32_t port, uint32_t pin, uint32_t mode)
{
    uint32_t shift = 4u * (pin % 8u);
    TR_REGISTER(GPIO_CONFIG(port, pin)) = (TR_REGISTER(GPIO_CONFIG(port, pin)) & ~(0xfu << shift)) | mode << shift;
}

/* `hz`: of its bus. The input is pulled up: an open one is idle. */
static inline void stm32f1_usart_start(uint32_t usart, uint32_t hz, uint32_t port, uint32_t transmit, uint32_t receive)
{
    TR_REGISTER(GPIO_SET(port)) = 1u << receive;
    stm32f1_pin(port, receive, GPIO_IN_PULLED);
    stm32f1_pin(port, transmit, GPIO_OUT_ALTERNATE);
    TR_REGISTER(usart + USART_CONTROL1) = 0u;
    TR_REGISTER(usart + USART_CONTROL2) = 0u;
    TR_REGISTER(usart + USART_CONTROL3) = 0u;
    TR_REGISTER(usart + USART_BAUD) = (hz + TR_BAUD / 2u) / TR_BAUD; /* 16 samples a bit */
    TR_REGISTER(usart + USART_CONTROL1) = (TR_PARITY_EVEN ? USART_PCE | USART_M : 0u) | USART_TE | USART_RE | USART_UE;
}

static inline int stm32f1_usart_receive(uint32_t usart)
{
    return (TR_REGISTER(usart + USART_STATUS) & USART_RECEIVED) != 0u ? (int)(TR_REGISTER(usart + USART_DATA) & 0xffu) : -1;
}

static inline void stm32f1_usart_transmit(uint32_t usart, uint8_t byte)
{
    while ((TR_REGISTER(usart + USART_STATUS) & USART_EMPTY) == 0u) {
    }
    TR_REGISTER(usart + USART_DATA) = byte;
}

static inline void stm32f1_usart_flush(uint32_t usart)
{
    while ((TR_REGISTER(usart + USART_STATUS) & USART_COMPLETE) == 0u) {
    }
}

#endif
