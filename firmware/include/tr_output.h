/* From a dot product to an int8 activation: TFLite's requantisation, exact, in one 32-bit
 * multiplication for all but a few sums, or a few shifts and additions where the core cannot multiply. How the
 * constants are made and why it is exact: edge_tr/kernels/quick.py. On Armv7E-M in one long multiplication where a
 * layer allows it: edge_tr/kernels/direct.py. */
#ifndef TR_OUTPUT_H
#define TR_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "tr_layers.h"

#if defined(__riscv) && !defined(__riscv_mul)
#define TR_SHIFT_ADD 1
#endif

/* Below `low` the sum gives the activation's minimum, above `high` its maximum. Between them
 * q = sum * factor + offset modulo 2^32 holds the result in its top eight bits, unless the other
 * 24 are at most `near`: then the exact routine decides. A layer's common constants are for sums counted from `low` on:
 * below zero one gives the minimum, above `high` the maximum. */
struct tr_channel {
    int32_t low, high;
    int32_t offset;
    uint32_t near;
#if defined(TR_SHIFT_ADD)
    uint32_t added, taken; /* factor: powers of two, five bits each (edge_tr/kernels/quick.py, digit_words) */
#else
    int32_t factor;
#endif
};

#if defined(TR_SHIFT_ADD)
#define TR_CHANNEL(low, high, factor, offset, near, added, taken) {low, high, offset, near, added, taken}
#else
#define TR_CHANNEL(low, high, factor, offset, near, added, taken) {low, high, offset, near, factor}
#endif

int8_t tr_output_exact(const struct tr_output *to, uint32_t channel, int32_t sum);

#if defined(TR_SHIFT_ADD)
/* The next of at most six digits; leaves the loop with the last. */
#define TR_DIGIT(scaled, op, sum, shifts)                                                                              \
    scaled op (sum) << ((shifts) & 31u);                                                                               \
    shifts >>= 5;                                                                                                      \
    if ((shifts) == 0u) {                                                                                              \
        break;                                                                                                         \
    }
#define TR_DIGITS(scaled, op, sum, shifts)                                                                             \
    do {                                                                                                               \
        TR_DIGIT(scaled, op, sum, shifts)                                                                              \
        TR_DIGIT(scaled, op, sum, shifts)                                                                              \
        TR_DIGIT(scaled, op, sum, shifts)                                                                              \
        TR_DIGIT(scaled, op, sum, shifts)                                                                              \
        TR_DIGIT(scaled, op, sum, shifts)                                                                              \
        scaled op (sum) << ((shifts) & 31u);                                                                           \
    } while (0)
#endif

/* sum * factor + offset modulo 2^32. */
static inline uint32_t tr_output_scaled(const struct tr_channel *quick, uint32_t sum)
{
#if defined(TR_SHIFT_ADD)
    uint32_t scaled = (uint32_t)quick->offset;
    uint32_t shifts = quick->added;
    TR_DIGITS(scaled, +=, sum, shifts);
    shifts = quick->taken;
    if (shifts != 0u) {
        TR_DIGITS(scaled, -=, sum, shifts);
    }
    return scaled;
#else
    return sum * (uint32_t)quick->factor + (uint32_t)quick->offset;
#endif
}

/* A result clamped. */
static inline int8_t tr_within(const struct tr_output *to, int8_t result)
{
    result = result < to->minimum ? to->minimum : result;
    return result > to->maximum ? to->maximum : result;
}

#if defined(__ARM_FEATURE_DSP)
static inline int8_t tr_output_direct(const struct tr_direct *by, int32_t zero_point, int32_t sum)
{
    int32_t doubled = 2 * sum + by->bias;
    int32_t high = (2 * zero_point + 1) * (1 << by->shift) + (doubled >> 31);
    /* compilers know no SMMLAR */
    __asm__("smmlar %0, %1, %2, %0" : "+r"(high) : "r"(doubled), "r"(by->multiplier));
    int32_t result;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(result) : "r"(high >> by->shift) : "cc");
    return (int8_t)result;
}
#endif

/* `counted`: the sum as `low` and `quick` take it. */
static inline int8_t tr_output_quick(const struct tr_output *to, const struct tr_channel *quick, uint32_t channel,
                                     int32_t sum, int32_t counted, int32_t low)
{
    if (counted < low) {
        return to->minimum;
    }
    if (counted > quick->high) {
        return to->maximum;
    }
    uint32_t q = tr_output_scaled(quick, (uint32_t)counted);
    if (q << 8 <= quick->near) {
        return tr_output_exact(to, channel, sum);
    }
    return (int8_t)(q >> 24);
}

static inline int8_t tr_output(const struct tr_output *to, uint32_t channel, int32_t sum)
{
#if defined(__ARM_FEATURE_DSP)
    if (to->direct != 0) {
        struct tr_direct by = to->direct[to->common ? 0u : channel];
        by.bias = to->common ? to->bias[channel] : by.bias;
        return tr_within(to, tr_output_direct(&by, to->zero_point, sum));
    }
#endif
    if (to->common) {
        int32_t counted = (int32_t)((uint32_t)sum + (uint32_t)to->bias[channel]);
        return tr_output_quick(to, to->quick, channel, sum, counted, 0);
    }
    const struct tr_channel *quick = to->quick + channel;
    return tr_output_quick(to, quick, channel, sum, sum, quick->low);
}

/* Many sums; in assembly where there is a file for the core. */

/* `count` channels (> 0) from `channel` on of one pixel: `sums` [count][2], of which the first are read. */
void tr_finish_units(const struct tr_output *to, uint32_t channel, uint32_t count, const int32_t *sums, int8_t *output);

/* `count` results, clamped. */
void tr_clamp_units(const struct tr_output *to, int8_t *output, uint32_t count);

/* All channels of two pixels: `sums` [channels][2]. */
void tr_finish_pixels(const struct tr_output *to, uint32_t channels, const int32_t *sums, int8_t *first,
                      int8_t *second);

/* Sums of one channel, `rows` of `count` (both > 0), `sum_step` bytes apart, and where their results go, `step` bytes
 * apart; between the end of a row and the next lie `sum_skip` and `skip` bytes more. */
struct tr_run {
    const int32_t *sums;
    uint32_t sum_step;
    int8_t *output;
    uint32_t step;
    uint32_t count, rows;
    uint32_t sum_skip, skip;
};

void tr_finish_run(const struct tr_output *to, uint32_t channel, const struct tr_run *run);

#endif
