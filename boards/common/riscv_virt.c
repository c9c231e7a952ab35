/* QEMU's RISC-V machine `virt` (QEMU system documentation, "virt"; addresses from its device tree).
 * UART: NS16550A at 3.6864 MHz. Counter: minstret, exact under -icount. Time: the CLINT's mtime at 10 MHz
 * (RISC-V Advanced Core Local Interruptor, chapter 2; Privileged Architecture, 3.1.10 and 3.2.1). */
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
#define LCR_8_BITS 0x03u
#define LCR_PARITY_EVEN 0x18u
#define LCR_DLAB 0x80u
#define LSR_DATA_READY 0x01u
#define LSR_TX_HOLDING_EMPTY 0x20u
#define LSR_TX_EMPTY 0x40u

#define MTIME REGISTER32(0x0200bff8u) /* low word */
#define MTIME_PER_MILLI 10000u

#define TEST_FINISHER REGISTER32(0x00100000u) /* SiFive test device */
#define TEST_RESET 0x7777u

static struct {
    uint32_t last_time; /* MTIME up to which `millis` counts */
    uint32_t millis;
    uint32_t kind; /* enum tr_counter */
} state;

static uint32_t minstret(void)
{
    uint32_t value;
    __asm__ volatile("csrr %0, minstret" : "=r"(value));
    return value;
}

static uint32_t minstreth(void)
{
    uint32_t value;
    __asm__ volatile("csrr %0, minstreth" : "=r"(value));
    return value;
}

void tr_board_init(void)
{
    UART_LCR = LCR_DLAB;
    UART_DATA = (uint8_t)(UART_CLOCK_HZ / 16u / TR_BAUD);
    UART_DLM = (uint8_t)(UART_CLOCK_HZ / 16u / TR_BAUD >> 8);
    UART_LCR = TR_PARITY_EVEN ? LCR_8_BITS | LCR_PARITY_EVEN : LCR_8_BITS;
    UART_FCR = FCR_FIFO_ENABLE;
    state.last_time = MTIME;
    uint32_t before = minstret();
    state.kind = minstret() != before ? TR_COUNTER_INSTRUCTIONS : TR_COUNTER_NONE;
}

int tr_board_receive(void)
{
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

uint32_t tr_board_counter(void) { return state.kind; }

uint32_t tr_board_millis(void)
{
    uint32_t passed = (MTIME - state.last_time) / MTIME_PER_MILLI;
    state.last_time += passed * MTIME_PER_MILLI;
    state.millis += passed;
    return state.millis;
}

_Noreturn void tr_board_reset(void)
{
    TEST_FINISHER = TEST_RESET;
    for (;;) {
    }
}
