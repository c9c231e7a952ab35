/* DIV. Source: tensorflow/lite/kernels/internal/reference/div.h. */
#include "tr_fixed_point.h"
#include "tr_requant.h"
#include "tr_walk.h"

/* Bits of x that repeat its sign. */
static unsigned sign_bits(int32_t x)
{
    if (x == 0) {
        return 31u;
    }
    return tr_leading_zeros(x > 0 ? 2u * (uint32_t)x : 2u * (uint32_t)-x - 1u);
}

/* Beyond 31 bits what the reference's arithmetic is on x86. */
static int32_t shifted(int32_t x, unsigned exponent)
{
    if (exponent > 31u) {
        return (x >> (exponent - 32u)) + (x >= 0);
    }
    return tr_rounding_shift_right(x, exponent);
}

static int8_t quotient(const struct tr_arithmetic *layer, int8_t first, int8_t second)
{
    int32_t dividend = first - layer->zero_points[0], divisor = second - layer->zero_points[1];
    if (divisor == 0) {
        return tr_clamp(layer->zero_points[2], layer->minimum, layer->maximum);
    }
    dividend = divisor < 0 ? -dividend : dividend;
    unsigned headroom = sign_bits(dividend);
    int32_t raised = (int32_t)((uint32_t)dividend << headroom);
    int32_t scaled = tr_doubling_high_mul(raised, layer->first[(uint8_t)second]);
    scaled = tr_doubling_high_mul(scaled, layer->factors[2].multiplier);
    scaled = shifted(scaled, headroom + (unsigned)layer->second[(uint8_t)second]);
    return tr_clamp(tr_wrapping_add(scaled, layer->zero_points[2]), layer->minimum, layer->maximum);
}

static void row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct tr_walk *walk = &layer->walk;
    for (const int8_t *end = output + walk->count; output != end; output++) {
        *output = quotient(layer, *first, *second);
        first += walk->operands[0].step;
        second += walk->operands[1].step;
    }
}

TR_OPERATOR(tr_div, row)
