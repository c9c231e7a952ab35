/* STM32L4R5ZI on a NUCLEO-L4R5ZI (RM0432, UM2179): 120 MHz from the internal oscillator, LPUART1 on PG7 (out)
 * and PG8 (in), which is the ST-LINK's virtual COM port (UM2179). */
#include "stm32_usart.h"
#include "tr_board.h"
#include "tr_formats.h"

#define PLL_HZ 120000000u

#define RCC 0x40021000u /* RM0432, "RCC registers" */
#define RCC_CR (RCC + 0x00u)
#define RCC_CFGR (RCC + 0x08u)
#define RCC_PLLCFGR (RCC + 0x0cu)
#define RCC_AHB2ENR (RCC + 0x4cu)
#define RCC_APB1ENR1 (RCC + 0x58u)
#define RCC_APB1ENR2 (RCC + 0x5cu)
#define RCC_CCIPR (RCC + 0x88u)
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
/* HSI16 (source 2): 16 MHz / M 2 (field M - 1) * N 30 / R 2 (field 0) = 120 MHz; output R on (bit 24). */
#define RCC_PLLCFGR_120_MHZ (2u << 0 | 1u << 4 | 30u << 8 | 1u << 24 | 0u << 25)
#define RCC_CFGR_SW 0x3u
#define RCC_CFGR_SW_HSI 0x1u
#define RCC_CFGR_SW_PLL 0x3u
#define RCC_CFGR_SWS 0xcu
#define RCC_CFGR_SWS_HSI 0x4u
#define RCC_CFGR_SWS_PLL 0xcu
#define RCC_CFGR_PRESCALERS 0x3ff0u /* HPRE, PPRE1, PPRE2 */
#define RCC_CFGR_HPRE 0xf0u
#define RCC_CFGR_HPRE_DIV2 0x80u
#define RCC_AHB2ENR_GPIOG (1u << 6)
#define RCC_APB1ENR1_TIM2 (1u << 0)
#define RCC_APB1ENR1_PWR (1u << 28)
#define RCC_APB1ENR2_LPUART1 (1u << 0)
#define RCC_CCIPR_LPUART1 (3u << 10)
#define RCC_CCIPR_LPUART1_HSI (2u << 10)

#define PWR_CR1 0x40007000u /* RM0432, "PWR registers" */
#define PWR_CR2 0x40007004u
#define PWR_SR2 0x40007014u
#define PWR_CR5 0x40007080u
#define PWR_CR1_VOS (3u << 9)
#define PWR_CR1_VOS_RANGE1 (1u << 9)
#define PWR_CR2_IOSV (1u << 9)   /* VDDIO2 is there: otherwise PG2 to PG15 are dead (RM0432, PWR_CR2) */
#define PWR_SR2_VOSF (1u << 10)
#define PWR_CR5_R1MODE (1u << 8) /* 0: range 1 boost, needed above 80 MHz */

#define FLASH_ACR 0x40022000u /* RM0432, "Flash access control register" */
#define FLASH_ACR_LATENCY 0xfu
/* Five wait states up to 120 MHz in range 1 boost (RM0432, "Read access latency"); prefetch and both caches. */
#define FLASH_ACR_120_MHZ (5u | 1u << 8 | 1u << 9 | 1u << 10)

#define GPIOG 0x48001800u /* RM0432, "GPIO registers" */
#define GPIOG_MODER (GPIOG + 0x00u)
#define GPIOG_PUPDR (GPIOG + 0x0cu)
#define GPIOG_AFRL (GPIOG + 0x20u)
#define GPIOG_AFRH (GPIOG + 0x24u)
#define AF8 8u /* LPUART1 on PG7 and PG8 (data sheet DS12023, "Alternate function") */

#define LPUART1 0x40008000u
/* BRR = 256 * clock / baud, rounded (RM0432, "LPUART baud rate generation"); HSI16 whatever the core runs at. */
#define LPUART1_DIVISOR ((uint32_t)((256ull * STM32_HSI_HZ + TR_BAUD / 2u) / TR_BAUD))

static uint32_t core_hz = STM32_HSI_HZ;

/* RM0432, "Dynamic voltage scaling management" and "System clock (SYSCLK) selection": boost first, and half
 * speed for a microsecond on the way above 80 MHz. */
static bool go_to_120_mhz(void)
{
    stm32_modify(PWR_CR1, PWR_CR1_VOS, PWR_CR1_VOS_RANGE1);
    stm32_modify(PWR_CR5, PWR_CR5_R1MODE, 0u);
    TR_REGISTER(RCC_PLLCFGR) = RCC_PLLCFGR_120_MHZ;
    TR_REGISTER(RCC_CR) |= RCC_CR_PLLON;
    TR_REGISTER(FLASH_ACR) = FLASH_ACR_120_MHZ;
    if (!stm32_wait(PWR_SR2, PWR_SR2_VOSF, 0u) || !stm32_wait(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY) ||
        !stm32_wait(FLASH_ACR, FLASH_ACR_LATENCY, 5u)) {
        return false;
    }
    stm32_modify(RCC_CFGR, RCC_CFGR_PRESCALERS, RCC_CFGR_HPRE_DIV2);
    stm32_modify(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    bool switched = stm32_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL);
    for (volatile uint32_t spin = 0u; spin < 100u; spin++) {
    }
    stm32_modify(RCC_CFGR, RCC_CFGR_HPRE, 0u);
    return switched;
}

/* From any state that reset (MSI at 4 MHz) or a ROM loader leaves, over HSI16. */
static void clocks_start(void)
{
    TR_REGISTER(RCC_CR) |= RCC_CR_HSION;
    (void)stm32_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);
    stm32_modify(RCC_CFGR, RCC_CFGR_SW | RCC_CFGR_PRESCALERS, RCC_CFGR_SW_HSI);
    (void)stm32_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_HSI);
    stm32_modify(RCC_CR, RCC_CR_PLLON, 0u);
    (void)stm32_wait(RCC_CR, RCC_CR_PLLRDY, 0u);
    if (go_to_120_mhz()) {
        core_hz = PLL_HZ;
    }
}

void tr_board_init(void)
{
    TR_REGISTER(RCC_APB1ENR1) |= RCC_APB1ENR1_PWR | RCC_APB1ENR1_TIM2;
    TR_REGISTER(RCC_APB1ENR2) |= RCC_APB1ENR2_LPUART1;
    TR_REGISTER(RCC_AHB2ENR) |= RCC_AHB2ENR_GPIOG;
    (void)TR_REGISTER(RCC_AHB2ENR); /* two cycles until the clocks run (RM0432, RCC) */
    clocks_start();
    TR_REGISTER(PWR_CR2) |= PWR_CR2_IOSV;
    stm32_modify(RCC_CCIPR, RCC_CCIPR_LPUART1, RCC_CCIPR_LPUART1_HSI);
    stm32_modify(GPIOG_AFRL, 0xfu << 28, AF8 << 28);                     /* PG7 */
    stm32_modify(GPIOG_AFRH, 0xfu << 0, AF8 << 0);                       /* PG8 */
    stm32_modify(GPIOG_PUPDR, 3u << 16, 1u << 16);                       /* PG8 up: an open input is idle */
    stm32_modify(GPIOG_MODER, 3u << 14 | 3u << 16, 2u << 14 | 2u << 16); /* alternate function */
    stm32_usart_start(LPUART1, LPUART1_DIVISOR);
    stm32_timer_start();
    tr_counter_init();
}

uint32_t tr_core_hz(void) { return core_hz; }
uint32_t tr_timer_hz(void) { return core_hz; } /* APB1 is not divided */
uint32_t tr_timer_kind(void) { return TR_COUNTER_CYCLES; }

int tr_board_receive(void) { return stm32_usart_receive(LPUART1); }
void tr_board_transmit(uint8_t byte) { stm32_usart_transmit(LPUART1, byte); }
void tr_board_flush(void) { stm32_usart_flush(LPUART1); }
