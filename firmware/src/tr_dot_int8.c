/* The multiply baseline: what term kernels are compared with. */
#include "tr_kernels.h"

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
#endif

static void prepare(const struct tr_table *table, int16_t *scratch)
{
    (void)table;
    (void)scratch;
}

#if defined(__ARM_FEATURE_DSP)

static uint32_t word(const void *bytes)
{
    uint32_t value;
    __builtin_memcpy(&value, bytes, sizeof value);
    return value;
}

/* Four products by two dual multiply-accumulates (Armv7E-M SMLAD): weights 0 and 2, then 1 and 3. */
static uint32_t multiply_four(uint32_t sum, const int8_t *weights, const int16_t *x)
{
    uint32_t four = word(weights);
    uint32_t low = word(x);
    uint32_t high = word(x + 2);
    int16x2_t even = (int16x2_t)((low & 0xffffu) | high << 16);
    int16x2_t odd = (int16x2_t)(low >> 16 | (high & 0xffff0000u));
    sum = (uint32_t)__smlad(__sxtb16((int8x4_t)four), even, (int32_t)sum);
    return (uint32_t)__smlad(__sxtb16((int8x4_t)(four >> 8)), odd, (int32_t)sum);
}

#endif

static int32_t row(const struct tr_table *table, uint32_t row, const int16_t *scratch)
{
    const int8_t *weights = (const int8_t *)table->words + table->starts[row];
    uint32_t sum = 0u; /* modulo 2^32 */
    uint32_t i = 0u;
#if defined(__ARM_FEATURE_DSP)
#pragma GCC unroll 4
    for (; i + 4u <= table->depth; i += 4u) {
        sum = multiply_four(sum, weights + i, scratch + i);
    }
#endif
#pragma GCC unroll 8
    for (; i < table->depth; i++) {
        sum += (uint32_t)(weights[i] * scratch[i]);
    }
    return (int32_t)sum;
}

const struct tr_dot tr_dot_int8 = {prepare, row};
