/* Functions of int16 by a table. Source: LUTLookup in tensorflow/lite/kernels/internal/common.h. */
#include "tr_wide.h"

void tr_wide_lookup(const struct tr_wide_lookup *layer, const int16_t *input, int16_t *output)
{
    for (uint32_t i = 0u; i < layer->size; i++) {
        output[i] = (int16_t)tr_wide_looked_up(layer->table, input[i]);
    }
}
