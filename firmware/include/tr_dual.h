/* Depthwise layers by multiplication, on int16 planes of two channels; on Armv7E-M by dual multiply-accumulates over two
 * outputs beside each other. */
#ifndef TR_DUAL_H
#define TR_DUAL_H

#include "tr_kernels.h"

/* One row of weights a channel (layout INT8), in the order of the planes' rows and columns. Scratch: two planes, and
 * where `layer->plane` takes lines, a channel's weights as these, and a row of its taps between zeros. */
void tr_depthwise_conv_2d_dual(const struct tr_planes *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* How to run over one channel's plane, requantisation included; bytes, but for what is counted. */
struct tr_dual {
    int32_t bias, multiplier, centre, shift; /* struct tr_direct; `centre` is (2 * zero point + 1) << shift */
    uint32_t step;                           /* from an output to the next */
    const int16_t *row_end;                  /* where the first row's pairs of outputs end */
    uint32_t rows;                           /* counted */
    uint32_t skip;                           /* from behind a row's last pair to the next row's first */
    uint32_t row_step;                       /* from a row of windows to the next */
    uint32_t odd;                            /* 1: an output without a neighbour ends each row */
    uint32_t output_skip;                    /* from behind a row's last output to the next row's first */
    uint32_t minimum, maximum;               /* of activations, in both halves */
    uint32_t pitch;                          /* from a row of taps to the next */
    uint32_t pair;                           /* from a pair's window to the next one's */
    uint32_t lines;                          /* of weights, counted */
    uint32_t line;                           /* from a line to the next */
    uint32_t entry;                          /* of code that is skipped in each line */
};

/* All outputs of one channel, at least one row. 3x3: windows of `weights`, int8 [9], with strides of 1 or 2 along rows;
 * lines: of any, `weights` being TR_DUAL_LINE words less. plain: above a zero point of -128; signed: with any; clamped:
 * to less than int8 besides. Armv7E-M only. */
#define TR_DUAL_LINE 8
tr_dual_plane tr_dual_3x3_1_plain, tr_dual_3x3_1_signed, tr_dual_3x3_1_clamped;
tr_dual_plane tr_dual_3x3_2_plain, tr_dual_3x3_2_signed, tr_dual_3x3_2_clamped;
tr_dual_plane tr_dual_lines_plain, tr_dual_lines_signed, tr_dual_lines_clamped;

#endif
