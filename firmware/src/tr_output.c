#include "tr_output.h"

#include "tr_requant.h"

int8_t tr_output_exact(const struct tr_output *to, uint32_t channel, int32_t sum)
{
    int32_t biased = tr_wrapping_add(sum, to->bias[channel]);
    int32_t scaled = tr_multiply(biased, to->multiplier[channel], to->shift[channel]);
    return tr_clamp(tr_wrapping_add(scaled, to->zero_point), to->minimum, to->maximum);
}
