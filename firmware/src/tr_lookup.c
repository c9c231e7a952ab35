/* Operators of one input by a table of all its values. */
#include "tr_kernels.h"

/* Four elements; all are read before one is written, so that no load waits for a store. */
static inline void four(const int8_t *table, const int8_t *input, int8_t *output)
{
    const uint8_t *at = (const uint8_t *)input;
    uint32_t first = at[0], second = at[1], third = at[2], fourth = at[3];
    int8_t results[4] = {table[first], table[second], table[third], table[fourth]};
    output[0] = results[0];
    output[1] = results[1];
    output[2] = results[2];
    output[3] = results[3];
}

void tr_lookup(const struct tr_lookup *layer, const int8_t *input, int8_t *output)
{
    const int8_t *table = layer->table; /* stores of int8 may alias anything */
    const int8_t *end = input + layer->size;
    const int8_t *rounds = input + (layer->size & ~15u);
    for (; input != rounds; input += 16, output += 16) {
        four(table, input, output);
        four(table, input + 4, output + 4);
        four(table, input + 8, output + 8);
        four(table, input + 12, output + 12);
    }
    for (; input != end; input++, output++) {
        *output = table[(uint8_t)*input];
    }
}

void tr_lookup_channels(const struct tr_lookup_channels *layer, const int8_t *input, int8_t *output)
{
    const int8_t *end = input + layer->size;
    while (input != end) {
        const int8_t *table = layer->tables;
        for (uint32_t c = layer->channels; c > 0u; c--, table += 256) {
            *output++ = table[(uint8_t)*input++];
        }
    }
}
