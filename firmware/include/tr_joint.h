/* Convolutions by dual multiply-accumulates on Armv7E-M: four rows of weights and two pixels at a time. */
#ifndef TR_JOINT_H
#define TR_JOINT_H

#include "tr_pixels.h"

/* Layout FOURS_JOINT: a halfword is the weights of two rows, first + 256 * second. A dual multiply-accumulate by it sums
 * first + 256 * second modulo 2^32, from which the first's sum, by a second one, leaves the second's: two rows take one
 * extension of bytes instead of two.
 *
 * Scratch, with every row of a window rounded up to four elements and rows of weights to four: two windows as int16,
 * two sums for each row of weights, and two windows as bytes, unless all windows are whole words of the input. */
void tr_conv_2d_joint(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* The same of layout FOURS_APART: any weights. */
void tr_conv_2d_apart(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums [4 * blocks][2] of all rows and two pixels. `words` to `end`: for each pair of activations a word of the first
 * pixel and one of the second; at least one pair. */
void tr_rows_joint(const int8_t *weights, const int32_t *words, const int32_t *end, int32_t *sums, uint32_t blocks);
void tr_rows_apart(const int8_t *weights, const int32_t *words, const int32_t *end, int32_t *sums, uint32_t blocks);

#endif
