/* CAST. Source: tensorflow/lite/kernels/cast.cc. */
#include "tr_kernels.h"
#include "tr_typed.h"

void tr_cast(const struct tr_cast *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t left = layer->size; left > 0u; left--) {
        int64_t value = tr_load(input, layer->from_bytes);
        if (!layer->is_signed && layer->from_bytes == 1u) {
            value = (uint8_t)value;
        }
        value += layer->offset;
        tr_store(output, layer->to_bytes, layer->to_bool ? value != 0 : value - layer->less);
        input += layer->from_bytes;
        output += layer->to_bytes;
    }
}
