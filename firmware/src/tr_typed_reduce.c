/* Reductions of other types than int8. Source: tensorflow/lite/kernels/internal/reference/reduce.h. */
#include "tr_kernels.h"
#include "tr_requant.h"
#include "tr_typed.h"
#include "tr_wide.h"

enum fold { SUM, MAX, MIN, PROD, SCALED_PROD };

static int64_t next(const struct tr_typed_reduce *layer, enum fold kind, bool first, int64_t so_far, int64_t x)
{
    switch (kind) {
    case SUM:
        return (int64_t)((uint64_t)so_far + (uint64_t)x);
    case MAX:
        return first || x > so_far ? x : so_far;
    case MIN:
        return first || x < so_far ? x : so_far;
    case PROD:
        return first ? x : (int64_t)((uint64_t)so_far * (uint64_t)x);
    default:
        return first ? x : tr_wide_multiply(so_far * x, layer->factor.multiplier, layer->factor.shift);
    }
}

/* All that one element of the output is made of. */
static int64_t folded(const struct tr_typed_reduce *layer, enum fold kind, const int8_t *input)
{
    const struct tr_extent *axes = layer->reduced;
    int64_t value = 0;
    bool first = true;
    for (uint32_t a = 0u; a < axes[0].count; a++) {
        for (uint32_t b = 0u; b < axes[1].count; b++) {
            for (uint32_t c = 0u; c < axes[2].count; c++) {
                const int8_t *x = input + a * axes[0].step + b * axes[1].step + c * axes[2].step;
                for (uint32_t left = axes[3].count; left > 0u; left--, x += axes[3].step) {
                    value = next(layer, kind, first, value, tr_load(x, layer->bytes));
                    first = false;
                }
            }
        }
    }
    return value;
}

typedef int64_t tr_finish(const struct tr_typed_reduce *layer, int64_t value);

static void reduce(const struct tr_typed_reduce *layer, enum fold kind, const int8_t *input, int8_t *output,
                   tr_finish *finish)
{
    const struct tr_extent *axes = layer->kept;
    for (uint32_t a = 0u; a < axes[0].count; a++) {
        for (uint32_t b = 0u; b < axes[1].count; b++) {
            for (uint32_t c = 0u; c < axes[2].count; c++) {
                const int8_t *x = input + a * axes[0].step + b * axes[1].step + c * axes[2].step;
                for (uint32_t d = 0u; d < axes[3].count; d++, output += layer->bytes) {
                    int64_t value = folded(layer, kind, x + d * axes[3].step);
                    tr_store(output, layer->bytes, finish(layer, value));
                }
            }
        }
    }
}

static int64_t as_it_is(const struct tr_typed_reduce *layer, int64_t value)
{
    (void)layer;
    return value;
}

static int64_t scaled_sum(const struct tr_typed_reduce *layer, int64_t value)
{
    int32_t scaled = tr_multiply((int32_t)value, layer->factor.multiplier, layer->factor.shift);
    return tr_wide_clamp(scaled, INT16_MIN, INT16_MAX);
}

static int64_t scaled_product(const struct tr_typed_reduce *layer, int64_t value)
{
    int32_t scaled = tr_wide_multiply(value, layer->factor.multiplier, layer->factor.shift);
    return tr_wide_clamp(scaled, INT16_MIN, INT16_MAX);
}

void tr_typed_sum(const struct tr_typed_reduce *layer, const void *input, void *output)
{
    reduce(layer, SUM, input, output, as_it_is);
}

void tr_typed_max(const struct tr_typed_reduce *layer, const void *input, void *output)
{
    reduce(layer, MAX, input, output, as_it_is);
}

void tr_typed_min(const struct tr_typed_reduce *layer, const void *input, void *output)
{
    reduce(layer, MIN, input, output, as_it_is);
}

void tr_typed_prod(const struct tr_typed_reduce *layer, const void *input, void *output)
{
    reduce(layer, PROD, input, output, as_it_is);
}

void tr_typed_scaled_mean(const struct tr_typed_reduce *layer, const void *input, void *output)
{
    reduce(layer, SUM, input, output, scaled_sum);
}

void tr_typed_scaled_prod(const struct tr_typed_reduce *layer, const void *input, void *output)
{
    reduce(layer, SCALED_PROD, input, output, scaled_product);
}
