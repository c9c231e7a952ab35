/* What generated C needs: the two lanes of a word, added to a pair of sums. */
#ifndef TR_FLUSH_H
#define TR_FLUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "tr_pairs.h"

static inline void tr_flush(int32_t *sums, uint32_t word, unsigned base, bool first)
{
    int32_t low = (int16_t)(uint16_t)word;
    int32_t high = (int16_t)(uint16_t)((word - (uint32_t)low) >> 16);
    sums[0] = (int32_t)((first ? 0u : (uint32_t)sums[0]) + ((uint32_t)low << base));
    sums[1] = (int32_t)((first ? 0u : (uint32_t)sums[1]) + ((uint32_t)high << base));
}

#endif
