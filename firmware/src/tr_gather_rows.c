/* GATHER with computed indices, EMBEDDING_LOOKUP. Source: tensorflow/lite/kernels/internal/reference/gather.h. */
#include "tr_kernels.h"
#include "tr_typed.h"

void tr_gather_rows(const struct tr_gather_rows *layer, const int8_t *const *inputs, int8_t *output)
{
    const int8_t *values = layer->constant != 0 ? layer->constant : *inputs++;
    for (uint32_t block = 0u; block < layer->outer; block++) {
        const int8_t *index = *inputs;
        for (uint32_t left = layer->count; left > 0u; left--, index += layer->index_bytes) {
            uint32_t at = tr_inside(tr_load(index, layer->index_bytes), layer->length);
            __builtin_memcpy(output, values + at * layer->run, layer->run);
            output += layer->run;
        }
        values += layer->length * layer->run;
    }
}
