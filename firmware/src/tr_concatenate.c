/* CONCATENATION and PACK: runs of several inputs, one behind the other. */
#include "tr_kernels.h"

static void look_up(const int8_t *table, const int8_t *from, uint32_t count, int8_t *output)
{
    for (uint32_t i = 0u; i < count; i++) {
        output[i] = table[(uint8_t)from[i]];
    }
}

void tr_concatenate(const struct tr_concatenation *layer, const int8_t *const *inputs, int8_t *output)
{
    const int8_t *table = layer->tables;
    uint32_t row = 0u;
    for (uint32_t i = 0u; i < layer->pieces; i++) {
        row += layer->runs[i];
    }
    for (uint32_t i = 0u; i < layer->pieces; i++) {
        uint32_t run = layer->runs[i];
        if (layer->fixed[i] == -2) { /* whoever made the piece has written it here */
            output += run;
            continue;
        }
        bool computed = layer->fixed[i] < 0;
        const int8_t *from = computed ? *inputs++ : layer->constants + layer->fixed[i];
        bool looked_up = computed && layer->tables != 0;
        for (uint32_t outer = 0u; outer < layer->outer; outer++) {
            if (looked_up) {
                look_up(table, from + outer * run, run, output + outer * row);
            } else {
                __builtin_memcpy(output + outer * row, from + outer * run, run);
            }
        }
        table += looked_up ? 256 : 0;
        output += run;
    }
}
