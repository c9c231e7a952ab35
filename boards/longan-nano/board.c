/* Sipeed Longan Nano: GD32VF103CB at 108 MHz = 27 * 8 MHz / 2, USART0 on PA9 (out) and PA10 (in) (GD32VF103 user manual:
 * 5 RCU, 7 GPIO, 16 USART; Bumblebee core manual: mcycle; as in GigaDevice's GD32VF103_Firmware_Library). */
#include "stm32f1_usart.h"
#include "tr_board.h"
#include "tr_formats.h"

#define RCU_CTL TR_REGISTER(0x40021000u)
#define RCU_CFG0 TR_REGISTER(0x40021004u)
#define RCU_APB2EN TR_REGISTER(0x40021018u)
#define RCU_CTL_IRC8MEN (1u << 0)
#define RCU_CTL_PLLEN (1u << 24)
#define RCU_CTL_PLLSTB (1u << 25)
#define RCU_CFG0_108_MHZ (4u << 8 | 10u << 18 | 1u << 29) /* APB1 by 2, PLL of IRC8M / 2 by 27 (16 + 11) */
#define RCU_CFG0_SCS_PLL 2u
#define RCU_CFG0_SCSS (3u << 2)
#define RCU_CFG0_SCSS_PLL (2u << 2)
#define RCU_APB2EN_USED (1u << 14 | 1u << 2) /* USART0, port A */
#define GPIOA 0x40010800u
#define USART0 0x40013800u
#define IRC8M_HZ 8000000u
#define PLL_HZ 108000000u
#define DBG_RESET TR_REGISTER(0xe0042008u)
#define DBG_RESET_KEY TR_REGISTER(0xe004200cu)
#define DBG_UNLOCK 0x4b5a6978u

static uint32_t core_hz = IRC8M_HZ;

/* From any state that reset or the ROM's DFU loader leaves, over the oscillator. */
static void clocks_start(void)
{
    RCU_CTL |= RCU_CTL_IRC8MEN;
    RCU_CFG0 &= ~3u;
    while ((RCU_CFG0 & RCU_CFG0_SCSS) != 0u) {
    }
    RCU_CTL &= ~RCU_CTL_PLLEN;
    RCU_CFG0 = RCU_CFG0_108_MHZ;
    RCU_CTL |= RCU_CTL_PLLEN;
    for (uint32_t spin = 0u; (RCU_CTL & RCU_CTL_PLLSTB) == 0u; spin++) {
        if (spin == 10000u) {
            return;
        }
    }
    RCU_CFG0 = RCU_CFG0_108_MHZ | RCU_CFG0_SCS_PLL;
    while ((RCU_CFG0 & RCU_CFG0_SCSS) != RCU_CFG0_SCSS_PLL) {
    }
    core_hz = PLL_HZ;
}

void tr_board_init(void)
{
    __asm__ volatile(".option arch, +zicsr\n\tcsrci 0x320, 5"); /* mcountinhibit: mcycle and minstret run */
    clocks_start();
    RCU_APB2EN |= RCU_APB2EN_USED;
    stm32f1_usart_start(USART0, core_hz, GPIOA, 9u, 10u);
    tr_counter_init();
}

uint32_t tr_timer_read(void)
{
    uint32_t value;
    __asm__ volatile(".option arch, +zicsr\n\tcsrr %0, mcycle" : "=r"(value));
    return value;
}

uint32_t tr_timer_hz(void) { return core_hz; }
uint32_t tr_core_hz(void) { return core_hz; }
uint32_t tr_timer_kind(void) { return TR_COUNTER_CYCLES; }

int tr_board_receive(void) { return stm32f1_usart_receive(USART0); }
void tr_board_transmit(uint8_t byte) { stm32f1_usart_transmit(USART0, byte); }
void tr_board_flush(void) { stm32f1_usart_flush(USART0); }

_Noreturn void tr_board_reset(void)
{
    DBG_RESET_KEY = DBG_UNLOCK;
    DBG_RESET = 1u;
    for (;;) {
    }
}
