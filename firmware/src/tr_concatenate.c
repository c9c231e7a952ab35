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
    uint32_t row = 0u;
    for (uint32_t i = 0u; i < layer->pieces; i++) {
        row += layer->runs[i];
    }
    for (uint32_t i = 0u; i < layer->pieces; i++) {
        uint32_t run = layer->runs[i];
        const int8_t *from = layer->fixed[i] < 0 ? *inputs++ : layer->constants + layer->fixed[i];
        for (uint32_t outer = 0u; outer < layer->outer; outer++) {
            if (layer->tables != 0 && layer->tables[i] >= 0) {
                look_up(layer->rescaled + layer->tables[i], from + outer * run, run, output + outer * row);
            } else {
                __builtin_memcpy(output + outer * row, from + outer * run, run);
            }
        }
        output += run;
    }
}
