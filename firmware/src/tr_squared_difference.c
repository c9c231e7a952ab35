/* SQUARED_DIFFERENCE. Source: tensorflow/lite/kernels/squared_difference.cc. */
#include "tr_requant.h"
#include "tr_walk.h"

static int32_t share(const struct tr_arithmetic *layer, unsigned side, int8_t x)
{
    int32_t raised = (int32_t)((uint32_t)(x - layer->zero_points[side]) << layer->left_shift);
    return tr_multiply(raised, layer->factors[side].multiplier, layer->factors[side].shift);
}

static void row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct tr_walk *walk = &layer->walk;
    for (const int8_t *end = output + walk->count; output != end; output++) {
        int32_t difference = share(layer, 0u, *first) - share(layer, 1u, *second);
        int32_t scaled = tr_multiply(difference * difference, layer->factors[2].multiplier, layer->factors[2].shift);
        *output = tr_clamp(tr_wrapping_add(scaled, layer->zero_points[2]), INT8_MIN, INT8_MAX);
        first += walk->operands[0].step;
        second += walk->operands[1].step;
    }
}

TR_OPERATOR(tr_squared_difference, row)
