/* Operators of one input by a table of all its values. */
#include "tr_kernels.h"

void tr_lookup(const struct tr_lookup *layer, const int8_t *input, int8_t *output)
{
    const int8_t *table = layer->table; /* stores of int8 may alias anything */
    const int8_t *end = input + layer->size;
    const int8_t *rounds = input + (layer->size & ~3u);
    for (; input != rounds; input += 4, output += 4) {
        uint8_t first = (uint8_t)input[0], second = (uint8_t)input[1];
        uint8_t third = (uint8_t)input[2], fourth = (uint8_t)input[3];
        int8_t results[4] = {table[first], table[second], table[third], table[fourth]};
        output[0] = results[0];
        output[1] = results[1];
        output[2] = results[2];
        output[3] = results[3];
    }
    for (; input != end; input++, output++) {
        *output = table[(uint8_t)*input];
    }
}
