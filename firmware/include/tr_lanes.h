/* Convolutions by multiplication, two rows of weights and two pixels a word at a time (layout LANES,
 * edge_tr/lower/lanes.py). */
#ifndef TR_LANES_H
#define TR_LANES_H

#include "tr_pixels.h"

/* Scratch: the words of two windows, an even number, and two sums for each row, rows rounded up to two. */
void tr_conv_2d_lanes(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums [2][2] of two rows and two pixels. In assembly where there is a file for the core. */
void tr_lanes(const uint8_t *runs, const int32_t *words, int32_t *sums);

#endif
