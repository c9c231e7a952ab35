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
#define UART_INTCLEAR TR_REGISTER(UART0 + 0x0cu)
#define UART_BAUDDIV TR_REGISTER(UART0 + 0x10u)
#define UART_STATE_TX_FULL 1u
#define UART_STATE_RX_FULL 2u
#define UART_CTRL_TX_ENABLE 1u
#define UART_CTRL_RX_ENABLE 2u
#define UART_CTRL_RX_INTERRUPT 8u
#define UART_INTCLEAR_RX 2u

#define SYST_CSR TR_REGISTER(0xe000e010u) /* SysTick, DDI 0403E B3.3 */
#define SYST_RVR TR_REGISTER(0xe000e014u)
#define SYST_CVR TR_REGISTER(0xe000e018u)
#define SYST_CSR_RUN 7u                    /* from the core's clock, with its exception */
#define NVIC_ISER TR_REGISTER(0xe000e100u) /* DDI 0403E B3.4 */
#define NVIC_ICPR TR_REGISTER(0xe000e280u)
#define NVIC_UART0_RX 1u                   /* interrupt 0 (DAI 0385D, "Interrupts") */
#define ICSR TR_REGISTER(0xe000ed04u)      /* DDI 0403E B3.2.4 */
#define ICSR_PENDSTCLR (1u << 25)

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
    bool was_off = (UART_CTRL & UART_CTRL_RX_ENABLE) == 0u;
    __asm__ volatile("cpsid i"); /* interrupts only end idle() */
    UART_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE | UART_CTRL_RX_INTERRUPT;
    NVIC_ISER = NVIC_UART0_RX;
    if (was_off) {
        (void)UART_DATA; /* QEMU asks the host for the next byte after a read only */
    }
    tr_counter_init();
}

/* Sleep until a byte comes, at most a millisecond. Spinning would do, but an emulated core that sleeps leaves
 * the computer to the emulator's other thread: twice to five times the bytes a second. */
static void idle(void)
{
    SYST_RVR = CLOCK_HZ / 1000u - 1u;
    SYST_CVR = 0u;
    SYST_CSR = SYST_CSR_RUN;
    __asm__ volatile("wfi");
    SYST_CSR = 0u;
    ICSR = ICSR_PENDSTCLR;
    UART_INTCLEAR = UART_INTCLEAR_RX;
    NVIC_ICPR = NVIC_UART0_RX;
}

int tr_board_receive(void)
{
    if ((UART_STATE & UART_STATE_RX_FULL) == 0u) {
        idle();
    }
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
