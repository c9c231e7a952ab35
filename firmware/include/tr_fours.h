/* Layers by multiplication, four rows of weights at a time (layout FOURS), so that they share loads of activations.
 * Convolutions on Armv7E-M: tr_joint.h. */
#ifndef TR_FOURS_H
#define TR_FOURS_H

#include "tr_pixels.h"

/* Scratch: two pixels' activations as int16, an even number each, then two sums for each row, rows rounded up to four. */
void tr_conv_2d_fours(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Scratch: one row's activations as int16, an even number, then as for convolutions. */
void tr_fully_connected_fours(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums of one row of activations, for an operator that scales them itself. */
void tr_sums_fours(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch);

/* Sums of four rows and one pixel to sums[0], [2], [4], [6]; `x` [pairs] holds two activations a word. In assembly
 * where there is a file for the core. */
typedef void tr_pixel_sums(const int8_t *weights, const int16_t *x, uint32_t pairs, int32_t *sums);
tr_pixel_sums tr_fours_pixel;

/* All units of a fully connected layer, four at a time by `pixel`, requantised. */
void tr_fours_units(const struct tr_output *to, const int8_t *weights, const int16_t *x, uint32_t pairs, uint32_t units,
                    int8_t *output, tr_pixel_sums *pixel);

#endif
