/* USART and LPUART of STM32L4+ and G0: same registers, with a FIFO of eight bytes
 * (RM0432 and RM0444, chapters "USART" and "LPUART"). */
#ifndef STM32_USART_H
#define STM32_USART_H

#include "stm32.h"

#define USART_CR1 0x00u
#define USART_CR2 0x04u
#define USART_CR3 0x08u
#define USART_BRR 0x0cu
#define USART_ISR 0x1cu
#define USART_ICR 0x20u
#define USART_RDR 0x24u
#define USART_TDR 0x28u
#define USART_PRESC 0x2cu

#define USART_CR1_UE (1u << 0)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_PCE (1u << 10)    /* parity; even, because PS (bit 9) is 0 */
#define USART_CR1_M0 (1u << 12)     /* nine bits, of which the last is the parity */
#define USART_CR1_FIFOEN (1u << 29) /* only while UE is 0 */
#define USART_ISR_RXFNE (1u << 5)
#define USART_ISR_TC (1u << 6)
#define USART_ISR_TXFNF (1u << 7)
#define USART_ICR_ERRORS 0x0fu /* PECF, FECF, NECF, ORECF */

/* `divisor` as BRR wants it. A ROM loader may have left the USART on: it is set up from scratch. */
static inline void stm32_usart_start(uint32_t base, uint32_t divisor)
{
    uint32_t parity = TR_PARITY_EVEN ? USART_CR1_PCE | USART_CR1_M0 : 0u;
    TR_REGISTER(base + USART_CR1) = 0u;
    TR_REGISTER(base + USART_CR2) = 0u; /* one stop bit */
    TR_REGISTER(base + USART_CR3) = 0u; /* no flow control */
    TR_REGISTER(base + USART_PRESC) = 0u;
    TR_REGISTER(base + USART_BRR) = divisor;
    TR_REGISTER(base + USART_CR1) = parity | USART_CR1_FIFOEN;
    TR_REGISTER(base + USART_CR1) = parity | USART_CR1_FIFOEN | USART_CR1_TE | USART_CR1_RE | USART_CR1_UE;
}

static inline int stm32_usart_receive(uint32_t base)
{
    TR_REGISTER(base + USART_ICR) = USART_ICR_ERRORS; /* damaged bytes are found by the frames' CRC */
    if ((TR_REGISTER(base + USART_ISR) & USART_ISR_RXFNE) == 0u) {
        return -1;
    }
    return (int)(TR_REGISTER(base + USART_RDR) & 0xffu);
}

static inline void stm32_usart_transmit(uint32_t base, uint8_t byte)
{
    while ((TR_REGISTER(base + USART_ISR) & USART_ISR_TXFNF) == 0u) {
    }
    TR_REGISTER(base + USART_TDR) = byte;
}

static inline void stm32_usart_flush(uint32_t base)
{
    while ((TR_REGISTER(base + USART_ISR) & USART_ISR_TC) == 0u) {
    }
}

#endif
