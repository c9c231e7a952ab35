/* Operators on int16 activations, whose zero points are 0, and on integers without a scale. */
#ifndef TR_WIDE_H
#define TR_WIDE_H

#include <stdint.h>

#include "tr_layers.h"

/* x * multiplier * 2^(shift - 31) of |x| < 2^47: by 15 bits of the multiplier, rounded once; shift up to 7. */
int32_t tr_wide_multiply(int64_t x, int32_t multiplier, int shift);

void tr_wide_transpose_conv(const struct tr_wide_transpose_conv *layer, const int16_t *input, int16_t *output);

/* Of any type; int16 is scaled where the name says so. */
void tr_typed_sum(const struct tr_typed_reduce *layer, const void *input, void *output);
void tr_typed_max(const struct tr_typed_reduce *layer, const void *input, void *output);
void tr_typed_min(const struct tr_typed_reduce *layer, const void *input, void *output);
void tr_typed_prod(const struct tr_typed_reduce *layer, const void *input, void *output);
void tr_typed_scaled_mean(const struct tr_typed_reduce *layer, const void *input, void *output);
void tr_typed_scaled_prod(const struct tr_typed_reduce *layer, const void *input, void *output);

/* Of two operands, or of one and a constant. */
void tr_wide_batch_matmul(const struct tr_wide_batch_matmul *layer, const int8_t *const *inputs, int16_t *output);

void tr_wide_resize_bilinear(const struct tr_resize_bilinear *layer, const int16_t *input, int16_t *output);

void tr_wide_conv(const struct tr_wide_conv *layer, const int16_t *input, int16_t *output);

void tr_wide_average_pool_2d(const struct tr_wide_pool *layer, const int16_t *input, int16_t *output);
void tr_wide_max_pool_2d(const struct tr_wide_pool *layer, const int16_t *input, int16_t *output);
void tr_wide_mean(const struct tr_wide_mean *layer, const int16_t *input, int16_t *output);

/* From and to values of the sizes that the layer says. */
void tr_wide_scaled(const struct tr_wide_scaled *layer, const void *input, void *output);

void tr_wide_logistic(const struct tr_wide_sigmoid *layer, const int16_t *input, int16_t *output);
void tr_wide_tanh(const struct tr_wide_sigmoid *layer, const int16_t *input, int16_t *output);

void tr_wide_softmax(const struct tr_wide_softmax *layer, const int16_t *input, int16_t *output);

/* Of two operands, or of one and layer->constant. */
void tr_wide_sum(const struct tr_wide_pairs *layer, const int8_t *const *inputs, int16_t *output);
void tr_wide_shifted(const struct tr_wide_pairs *layer, const int8_t *const *inputs, int16_t *output);
void tr_wide_product(const struct tr_wide_pairs *layer, const int8_t *const *inputs, int16_t *output);
void tr_wide_maximum(const struct tr_wide_pairs *layer, const int8_t *const *inputs, int16_t *output);
void tr_wide_minimum(const struct tr_wide_pairs *layer, const int8_t *const *inputs, int16_t *output);

void tr_wide_lookup(const struct tr_wide_lookup *layer, const int16_t *input, int16_t *output);

/* A table [513] between its entries, which are 128 apart. */
static inline int32_t tr_wide_looked_up(const int16_t *table, int32_t x)
{
    const int16_t *at = table + 256 + (x >> 7);
    return at[0] + (((at[1] - at[0]) * (x & 0x7f) + 64) >> 7);
}

static inline int16_t tr_wide_clamp(int32_t x, int32_t minimum, int32_t maximum)
{
    x = x < minimum ? minimum : x;
    return (int16_t)(x > maximum ? maximum : x);
}

#endif
