/* Weights of nine bits, which uint8 models have less their zero point, multiplied as they are. */
#include "tr_kernels.h"

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>

static int16x2_t pair(const int16_t *values)
{
    int16x2_t value;
    __builtin_memcpy(&value, values, sizeof value);
    return value;
}
#endif

static void prepare(const struct tr_table *table, int16_t *scratch)
{
    (void)table;
    (void)scratch;
}

static int32_t row(const struct tr_table *table, uint32_t row, const int16_t *scratch)
{
    const int16_t *weights = (const int16_t *)table->words + table->starts[row];
    uint32_t sum = 0u; /* modulo 2^32 */
    uint32_t i = 0u;
#if defined(__ARM_FEATURE_DSP)
#pragma GCC unroll 4
    for (; i + 2u <= table->depth; i += 2u) {
        sum = (uint32_t)__smlad(pair(weights + i), pair(scratch + i), (int32_t)sum);
    }
#endif
#pragma GCC unroll 8
    for (; i < table->depth; i++) {
        sum += (uint32_t)(weights[i] * scratch[i]);
    }
    return (int32_t)sum;
}

const struct tr_dot tr_dot_int16 = {prepare, row};
