/* Layers whose weights are byte lists of terms (layout LISTS, edge_tr/kernels/lists.py), read once for eight
 * pixels: an element's activations are four words of two pixels (tr_pixels.h), one addition each. Fully connected
 * layers have one pixel a row and read the input's bytes where they are. */
#ifndef TR_LISTS_H
#define TR_LISTS_H

#include "tr_pixels.h"

#define TR_LIST_PIXELS 8u

/* Scratch: four words for each weight of a row. */
void tr_conv_2d_lists(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* No scratch; `pixels.input` is (rows, 1, depth). */
void tr_fully_connected_lists(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums of one row of activations, for an operator that scales them itself. */
void tr_sums_lists(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch);

/* The windows of `count` output pixels, eight at most, from `corner` on to `words` [depth][4]; behind the image's last
 * pixel that one again. The next corner. */
struct tr_corner tr_list_gather(const struct tr_pixels *pixels, const int8_t *input, struct tr_corner corner,
                                uint32_t count, int32_t *words);

/* One row's sums of eight pixels: `words` [depth][4], `sums` [8]. In assembly where there is a file for the core. */
void tr_list_pixels(const uint8_t *runs, const int32_t *words, int32_t *sums);

/* One row's sum over bytes `x` [depth]. */
int32_t tr_list_bytes(const uint8_t *runs, const int8_t *x);

#endif
