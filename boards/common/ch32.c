/* WCH CH32V003 and CH32V307: the PLL from the internal oscillator, USART1, SysTick (CH32V003 reference manual: 2 flash, 3 RCC,
 * 7 GPIO, 12 USART, QingKe V2 manual: 5 SysTick; CH32FV2x_V3x reference manual; as in openwch/ch32v003 and ch32v307, EVT/EXAM/SRC). */
#include "ch32.h"

#include "stm32f1_usart.h"
#include "tr_board.h"
#include "tr_formats.h"

#define RCC_CTLR TR_REGISTER(0x40021000u)
#define RCC_CFGR0 TR_REGISTER(0x40021004u)
#define RCC_APB2PCENR TR_REGISTER(0x40021018u)
#define RCC_HSION 1u
#define RCC_PLLON (1u << 24)
#define RCC_PLLRDY (1u << 25)
#define RCC_SW 3u
#define RCC_SW_PLL 2u
#define RCC_SWS_PLL (2u << 2)
#define FLASH_ACTLR TR_REGISTER(0x40022000u)
#define EXTEN_PLL_HSI_PRE (1u << 4)
#define USART1 0x40013800u
#define STK_CTLR TR_REGISTER(0xe000f000u)
#define STK_CNT TR_REGISTER(0xe000f008u)
#define PFIC_CFGR TR_REGISTER(0xe000e048u)
#define PFIC_RESET (0xbeef0000u | 1u << 7)

static uint32_t core_hz;

/* False if it does not come in a time far longer than the PLL needs. */
static bool ready(volatile uint32_t *where, uint32_t bits)
{
    for (uint32_t spin = 0u; spin < 10000u; spin++) {
        if ((*where & bits) == bits) {
            return true;
        }
    }
    return false;
}

/* From reset, where the oscillator runs the core. */
static void clocks_start(void)
{
    core_hz = ch32_board.hsi_hz;
    FLASH_ACTLR = ch32_board.flash_latency;
    if (ch32_board.undivided != 0u) {
        TR_REGISTER(ch32_board.undivided) |= EXTEN_PLL_HSI_PRE;
    }
    RCC_CTLR |= RCC_HSION;
    RCC_CFGR0 = ch32_board.prescalers;
    RCC_CTLR |= RCC_PLLON;
    if (!ready(&RCC_CTLR, RCC_PLLRDY)) {
        return;
    }
    RCC_CFGR0 = ch32_board.prescalers | RCC_SW_PLL;
    if (ready(&RCC_CFGR0, RCC_SWS_PLL)) {
        core_hz = ch32_board.pll_hz;
    }
}

void tr_board_init(void)
{
    clocks_start();
    RCC_APB2PCENR |= ch32_board.enable;
    stm32f1_usart_start(USART1, core_hz, ch32_board.port, ch32_board.transmit_pin, ch32_board.receive_pin);
    STK_CTLR = ch32_board.systick_run;
    tr_counter_init();
}

uint32_t tr_timer_read(void) { return STK_CNT; }
uint32_t tr_timer_hz(void) { return core_hz; }
uint32_t tr_core_hz(void) { return core_hz; }
uint32_t tr_timer_kind(void) { return TR_COUNTER_CYCLES; }

int tr_board_receive(void) { return stm32f1_usart_receive(USART1); }
void tr_board_transmit(uint8_t byte) { stm32f1_usart_transmit(USART1, byte); }
void tr_board_flush(void) { stm32f1_usart_flush(USART1); }

_Noreturn void tr_board_reset(void)
{
    PFIC_CFGR = PFIC_RESET;
    for (;;) {
    }
}
