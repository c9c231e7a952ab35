/* What operators on int16 share. Source: tensorflow/lite/kernels/internal/common.cc. */
#include "tr_wide.h"

int32_t tr_wide_multiply(int64_t x, int32_t multiplier, int shift)
{
    int64_t reduced = multiplier < 0x7fff0000 ? (multiplier + (1 << 15)) >> 16 : 0x7fff;
    int right = 15 - shift;
    return (int32_t)(uint32_t)(uint64_t)((x * reduced + ((int64_t)1 << (right - 1))) >> right);
}
