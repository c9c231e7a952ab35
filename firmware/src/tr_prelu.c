/* PRELU. Source: tensorflow/lite/kernels/internal/reference/prelu.h. */
#include "tr_requant.h"
#include "tr_walk.h"

static void row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct tr_walk *walk = &layer->walk;
    for (const int8_t *end = output + walk->count; output != end; output++) {
        int32_t x = *first - layer->zero_points[0];
        const struct tr_factor *factor = &layer->factors[x < 0];
        int32_t product = x < 0 ? x * (*second - layer->zero_points[1]) : x;
        int32_t scaled = tr_multiply(product, factor->multiplier, factor->shift);
        *output = tr_clamp(tr_wrapping_add(scaled, layer->zero_points[2]), INT8_MIN, INT8_MAX);
        first += walk->operands[0].step;
        second += walk->operands[1].step;
    }
}

TR_OPERATOR(tr_prelu, row)
