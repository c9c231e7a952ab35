/* SVDF. Source: tensorflow/lite/kernels/internal/reference/svdf.h, and micro/kernels/svdf_common.cc for int8 states. */
#include "tr_fixed_point16.h"
#include "tr_product.h"

/* Sums of one unit's filters over what they remember, their bias included, to its output. */
static int8_t finish(const struct tr_svdf *layer, uint32_t unit, uint32_t sum)
{
    int32_t biased = (int32_t)(sum + (uint32_t)layer->bias[unit]);
    int32_t scaled = tr_multiply(biased, layer->factor.multiplier, layer->factor.shift);
    return tr_clamp(tr_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
}

void tr_svdf(const struct tr_svdf *layer, const int8_t *input, int8_t *output, int8_t *state, int32_t *scratch)
{
    for (uint32_t b = 0u; b < layer->batch; b++, input += layer->inputs) {
        const int8_t *time = layer->time;
        uint32_t filter = 0u;
        layer->feature.sums(input, scratch, (int8_t *)scratch + layer->workspace);
        for (uint32_t unit = 0u; unit < layer->units; unit++) {
            uint32_t sum = 0u;
            for (uint32_t end = filter + layer->rank; filter < end; filter++, state += layer->memory) {
                for (uint32_t i = 1u; i < layer->memory; i++) {
                    state[i - 1u] = state[i];
                }
                int32_t entering = tr_clamp(tr_scaled(&layer->feature, filter, scratch), INT8_MIN, INT8_MAX);
                state[layer->memory - 1u] = (int8_t)(uint8_t)(entering + layer->state_zero_point); /* wraps */
                for (uint32_t i = 0u; i < layer->memory; i++) {
                    sum += (uint32_t)((state[i] - layer->state_zero_point) * *time++);
                }
            }
            *output++ = finish(layer, unit, sum);
        }
    }
}

void tr_svdf16(const struct tr_svdf *layer, const int8_t *input, int8_t *output, int16_t *state, int32_t *scratch)
{
    for (uint32_t b = 0u; b < layer->batch; b++, input += layer->inputs) {
        const int16_t *time = layer->time16;
        uint32_t filter = 0u;
        layer->feature.sums(input, scratch, (int8_t *)scratch + layer->workspace);
        for (uint32_t unit = 0u; unit < layer->units; unit++) {
            uint32_t sum = 0u;
            for (uint32_t end = filter + layer->rank; filter < end; filter++, state += layer->memory) {
                for (uint32_t i = 1u; i < layer->memory; i++) {
                    state[i - 1u] = state[i];
                }
                state[layer->memory - 1u] = tr_saturated16(tr_scaled(&layer->feature, filter, scratch));
                for (uint32_t i = 0u; i < layer->memory; i++) {
                    sum += (uint32_t)(state[i] * *time++);
                }
            }
            *output++ = finish(layer, unit, sum);
        }
    }
}
