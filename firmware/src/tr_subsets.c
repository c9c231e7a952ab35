#include "tr_subsets.h"
#include "tr_isa.h"

#define BLOCK (2u * TR_SUBSET_ELEMENTS)
#define UNITS 16u /* outputs that are requantised together */

#if defined(TR_CODE_C)

/* What tr_subsets_*.S do, portably. */

void tr_subset_sums(const int8_t *x, uint16_t *sums)
{
    sums[0] = 0u;
    for (uint32_t count = 1u; count < TR_SUBSETS; count *= 2u, x++) {
        for (uint32_t n = 0u; n < count; n++) {
            sums[count + n] = (uint16_t)(sums[n] + *x + 128);
        }
    }
}

const uint8_t *tr_subset_rows(const uint8_t *planes, const uint16_t *sums, int32_t *totals, const int32_t *end)
{
    for (; totals != end; totals++) {
        const uint8_t *next = planes + 1u + BLOCK - *planes; /* says how many bytes are missing */
        int32_t sum = -(sums[planes[1]] + sums[TR_SUBSETS + planes[2]]);
        for (planes += 3; planes != next; planes += 2) {
            sum = 2 * sum + sums[planes[0]] + sums[TR_SUBSETS + planes[1]];
        }
        *totals = (int32_t)((uint32_t)*totals + (uint32_t)sum);
    }
    return planes;
}

#endif

/* Both tables of the `left` elements from `x` on; behind the last one any will do: no weight names it. */
static void tabulate(const int8_t *x, uint32_t left, uint16_t *sums)
{
    int8_t last[BLOCK];
    if (left < BLOCK) {
        for (uint32_t n = 0u; n < BLOCK; n++) {
            last[n] = n < left ? x[n] : 0;
        }
        x = last;
    }
    tr_subset_sums(x, sums);
    tr_subset_sums(x + TR_SUBSET_ELEMENTS, sums + TR_SUBSETS);
}

static void finish(const struct tr_output *to, uint32_t unit, uint32_t left, const int32_t *totals, int8_t *output)
{
    for (uint32_t count; left > 0u; left -= count) {
        int32_t sums[2u * UNITS];
        count = left < UNITS ? left : UNITS;
        for (uint32_t n = 0u; n < count; n++) {
            sums[2u * n] = *totals++;
        }
        tr_finish_units(to, unit, count, sums, output);
        unit += count;
        output += count;
    }
}

void tr_fully_connected_subsets(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    uint16_t *sums = (uint16_t *)scratch;
    int32_t *totals = scratch + TR_SUBSETS;
    for (uint32_t row = 0u; row < layer->pixels.input.height; row++) {
        const uint8_t *planes = table.words;
        for (uint32_t unit = 0u, count; unit < table.rows; unit += count) {
            count = table.rows - unit < TR_SUBSET_ROWS ? table.rows - unit : TR_SUBSET_ROWS;
            for (uint32_t n = 0u; n < count; n++) {
                totals[n] = 0;
            }
            for (uint32_t at = 0u; at < table.depth; at += BLOCK) {
                tabulate(input + at, table.depth - at, sums);
                planes = tr_subset_rows(planes, sums, totals, totals + count);
            }
            finish(&layer->to, unit, count, totals, output);
            output += count;
        }
        input += table.depth;
    }
}

void tr_sums_subsets(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    const uint8_t *planes = table.words;
    uint16_t *subsets = (uint16_t *)scratch;
    for (uint32_t row = 0u, count; row < table.rows; row += count) {
        count = table.rows - row < TR_SUBSET_ROWS ? table.rows - row : TR_SUBSET_ROWS;
        for (uint32_t n = 0u; n < count; n++) {
            sums[row + n] = 0;
        }
        for (uint32_t at = 0u; at < table.depth; at += BLOCK) {
            tabulate(input + at, table.depth - at, subsets);
            planes = tr_subset_rows(planes, subsets, sums + row, sums + row + count);
        }
    }
}
