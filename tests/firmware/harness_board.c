/* A fake board for firmware/app: its UART is stdin and stdout, its counter moves by one at every look.
 * The end of the input ends the program; a reset ends it with exit code 42. */
#include <stdio.h>
#include <stdlib.h>

#include "tr_board.h"
#include "tr_formats.h"

#define RESET_EXIT_CODE 42

static uint64_t looks;

void tr_board_init(void)
{
}

int tr_board_receive(void)
{
    static uint32_t calls;
    if (++calls % 3u == 0u) {
        return -1; /* nothing has come yet */
    }
    int byte = getchar();
    if (byte == EOF) {
        exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return byte;
}

void tr_board_transmit(uint8_t byte)
{
    if (putchar(byte) == EOF) {
        exit(EXIT_FAILURE);
    }
}

void tr_board_flush(void)
{
    (void)fflush(stdout);
}

uint64_t tr_board_ticks(void)
{
    return looks++;
}

uint32_t tr_board_ticks_hz(void)
{
    return 1000u;
}

uint32_t tr_board_counter(void)
{
    return TR_COUNTER_TIMER;
}

uint32_t tr_board_millis(void)
{
    return 0u;
}

_Noreturn void tr_board_reset(void)
{
    exit(RESET_EXIT_CODE);
}
