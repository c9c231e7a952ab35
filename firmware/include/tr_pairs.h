/* Layers whose dot products are generated straight-line code over two pixels a word.
 *
 * A word is x0 + (x1 << 16) of two pixels: one addition serves both. The generator has proven that
 * no lane overflows (edge_tr/lower/straightline.py). x is the activation as it is, the zero point
 * being part of the bias, or x - zero_point cut to its s largest terms. */
#ifndef TR_PAIRS_H
#define TR_PAIRS_H

#include "tr_kernels.h"

/* Sums of all rows, [rows][2], of `words`. */
typedef void tr_code(const int32_t *words, int32_t *sums);

/* All sums of one channel of a depthwise layer, in place: `words` is its padded plane, and the two sums of
 * each window replace the words below its corner, which no later window reads. */
typedef void tr_plane(int32_t *words);

struct tr_pairs {
    struct tr_shape input, output;
    struct tr_window window;
    int16_t padding;           /* what lies outside the image, as words hold it */
    const int16_t *data_terms; /* [256]: x + 128 -> what words hold; null: x itself */
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
