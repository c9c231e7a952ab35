/* Layers whose weights are byte lists of several budgets, one nested in the next (edge_tr/kernels/levels.py): a level
 * reads its own lists and those of all levels below it. Which level it is may change between two inferences. */
#ifndef TR_LEVELS_H
#define TR_LEVELS_H

#include "tr_lists.h"

/* Scratch: four words for each weight of a row. FULLY_CONNECTED is a 1x1 convolution over its rows. */
void tr_conv_2d_levels(const struct tr_levels *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Scratch: one padded channel, cut into eight strips of output rows that lie side by side: four words for each element
 * of a strip. Lists name elements behind a window's corner. */
void tr_depthwise_conv_2d_levels(const struct tr_levels *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* No scratch; `pixels.input` is (rows, 1, depth), and activations are read as they are. */
void tr_fully_connected_levels(const struct tr_levels *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Sums of one row of activations, for an operator that scales them itself. */
void tr_sums_levels(const struct tr_levels *layer, const int8_t *input, int32_t *sums, int32_t *scratch);

#endif
