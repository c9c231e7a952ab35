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

/* The same with sums that are requantised while they are in registers, so that none are in scratch: by `direct` alone,
 * `plain` where the zero point is -128, `signed` above it, and `clamped` to less than int8. Constants of as many channels
 * as rows, rounded up to four. */
void tr_conv_2d_joint_plain(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);
void tr_conv_2d_joint_signed(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);
void tr_conv_2d_joint_clamped(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);
void tr_conv_2d_apart_plain(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);
void tr_conv_2d_apart_signed(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);
void tr_conv_2d_apart_clamped(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums [4 * blocks][2] of all rows and two pixels. `words` to `end`: for each pair of activations a word of the first
 * pixel and one of the second; at least one pair. */
void tr_rows_joint(const int8_t *weights, const int32_t *words, const int32_t *end, int32_t *sums, uint32_t blocks);
void tr_rows_apart(const int8_t *weights, const int32_t *words, const int32_t *end, int32_t *sums, uint32_t blocks);

/* Where results go. */
struct tr_rows_to {
    const struct tr_direct *direct;
    int8_t *output;
    uint32_t second; /* bytes from a result to that of the second pixel */
    uint32_t channels;
    int32_t centre; /* twice the zero point + 1 */
    uint32_t minimum, maximum; /* of results, in each byte */
};

/* The same with results in place of sums, and at least two pairs. */
void tr_rows_joint_plain(const int8_t *weights, const int32_t *words, const int32_t *end, const struct tr_rows_to *to);
void tr_rows_joint_signed(const int8_t *weights, const int32_t *words, const int32_t *end, const struct tr_rows_to *to);
void tr_rows_joint_clamped(const int8_t *weights, const int32_t *words, const int32_t *end, const struct tr_rows_to *to);
void tr_rows_apart_plain(const int8_t *weights, const int32_t *words, const int32_t *end, const struct tr_rows_to *to);
void tr_rows_apart_signed(const int8_t *weights, const int32_t *words, const int32_t *end, const struct tr_rows_to *to);
void tr_rows_apart_clamped(const int8_t *weights, const int32_t *words, const int32_t *end, const struct tr_rows_to *to);

/* `count` bytes (> 0, a multiple of four) of two pixels as `count` words of two elements: of every four elements 0 and
 * 2, then 1 and 3, each of the first pixel and then of the second; the word behind them. */
int32_t *tr_spread(const int8_t *first, const int8_t *second, uint32_t count, int32_t *words);

#endif
