/* STM32H743ZI on a NUCLEO-H743ZI (RM0433, UM1974): the internal oscillator of 64 MHz as reset leaves it, USART3 on PD8 (out)
 * and PD9 (in), which is the ST-LINK's virtual COM port. */
#include "stm32_usart.h"
#include "tr_board.h"
#include "tr_formats.h"

#define HSI_HZ 64000000u
#define RCC 0x58024400u /* RM0433, "RCC registers" */
#define RCC_D2CCIP2R (RCC + 0x54u)
#define RCC_AHB4ENR (RCC + 0xe0u)
#define RCC_APB1LENR (RCC + 0xe8u)
#define RCC_D2CCIP2R_USART3 7u
#define RCC_D2CCIP2R_USART3_HSI 3u
#define RCC_AHB4ENR_GPIOD (1u << 3)
#define RCC_APB1LENR_TIM2 (1u << 0)
#define RCC_APB1LENR_USART3 (1u << 18)

#define GPIOD 0x58020c00u /* RM0433, "GPIO registers" */
#define GPIOD_MODER (GPIOD + 0x00u)
#define GPIOD_PUPDR (GPIOD + 0x0cu)
#define GPIOD_AFRH (GPIOD + 0x24u)
#define AF7 7u /* USART1 to 3 */

#define USART3 0x40004800u
#define USART3_DIVISOR ((HSI_HZ + TR_BAUD / 2u) / TR_BAUD)

#define ICIALLU TR_REGISTER(0xe000ef50u) /* DDI 0403E, B2.2.7: all of the instruction cache */
#define CCR TR_REGISTER(0xe000ed14u)
#define CCR_IC (1u << 17)

static void instruction_cache_start(void)
{
    ICIALLU = 0u;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    CCR |= CCR_IC;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

void tr_board_init(void)
{
    instruction_cache_start();
    TR_REGISTER(RCC_APB1LENR) |= RCC_APB1LENR_TIM2 | RCC_APB1LENR_USART3;
    TR_REGISTER(RCC_AHB4ENR) |= RCC_AHB4ENR_GPIOD;
    (void)TR_REGISTER(RCC_AHB4ENR); /* two cycles until the clocks run */
    stm32_modify(RCC_D2CCIP2R, RCC_D2CCIP2R_USART3, RCC_D2CCIP2R_USART3_HSI);
    stm32_modify(GPIOD_AFRH, 0xffu, AF7 | AF7 << 4);                     /* PD8, PD9 */
    stm32_modify(GPIOD_PUPDR, 3u << 18, 1u << 18);                       /* PD9 up: an open input is idle */
    stm32_modify(GPIOD_MODER, 3u << 16 | 3u << 18, 2u << 16 | 2u << 18); /* alternate function */
    stm32_usart_start(USART3, USART3_DIVISOR);
    stm32_timer_start();
    tr_counter_init();
}

uint32_t tr_core_hz(void) { return HSI_HZ; }
uint32_t tr_timer_hz(void) { return HSI_HZ; } /* no bus is divided */
uint32_t tr_timer_kind(void) { return TR_COUNTER_CYCLES; }

int tr_board_receive(void) { return stm32_usart_receive(USART3); }
void tr_board_transmit(uint8_t byte) { stm32_usart_transmit(USART3, byte); }
void tr_board_flush(void) { stm32_usart_flush(USART3); }
