/* Nordic nRF51 and nRF52: UART0, TIMER0 and the crystal. Registers are the same in both (nRF51 Reference Manual 3.0:
 * 13 clock, 14 GPIO, 18 timer, 29 UART; nRF52833 and nRF52840 Product Specification: CLOCK, GPIO, TIMER, UART, NVMC). */
#include "nrf.h"
#include "tr_board.h"
#include "tr_formats.h"
#include "tr_parts.h"

#define CLOCK_HFCLKSTART TR_REGISTER(0x40000000u)
#define CLOCK_HFCLKSTARTED TR_REGISTER(0x40000100u)
#define CRYSTAL_SPINS 100000u /* the crystal needs under a millisecond; an emulator has none */

#define UART 0x40002000u
#define UART_STARTRX TR_REGISTER(UART + 0x000u)
#define UART_STARTTX TR_REGISTER(UART + 0x008u)
#define UART_RXDRDY TR_REGISTER(UART + 0x108u)
#define UART_TXDRDY TR_REGISTER(UART + 0x11cu)
#define UART_ENABLE TR_REGISTER(UART + 0x500u)
#define UART_PSELTXD TR_REGISTER(UART + 0x50cu)
#define UART_PSELRXD TR_REGISTER(UART + 0x514u)
#define UART_RXD TR_REGISTER(UART + 0x518u)
#define UART_TXD TR_REGISTER(UART + 0x51cu)
#define UART_BAUDRATE TR_REGISTER(UART + 0x524u)
#define UART_CONFIG TR_REGISTER(UART + 0x56cu)
#define UART_ENABLED 4u
#define UART_PARITY_EVEN (7u << 1)
/* 2^32 steps of baud / 16 MHz, rounded to what the register has. */
#define UART_RATE ((uint32_t)((((uint64_t)TR_BAUD << 32) / 16000000u + 0x800u) & 0xfffff000u))

#define TIMER 0x40008000u
#define TIMER_START TR_REGISTER(TIMER + 0x000u)
#define TIMER_CAPTURE TR_REGISTER(TIMER + 0x040u)
#define TIMER_BITMODE TR_REGISTER(TIMER + 0x508u)
#define TIMER_PRESCALER TR_REGISTER(TIMER + 0x510u)
#define TIMER_CC TR_REGISTER(TIMER + 0x540u)
#define TIMER_32_BITS 3u
#define TIMER_HZ 16000000u

#define GPIO(pin) (0x50000000u + 0x300u * ((pin) / 32u))
#define GPIO_OUTSET(pin) TR_REGISTER(GPIO(pin) + 0x508u)
#define GPIO_PIN_CNF(pin) TR_REGISTER(GPIO(pin) + 0x700u + 4u * ((pin) % 32u))
#define PIN_OUTPUT 3u         /* and its input buffer off */
#define PIN_INPUT_PULLED_UP (3u << 2)

/* Of the UART and the timer; the internal oscillator is too inexact for a UART. */
static void crystal_start(void)
{
    CLOCK_HFCLKSTARTED = 0u;
    CLOCK_HFCLKSTART = 1u;
    for (uint32_t spin = 0u; spin < CRYSTAL_SPINS && CLOCK_HFCLKSTARTED == 0u; spin++) {
    }
}

static void uart_start(void)
{
    GPIO_OUTSET(nrf_board.transmit_pin) = 1u << nrf_board.transmit_pin % 32u;
    GPIO_PIN_CNF(nrf_board.transmit_pin) = PIN_OUTPUT;
    GPIO_PIN_CNF(nrf_board.receive_pin) = PIN_INPUT_PULLED_UP;
    UART_PSELTXD = nrf_board.transmit_pin;
    UART_PSELRXD = nrf_board.receive_pin;
    UART_BAUDRATE = UART_RATE;
    UART_CONFIG = TR_PARITY_EVEN ? UART_PARITY_EVEN : 0u;
    UART_ENABLE = UART_ENABLED;
    UART_STARTTX = 1u;
    UART_STARTRX = 1u;
}

void tr_board_init(void)
{
    if (nrf_board.cache != 0u) {
        TR_REGISTER(nrf_board.cache) = 1u;
    }
    crystal_start();
    uart_start();
    TIMER_BITMODE = TIMER_32_BITS;
    TIMER_PRESCALER = 0u;
    TIMER_START = 1u;
    tr_counter_init();
}

uint32_t tr_timer_read(void)
{
    TIMER_CAPTURE = 1u;
    return TIMER_CC;
}

uint32_t tr_timer_hz(void) { return TIMER_HZ; }
uint32_t tr_core_hz(void) { return nrf_board.core_hz; }
uint32_t tr_timer_kind(void) { return TR_COUNTER_TIMER; }

int tr_board_receive(void)
{
    if (UART_RXDRDY == 0u) {
        return -1;
    }
    UART_RXDRDY = 0u;
    return (int)(UART_RXD & 0xffu);
}

/* TXDRDY comes when the byte has left. */
void tr_board_transmit(uint8_t byte)
{
    UART_TXDRDY = 0u;
    UART_TXD = byte;
    while (UART_TXDRDY == 0u) {
    }
}

void tr_board_flush(void) {}
