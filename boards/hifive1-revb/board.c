/* SiFive HiFive1 Rev B: FE310-G002 on its crystal of 16 MHz, UART0 on GPIO 16 (in) and 17 (out), which lead to the
 * debugger's USB port (FE310-G002 Manual v1p5; addresses and bits as in SiFive's freedom-e-sdk). */
#include "tr_board.h"
#include "tr_formats.h"
#include "tr_parts.h"

#define CORE_HZ 16000000u

#define PRCI_HFXOSC TR_REGISTER(0x10008004u) /* chapter 6 */
#define PRCI_PLL TR_REGISTER(0x10008008u)
#define HFXOSC_ENABLE (1u << 30)
#define HFXOSC_READY (1u << 31)
#define PLL_SELECTED (1u << 16)
#define PLL_OF_CRYSTAL (1u << 17)
#define PLL_BYPASS (1u << 18)
#define CRYSTAL_SPINS 100000u

#define GPIO_FUNCTION_ENABLE TR_REGISTER(0x10012038u) /* chapter 17; function 0 of pins 16 and 17 is UART0 */
#define GPIO_FUNCTION_SELECT TR_REGISTER(0x1001203cu)
#define GPIO_UART0 (1u << 16 | 1u << 17)

#define UART_TXDATA TR_REGISTER(0x10013000u) /* chapter 18 */
#define UART_RXDATA TR_REGISTER(0x10013004u)
#define UART_TXCTRL TR_REGISTER(0x10013008u)
#define UART_RXCTRL TR_REGISTER(0x1001300cu)
#define UART_IP TR_REGISTER(0x10013014u)
#define UART_DIV TR_REGISTER(0x10013018u)
#define UART_TX_FULL (1u << 31)
#define UART_RX_EMPTY (1u << 31)
#define UART_TXCTRL_ON (1u << 0 | 1u << 16) /* IP_TX: less than one byte waits */
#define UART_RXCTRL_ON (1u << 0)
#define UART_IP_TX (1u << 0)

#define WDOG_CFG TR_REGISTER(0x10000000u) /* chapter 14; each write needs the key before it */
#define WDOG_FEED TR_REGISTER(0x10000018u)
#define WDOG_KEY TR_REGISTER(0x1000001cu)
#define WDOG_COMPARE TR_REGISTER(0x10000020u)
#define WDOG_UNLOCK 0x51f15eu
#define WDOG_FOOD 0xd09f00du
#define WDOG_RESETS_ALWAYS (1u << 8 | 1u << 12)
#define WDOG_SPINS 100000u /* it counts at 32 kHz: some 40 microseconds */

#if TR_PARITY_EVEN
#error "the FE310's UART has no parity"
#endif

static uint32_t counter_kind; /* enum tr_counter */

uint32_t tr_timer_read(void)
{
    uint32_t value;
    __asm__ volatile(".option arch, +zicsr\n\tcsrr %0, mcycle" : "=r"(value));
    return value;
}

static uint32_t instructions(void)
{
    uint32_t value;
    __asm__ volatile(".option arch, +zicsr\n\tcsrr %0, minstret" : "=r"(value));
    return value;
}

uint32_t tr_timer_hz(void) { return CORE_HZ; }
uint32_t tr_core_hz(void) { return CORE_HZ; }
uint32_t tr_timer_kind(void) { return counter_kind; }

/* No chip runs a loop with loads and branches in a cycle an instruction: a counter that says so is an emulator's. */
static uint32_t kind_of_cycles(void)
{
    uint32_t cycles = tr_timer_read();
    uint32_t executed = instructions();
    for (volatile uint32_t spin = 0u; spin < 100u; spin++) {
    }
    cycles = tr_timer_read() - cycles;
    executed = instructions() - executed;
    return cycles == executed ? (uint32_t)TR_COUNTER_INSTRUCTIONS : (uint32_t)TR_COUNTER_CYCLES;
}

/* From whatever the board's own loader has left. */
static void clock_start(void)
{
    PRCI_HFXOSC |= HFXOSC_ENABLE;
    for (uint32_t spin = 0u; spin < CRYSTAL_SPINS && (PRCI_HFXOSC & HFXOSC_READY) == 0u; spin++) {
    }
    PRCI_PLL |= PLL_OF_CRYSTAL | PLL_BYPASS;
    PRCI_PLL |= PLL_SELECTED;
}

void tr_board_init(void)
{
    clock_start();
    GPIO_FUNCTION_SELECT &= ~GPIO_UART0;
    GPIO_FUNCTION_ENABLE |= GPIO_UART0;
    UART_DIV = CORE_HZ / TR_BAUD - 1u;
    UART_TXCTRL = UART_TXCTRL_ON;
    UART_RXCTRL = UART_RXCTRL_ON;
    counter_kind = kind_of_cycles();
    tr_counter_init();
}

/* A read takes the byte away, and says in the same word whether there was one. */
int tr_board_receive(void)
{
    uint32_t data = UART_RXDATA;
    return (data & UART_RX_EMPTY) != 0u ? -1 : (int)(data & 0xffu);
}

void tr_board_transmit(uint8_t byte)
{
    while ((UART_TXDATA & UART_TX_FULL) != 0u) {
    }
    UART_TXDATA = byte;
}

/* IP_TX comes when the last byte moves to the shift register: its ten bits are still to come. */
void tr_board_flush(void)
{
    while ((UART_IP & UART_IP_TX) == 0u) {
    }
    for (uint32_t start = tr_timer_read(); tr_timer_read() - start < 11u * (CORE_HZ / TR_BAUD);) {
    }
}

static void watchdog_write(volatile uint32_t *to, uint32_t value)
{
    WDOG_KEY = WDOG_UNLOCK;
    *to = value;
}

/* By the watchdog; where there is none, as in an emulator, from the image's first instruction. */
_Noreturn void tr_board_reset(void)
{
    watchdog_write(&WDOG_COMPARE, 1u);
    watchdog_write(&WDOG_CFG, WDOG_RESETS_ALWAYS);
    watchdog_write(&WDOG_FEED, WDOG_FOOD);
    for (volatile uint32_t spin = 0u; spin < WDOG_SPINS; spin++) {
    }
    __asm__ volatile("la t0, tr_start\n\t"
                     "jr t0");
    __builtin_unreachable();
}
