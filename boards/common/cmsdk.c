/* Arm Cortex-M System Design Kit peripherals as the MPS2 and MPS3 FPGA images have them (CMSDK Technical Reference
 * Manual, DDI 0479D: 4.3 APB UART, 4.1 APB timer). Core, timer and UART run at one clock. Where they lie is AN385's
 * (DAI 0385D, chapter 3 "Programmers model") unless board.toml says otherwise with -D. */
#include "tr_board.h"
#include "tr_formats.h"
#include "tr_parts.h"

#if !defined(CMSDK_UART)
#define CMSDK_UART 0x40004000u
#define CMSDK_UART_RX_INTERRUPT 0u /* DAI 0385D, "Interrupts" */
#define CMSDK_HZ 25000000u
#endif

#define UART_DATA TR_REGISTER(CMSDK_UART + 0x00u) /* DDI 0479D, table 4-6 */
#define UART_STATE TR_REGISTER(CMSDK_UART + 0x04u)
#define UART_CTRL TR_REGISTER(CMSDK_UART + 0x08u)
#define UART_INTCLEAR TR_REGISTER(CMSDK_UART + 0x0cu)
#define UART_BAUDDIV TR_REGISTER(CMSDK_UART + 0x10u)
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
#define NVIC_WORD (4u * (CMSDK_UART_RX_INTERRUPT / 32u))
#define NVIC_ISER TR_REGISTER(0xe000e100u + NVIC_WORD) /* DDI 0403E B3.4 */
#define NVIC_ICPR TR_REGISTER(0xe000e280u + NVIC_WORD)
#define NVIC_UART_RX (1u << CMSDK_UART_RX_INTERRUPT % 32u)
#define ICSR TR_REGISTER(0xe000ed04u)      /* DDI 0403E B3.2.4 */
#define ICSR_PENDSTCLR (1u << 25)

#if TR_PARITY_EVEN
#error "the CMSDK UART has no parity"
#endif

#if defined(SSE_COUNTER)

/* SSE-300's system timestamp counter (Arm 101773, 4.8): control frame, and status frame with the value. */
#define COUNTER_CTRL TR_REGISTER(SSE_COUNTER + 0x0000u)
#define COUNTER_LOW TR_REGISTER(SSE_COUNTER + 0x1000u)
#define COUNTER_CTRL_ENABLE 1u

static void timer_start(void) { COUNTER_CTRL = COUNTER_CTRL_ENABLE; }

uint32_t tr_timer_read(void) { return COUNTER_LOW; }

#else

#if !defined(CMSDK_TIMER)
#define CMSDK_TIMER 0x40000000u
#endif
#define TIMER_CTRL TR_REGISTER(CMSDK_TIMER + 0x00u) /* DDI 0479D, table 4-2 */
#define TIMER_VALUE TR_REGISTER(CMSDK_TIMER + 0x04u)
#define TIMER_RELOAD TR_REGISTER(CMSDK_TIMER + 0x08u)
#define TIMER_CTRL_ENABLE 1u

static void timer_start(void)
{
    TIMER_CTRL = 0u;
    TIMER_RELOAD = 0xffffffffu;
    TIMER_VALUE = 0xffffffffu;
    TIMER_CTRL = TIMER_CTRL_ENABLE;
}

/* It counts down from RELOAD. */
uint32_t tr_timer_read(void) { return ~TIMER_VALUE; }

#endif

uint32_t tr_timer_hz(void) { return CMSDK_HZ; }
uint32_t tr_core_hz(void) { return CMSDK_HZ; }
/* Cycles in the FPGA, where the core's own counter is found first; virtual time in an emulator. */
uint32_t tr_timer_kind(void) { return TR_COUNTER_TIMER; }

void tr_board_init(void)
{
    timer_start();
    UART_BAUDDIV = CMSDK_HZ / TR_BAUD;
    bool was_off = (UART_CTRL & UART_CTRL_RX_ENABLE) == 0u;
    __asm__ volatile("cpsid i"); /* interrupts only end idle() */
    UART_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE | UART_CTRL_RX_INTERRUPT;
    NVIC_ISER = NVIC_UART_RX;
    if (was_off) {
        (void)UART_DATA; /* QEMU asks the host for the next byte after a read only */
    }
    tr_counter_init();
}

/* Sleep until a byte comes, at most a millisecond. Spinning would do, but an emulated core that sleeps leaves
 * the computer to the emulator's other thread: twice to five times the bytes a second. */
static void idle(void)
{
    SYST_RVR = CMSDK_HZ / 1000u - 1u;
    SYST_CVR = 0u;
    SYST_CSR = SYST_CSR_RUN;
    __asm__ volatile("wfi");
    SYST_CSR = 0u;
    ICSR = ICSR_PENDSTCLR;
    UART_INTCLEAR = UART_INTCLEAR_RX;
    NVIC_ICPR = NVIC_UART_RX;
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
    for (uint32_t start = tr_timer_read(); tr_timer_read() - start < 11u * (CMSDK_HZ / TR_BAUD);) {
    }
}
