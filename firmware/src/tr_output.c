#include "tr_output.h"

#include "tr_requant.h"

int8_t tr_output_exact(const struct tr_output *to, uint32_t channel, int32_t sum)
{
    int32_t biased = tr_wrapping_add(sum, to->bias[channel]);
    int32_t scaled = tr_multiply(biased, to->multiplier[channel], to->shift[channel]);
    return tr_clamp(tr_wrapping_add(scaled, to->zero_point), to->minimum, to->maximum);
}

#if !defined(__arm__) && !defined(__riscv)

/* What tr_finish_*.S do, portably. */

void tr_finish_pixels(const struct tr_output *to, uint32_t channels, const int32_t *sums, int8_t *first,
                      int8_t *second)
{
    for (uint32_t channel = 0u; channel < channels; channel++) {
        first[channel] = tr_output(to, channel, sums[2u * channel]);
        second[channel] = tr_output(to, channel, sums[2u * channel + 1u]);
    }
}

void tr_finish_run(const struct tr_output *to, uint32_t channel, const int32_t *sums, uint32_t sum_step,
                   int8_t *output, uint32_t step, uint32_t count)
{
    for (uint32_t i = 0u; i < count; i++) {
        output[i * step] = tr_output(to, channel, sums[i * sum_step]);
    }
}

#endif
