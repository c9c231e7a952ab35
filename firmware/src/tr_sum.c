/* ADD and SUB with broadcast or a constant. Sources: add.h and sub.h in tensorflow/lite/kernels/internal/reference. */
#include "tr_requant.h"
#include "tr_walk.h"

static int32_t share(const struct tr_arithmetic *layer, unsigned side, int8_t x)
{
    int32_t raised = (int32_t)((uint32_t)(x - layer->zero_points[side]) << layer->left_shift);
    return tr_multiply(raised, layer->factors[side].multiplier, layer->factors[side].shift);
}

static void row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const struct tr_walk *walk = &layer->walk;
    for (const int8_t *end = output + walk->count; output != end; output++) {
        int32_t other = share(layer, 1u, *second);
        int32_t sum = share(layer, 0u, *first) + (layer->subtracts ? -other : other);
        int32_t scaled = tr_multiply(sum, layer->factors[2].multiplier, layer->factors[2].shift);
        *output = tr_clamp(tr_wrapping_add(scaled, layer->zero_points[2]), layer->minimum, layer->maximum);
        first += walk->operands[0].step;
        second += walk->operands[1].step;
    }
}

TR_OPERATOR(tr_sum, row)

static void row_looked_up(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output)
{
    const uint32_t steps[2] = {layer->walk.operands[0].step, layer->walk.operands[1].step};
    const int32_t *const tables[2] = {layer->first, layer->second}; /* stores of int8 may alias anything */
    const int32_t minimum = layer->minimum;
    const uint32_t fraction = layer->fraction, range = (uint32_t)(layer->maximum - minimum);
    for (const int8_t *end = output + layer->walk.count; output != end; output++) {
        int32_t sum = tables[0][(uint8_t)*first] + tables[1][(uint8_t)*second];
        uint32_t result = (uint32_t)sum >> fraction;
        if (result > range) {
            result = sum < 0 ? 0u : range;
        }
        *output = (int8_t)((int32_t)result + minimum);
        first += steps[0];
        second += steps[1];
    }
}

TR_OPERATOR(tr_sum_looked_up, row_looked_up)
