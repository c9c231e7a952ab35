/* RP2040 and RP2350: the crystal of 12 MHz, the system's PLL, UART0 on GP0 (out) and GP1 (in), a timer of microseconds
 * (RP2040 data sheet: 2.14 resets, 2.15 clocks, 2.16 XOSC, 2.18 PLL, 2.19 GPIO, 4.2 UART, 4.6 timer, 4.7 watchdog; RP2350
 * data sheet: 7.5, 8.1, 8.2, 8.6, 9, 12.1, 12.8, 8.5 ticks; addresses and bits as in the Pico SDK's hardware_regs). */
#include "rp2.h"

#include "tr_board.h"
#include "tr_formats.h"
#include "tr_parts.h"

#define XOSC_HZ 12000000u
#define CLEAR_BITS 0x3000u /* the alias of every register that clears what is written */

#define RESETS_RESET (rp2_chip.resets + 0x0u)
#define RESETS_DONE (rp2_chip.resets + 0x8u)

#define XOSC_CTRL (rp2_chip.xosc + 0x0u)
#define XOSC_STATUS (rp2_chip.xosc + 0x4u)
#define XOSC_STARTUP (rp2_chip.xosc + 0xcu)
#define XOSC_ENABLE_1_TO_15_MHZ 0x00fabaa0u
#define XOSC_STARTUP_1_MS 47u /* times 256 cycles */
#define XOSC_STABLE (1u << 31)

#define CLK_REF_CTRL (rp2_chip.clocks + 0x30u)
#define CLK_REF_SELECTED (rp2_chip.clocks + 0x38u)
#define CLK_REF_XOSC 2u
#define CLK_SYS_CTRL (rp2_chip.clocks + 0x3cu)
#define CLK_SYS_SELECTED (rp2_chip.clocks + 0x44u)
#define CLK_SYS_PLL 1u /* the auxiliary source, of which 0 is the system's PLL */
#define CLK_PERI_CTRL (rp2_chip.clocks + 0x48u)
#define CLK_PERI_XOSC (1u << 11 | 4u << 5)

#define PLL_CS (rp2_chip.pll + 0x0u)
#define PLL_PWR (rp2_chip.pll + 0x4u)
#define PLL_FBDIV (rp2_chip.pll + 0x8u)
#define PLL_PRIM (rp2_chip.pll + 0xcu)
#define PLL_LOCK (1u << 31)
#define PLL_PWR_PD (1u << 0)
#define PLL_PWR_POSTDIVPD (1u << 3)
#define PLL_PWR_VCOPD (1u << 5)
#define PLL_TIMES 125u /* 1500 MHz */

#define TICK_ENABLE_RP2040 (1u << 9)
#define TICK_ENABLE 1u

#define GPIO_CTRL(pin) (rp2_chip.io + 8u * (pin) + 4u)
#define GPIO_UART 2u
#define PAD(pin) (rp2_chip.pads + 4u * (pin) + 4u)
#define PAD_OUTPUT (1u << 6 | 1u << 4)             /* input on, 4 mA; not isolated */
#define PAD_INPUT_PULLED_UP (1u << 6 | 1u << 3 | 1u << 1)

#define UART_DR TR_REGISTER(rp2_chip.uart + 0x00u)
#define UART_FR TR_REGISTER(rp2_chip.uart + 0x18u)
#define UART_IBRD TR_REGISTER(rp2_chip.uart + 0x24u)
#define UART_FBRD TR_REGISTER(rp2_chip.uart + 0x28u)
#define UART_LCR_H TR_REGISTER(rp2_chip.uart + 0x2cu)
#define UART_CR TR_REGISTER(rp2_chip.uart + 0x30u)
#define UART_FR_BUSY (1u << 3)
#define UART_FR_RXFE (1u << 4)
#define UART_FR_TXFF (1u << 5)
#define UART_LCR_8_BITS_FIFO (3u << 5 | 1u << 4)
#define UART_LCR_PARITY_EVEN (1u << 2 | 1u << 1)
#define UART_CR_ON 0x301u
#define UART_DIVISOR ((XOSC_HZ * 4u + TR_BAUD / 2u) / TR_BAUD) /* of 16 samples a bit, in 64ths */

#define TIMER_RAW_LOW TR_REGISTER(rp2_chip.timer + 0x28u)
#define TIMER_HZ 1000000u

static uint32_t core_hz = XOSC_HZ;

/* False if it does not come in a time far longer than a crystal or a PLL needs. */
static bool wait(uint32_t address, uint32_t bits)
{
    for (uint32_t spin = 0u; spin < 100000u; spin++) {
        if ((TR_REGISTER(address) & bits) == bits) {
            return true;
        }
    }
    return false;
}

static void pll_start(void)
{
    TR_REGISTER(PLL_CS) = 1u; /* the crystal, not divided */
    TR_REGISTER(PLL_FBDIV) = PLL_TIMES;
    TR_REGISTER(PLL_PWR + CLEAR_BITS) = PLL_PWR_PD | PLL_PWR_VCOPD;
    if (!wait(PLL_CS, PLL_LOCK)) {
        return;
    }
    TR_REGISTER(PLL_PRIM) = rp2_chip.post_dividers;
    TR_REGISTER(PLL_PWR + CLEAR_BITS) = PLL_PWR_POSTDIVPD;
    TR_REGISTER(CLK_SYS_CTRL) = CLK_SYS_PLL;
    if (wait(CLK_SYS_SELECTED, 1u << CLK_SYS_PLL)) {
        core_hz = rp2_chip.core_hz;
    }
}

static void clocks_start(void)
{
    TR_REGISTER(XOSC_STARTUP) = XOSC_STARTUP_1_MS;
    TR_REGISTER(XOSC_CTRL) = XOSC_ENABLE_1_TO_15_MHZ;
    (void)wait(XOSC_STATUS, XOSC_STABLE);
    TR_REGISTER(CLK_REF_CTRL) = CLK_REF_XOSC;
    (void)wait(CLK_REF_SELECTED, 1u << CLK_REF_XOSC);
    TR_REGISTER(CLK_PERI_CTRL) = CLK_PERI_XOSC;
    TR_REGISTER(RESETS_RESET + CLEAR_BITS) = rp2_chip.used_resets;
    (void)wait(RESETS_DONE, rp2_chip.used_resets);
    pll_start();
    if (rp2_chip.tick_control == rp2_chip.tick_cycles) {
        TR_REGISTER(rp2_chip.tick_control) = XOSC_HZ / TIMER_HZ | TICK_ENABLE_RP2040;
    } else {
        TR_REGISTER(rp2_chip.tick_cycles) = XOSC_HZ / TIMER_HZ;
        TR_REGISTER(rp2_chip.tick_control) = TICK_ENABLE;
    }
}

void tr_board_init(void)
{
    clocks_start();
    TR_REGISTER(PAD(0u)) = PAD_OUTPUT;
    TR_REGISTER(PAD(1u)) = PAD_INPUT_PULLED_UP; /* an open input is idle */
    TR_REGISTER(GPIO_CTRL(0u)) = GPIO_UART;
    TR_REGISTER(GPIO_CTRL(1u)) = GPIO_UART;
    UART_IBRD = UART_DIVISOR >> 6;
    UART_FBRD = UART_DIVISOR & 63u;
    UART_LCR_H = UART_LCR_8_BITS_FIFO | (TR_PARITY_EVEN ? UART_LCR_PARITY_EVEN : 0u); /* takes the divisor over */
    UART_CR = UART_CR_ON;
    tr_counter_init();
}

uint32_t tr_timer_read(void) { return TIMER_RAW_LOW; }
uint32_t tr_timer_hz(void) { return TIMER_HZ; }
uint32_t tr_core_hz(void) { return core_hz; }
uint32_t tr_timer_kind(void) { return TR_COUNTER_TIMER; }

int tr_board_receive(void) { return (UART_FR & UART_FR_RXFE) != 0u ? -1 : (int)(UART_DR & 0xffu); }

void tr_board_transmit(uint8_t byte)
{
    while ((UART_FR & UART_FR_TXFF) != 0u) {
    }
    UART_DR = byte;
}

void tr_board_flush(void)
{
    while ((UART_FR & UART_FR_BUSY) != 0u) {
    }
}
