/* From a dot product to an int8 activation: TFLite's requantisation, exact, in one 32-bit
 * multiplication for all but a few sums. How the constants are made and why it is exact:
 * edge_tr/lower/quick.py. */
#ifndef TR_OUTPUT_H
#define TR_OUTPUT_H

#include <stdint.h>

/* Below `low` the sum gives the activation's minimum, above `high` its maximum. Between them
 * q = sum * factor + offset modulo 2^32 holds the result in its top eight bits, unless the other
 * 24 are at most `near`: then the exact routine decides. */
struct tr_channel {
    int32_t low, high;
    int32_t factor, offset;
    uint32_t near;
};

/* One layer's requantisation. `bias` [channels] is what a sum lacks; the exact result is
 * (sum + bias) * multiplier * 2^(shift - 31) + zero_point, clamped. */
struct tr_output {
    const struct tr_channel *quick;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int16_t zero_point;
    int8_t minimum, maximum;
};

int8_t tr_output_exact(const struct tr_output *to, uint32_t channel, int32_t sum);

/* The result for `sum` with the channel's constants in `quick`: a copy, so that stores of int8, which
 * may alias anything, do not make the compiler load them again. */
static inline int8_t tr_output_quick(const struct tr_output *to, const struct tr_channel quick, uint32_t channel,
                                     int32_t sum)
{
    if (sum < quick.low) {
        return to->minimum;
    }
    if (sum > quick.high) {
        return to->maximum;
    }
    uint32_t q = (uint32_t)sum * (uint32_t)quick.factor + (uint32_t)quick.offset;
    if (q << 8 <= quick.near) {
        return tr_output_exact(to, channel, sum);
    }
    return (int8_t)(q >> 24);
}

static inline int8_t tr_output(const struct tr_output *to, uint32_t channel, int32_t sum)
{
    return tr_output_quick(to, to->quick[channel], channel, sum);
}

#endif
