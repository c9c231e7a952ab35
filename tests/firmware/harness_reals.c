/* Prints 32-bit floats from stdin as mlperf.c says them, a line each. */
#include <stdio.h>

#include "mlperf.c"

void tr_board_transmit(uint8_t byte) { (void)putchar(byte); }
void tr_board_flush(void) {}
uint64_t tr_board_ticks(void) { return 0u; }
uint64_t tr_protocols_microseconds(uint64_t ticks) { return ticks; }
bool tr_app_take_model(void) { return true; }

int main(void)
{
    float value;
    while (fread(&value, sizeof value, 1u, stdin) == 1u) {
        say_real(value);
        say("\n");
    }
    return 0;
}
