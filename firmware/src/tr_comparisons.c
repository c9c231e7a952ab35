/* Comparisons of int8 by what each byte is worth, and of flags. Source: comparisons.h in
 * tensorflow/lite/kernels/internal/reference. */
#include "tr_walk.h"

#define COMPARISON(name, sign)                                                                                         \
    static void name##_row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second,               \
                           int8_t *output)                                                                             \
    {                                                                                                                  \
        const uint32_t steps[2] = {layer->walk.operands[0].step, layer->walk.operands[1].step};                        \
        const int32_t *const worth[2] = {layer->first, layer->second};                                                 \
        for (const int8_t *end = output + layer->walk.count; output != end; output++) {                                \
            *output = worth[0][(uint8_t)*first] sign worth[1][(uint8_t)*second];                                       \
            first += steps[0];                                                                                         \
            second += steps[1];                                                                                        \
        }                                                                                                              \
    }                                                                                                                  \
    TR_OPERATOR(name, name##_row)

COMPARISON(tr_equal, ==)
COMPARISON(tr_not_equal, !=)
COMPARISON(tr_less, <)
COMPARISON(tr_less_equal, <=)
COMPARISON(tr_greater, >)
COMPARISON(tr_greater_equal, >=)

#define OF_FLAGS(name, sign)                                                                                           \
    static void name##_row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second,               \
                           int8_t *output)                                                                             \
    {                                                                                                                  \
        const uint32_t steps[2] = {layer->walk.operands[0].step, layer->walk.operands[1].step};                        \
        for (const int8_t *end = output + layer->walk.count; output != end; output++) {                                \
            *output = *first sign *second;                                                                             \
            first += steps[0];                                                                                         \
            second += steps[1];                                                                                        \
        }                                                                                                              \
    }                                                                                                                  \
    TR_OPERATOR(name, name##_row)

OF_FLAGS(tr_flags_and, &&)
OF_FLAGS(tr_flags_or, ||)
OF_FLAGS(tr_flags_equal, ==)
OF_FLAGS(tr_flags_not_equal, !=)
