/* SUM and MEAN over axes apart, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD.
 * Source: tensorflow/lite/kernels/internal/reference/reduce.h. */
#include "tr_kernels.h"
#include "tr_requant.h"
#include "tr_wide.h"

enum fold { SUM, MAX, MIN, PROD };

static inline int32_t next(const struct tr_reduce *layer, enum fold kind, bool first, int32_t so_far, int32_t x)
{
    switch (kind) {
    case SUM:
        return so_far + x - layer->input_zero_point;
    case MAX:
        return first || x > so_far ? x : so_far;
    case MIN:
        return first || x < so_far ? x : so_far;
    default:
        x -= layer->input_zero_point;
        return first ? x : tr_wide_multiply((int64_t)so_far * x, layer->factor.multiplier, layer->factor.shift);
    }
}

/* All that one element of the output is made of. */
static inline int32_t folded(const struct tr_reduce *layer, enum fold kind, const int8_t *input)
{
    const struct tr_extent *axes = layer->reduced;
    int32_t value = 0;
    bool first = true;
    for (uint32_t a = 0u; a < axes[0].count; a++) {
        for (uint32_t b = 0u; b < axes[1].count; b++) {
            for (uint32_t c = 0u; c < axes[2].count; c++) {
                const int8_t *x = input + a * axes[0].step + b * axes[1].step + c * axes[2].step;
                for (uint32_t left = axes[3].count; left > 0u; left--, x += axes[3].step) {
                    value = next(layer, kind, first, value, *x);
                    first = false;
                }
            }
        }
    }
    return value;
}

static inline int8_t finished(const struct tr_reduce *layer, enum fold kind, int32_t value)
{
    if (kind == MAX || kind == MIN) {
        return (int8_t)value;
    }
    const struct tr_factor *by = &layer->factor;
    int32_t scaled = kind == PROD ? tr_wide_multiply(value, by->multiplier, by->shift)
                                  : tr_multiply(value, by->multiplier, by->shift);
    return tr_clamp(tr_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
}

static inline void reduce(const struct tr_reduce *layer, enum fold kind, const int8_t *input, int8_t *output)
{
    const struct tr_extent *axes = layer->kept;
    for (uint32_t a = 0u; a < axes[0].count; a++) {
        for (uint32_t b = 0u; b < axes[1].count; b++) {
            for (uint32_t c = 0u; c < axes[2].count; c++) {
                const int8_t *x = input + a * axes[0].step + b * axes[1].step + c * axes[2].step;
                for (uint32_t d = 0u; d < axes[3].count; d++) {
                    *output++ = finished(layer, kind, folded(layer, kind, x + d * axes[3].step));
                }
            }
        }
    }
}

void tr_reduce_sum(const struct tr_reduce *layer, const int8_t *input, int8_t *output)
{
    reduce(layer, SUM, input, output);
}

void tr_reduce_max(const struct tr_reduce *layer, const int8_t *input, int8_t *output)
{
    reduce(layer, MAX, input, output);
}

void tr_reduce_min(const struct tr_reduce *layer, const int8_t *input, int8_t *output)
{
    reduce(layer, MIN, input, output);
}

void tr_reduce_prod(const struct tr_reduce *layer, const int8_t *input, int8_t *output)
{
    reduce(layer, PROD, input, output);
}
