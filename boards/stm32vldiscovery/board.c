/* STM32VLDISCOVERY: STM32F100RB at 24 MHz (HSI / 2 * 6), USART1 on PA9 (out) and PA10 (in) (RM0041). QEMU has neither
 * RCC nor timers: time is SysTick's, an eighth of the core's clock, extended from its 24 bits. */
#include "stm32f1_usart.h"
#include "tr_board.h"
#include "tr_formats.h"

#define RCC_CR TR_REGISTER(0x40021000u) /* RM0041, 6.3 */
#define RCC_CFGR TR_REGISTER(0x40021004u)
#define RCC_APB2ENR TR_REGISTER(0x40021018u)
#define RCC_CR_HSION (1u << 0)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR_PLL_6 (4u << 18) /* of HSI / 2 */
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_APB2ENR_USED (1u << 14 | 1u << 2) /* USART1, port A */
#define GPIOA 0x40010800u
#define USART1 0x40013800u
#define HSI_HZ 8000000u
#define PLL_HZ 24000000u /* no wait state at any clock of this chip */
#define SPINS 10000u

#define SYST_CSR TR_REGISTER(0xe000e010u) /* DDI 0403E, B3.3 */
#define SYST_RVR TR_REGISTER(0xe000e014u)
#define SYST_CVR TR_REGISTER(0xe000e018u)
#define SYST_CSR_ENABLE 1u /* by the external clock, an eighth of the core's (RM0041, 6.2.8) */
#define SYST_BITS 0xffffffu

static uint32_t core_hz = HSI_HZ;
static uint32_t ticks; /* SysTick at the last call, extended */

/* From any state that a ROM loader may have left. */
static void clocks_start(void)
{
    RCC_CR |= RCC_CR_HSION;
    RCC_CFGR &= ~3u;
    for (uint32_t spin = 0u; spin < SPINS && (RCC_CFGR & RCC_CFGR_SWS) != 0u; spin++) {
    }
    RCC_CR &= ~RCC_CR_PLLON;
    RCC_CFGR = RCC_CFGR_PLL_6;
    RCC_CR |= RCC_CR_PLLON;
    for (uint32_t spin = 0u; (RCC_CR & RCC_CR_PLLRDY) == 0u; spin++) {
        if (spin == SPINS) {
            return;
        }
    }
    RCC_CFGR = RCC_CFGR_PLL_6 | RCC_CFGR_SW_PLL;
    for (uint32_t spin = 0u; spin < SPINS; spin++) {
        if ((RCC_CFGR & RCC_CFGR_SWS) == RCC_CFGR_SWS_PLL) {
            core_hz = PLL_HZ;
            return;
        }
    }
}

void tr_board_init(void)
{
    clocks_start();
    RCC_APB2ENR |= RCC_APB2ENR_USED;
    stm32f1_usart_start(USART1, core_hz, GPIOA, 9u, 10u);
    SYST_RVR = SYST_BITS;
    SYST_CVR = 0u;
    SYST_CSR = SYST_CSR_ENABLE;
    tr_counter_init();
}

/* It counts down, and wraps after 5.6 s: two calls lie closer together, but for inferences on a chip, whose cycles the
 * core's own counter counts. */
uint32_t tr_timer_read(void)
{
    ticks += (~SYST_CVR - ticks) & SYST_BITS;
    return ticks;
}

uint32_t tr_timer_hz(void) { return core_hz / 8u; }
uint32_t tr_core_hz(void) { return core_hz; }
uint32_t tr_timer_kind(void) { return TR_COUNTER_TIMER; }

int tr_board_receive(void) { return stm32f1_usart_receive(USART1); }
void tr_board_transmit(uint8_t byte) { stm32f1_usart_transmit(USART1, byte); }
void tr_board_flush(void) { stm32f1_usart_flush(USART1); }
