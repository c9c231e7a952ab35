/* Arm Cortex-M System Design Kit peripherals as the MPS2 FPGA images have them
 * (Application Note AN385, DAI 0385D, chapter 3 "Programmers model"; CMSDK Technical Reference
 * Manual, DDI 0479D: 4.3 APB UART, 4.1 APB timer). Core, timer and UART run at 25 MHz. */
#include "tr_board.h"
#include "tr_formats.h"
#include "tr_parts.h"

#define CLOCK_HZ 25000000u

#define TIMER0 0x40000000u
#define TIMER_CTRL TR_REGISTER(TIMER0 + 0x00u) /* DDI 0479D, table 4-2 */
#define TIMER_VALUE TR_REGISTER(TIMER0 + 0x04u)
#define TIMER_RELOAD TR_REGISTER(TIMER0 + 0x08u)
#define TIMER_CTRL_ENABLE 1u

#define UART0 0x40004000u
#define UART_DATA TR_REGISTER(UART0 + 0x00u) /* DDI 0479D, table 4-6 */
#define UART_STATE TR_REGISTER(UART0 + 0x04u)
#define UART_CTRL TR_REGISTER(UART0 + 0x08u)
#define UART_BAUDDIV TR_REGISTER(UART0 + 0x10u)
#define UART_STATE_TX_FULL 1u
#define UART_STATE_RX_FULL 2u
#define UART_CTRL_TX_ENABLE 1u
#define UART_CTRL_RX_ENABLE 2u

#if TR_PARITY_EVEN
#error "the CMSDK UART has no parity"
#endif

/* The timer counts down from RELOAD. */
uint32_t tr_timer_read(void) { return ~TIMER_VALUE; }
uint32_t tr_timer_hz(void) { return CLOCK_HZ; }
uint32_t tr_core_hz(void) { return CLOCK_HZ; }
/* Cycles in the FPGA, where the core's own counter is found first; virtual time in an emulator. */
uint32_t tr_timer_kind(void) { return TR_COUNTER_TIMER; }

void tr_board_init(void)
{
    TIMER_CTRL = 0u;
    TIMER_RELOAD = 0xffffffffu;
    TIMER_VALUE = 0xffffffffu;
    TIMER_CTRL = TIMER_CTRL_ENABLE;
    UART_BAUDDIV = CLOCK_HZ / TR_BAUD;
    UART_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE;
    if ((UART_STATE & UART_STATE_RX_FULL) == 0u) {
        (void)UART_DATA; /* QEMU asks the host for the next byte after a read only */
    }
    tr_counter_init();
}

int tr_board_receive(void)
{
    return (UART_STATE & UART_STATE_RX_FULL) != 0u ? (int)(UART_DATA & 0xffu) : -1;
}

void tr_board_transmit(uint8_t byte)
{
    while ((UART_STATE & UART_STATE_TX_FULL) != 0u) {
    }
    UART_DATA = byte;
}

/* TX_FULL clears when the byte moves to the shift register: its ten bits are still to come. */
void tr_board_flush(void)
{
    while ((UART_STATE & UART_STATE_TX_FULL) != 0u) {
    }
    for (uint32_t start = tr_timer_read(); tr_timer_read() - start < 11u * (CLOCK_HZ / TR_BAUD);) {
    }
}
