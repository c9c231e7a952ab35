/* FLOOR_DIV and FLOOR_MOD of bytes. Sources: tensorflow/lite/kernels/floor_div.cc, floor_mod.cc. */
#include "tr_walk.h"

/* Inlined twice. C rounds towards zero; what is left over has the dividend's sign. */
static inline void divide(const struct tr_walk *walk, const int8_t *first, const int8_t *second, int8_t *output,
                          bool remains)
{
    for (const int8_t *end = output + walk->count; output != end; output++) {
        int32_t divisor = *second, quotient = 0, rest = 0;
        if (divisor != 0) {
            quotient = *first / divisor;
            rest = *first % divisor;
            if (rest != 0 && (rest < 0) != (divisor < 0)) {
                quotient--;
                rest += divisor;
            }
        }
        *output = (int8_t)(remains ? rest : quotient);
        first += walk->operands[0].step;
        second += walk->operands[1].step;
    }
}

static void row_quotient(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    divide(&layer->walk, first, second, output, false);
}

static void row_rest(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    divide(&layer->walk, first, second, output, true);
}

TR_OPERATOR(tr_floor_div, row_quotient)
TR_OPERATOR(tr_floor_mod, row_rest)
