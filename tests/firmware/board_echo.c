/* A tiny application that proves a board's tr_board.h from the host, one letter a question:
 * 'B' board: "edge-tr echo\n"; 'N' n (4 bytes): runs an n-round loop of two instructions, answers its ticks
 * as 8 bytes; 'K' counter: kind and hz, 4 bytes each; 'M': millis, 4 bytes; 'R' restarts; anything else is echoed. */
#include "tr_board.h"
#include "tr_formats.h"

static uint32_t initialised = 0x600dda7au; /* proves that .data was copied */
static uint32_t zeroed[4];                 /* and .bss cleared */

static uint8_t receive(void)
{
    for (;;) {
        int byte = tr_board_receive();
        if (byte >= 0) {
            return (uint8_t)byte;
        }
    }
}

static uint32_t receive_u32(void)
{
    uint8_t bytes[4];
    for (uint32_t i = 0u; i < 4u; i++) {
        bytes[i] = receive();
    }
    return tr_load_u32(bytes);
}

static void transmit_u32(uint32_t value)
{
    for (uint32_t i = 0u; i < 4u; i++) {
        tr_board_transmit((uint8_t)(value >> 8u * i));
    }
}

/* Exactly two instructions a round. */
static void spin(uint32_t rounds)
{
#if defined(__arm__)
    __asm__ volatile(".syntax unified\n\t"
                     "1: subs %0, #1\n\t"
                     "bne 1b"
                     : "+l"(rounds)::"cc");
#elif defined(__riscv)
    __asm__ volatile("1: addi %0, %0, -1\n\t"
                     "bnez %0, 1b"
                     : "+r"(rounds));
#else
    for (volatile uint32_t i = 0u; i < rounds; i++) {
    }
#endif
}

static void time_loop(void)
{
    uint32_t rounds = receive_u32();
    uint64_t start = tr_board_ticks();
    spin(rounds);
    uint64_t ticks = tr_board_ticks() - start;
    transmit_u32((uint32_t)ticks);
    transmit_u32((uint32_t)(ticks >> 32));
}

static void answer(uint8_t question)
{
    static const char greeting[] = "edge-tr echo\n";
    switch (question) {
    case 'B':
        for (uint32_t i = 0u; greeting[i] != '\0'; i++) {
            bool good = initialised == 0x600dda7au && (zeroed[0] | zeroed[3]) == 0u;
            tr_board_transmit((uint8_t)(good ? greeting[i] : '!'));
        }
        break;
    case 'N':
        time_loop();
        break;
    case 'K':
        transmit_u32(tr_board_counter());
        transmit_u32(tr_board_ticks_hz());
        break;
    case 'M':
        transmit_u32(tr_board_millis());
        break;
    case 'R':
        initialised = 0u; /* only a real restart makes it good again */
        tr_board_flush();
        tr_board_reset();
    default:
        tr_board_transmit(question);
        break;
    }
}

int main(void)
{
    tr_board_init();
    for (;;) {
        answer(receive());
    }
}
