/* Element-wise operators of two int32 operands. Source: tensorflow/lite/kernels/internal/reference/binary_function.h,
 * add.h, sub.h, mul.h, div.h, comparisons.h. */
#include "tr_requant.h"
#include "tr_typed.h"
#include "tr_walk.h"

typedef int32_t tr_apply(int32_t a, int32_t b);

/* `wide`: the results are int32, clamped; else bool. */
static void walk_integers(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output, tr_apply *apply,
                          bool wide)
{
    const struct tr_walk *walk = &layer->walk;
    const int8_t *sides[2];
    for (uint32_t side = 0u; side < 2u; side++) {
        bool fixed = layer->constant != 0 && layer->constant_side == side;
        sides[side] = fixed ? (const int8_t *)layer->constant : *inputs++;
    }
    uint32_t index[TR_AXES] = {0}, at[2] = {0u, 0u};
    do {
        const int8_t *a = sides[0] + 4u * at[0], *b = sides[1] + 4u * at[1];
        for (uint32_t left = walk->count; left > 0u; left--) {
            int32_t value = apply(tr_load32(a), tr_load32(b));
            a += 4u * walk->operands[0].step;
            b += 4u * walk->operands[1].step;
            if (wide) {
                value = value < layer->minimum ? layer->minimum : value;
                tr_store32(output, value > layer->maximum ? layer->maximum : value);
                output += 4;
            } else {
                *output++ = (int8_t)value;
            }
        }
    } while (tr_next_row(walk->sizes, index, walk->operands, at, 2u));
}

static inline int32_t wrapping_multiply(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

static inline int32_t wrapping_subtract(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

/* The one quotient that does not fit keeps its lower bits; none is the one by zero. */
static inline int32_t quotient(int32_t a, int32_t b)
{
    if (b == 0) {
        return 0;
    }
    return b == -1 ? wrapping_subtract(0, a) : a / b;
}

static inline int32_t remainder_of(int32_t a, int32_t b)
{
    if (b == 0 || b == -1) {
        return 0;
    }
    int32_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static inline int32_t floored(int32_t a, int32_t b)
{
    bool above = b != 0 && b != -1 && a % b != 0 && (a < 0) != (b < 0);
    return quotient(a, b) - (above ? 1 : 0);
}

#define TR_INTEGERS(name, wide, value)                                                                                 \
    static int32_t name##_of(int32_t a, int32_t b)                                                                     \
    {                                                                                                                  \
        return value;                                                                                                  \
    }                                                                                                                  \
    void tr_int32_##name(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output)                 \
    {                                                                                                                  \
        walk_integers(layer, inputs, output, name##_of, wide);                                                         \
    }

TR_INTEGERS(add, true, tr_wrapping_add(a, b))
TR_INTEGERS(sub, true, wrapping_subtract(a, b))
TR_INTEGERS(mul, true, wrapping_multiply(a, b))
TR_INTEGERS(div, true, quotient(a, b))
TR_INTEGERS(floor_div, true, floored(a, b))
TR_INTEGERS(floor_mod, true, remainder_of(a, b))
TR_INTEGERS(maximum, true, a > b ? a : b)
TR_INTEGERS(minimum, true, a < b ? a : b)
TR_INTEGERS(squared_difference, true, wrapping_multiply(wrapping_subtract(a, b), wrapping_subtract(a, b)))
TR_INTEGERS(equal, false, a == b)
TR_INTEGERS(not_equal, false, a != b)
TR_INTEGERS(less, false, a < b)
TR_INTEGERS(less_equal, false, a <= b)
TR_INTEGERS(greater, false, a > b)
TR_INTEGERS(greater_equal, false, a >= b)
