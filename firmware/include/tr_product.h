/* What operators do with the sums of their dot products. */
#ifndef TR_PRODUCT_H
#define TR_PRODUCT_H

#include "tr_kernels.h"
#include "tr_requant.h"

/* (sums[row] + bias) * factor. */
static inline int32_t tr_scaled(const struct tr_product *product, uint32_t row, const int32_t *sums)
{
    int32_t sum = tr_wrapping_add(sums[row], product->bias[row]);
    return tr_multiply(sum, product->factor.multiplier, product->factor.shift);
}

#endif
