/* tr_finish_units on layers that the test writes down: all of a layer's channels, some at a time. */
#include "finish_layers.h"

int32_t finish_sums[2 * CHANNELS];
int8_t finish_results[CHANNELS];

/* `request`: 256 * the layer's number + how many channels at a time. */
void finish(uint32_t request)
{
    uint32_t count = request & 255u;
    for (uint32_t channel = 0u; channel < CHANNELS; channel += count) {
        uint32_t left = CHANNELS - channel;
        tr_finish_units(&layers[request >> 8], channel, left < count ? left : count, finish_sums + 2u * channel,
                        finish_results + channel);
    }
}

#if !defined(__arm__) && !defined(__riscv)

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    uint32_t request;
    while (fread(&request, sizeof request, 1u, stdin) == 1u) {
        if (fread(finish_sums, sizeof finish_sums, 1u, stdin) != 1u) {
            return EXIT_FAILURE;
        }
        finish(request);
        if (fwrite(finish_results, sizeof finish_results, 1u, stdout) != 1u) {
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

#endif
