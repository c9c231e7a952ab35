#include "tr_twins.h"
#include "tr_isa.h"

#define UNIT 4u
#define UNITS 16u /* outputs that are requantised together; a multiple of four */

#if !defined(TR_CODE_ARM) && (!defined(__riscv_mul) || defined(__riscv_32e))

#define TWO_BYTES 0xFF00FFu

/* The lanes of `word` to two sums. */
static void flush(uint32_t word, int32_t *first, int32_t *second)
{
    int32_t low = (int16_t)(uint16_t)word;
    *first += low;
    *second += (int16_t)(uint16_t)((word - (uint32_t)low) >> 16);
}

/* What tr_twins_*.S do, portably. */
void tr_twins(const uint8_t *block, const uint32_t *units, const uint32_t *end, int32_t *sums)
{
    uint32_t even = 0u, odd = 0u;
    sums[0] = sums[2] = sums[4] = sums[6] = 0;
    while (units != end) {
        uint32_t flags = tr_load_u32(block);
        block += 4;
        do {
            even += units[0];
            odd += units[0];
            for (uint32_t n = 0u; n < UNIT; n++, block += 4) {
                uint32_t weights = tr_load_u32(block);
                uint32_t x = (uint32_t)(int32_t)(int8_t)(uint8_t)(units[1] >> 8u * n);
                even += (weights & TWO_BYTES) * x;
                odd += (weights >> 8 & TWO_BYTES) * x;
            }
            units += 2;
            bool flushed = flags >> 31 != 0u;
            flags <<= 1;
            if (flushed) {
                flush(even, &sums[0], &sums[2]);
                flush(odd, &sums[4], &sums[6]);
                even = odd = 0u;
            }
        } while (flags != 0u);
    }
}

#endif

/* One row's activations in the order of the units; the end. */
static const uint32_t *arrange(const uint8_t *order, uint32_t count, const int8_t *input, uint32_t *units)
{
    for (const uint8_t *end = order + 2u * UNIT * count; order < end; order += 2u * UNIT) {
        int32_t sum = 0;
        uint32_t octets = 0u;
        for (uint32_t n = 0u; n < UNIT; n++) {
            int32_t x = input[order[2u * n] | (uint32_t)order[2u * n + 1u] << 8];
            sum += x;
            octets |= (uint32_t)(uint8_t)x << 8u * n;
        }
        *units++ = (uint32_t)sum * (0u - 128u * 0x10001u);
        *units++ = octets;
    }
    return units;
}

void tr_fully_connected_twins(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    const uint8_t *words = table.words;
    uint32_t *units = (uint32_t *)scratch;
    for (uint32_t row = 0u; row < layer->pixels.input.height; row++) {
        const uint32_t *end = arrange(words, table.starts[0] / (2u * UNIT), input, units);
        for (uint32_t unit = 0u, count; unit < table.rows; unit += count) {
            int32_t sums[2u * UNITS];
            uint32_t left = table.rows - unit;
            count = left < UNITS ? left : UNITS;
            for (uint32_t n = 0u; n < count; n += 4u) {
                tr_twins(words + table.starts[unit + n], units, end, sums + 2u * n);
            }
            tr_finish_units(&layer->to, unit, count, sums, output);
            output += count;
        }
        input += table.depth;
    }
}

void tr_sums_twins(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    const uint8_t *words = table.words;
    uint32_t *units = (uint32_t *)scratch;
    const uint32_t *end = arrange(words, table.starts[0] / (2u * UNIT), input, units);
    for (uint32_t row = 0u; row < table.rows; row += 4u) {
        int32_t four[8];
        tr_twins(words + table.starts[row], units, end, four);
        for (uint32_t n = 0u; n < 4u && row + n < table.rows; n++) {
            sums[row + n] = four[2u * n];
        }
    }
}
