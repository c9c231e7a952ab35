/* Kernels of the term runtime: every layer that a generated model calls.
 *
 * Activations are int8, NHWC, batch 1. Weights are the packed tables of
 * tr_formats.h, one row per output channel. All arithmetic is TFLite's
 * reference integer arithmetic, bit for bit (double rounding). No heap, no
 * recursion, and no floating point but where the reference computes with it (tr_resize_bilinear_unsigned). */
#ifndef TR_KERNELS_H
#define TR_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "tr_formats.h"
#include "tr_layers.h"
#include "tr_output.h"
#include "tr_wide.h"

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
extern const struct tr_dot tr_dot_int16;  /* layout INT16: the same by weights of nine bits */

/* ---- layers ------------------------------------------------------------------ */

void tr_conv_2d(const struct tr_convolution *layer, const int8_t *input, int8_t *output, int16_t *scratch);
void tr_depthwise_conv_2d(const struct tr_convolution *layer, const int8_t *input, int8_t *output,
                          int16_t *scratch);

/* Sums of one row of activations with all rows of weights, for an operator that scales them itself. */
void tr_sums_patch(const struct tr_convolution *layer, const int8_t *input, int32_t *sums, int16_t *scratch);

void tr_average_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output);
/* Of uint8 values, less 128. */
void tr_average_pool_2d_unsigned(const struct tr_pool *layer, const int8_t *input, int8_t *output);
void tr_max_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output);

void tr_add(const struct tr_add *layer, const int8_t *input0, const int8_t *input1, int8_t *output);

/* In assembly where there is a file for the core. */
void tr_add_tables(const struct tr_add_tables *layer, const int8_t *input0, const int8_t *input1, int8_t *output);

/* The same of `fours` times four elements where results are all of int8. Armv7-M only. */
void tr_add_whole(const struct tr_add_tables *layer, const int8_t *input0, const int8_t *input1, int8_t *output,
                  uint32_t fours);

void tr_softmax(const struct tr_softmax *layer, const int8_t *input, int8_t *output);
void tr_softmax16(const struct tr_softmax *layer, const int8_t *input, int16_t *output);

void tr_log_softmax(const struct tr_log_softmax *layer, const int8_t *input, int8_t *output);

void tr_copy(const struct tr_copy *layer, const int8_t *input, int8_t *output);

void tr_concatenate(const struct tr_concatenation *layer, const int8_t *const *inputs, int8_t *output);

void tr_resize_bilinear(const struct tr_resize_bilinear *layer, const int8_t *input, int8_t *output);

/* Of uint8 values, less 128, in float arithmetic as the reference's. */
void tr_resize_bilinear_unsigned(const struct tr_resize_bilinear_unsigned *layer, const int8_t *input, int8_t *output);

void tr_mean(const struct tr_mean *layer, const int8_t *input, int8_t *output);

void tr_reduce_sum(const struct tr_reduce *layer, const int8_t *input, int8_t *output);
void tr_reduce_max(const struct tr_reduce *layer, const int8_t *input, int8_t *output);
void tr_reduce_min(const struct tr_reduce *layer, const int8_t *input, int8_t *output);
void tr_reduce_prod(const struct tr_reduce *layer, const int8_t *input, int8_t *output);

void tr_l2_normalization(const struct tr_l2_normalization *layer, const int8_t *input, int8_t *output);

void tr_cumsum(const struct tr_cumsum *layer, const int8_t *input, int8_t *output);

void tr_transpose_conv(const struct tr_transpose_conv *layer, const int8_t *input, int8_t *output, int32_t *scratch);

void tr_batch_matmul(const struct tr_batch_matmul *layer, const int8_t *const *inputs, int8_t *output);

/* Of layer->count inputs. */
void tr_add_n(const struct tr_add_n *layer, const int8_t *const *inputs, int8_t *output);

/* Any operator whose output values each depend on one input value. */
void tr_lookup(const struct tr_lookup *layer, const int8_t *input, int8_t *output);
void tr_lookup_channels(const struct tr_lookup_channels *layer, const int8_t *input, int8_t *output);

/* Of integers of any type. */
void tr_cast(const struct tr_cast *layer, const int8_t *input, int8_t *output);
void tr_arg_extreme(const struct tr_arg_extreme *layer, const int8_t *input, int8_t *output);
void tr_gather_rows(const struct tr_gather_rows *layer, const int8_t *const *inputs, int8_t *output);
void tr_gather_places(const struct tr_gather_places *layer, const int8_t *const *inputs, int8_t *output);
void tr_update_slice(const struct tr_update_slice *layer, const int8_t *const *inputs, void *output);
void tr_one_hot(const struct tr_one_hot *layer, const void *input, void *output);
void tr_top_k(const struct tr_top_k *layer, const void *input, void *output);

/* Operators of two operands of int32, broadcast, of which one may be layer->constant. */
void tr_int32_add(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_sub(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_mul(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_div(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_floor_div(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_floor_mod(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_maximum(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_minimum(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_squared_difference(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_equal(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_not_equal(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_less(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_less_equal(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_greater(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);
void tr_int32_greater_equal(const struct tr_integers *layer, const int8_t *const *inputs, int8_t *output);

/* Operators of two operands, broadcast, of which one may be layer->constant: see tr_walk.h. */
void tr_sum(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_sum_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_sum_looked_up(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_sum_looked_up_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_mul(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_mul_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_maximum(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_maximum_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_minimum(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_minimum_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_squared_difference(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_squared_difference_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_prelu(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_prelu_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_div(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_div_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_floor_div(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_floor_div_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_floor_mod(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_floor_mod_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_equal(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_equal_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_not_equal(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_not_equal_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_less(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_less_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_less_equal(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_less_equal_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_greater(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_greater_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_greater_equal(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_greater_equal_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_flags_and(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_flags_and_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_flags_or(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_flags_or_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_flags_equal(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_flags_equal_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

void tr_flags_not_equal(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_flags_not_equal_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output);

/* SELECT of three computed operands, or of those that the layer has no constant for, in their order. */
void tr_select(const struct tr_select *layer, const int8_t *condition, const int8_t *x, const int8_t *y,
               int8_t *output);
void tr_select_two(const struct tr_select *layer, const int8_t *input0, const int8_t *input1, int8_t *output);
void tr_select_one(const struct tr_select *layer, const int8_t *input, int8_t *output);

/* A step of every sequence after the other: states are [batch][outputs] and [batch][cells], and `scratch` is
 * layer->workspace bytes before what its kernels take. */
void tr_lstm(const struct tr_lstm *layer, const int8_t *input, int8_t *output, int8_t *output_state,
             int16_t *cell_state, int32_t *scratch);

/* With a state [batch][units * rank][memory] of int8, or int16 and layer->time16. */
void tr_svdf(const struct tr_svdf *layer, const int8_t *input, int8_t *output, int8_t *state, int32_t *scratch);
void tr_svdf16(const struct tr_svdf *layer, const int8_t *input, int8_t *output, int16_t *state, int32_t *scratch);

void tr_requantize(const struct tr_requantize *layer, const int8_t *input, int8_t *output);

#endif
