/* ADD_N. Source: tensorflow/lite/micro/kernels/add_n.cc. */
#include <stdarg.h>

#include "tr_kernels.h"
#include "tr_requant.h"

#define MOST 15u /* edge_tr/operators/add_n.py */

void tr_add_n(const struct tr_add_n *layer, const int8_t *input, ...)
{
    const int8_t *inputs[MOST] = {input};
    va_list rest;
    va_start(rest, input);
    for (uint32_t n = 1u; n < layer->count; n++) {
        inputs[n] = va_arg(rest, int8_t *);
    }
    int8_t *output = va_arg(rest, int8_t *);
    va_end(rest);
    for (uint32_t i = 0u; i < layer->size; i++) {
        int32_t sum = -layer->input_zero_point; /* as the reference's */
        for (uint32_t n = 0u; n < layer->count; n++) {
            sum += inputs[n][i] - layer->input_zero_point;
        }
        int32_t raised = (int32_t)((uint32_t)sum << 19);
        int32_t scaled = tr_multiply(raised, layer->factor.multiplier, layer->factor.shift);
        output[i] = tr_clamp(tr_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
    }
}
