/* Depthwise layers of 3x3 windows by multiplication, on int16 planes of two channels; on Armv7E-M by dual
 * multiply-accumulates over two outputs beside each other. */
#ifndef TR_DUAL_H
#define TR_DUAL_H

#include "tr_pixels.h"

/* One row of weights a channel (layout INT8); strides 1 or 2, dense, as many outputs as inputs, of which there are
 * two at least. Scratch: two padded planes, whose rows are words of two activations beside each other. */
void tr_depthwise_conv_2d_dual(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* How to run over one channel's plane, requantisation included; bytes. `centre` is -(255 << shift). */
struct tr_dual {
    int32_t bias, multiplier, centre, shift; /* struct tr_direct */
    uint32_t step;                           /* from an output to the next */
    const int16_t *row_end;                  /* where the first row's pairs of outputs end */
    uint32_t rows;
    uint32_t skip;     /* from behind a row's last window to the next row's first */
    uint32_t row_step; /* from a row of windows to the next */
    uint32_t odd;      /* 1: an output without a neighbour ends each row */
};

/* All outputs of one channel, at least one row. Armv7E-M only. */
void tr_dual_plane_1(const struct tr_dual *how, const int8_t *weights, const int16_t *plane, int8_t *output);
void tr_dual_plane_2(const struct tr_dual *how, const int8_t *weights, const int16_t *plane, int8_t *output);

#endif
