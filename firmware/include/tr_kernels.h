/* Kernels of the term runtime: every layer that a generated model calls.
 *
 * Activations are int8, NHWC, batch 1. Weights are the packed tables of
 * tr_formats.h, one row per output channel. All arithmetic is TFLite's
 * reference integer arithmetic, bit for bit (double rounding). No heap, no
 * floating point, no recursion. */
#ifndef TR_KERNELS_H
#define TR_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "tr_formats.h"
#include "tr_layers.h"
#include "tr_output.h"

/* ---- weight tables -------------------------------------------------------- */

/* A weight table taken apart; `starts` [rows + 1] counts words of the layout. */
struct tr_table {
    uint32_t layout;
    uint32_t rows;
    uint32_t depth;
    uint32_t group;
    uint32_t planes;
    const uint32_t *starts;
    const void *words;
};

/* View of the table whose bytes (4-byte aligned) are at `bytes`. Trusts them: see tr_table_check. */
struct tr_table tr_table_open(const uint32_t *bytes);

/* Whether magic, version, length and CRC-32 of a table of `size` bytes are right. */
bool tr_table_check(const uint32_t *bytes, uint32_t size);

/* ---- dot products ---------------------------------------------------------- */

/* One way of computing sum(w[row][i] * patch[i]). `patch` is int16 [depth], x - zero_point
 * (-255 to 255) or its truncation to s terms (-256 to 256), at the start of the layer's scratch.
 * `prepare` derives from it, in the scratch behind it, whatever `row` reads. */
struct tr_dot {
    void (*prepare)(const struct tr_table *table, int16_t *scratch);
    int32_t (*row)(const struct tr_table *table, uint32_t row, const int16_t *scratch);
};

extern const struct tr_dot tr_dot_pairs;  /* layout TERMS: both operands as terms, shift and add */
extern const struct tr_dot tr_dot_planes; /* layout PLANES: sums of pre-shifted activations */
extern const struct tr_dot tr_dot_int8;   /* layout INT8: the multiply baseline */

/* ---- layers ------------------------------------------------------------------ */

void tr_conv_2d(const struct tr_convolution *layer, const int8_t *input, int8_t *output, int16_t *scratch);
void tr_depthwise_conv_2d(const struct tr_convolution *layer, const int8_t *input, int8_t *output,
                          int16_t *scratch);

void tr_average_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output);
void tr_max_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output);

void tr_add(const struct tr_add *layer, const int8_t *input0, const int8_t *input1, int8_t *output);

void tr_add_tables(const struct tr_add_tables *layer, const int8_t *input0, const int8_t *input1, int8_t *output);

/* Its loop where `nudge` is zero. In assembly where there is a file for the core. */
void tr_add_looked_up(const struct tr_add_tables *layer, const int8_t *input0, const int8_t *input1, int8_t *output);

void tr_softmax(const struct tr_softmax *layer, const int8_t *input, int8_t *output);

void tr_pad(const struct tr_pad *layer, const int8_t *input, int8_t *output);

void tr_mean(const struct tr_mean *layer, const int8_t *input, int8_t *output);

void tr_requantize(const struct tr_requantize *layer, const int8_t *input, int8_t *output);

#endif
