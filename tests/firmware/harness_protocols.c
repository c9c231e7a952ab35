/* A fake board for firmware/app with protocols: its UART is stdin and stdout, its clock is the script's. On stdin come
 * pairs: 1 and a byte that is received; 2 and a silence in units of 100 ms; 3 and a byte that is written through, to
 * find the place again. The end of the input ends the program. The counter moves by 1000 at every look. */
#include <stdio.h>
#include <stdlib.h>

#include "tr_board.h"
#include "tr_formats.h"

enum { BYTE = 1, SILENCE = 2, MARK = 3 };

static uint64_t looks;
static uint32_t millis;

void tr_board_init(void) {}

int tr_board_receive(void)
{
    static uint32_t calls;
    if (++calls % 3u == 0u) {
        return -1; /* nothing has come yet */
    }
    int what = getchar();
    int value = getchar();
    if (value == EOF) {
        exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    if (what == BYTE) {
        return value;
    }
    if (what == SILENCE) {
        millis += 100u * (uint32_t)value;
    } else {
        tr_board_transmit((uint8_t)value);
    }
    return -1;
}

void tr_board_transmit(uint8_t byte)
{
    if (putchar(byte) == EOF) {
        exit(EXIT_FAILURE);
    }
}

void tr_board_flush(void) {}

uint64_t tr_board_ticks(void)
{
    return looks += 1000u;
}

uint32_t tr_board_ticks_hz(void)
{
    return 1000000u;
}

uint32_t tr_board_counter(void)
{
    return TR_COUNTER_CYCLES;
}

uint32_t tr_board_millis(void)
{
    return millis;
}

_Noreturn void tr_board_reset(void)
{
    exit(EXIT_FAILURE);
}
