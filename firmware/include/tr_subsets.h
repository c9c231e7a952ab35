/* Fully connected layers whose weights' bit planes name sums of activations (layout SUBSETS, edge_tr/lower/subsets.py).
 * No truncated activations. */
#ifndef TR_SUBSETS_H
#define TR_SUBSETS_H

#include "tr_pixels.h"

#define TR_SUBSETS (1u << TR_SUBSET_ELEMENTS)

/* Scratch: two tables of TR_SUBSETS 16-bit sums, then a word for each row, at most TR_SUBSET_ROWS; `pixels.input` is
 * (rows, 1, depth). Sums are of x + 128. */
void tr_fully_connected_subsets(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums of one row of activations, for an operator that scales them itself. */
void tr_sums_subsets(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch);

/* sums[n], n < TR_SUBSETS: of x[i] + 128 for all bits i of n. `sums` is aligned to a word. In assembly where there is a
 * file for the core, as the next. */
void tr_subset_sums(const int8_t *x, uint16_t *sums);

/* Adds one block's sums to `totals` of each row up to `end`; the end of `planes`. `sums` are two tables. */
const uint8_t *tr_subset_rows(const uint8_t *planes, const uint16_t *sums, int32_t *totals, const int32_t *end);

#endif
