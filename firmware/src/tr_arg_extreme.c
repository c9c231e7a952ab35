/* ARG_MAX and ARG_MIN. Source: tensorflow/lite/kernels/internal/reference/arg_min_max.h. */
#include "tr_kernels.h"
#include "tr_typed.h"

static uint32_t place_of(const struct tr_arg_extreme *layer, const int8_t *input)
{
    uint32_t bytes = layer->item_bytes, best = 0u;
    int32_t found = (int32_t)tr_load(input, bytes);
    for (uint32_t at = 1u; at < layer->length; at++) {
        input += layer->inner * bytes;
        int32_t value = (int32_t)tr_load(input, bytes);
        if (layer->least ? value < found : value > found) {
            found = value;
            best = at;
        }
    }
    return best;
}

void tr_arg_extreme(const struct tr_arg_extreme *layer, const int8_t *input, int8_t *output)
{
    uint32_t bytes = layer->item_bytes;
    for (uint32_t block = 0u; block < layer->outer; block++) {
        for (uint32_t i = 0u; i < layer->inner; i++, output += layer->place_bytes) {
            tr_store(output, layer->place_bytes, place_of(layer, input + i * bytes));
        }
        input += layer->length * layer->inner * bytes;
    }
}
