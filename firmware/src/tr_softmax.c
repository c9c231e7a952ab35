/* SOFTMAX and LOG_SOFTMAX. Sources: tensorflow/lite/kernels/internal/reference/softmax.h and
 * integer_ops/log_softmax.h with gemmlowp's fixed point. The exponentials come from a table that the host makes with
 * the same arithmetic, since an int8 difference has only 256 values. */
#include "tr_fixed_point.h"
#include "tr_fixed_point16.h"
#include "tr_kernels.h"
#include "tr_requant.h"

#define ACCUMULATOR_INTEGER_BITS 12 /* the sum of exponentials is Q12.19 */
#define UNIFORM ((int32_t)1 << 28)  /* of 512: every share is below half a step */

static int32_t maximum_of(const int8_t *input, uint32_t depth)
{
    int32_t maximum = INT8_MIN;
    for (uint32_t i = 0u; i < depth; i++) {
        maximum = input[i] > maximum ? input[i] : maximum;
    }
    return maximum;
}

static int32_t addend(const int32_t *exponential, int32_t below)
{
    return tr_rounding_shift_right(exponential[below], ACCUMULATOR_INTEGER_BITS);
}

/* One row, to int8 or int16 by `bits`, which callers know. */
static inline __attribute__((always_inline)) void softmax_row(const struct tr_softmax *layer, const int8_t *input,
                                                              unsigned bits, void *output)
{
    int8_t *narrow = output;
    int16_t *wide = output;
    int32_t maximum = maximum_of(input, layer->depth);
    int32_t sum = 0;
    for (uint32_t i = 0u; i < layer->depth && (bits == 16u || sum < UNIFORM); i++) {
        sum += addend(layer->exponential, maximum - input[i]);
    }
    if (bits == 8u && sum >= UNIFORM) {
        __builtin_memset(output, INT8_MIN, layer->depth);
        return;
    }
    unsigned headroom = tr_leading_zeros((uint32_t)sum);
    int32_t reciprocal = tr_one_over_one_plus((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    unsigned right = ACCUMULATOR_INTEGER_BITS - headroom + 31u - bits;
    for (uint32_t i = 0u; i < layer->depth; i++) {
        int32_t scaled = tr_doubling_high_mul(reciprocal, layer->exponential[maximum - input[i]]);
        int32_t share = tr_rounding_shift_right(scaled, right);
        if (bits == 16u) {
            wide[i] = tr_saturated16(share + INT16_MIN);
        } else {
            narrow[i] = tr_clamp(share + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}

void tr_softmax(const struct tr_softmax *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t row = 0u; row < layer->rows; row++) {
        softmax_row(layer, input, 8u, output);
        input += layer->depth;
        output += layer->depth;
    }
}

void tr_softmax16(const struct tr_softmax *layer, const int8_t *input, int16_t *output)
{
    for (uint32_t row = 0u; row < layer->rows; row++) {
        softmax_row(layer, input, 16u, output);
        input += layer->depth;
        output += layer->depth;
    }
}

/* log(x) in Q5.26 of x >= 1 in Q12.19. log_x_for_x_greater_than_or_equal_to_1 in kernels/internal/common.h. */
static int32_t logarithm(int32_t x)
{
    const int32_t log_2 = 1488522236;
    const int32_t sqrt_sqrt_half = 1805811301;
    const int32_t sqrt_half = 1518500250;
    const int32_t quarter = (int32_t)1 << 23; /* Q6.25, as powers are */
    unsigned shift_a = tr_leading_zeros((uint32_t)x) - 1u;
    int32_t r_a = tr_saturating_shift_left(tr_doubling_high_mul(tr_saturating_shift_left(x, shift_a), sqrt_half), 1u);
    int32_t power_a = (int32_t)((11u - shift_a) << 25) + quarter;
    unsigned shift_b = tr_leading_zeros((uint32_t)tr_doubling_high_mul(x, sqrt_half)) - 1u;
    int32_t r_b = tr_saturating_shift_left(x, shift_b);
    int32_t power_b = (int32_t)((12u - shift_b) << 25) - quarter;
    int32_t r = r_a < r_b ? r_a : r_b;
    int32_t power = power_a > power_b ? power_a : power_b;
    int32_t p = tr_rounding_half_sum(r, sqrt_sqrt_half);
    int32_t q = (r - sqrt_sqrt_half) * 2;
    int32_t square = tr_doubling_high_mul(q, q);
    int32_t numerator = tr_doubling_high_mul(q, r) + tr_doubling_high_mul(tr_doubling_high_mul(q, square), 117049297);
    int32_t inner = 1057819769 + q + tr_doubling_high_mul(127690142, square);
    int32_t denominator = tr_doubling_high_mul(p, inner) + tr_doubling_high_mul(638450708, q); /* less 1 */
    int32_t fraction = tr_doubling_high_mul(tr_rounding_shift_right(numerator, 6u), tr_one_over_one_plus(denominator));
    return tr_saturating_shift_left(tr_doubling_high_mul(power, log_2) + fraction, 1u);
}

static void log_softmax_row(const struct tr_log_softmax *layer, const int8_t *input, int8_t *output)
{
    int32_t maximum = maximum_of(input, layer->depth);
    int32_t sum = 0;
    for (uint32_t i = 0u; i < layer->depth; i++) {
        sum += addend(layer->exponential, maximum - input[i]);
    }
    int32_t log_sum = logarithm(sum);
    int32_t least = tr_multiply(log_sum + INT32_MIN, layer->reverse.multiplier, layer->reverse.shift);
    least = least < layer->least ? layer->least : least;
    for (uint32_t i = 0u; i < layer->depth; i++) {
        int32_t difference = input[i] - maximum;
        output[i] = INT8_MIN;
        if (difference > least) {
            int32_t scaled = tr_multiply(difference, layer->factor.multiplier, layer->factor.shift);
            output[i] = tr_clamp(tr_rounding_shift_right(scaled - log_sum, 22u) + INT8_MAX, INT8_MIN, INT8_MAX);
        }
    }
}

void tr_log_softmax(const struct tr_log_softmax *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t row = 0u; row < layer->rows; row++) {
        log_softmax_row(layer, input, output);
        input += layer->depth;
        output += layer->depth;
    }
}
