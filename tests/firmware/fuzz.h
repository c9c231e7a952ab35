/* What the two fuzzers of the device's side share: dice, a script of received bytes, and the way out of a main
 * function that never returns. */
#ifndef TR_FUZZ_H
#define TR_FUZZ_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf script_ended;

static uint64_t dice_state;

static void seed_dice(uint64_t seed)
{
    dice_state = seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du;
}

/* A number below `limit` (xorshift64*). */
static uint32_t dice(uint32_t limit)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (uint32_t)((dice_state * 0x2545f4914f6cdd1du) >> 32) % limit;
}

/* CRC-32 of IEEE 802.3 with the state kept inverted, a second time: bit by bit. */
static uint32_t crc_more(uint32_t state, uint8_t byte)
{
    state ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        state = state >> 1 ^ (0xedb88320u & (0u - (state & 1u)));
    }
    return state;
}

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            (void)fprintf(stderr, "%s:%d: %s, in execution %llu\n", __FILE__, __LINE__, #condition, execution); \
            abort(); \
        } \
    } while (0)

static unsigned long long execution;

/* One of them; from `argv`: the first seed and how many. */
static int run_executions(int argc, char **argv, void (*one)(void))
{
    if (argc != 3) {
        return EXIT_FAILURE;
    }
    unsigned long long first = strtoull(argv[1], NULL, 10);
    unsigned long long end = first + strtoull(argv[2], NULL, 10);
    for (execution = first; execution < end; execution++) {
        seed_dice(execution);
        one();
    }
    return EXIT_SUCCESS;
}

#endif
