/* MUL. Source: tensorflow/lite/kernels/internal/reference/integer_ops/mul.h. */
#include "tr_requant.h"
#include "tr_walk.h"

static void row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct tr_walk *walk = &layer->walk;
    for (const int8_t *end = output + walk->count; output != end; output++) {
        int32_t product = (*first - layer->zero_points[0]) * (*second - layer->zero_points[1]);
        int32_t scaled = tr_multiply(product, layer->factors[2].multiplier, layer->factors[2].shift);
        *output = tr_clamp(tr_wrapping_add(scaled, layer->zero_points[2]), layer->minimum, layer->maximum);
        first += walk->operands[0].step;
        second += walk->operands[1].step;
    }
}

TR_OPERATOR(tr_mul, row)
