/* Operators of one int16 input, element by element. Sources, in tensorflow/lite/kernels/internal/reference: requantize.h,
 * leaky_relu.h, integer_ops/logistic.h, integer_ops/tanh.h. */
#include "tr_requant.h"
#include "tr_wide.h"

static int32_t value_of(const void *input, uint32_t bytes, uint32_t i)
{
    if (bytes == 4u) {
        return ((const int32_t *)input)[i];
    }
    return bytes == 2u ? ((const int16_t *)input)[i] : ((const int8_t *)input)[i];
}

void tr_wide_scaled(const struct tr_wide_scaled *layer, const void *input, void *output)
{
    for (uint32_t i = 0u; i < layer->size; i++) {
        int32_t x = value_of(input, layer->bytes[0], i);
        x = tr_wrapping_add(x, -layer->input_zero_point);
        x = layer->absolute && x < 0 ? -x : x;
        const struct tr_factor *by = x < 0 ? &layer->below : &layer->factor;
        int32_t y = tr_wrapping_add(tr_multiply(x, by->multiplier, by->shift), layer->output_zero_point);
        y = y < layer->minimum ? layer->minimum : y > layer->maximum ? layer->maximum : y;
        if (layer->bytes[1] == 4u) {
            ((int32_t *)output)[i] = y;
        } else if (layer->bytes[1] == 2u) {
            ((int16_t *)output)[i] = (int16_t)y;
        } else {
            ((int8_t *)output)[i] = (int8_t)y;
        }
    }
}

/* Where x lies in the table. */
static int32_t place(const struct tr_wide_sigmoid *layer, int16_t x)
{
    int32_t round = layer->shift > 0u ? (int32_t)1 << (layer->shift - 1u) : 0;
    return (x * layer->multiplier + round) >> layer->shift;
}

/* The table between its entries, `bits` below; from the last on `most`. */
static int32_t between(const uint16_t *table, uint32_t at, uint32_t bits, int32_t most)
{
    uint32_t entry = at >> bits;
    if (entry >= 255u) {
        return most;
    }
    uint32_t part = at & ((1u << bits) - 1u);
    return (int32_t)(((uint32_t)table[entry] << bits) + part * (uint32_t)(table[entry + 1u] - table[entry]));
}

static uint32_t magnitude(int32_t x)
{
    return (uint32_t)(x < 0 ? -x : x);
}

void tr_wide_logistic(const struct tr_wide_sigmoid *layer, const int16_t *input, int16_t *output)
{
    for (uint32_t i = 0u; i < layer->size; i++) {
        int32_t x = place(layer, input[i]);
        int32_t value = between(layer->table, magnitude(x), 9u, 0x7fff << 10);
        value = x >= 0 ? value + 512 : (1 << 25) - value + 511;
        output[i] = (int16_t)(value >> 10);
    }
}

void tr_wide_tanh(const struct tr_wide_sigmoid *layer, const int16_t *input, int16_t *output)
{
    for (uint32_t i = 0u; i < layer->size; i++) {
        int32_t x = place(layer, input[i]);
        int32_t value = between(layer->table, magnitude(x), 8u, 0xffff << 8) - (1 << 23);
        output[i] = (int16_t)(((x >= 0 ? value : -value - 1) + 128) >> 8);
    }
}
