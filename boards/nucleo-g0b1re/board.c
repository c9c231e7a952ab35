/* STM32G0B1RE on a NUCLEO-G0B1RE (RM0444, UM2324): 64 MHz from the internal oscillator, USART2 on PA2 (out)
 * and PA3 (in), which is the ST-LINK's virtual COM port (UM2324) and one that the ROM loader listens on. */
#include "stm32_usart.h"
#include "tr_board.h"
#include "tr_formats.h"

#define PLL_HZ 64000000u

#define RCC 0x40021000u /* RM0444, "RCC registers" */
#define RCC_CR (RCC + 0x00u)
#define RCC_CFGR (RCC + 0x08u)
#define RCC_PLLCFGR (RCC + 0x0cu)
#define RCC_IOPENR (RCC + 0x34u)
#define RCC_APBENR1 (RCC + 0x3cu)
#define RCC_CCIPR (RCC + 0x54u)
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CR_HSIDIV (7u << 11)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
/* HSI16 (source 2): 16 MHz / M 1 (field M - 1) * N 8 / R 2 (field R - 1) = 64 MHz; output R on (bit 28). */
#define RCC_PLLCFGR_64_MHZ (2u << 0 | 0u << 4 | 8u << 8 | 1u << 28 | 1u << 29)
#define RCC_CFGR_SW 0x7u /* 0: HSISYS */
#define RCC_CFGR_SW_PLL 0x2u
#define RCC_CFGR_SWS (7u << 3)
#define RCC_CFGR_SWS_PLL (2u << 3)
#define RCC_CFGR_PRESCALERS (0xfu << 8 | 7u << 12) /* HPRE, PPRE */
#define RCC_IOPENR_GPIOA (1u << 0)
#define RCC_APBENR1_TIM2 (1u << 0)
#define RCC_APBENR1_USART2 (1u << 17)
#define RCC_APBENR1_PWR (1u << 28)
#define RCC_CCIPR_USART2 (3u << 2)
#define RCC_CCIPR_USART2_HSI (2u << 2)

#define PWR_CR1 0x40007000u /* RM0444, "PWR registers" */
#define PWR_SR2 0x40007014u
#define PWR_CR1_VOS (3u << 9)
#define PWR_CR1_VOS_RANGE1 (1u << 9)
#define PWR_SR2_VOSF (1u << 10)

#define FLASH_ACR 0x40022000u /* RM0444, "FLASH access control register" */
#define FLASH_ACR_LATENCY 0x7u
#define FLASH_ACR_2_WAIT_STATES 2u /* 48 to 64 MHz in range 1 (RM0444, "FLASH read access latency") */
#define FLASH_ACR_PREFETCH_AND_CACHE (1u << 8 | 1u << 9)

#define GPIOA 0x50000000u /* RM0444, "GPIO registers" */
#define GPIOA_MODER (GPIOA + 0x00u)
#define GPIOA_PUPDR (GPIOA + 0x0cu)
#define GPIOA_AFRL (GPIOA + 0x20u)
#define AF1 1u /* USART2 on PA2 and PA3 (data sheet DS13560, "Alternate function") */

#define USART2 0x40004400u
/* 16 samples a bit (RM0444, "USART baud rate generation"), rounded; the clock is HSI16 whatever the core runs at. */
#define USART2_DIVISOR ((STM32_HSI_HZ + TR_BAUD / 2u) / TR_BAUD)

static uint32_t core_hz = STM32_HSI_HZ;

/* Wait states before speed (RM0444, "FLASH read access latency"). */
static bool go_to_64_mhz(void)
{
    TR_REGISTER(RCC_PLLCFGR) = RCC_PLLCFGR_64_MHZ;
    TR_REGISTER(RCC_CR) |= RCC_CR_PLLON;
    stm32_modify(FLASH_ACR, FLASH_ACR_LATENCY, FLASH_ACR_2_WAIT_STATES | FLASH_ACR_PREFETCH_AND_CACHE);
    if (!stm32_wait(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY) ||
        !stm32_wait(FLASH_ACR, FLASH_ACR_LATENCY, FLASH_ACR_2_WAIT_STATES)) {
        return false;
    }
    stm32_modify(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    return stm32_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL);
}

/* From any state that reset or a ROM loader leaves, over HSI16. */
static void clocks_start(void)
{
    stm32_modify(RCC_CR, RCC_CR_HSIDIV, RCC_CR_HSION);
    (void)stm32_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);
    stm32_modify(RCC_CFGR, RCC_CFGR_SW | RCC_CFGR_PRESCALERS, 0u);
    (void)stm32_wait(RCC_CFGR, RCC_CFGR_SWS, 0u);
    stm32_modify(RCC_CR, RCC_CR_PLLON, 0u);
    (void)stm32_wait(RCC_CR, RCC_CR_PLLRDY, 0u);
    stm32_modify(PWR_CR1, PWR_CR1_VOS, PWR_CR1_VOS_RANGE1);
    (void)stm32_wait(PWR_SR2, PWR_SR2_VOSF, 0u);
    if (go_to_64_mhz()) {
        core_hz = PLL_HZ;
    }
}

void tr_board_init(void)
{
    TR_REGISTER(RCC_APBENR1) |= RCC_APBENR1_TIM2 | RCC_APBENR1_USART2 | RCC_APBENR1_PWR;
    TR_REGISTER(RCC_IOPENR) |= RCC_IOPENR_GPIOA;
    (void)TR_REGISTER(RCC_IOPENR); /* two cycles until the clocks run (RM0444, RCC) */
    clocks_start();
    stm32_modify(RCC_CCIPR, RCC_CCIPR_USART2, RCC_CCIPR_USART2_HSI);
    stm32_modify(GPIOA_AFRL, 0xffu << 8, AF1 << 8 | AF1 << 12);       /* PA2, PA3 */
    stm32_modify(GPIOA_PUPDR, 3u << 6, 1u << 6);                      /* PA3 up: an open input is idle */
    stm32_modify(GPIOA_MODER, 3u << 4 | 3u << 6, 2u << 4 | 2u << 6); /* alternate function */
    stm32_usart_start(USART2, USART2_DIVISOR);
    stm32_timer_start();
    tr_counter_init();
}

uint32_t tr_core_hz(void) { return core_hz; }
uint32_t tr_timer_hz(void) { return core_hz; } /* the APB is not divided */
uint32_t tr_timer_kind(void) { return TR_COUNTER_CYCLES; }

int tr_board_receive(void) { return stm32_usart_receive(USART2); }
void tr_board_transmit(uint8_t byte) { stm32_usart_transmit(USART2, byte); }
void tr_board_flush(void) { stm32_usart_flush(USART2); }
