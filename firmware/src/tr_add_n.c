/* ADD_N. Source: tensorflow/lite/micro/kernels/add_n.cc. */
#include "tr_kernels.h"
#include "tr_requant.h"

void tr_add_n(const struct tr_add_n *layer, const int8_t *const *inputs, int8_t *output)
{
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
