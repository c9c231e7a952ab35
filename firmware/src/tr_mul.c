/* MUL. Source: tensorflow/lite/kernels/internal/reference/integer_ops/mul.h. */
#include "tr_requant.h"
#include "tr_walk.h"

/* Where the factor is less than a half. Products are at most 255 * 255, so what `tr_multiply` makes of one is less than
 * 2^16 before it is shifted: nothing overflows, shifts beyond MOST_SHIFT leave nothing but zeros, and zero point and
 * rounding are one summand. What a row needs is read once: stores of int8 may alias anything. */
enum { MOST_SHIFT = 20 };

static inline void steps(const struct tr_arithmetic *layer, const int8_t *first, uint32_t first_step,
                         const int8_t *second, uint32_t second_step, int8_t *output)
{
    int32_t first_zero = layer->zero_points[0], second_zero = layer->zero_points[1];
    int32_t minimum = layer->minimum, maximum = layer->maximum, multiplier = layer->factors[2].multiplier;
    int right = layer->factors[2].shift < -MOST_SHIFT ? MOST_SHIFT : -layer->factors[2].shift;
    int32_t summand = (1 << (right - 1)) + layer->zero_points[2] * (1 << right);
    for (const int8_t *end = output + layer->walk.count; output != end; output++) {
        int32_t twice = 2 * (*first - first_zero) * (*second - second_zero);
        int32_t high = (int32_t)(((int64_t)twice * multiplier + 0x80000000ll) >> 32);
        int32_t value = (high + (high >> 31) + summand) >> right; /* ties away from zero */
        value = value < minimum ? minimum : value;
        *output = (int8_t)(value > maximum ? maximum : value);
        first += first_step;
        second += second_step;
    }
}

/* Two rows of tensors have a loop of their own. */
static void small_row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    uint32_t first_step = layer->walk.operands[0].step, second_step = layer->walk.operands[1].step;
    if (first_step == 1u && second_step == 1u) {
        steps(layer, first, 1u, second, 1u, output);
    } else {
        steps(layer, first, first_step, second, second_step, output);
    }
}

static void any_row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
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

static void row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    (layer->factors[2].shift < 0 ? small_row : any_row)(layer, first, second, output);
}

TR_OPERATOR(tr_mul, row)
