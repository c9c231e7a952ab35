/* The multiply baseline: what term kernels are compared with. */
#include "tr_kernels.h"

static void prepare(const struct tr_table *table, int16_t *scratch)
{
    (void)table;
    (void)scratch;
}

static int32_t row(const struct tr_table *table, uint32_t row, const int16_t *scratch)
{
    const int8_t *weights = (const int8_t *)table->words + table->starts[row];
    uint32_t sum = 0u; /* modulo 2^32 */
    for (uint32_t i = 0u; i < table->depth; i++) {
        sum += (uint32_t)(weights[i] * scratch[i]);
    }
    return (int32_t)sum;
}

const struct tr_dot tr_dot_int8 = {prepare, row};
