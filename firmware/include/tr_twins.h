/* Fully connected layers by multiplication, two rows of weights in one factor (layout TWINS, edge_tr/lower/twins.py).
 * No truncated activations. */
#ifndef TR_TWINS_H
#define TR_TWINS_H

#include "tr_pixels.h"

/* Scratch: two words for each unit of four weights of a row; `pixels.input` is (rows, 1, depth). */
void tr_fully_connected_twins(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums of one row of activations, for an operator that scales them itself. */
void tr_sums_twins(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch);

/* Sums of four rows to sums[0], [2], [4], [6]. `units` up to `end` are pairs of words: -128 * 0x10001 times the sum of
 * four activations, and these as bytes. In assembly where there is a file for the core. */
void tr_twins(const uint8_t *block, const uint32_t *units, const uint32_t *end, int32_t *sums);

#endif
