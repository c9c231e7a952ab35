/* STM32U575ZI on a NUCLEO-U575ZI-Q (RM0456, UM2861): 16 MHz from the internal oscillator, USART1 on PA9 (out) and PA10 (in),
 * which is the ST-LINK's virtual COM port. */
#include "stm32_usart.h"
#include "tr_board.h"
#include "tr_formats.h"

#define RCC 0x46020c00u /* RM0456, "RCC registers" */
#define RCC_CR (RCC + 0x00u)
#define RCC_CFGR1 (RCC + 0x1cu)
#define RCC_AHB2ENR1 (RCC + 0x8cu)
#define RCC_APB1ENR1 (RCC + 0x9cu)
#define RCC_APB2ENR (RCC + 0xa4u)
#define RCC_CCIPR1 (RCC + 0xe0u)
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CFGR1_SW 3u
#define RCC_CFGR1_SW_HSI 1u
#define RCC_CFGR1_SWS (3u << 2)
#define RCC_CFGR1_SWS_HSI (1u << 2)
#define RCC_AHB2ENR1_GPIOA (1u << 0)
#define RCC_APB1ENR1_TIM2 (1u << 0)
#define RCC_APB2ENR_USART1 (1u << 14)
#define RCC_CCIPR1_USART1 3u
#define RCC_CCIPR1_USART1_HSI 2u

#define FLASH_ACR 0x40022000u
#define FLASH_ACR_LATENCY 0xfu
#define FLASH_ACR_2_WAIT_STATES 2u /* enough for 16 MHz in the lowest voltage range, which reset chooses */
#define ICACHE_CR 0x40030400u
#define ICACHE_CR_EN 1u

#define GPIOA 0x42020000u /* RM0456, "GPIO registers" */
#define GPIOA_MODER (GPIOA + 0x00u)
#define GPIOA_PUPDR (GPIOA + 0x0cu)
#define GPIOA_AFRH (GPIOA + 0x24u)
#define AF7 7u /* USART1 to 3 */

#define USART1 0x40013800u
#define USART1_DIVISOR ((STM32_HSI_HZ + TR_BAUD / 2u) / TR_BAUD)

static uint32_t core_hz = 4000000u; /* MSI, after reset */

static void clocks_start(void)
{
    stm32_modify(FLASH_ACR, FLASH_ACR_LATENCY, FLASH_ACR_2_WAIT_STATES);
    TR_REGISTER(RCC_CR) |= RCC_CR_HSION;
    if (!stm32_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY)) {
        return;
    }
    stm32_modify(RCC_CFGR1, RCC_CFGR1_SW, RCC_CFGR1_SW_HSI);
    if (stm32_wait(RCC_CFGR1, RCC_CFGR1_SWS, RCC_CFGR1_SWS_HSI)) {
        core_hz = STM32_HSI_HZ;
    }
}

void tr_board_init(void)
{
    clocks_start();
    TR_REGISTER(ICACHE_CR) |= ICACHE_CR_EN;
    TR_REGISTER(RCC_APB1ENR1) |= RCC_APB1ENR1_TIM2;
    TR_REGISTER(RCC_APB2ENR) |= RCC_APB2ENR_USART1;
    TR_REGISTER(RCC_AHB2ENR1) |= RCC_AHB2ENR1_GPIOA;
    (void)TR_REGISTER(RCC_AHB2ENR1); /* two cycles until the clocks run */
    stm32_modify(RCC_CCIPR1, RCC_CCIPR1_USART1, RCC_CCIPR1_USART1_HSI);
    stm32_modify(GPIOA_AFRH, 0xffu << 4, AF7 << 4 | AF7 << 8);           /* PA9, PA10 */
    stm32_modify(GPIOA_PUPDR, 3u << 20, 1u << 20);                       /* PA10 up: an open input is idle */
    stm32_modify(GPIOA_MODER, 3u << 18 | 3u << 20, 2u << 18 | 2u << 20); /* alternate function */
    stm32_usart_start(USART1, USART1_DIVISOR);
    stm32_timer_start();
    tr_counter_init();
}

uint32_t tr_core_hz(void) { return core_hz; }
uint32_t tr_timer_hz(void) { return core_hz; } /* no bus is divided */
uint32_t tr_timer_kind(void) { return TR_COUNTER_CYCLES; }

int tr_board_receive(void) { return stm32_usart_receive(USART1); }
void tr_board_transmit(uint8_t byte) { stm32_usart_transmit(USART1, byte); }
void tr_board_flush(void) { stm32_usart_flush(USART1); }
