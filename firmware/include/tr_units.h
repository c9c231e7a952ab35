/* Fully connected layers by dual multiply-accumulates on Armv7E-M: four rows of weights at a time. */
#ifndef TR_UNITS_H
#define TR_UNITS_H

#include "tr_fours.h"

/* Fully connected layers of layout FOURS_JOINT. Scratch: one row as int16, rounded up to four elements. */
void tr_fully_connected_joint(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* tr_fours.h's of layout FOURS_JOINT, of whose activations 0 and 2 come before 1 and 3; an even number of pairs. */
tr_pixel_sums tr_joint_pixel;

#endif
