/* Layers whose dot products are generated straight-line code over two pixels a word.
 *
 * The generator has proven that no lane overflows (edge_tr/kernels/straightline.py). */
#ifndef TR_PAIRS_H
#define TR_PAIRS_H

#include "tr_pixels.h"

/* Sums of all rows, [rows][2], of `words`. */
typedef void tr_code(const int32_t *words, int32_t *sums);

/* All sums of one channel of a depthwise layer, in place: `words` is its padded plane, and the two sums of
 * each window replace the words below its corner, which no later window reads. */
typedef void tr_plane(int32_t *words);

struct tr_pairs {
    struct tr_pixels pixels;
    tr_code *code;             /* CONV_2D */
    tr_plane *const *planes;   /* DEPTHWISE_CONV_2D [output.channels]; null where all weights are zero */
    struct tr_output to;
};

/* Scratch: a word for each weight of a row, then two sums for each row. */
void tr_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Scratch: the words of one padded channel. */
void tr_depthwise_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output,
                                int32_t *scratch);

#endif
