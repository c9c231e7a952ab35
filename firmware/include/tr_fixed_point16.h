/* gemmlowp's fixed point of 16 bits, bit for bit: Qm.n is an int16 that stands for raw / 2^n. Source:
 * fixedpoint/fixedpoint.h, as edge_tr/tr/fixed_point16.py has it. */
#ifndef TR_FIXED_POINT16_H
#define TR_FIXED_POINT16_H

#include <stdint.h>

/* 1 / (1 + exp(-x)) in Q0.15, of x with `bits` integer bits. */
int16_t tr_logistic16(int16_t x, unsigned bits);

/* tanh(x) in Q0.15, of x with 0 to 6 integer bits. */
int16_t tr_tanh16(int16_t x, unsigned bits);

/* x within int16. */
static inline int16_t tr_saturated16(int32_t x)
{
    return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

#endif
