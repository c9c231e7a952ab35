/* 3x3 convolutions with a stride of one by Winograd's F(2x2, 3x3) in exact integers: edge_tr/kernels/winograd.py. */
#ifndef TR_WINOGRAD_H
#define TR_WINOGRAD_H

#include "tr_pixels.h"

#define TR_WINOGRAD_TILES 8u /* at most at once */
#if defined(__ARM_FEATURE_DSP)
#define TR_WINOGRAD_BYTES 8192u /* of activations' points, above which fewer tiles are taken */
#else
#define TR_WINOGRAD_BYTES 0u /* always two: more of them gain little beside slower multiplications */
#endif
#define TR_WINOGRAD_ROWS 4u

/* Layout WINOGRAD; a multiple of four channels, no truncated activations. Scratch: points of the activations; sums of
 * four rows' points, [tiles][TR_WINOGRAD_ROWS][16]; and activations of a tile, [4][4][channels]. */
void tr_conv_2d_winograd(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* The same with as many tiles at once as there may be, whatever their points take, and with every four rows of weights
 * copied before they are read for all of them. Scratch besides: such four rows, 128 bytes a channel. */
void tr_conv_2d_winograd_copied(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch);

/* Activations of a tile, and how far it is from one row of them to the next and from one pixel; bytes. */
struct tr_winograd_tile {
    const int8_t *at;
    uint32_t row, pixel;
};

/* Points of all channels of a tile: for every two channels the four of a row, two words apart; `step` bytes from one row
 * of points to the next. In assembly on Armv7E-M. */
void tr_winograd_points(const struct tr_winograd_tile *tile, uint32_t channels, int32_t *points, uint32_t step);

/* Points of every fourth channel, from the tile's first one on; `points` is the half of the words that is theirs. Not on
 * Armv7E-M; in assembly on Armv7-M. */
void tr_winograd_fourth(const struct tr_winograd_tile *tile, uint32_t channels, int8_t *points, uint32_t step);

/* Sums of four rows of weights with the points of 2 * pairs tiles. `points` by row of points, two tiles, `depth` times two
 * channels, point of the row, and tile. In assembly on Armv7-M and RV32IM. */
void tr_winograd_block(const int16_t *weights, const int32_t *points, int32_t *sums, uint32_t depth, uint32_t pairs);

/* Where a tile's outputs go. `without`: 1, there is none below; 2, none beside; 3, neither. */
struct tr_winograd_place {
    int8_t *output;
    uint32_t without;
};

/* How one channel is requantised by `quick`, and how many bytes away the outputs beside and below lie. */
struct tr_winograd_quick {
    const struct tr_output *to;
    uint32_t channel;
    const struct tr_channel *quick;
    uint32_t next, line;
};

/* One channel of all tiles from `places` to `end`. In assembly on Armv7-M. */
void tr_winograd_finish_quick(const struct tr_winograd_quick *how, const int32_t *sums,
                              const struct tr_winograd_place *places, const struct tr_winograd_place *end);

/* The same for one long multiplication. */
struct tr_winograd_output {
    int32_t bias, multiplier, centre, shift; /* struct tr_direct; `centre` is (2 * zero point + 1) << shift */
    uint32_t next, line;                     /* bytes */
    uint32_t minimum, maximum;               /* in both halves */
};

/* One channel of all tiles from `places` to `end`, clamped to all of int8, or less. Armv7E-M only. */
void tr_winograd_finish_whole(const struct tr_winograd_output *how, const int32_t *sums,
                              const struct tr_winograd_place *places, const struct tr_winograd_place *end);
void tr_winograd_finish_clamped(const struct tr_winograd_output *how, const int32_t *sums,
                                const struct tr_winograd_place *places, const struct tr_winograd_place *end);

#endif
