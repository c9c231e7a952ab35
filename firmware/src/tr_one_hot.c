/* ONE_HOT. Source: tensorflow/lite/kernels/one_hot.cc. */
#include "tr_kernels.h"
#include "tr_typed.h"

void tr_one_hot(const struct tr_one_hot *layer, const void *input, void *output)
{
    const int8_t *indices = input;
    int8_t *to = output;
    for (uint32_t o = 0u; o < layer->outer; o++) {
        for (uint32_t place = 0u; place < layer->depth; place++) {
            const int8_t *index = indices;
            for (uint32_t i = 0u; i < layer->inner; i++, index += layer->index_bytes, to += layer->bytes) {
                bool on = tr_load(index, layer->index_bytes) == (int64_t)place;
                __builtin_memcpy(to, layer->values + (on ? layer->bytes : 0u), layer->bytes);
            }
        }
        indices += layer->inner * layer->index_bytes;
    }
}
