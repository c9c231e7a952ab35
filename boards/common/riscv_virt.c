/* QEMU's RISC-V machine `virt` (QEMU system documentation, "virt"; addresses from its device tree).
 * UART: NS16550A at 3.6864 MHz. Counter: minstret, exact under -icount shift=0 (Privileged Architecture,
 * 3.1.10). Time-outs: the Goldfish real-time clock, since virtual time runs some ten times slower than a
 * person's when an instruction takes 1 ns. */
#include "tr_board.h"
#include "tr_formats.h"

#define REGISTER8(address) (*(volatile uint8_t *)(uintptr_t)(address))
#define REGISTER32(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define UART 0x10000000u
#define UART_DATA REGISTER8(UART + 0u) /* RBR and THR; divisor latch low while LCR_DLAB */
#define UART_DLM REGISTER8(UART + 1u)
#define UART_FCR REGISTER8(UART + 2u)
#define UART_LCR REGISTER8(UART + 3u)
#define UART_LSR REGISTER8(UART + 5u)
#define UART_CLOCK_HZ 3686400u
#define FCR_FIFO_ENABLE 0x01u
#define FCR_TRIGGER_14 0xc0u /* no interrupt is used, but QEMU fills the FIFO only so far */
#define LCR_8_BITS 0x03u
#define LCR_PARITY_EVEN 0x18u
#define LCR_DLAB 0x80u
#define LSR_DATA_READY 0x01u
#define LSR_TX_HOLDING_EMPTY 0x20u
#define LSR_TX_EMPTY 0x40u

#define RTC_LOW REGISTER32(0x00101000u)  /* nanoseconds; latches the high word */
#define RTC_HIGH REGISTER32(0x00101004u)

#define TEST_FINISHER REGISTER32(0x00100000u) /* SiFive test device */
#define TEST_RESET 0x7777u

static uint32_t counter_kind; /* enum tr_counter */
static uint32_t start_millis;
static int early_byte = -1; /* received before the FIFO was switched on; -1: none */

static uint32_t minstret(void)
{
    uint32_t value;
    __asm__ volatile(".option arch, +zicsr\n\tcsrr %0, minstret" : "=r"(value));
    return value;
}

static uint32_t minstreth(void)
{
    uint32_t value;
    __asm__ volatile(".option arch, +zicsr\n\tcsrr %0, minstreth" : "=r"(value));
    return value;
}

/* Units of 2^20 ns, 5 % more than a millisecond: no division. */
static uint32_t rtc_millis(void)
{
    uint32_t low = RTC_LOW;
    return RTC_HIGH << 12 | low >> 20;
}

void tr_board_init(void)
{
    UART_LCR = LCR_DLAB;
    UART_DATA = (uint8_t)(UART_CLOCK_HZ / 16u / TR_BAUD);
    UART_DLM = (uint8_t)(UART_CLOCK_HZ / 16u / TR_BAUD >> 8);
    UART_LCR = TR_PARITY_EVEN ? LCR_8_BITS | LCR_PARITY_EVEN : LCR_8_BITS;
    early_byte = tr_board_receive(); /* switching the FIFO on clears what has come */
    UART_FCR = FCR_FIFO_ENABLE | FCR_TRIGGER_14;
    start_millis = rtc_millis();
    uint32_t before = minstret();
    counter_kind = minstret() != before ? TR_COUNTER_INSTRUCTIONS : TR_COUNTER_NONE;
}

int tr_board_receive(void)
{
    int early = early_byte;
    early_byte = -1;
    if (early >= 0) {
        return early;
    }
    return (UART_LSR & LSR_DATA_READY) != 0u ? UART_DATA : -1;
}

void tr_board_transmit(uint8_t byte)
{
    while ((UART_LSR & LSR_TX_HOLDING_EMPTY) == 0u) {
    }
    UART_DATA = byte;
}

void tr_board_flush(void)
{
    while ((UART_LSR & LSR_TX_EMPTY) == 0u) {
    }
}

/* The high word is read twice: the low one may have wrapped in between. */
uint64_t tr_board_ticks(void)
{
    for (;;) {
        uint32_t high = minstreth();
        uint32_t low = minstret();
        if (minstreth() == high) {
            return (uint64_t)high << 32 | low;
        }
    }
}

/* Instructions have no rate in time. */
uint32_t tr_board_ticks_hz(void) { return 0u; }

uint32_t tr_board_counter(void) { return counter_kind; }

uint32_t tr_board_millis(void) { return rtc_millis() - start_millis; }

_Noreturn void tr_board_reset(void)
{
    TEST_FINISHER = TEST_RESET;
    for (;;) {
    }
}
