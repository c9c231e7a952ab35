/* CONCATENATION and PACK: runs of several inputs, one behind the other. */
#include "tr_kernels.h"

void tr_concatenate(const struct tr_concatenation *layer, const int8_t *const *inputs, int8_t *output)
{
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
        const int8_t *from = layer->fixed[i] < 0 ? *inputs++ : layer->constants + layer->fixed[i];
        for (uint32_t outer = 0u; outer < layer->outer; outer++) {
            __builtin_memcpy(output + outer * row, from + outer * run, run);
        }
        output += run;
    }
}
