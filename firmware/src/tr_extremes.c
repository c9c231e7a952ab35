/* MAXIMUM and MINIMUM. Source: tensorflow/lite/kernels/maximum_minimum.cc. */
#include "tr_walk.h"

/* Inlined twice. */
static inline void extreme(const struct tr_walk *walk, const int8_t *first, const int8_t *second, int8_t *output,
                           bool largest)
{
    const uint32_t steps[2] = {walk->operands[0].step, walk->operands[1].step};
    for (const int8_t *end = output + walk->count; output != end; output++) {
        *output = (*first > *second) == largest ? *first : *second;
        first += steps[0];
        second += steps[1];
    }
}

static void row_maximum(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    extreme(&layer->walk, first, second, output, true);
}

static void row_minimum(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    extreme(&layer->walk, first, second, output, false);
}

TR_OPERATOR(tr_maximum, row_maximum)
TR_OPERATOR(tr_minimum, row_minimum)
