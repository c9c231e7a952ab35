/* PAD of up to four axes with a constant. */
#include "tr_kernels.h"

static int8_t *fill(int8_t *output, int8_t value, uint32_t count)
{
    for (; count > 0u; count--) {
        *output++ = value;
    }
    return output;
}

void tr_pad(const struct tr_pad *layer, const int8_t *input, int8_t *output)
{
    uint32_t sizes[5]; /* elements in one step of each output axis; sizes[4] is one element */
    sizes[4] = 1u;
    for (unsigned axis = 4u; axis > 0u; axis--) {
        uint32_t length = (uint32_t)layer->before[axis - 1u] + layer->input[axis - 1u] + layer->after[axis - 1u];
        sizes[axis - 1u] = sizes[axis] * length;
    }
    const uint16_t *before = layer->before, *after = layer->after;
    output = fill(output, layer->value, before[0] * sizes[1]);
    for (uint32_t n = 0u; n < layer->input[0]; n++) {
        output = fill(output, layer->value, before[1] * sizes[2]);
        for (uint32_t y = 0u; y < layer->input[1]; y++) {
            output = fill(output, layer->value, before[2] * sizes[3]);
            for (uint32_t x = 0u; x < layer->input[2]; x++) {
                output = fill(output, layer->value, before[3]);
                for (uint32_t c = 0u; c < layer->input[3]; c++) {
                    *output++ = *input++;
                }
                output = fill(output, layer->value, after[3]);
            }
            output = fill(output, layer->value, after[2] * sizes[3]);
        }
        output = fill(output, layer->value, after[1] * sizes[2]);
    }
    (void)fill(output, layer->value, after[0] * sizes[1]);
}
