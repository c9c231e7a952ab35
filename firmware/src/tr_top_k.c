/* TOPK_V2. Source: tensorflow/lite/kernels/topk_v2.cc, which sorts; here each result is looked for behind the one
 * before it, which takes no memory. */
#include "tr_kernels.h"
#include "tr_typed.h"

/* The place of the largest element that comes behind `last` in order: smaller, or equal and further back; `last` is
 * layer->length for the first one. */
static uint32_t next(const struct tr_top_k *layer, const int8_t *row, uint32_t last)
{
    int64_t before = last < layer->length ? tr_load(row + last * layer->bytes, layer->bytes) : INT64_MAX;
    uint32_t found = layer->length;
    int64_t largest = 0;
    for (uint32_t i = 0u; i < layer->length; i++) {
        int64_t x = tr_load(row + i * layer->bytes, layer->bytes);
        bool is_behind = last == layer->length || x < before || (x == before && i > last);
        if (is_behind && (found == layer->length || x > largest)) {
            found = i;
            largest = x;
        }
    }
    return found;
}

void tr_top_k(const struct tr_top_k *layer, const void *input, void *output)
{
    const int8_t *row = input;
    int8_t *to = output;
    for (uint32_t r = 0u; r < layer->rows; r++, row += layer->length * layer->bytes) {
        uint32_t place = layer->length;
        for (uint32_t i = 0u; i < layer->count; i++) {
            place = next(layer, row, place);
            if (layer->places) {
                tr_store32(to, (int32_t)place);
                to += sizeof(int32_t);
            } else {
                __builtin_memcpy(to, row + place * layer->bytes, layer->bytes);
                to += layer->bytes;
            }
        }
    }
}
