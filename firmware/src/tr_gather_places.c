/* GATHER_ND with computed indices. Source: tensorflow/lite/kernels/internal/reference/reference_ops.h, GatherNd. */
#include "tr_kernels.h"
#include "tr_typed.h"

void tr_gather_places(const struct tr_gather_places *layer, const int8_t *const *inputs, int8_t *output)
{
    const int8_t *values = layer->constant != 0 ? layer->constant : *inputs++;
    const int8_t *index = *inputs;
    for (uint32_t i = 0u; i < layer->count; i++, output += layer->run) {
        const int8_t *from = values;
        for (uint32_t axis = 0u; axis < layer->depth; axis++, index += layer->index_bytes) {
            from += tr_inside(tr_load(index, layer->index_bytes), layer->sizes[axis]) * layer->steps[axis];
        }
        __builtin_memcpy(output, from, layer->run);
    }
}
