/* ADD, SUB, MUL, MAXIMUM and MINIMUM of int16. Sources, in tensorflow/lite/kernels/internal/reference: add.h, sub.h,
 * integer_ops/mul.h, maximum_minimum.h. */
#include "tr_requant.h"
#include "tr_walk.h"
#include "tr_wide.h"

typedef int32_t tr_wide_apply(const struct tr_wide_pairs *layer, int32_t a, int32_t b);

static void walk_pairs(const struct tr_wide_pairs *layer, const int8_t *const *inputs, int16_t *output,
                       tr_wide_apply *apply)
{
    const struct tr_walk *walk = &layer->walk;
    const int16_t *sides[2];
    for (uint32_t side = 0u; side < 2u; side++) {
        sides[side] = layer->constant_side == side ? layer->constant : (const int16_t *)(const void *)*inputs++;
    }
    uint32_t index[TR_AXES] = {0}, at[2] = {0u, 0u};
    do {
        const int16_t *a = sides[0] + at[0], *b = sides[1] + at[1];
        for (uint32_t left = walk->count; left > 0u; left--) {
            *output++ = tr_wide_clamp(apply(layer, *a, *b), layer->minimum, layer->maximum);
            a += walk->operands[0].step;
            b += walk->operands[1].step;
        }
    } while (tr_next_row(walk->sizes, index, walk->operands, at, 2u));
}

static int32_t scaled(const struct tr_wide_pairs *layer, uint32_t factor, int32_t x)
{
    return tr_multiply(x, layer->factors[factor].multiplier, layer->factors[factor].shift);
}

static int32_t sum(const struct tr_wide_pairs *layer, int32_t a, int32_t b)
{
    int32_t first = scaled(layer, 0u, a * (1 << 15)), second = scaled(layer, 1u, b * (1 << 15));
    return scaled(layer, 2u, layer->subtracts != 0u ? first - second : first + second);
}

static int32_t shifted(const struct tr_wide_pairs *layer, int32_t a, int32_t b)
{
    int32_t first = tr_rounding_shift_right(a, layer->shifts[0]), second = tr_rounding_shift_right(b, layer->shifts[1]);
    return tr_wide_clamp(layer->subtracts != 0u ? first - second : first + second, INT16_MIN, INT16_MAX);
}

static int32_t product(const struct tr_wide_pairs *layer, int32_t a, int32_t b)
{
    return scaled(layer, 2u, a * b);
}

static int32_t maximum(const struct tr_wide_pairs *layer, int32_t a, int32_t b)
{
    (void)layer;
    return a > b ? a : b;
}

static int32_t minimum(const struct tr_wide_pairs *layer, int32_t a, int32_t b)
{
    (void)layer;
    return a < b ? a : b;
}

#define TR_WIDE_PAIRS(way)                                                                                             \
    void tr_wide_##way(const struct tr_wide_pairs *layer, const int8_t *const *inputs, int16_t *output)                \
    {                                                                                                                  \
        walk_pairs(layer, inputs, output, way);                                                                        \
    }

TR_WIDE_PAIRS(sum)
TR_WIDE_PAIRS(shifted)
TR_WIDE_PAIRS(product)
TR_WIDE_PAIRS(maximum)
TR_WIDE_PAIRS(minimum)
