#include "tr_output.h"

#include "tr_isa.h"
#include "tr_requant.h"

int8_t tr_output_exact(const struct tr_output *to, uint32_t channel, int32_t sum)
{
    int32_t biased = tr_wrapping_add(sum, to->bias[channel]);
    if (to->common) {
        biased = tr_wrapping_add(biased, to->quick->low);
        channel = 0u;
    }
    int32_t scaled = tr_multiply(biased, to->multiplier[channel], to->shift[channel]);
    return tr_clamp(tr_wrapping_add(scaled, to->zero_point), to->minimum, to->maximum);
}

void tr_clamp_units(const struct tr_output *to, int8_t *output, uint32_t count)
{
    for (int8_t *end = output + count; output != end; output++) {
        *output = tr_within(to, *output);
    }
}

#if defined(TR_CODE_C)

/* What tr_finish_*.S do, portably. */

void tr_finish_units(const struct tr_output *to, uint32_t channel, uint32_t count, const int32_t *sums, int8_t *output)
{
    for (uint32_t end = channel + count; channel < end; channel++, sums += 2) {
        *output++ = tr_output(to, channel, *sums);
    }
}

void tr_finish_pixels(const struct tr_output *to, uint32_t channels, const int32_t *sums, int8_t *first,
                      int8_t *second)
{
    for (uint32_t channel = 0u; channel < channels; channel++) {
        first[channel] = tr_output(to, channel, sums[2u * channel]);
        second[channel] = tr_output(to, channel, sums[2u * channel + 1u]);
    }
}

void tr_finish_run(const struct tr_output *to, uint32_t channel, const struct tr_run *run)
{
    const int32_t *sums = run->sums;
    int8_t *output = run->output;
    for (uint32_t row = 0u; row < run->rows; row++) {
        for (uint32_t i = 0u; i < run->count; i++) {
            *output = tr_output(to, channel, *sums);
            output += run->step;
            sums += run->sum_step / 4u;
        }
        output += run->skip;
        sums += run->sum_skip / 4u;
    }
}

#endif
