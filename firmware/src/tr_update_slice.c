/* DYNAMIC_UPDATE_SLICE. Source: tensorflow/lite/kernels/dynamic_update_slice.cc. */
#include "tr_kernels.h"
#include "tr_typed.h"

enum { AXES = sizeof((const struct tr_update_slice *)0)->sizes / sizeof(uint32_t) };

/* Where the update begins, bytes from the operand's start. */
static uint32_t first(const struct tr_update_slice *layer, const int8_t *start)
{
    uint32_t at = 0u;
    for (uint32_t axis = AXES - layer->axes; axis < AXES; axis++, start += layer->start_bytes) {
        at += tr_inside(tr_load(start, layer->start_bytes), layer->limits[axis] + 1u) * layer->steps[axis];
    }
    return at;
}

void tr_update_slice(const struct tr_update_slice *layer, const int8_t *const *inputs, void *output)
{
    const int8_t *operand = layer->operand != 0 ? layer->operand : *inputs++;
    const int8_t *update = layer->update != 0 ? layer->update : *inputs++;
    uint32_t at = first(layer, layer->start != 0 ? layer->start : *inputs);
    uint32_t index[AXES - 1u] = {0u};
    __builtin_memcpy(output, operand, layer->bytes);
    for (uint32_t turned = AXES - 1u; turned > 0u; update += layer->run) {
        __builtin_memcpy((int8_t *)output + at, update, layer->run);
        for (turned = AXES - 1u; turned > 0u; turned--) {
            uint32_t axis = turned - 1u;
            at += layer->steps[axis];
            if (++index[axis] < layer->sizes[axis]) {
                break;
            }
            at -= layer->sizes[axis] * layer->steps[axis];
            index[axis] = 0u;
        }
    }
}
