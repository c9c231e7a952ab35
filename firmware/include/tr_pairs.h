/* Layers whose dot products are generated straight-line code over two pixels a word.
 *
 * The generator has proven that no lane overflows (edge_tr/kernels/straightline.py). */
#ifndef TR_PAIRS_H
#define TR_PAIRS_H

#include "tr_pixels.h"

/* Scratch: a word for each weight of a row, then two sums for each row. */
void tr_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Scratch: the words of one padded channel. */
void tr_depthwise_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output,
                                int32_t *scratch);

#endif
