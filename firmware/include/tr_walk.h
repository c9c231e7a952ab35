/* How element-wise operators go over two operands, of which one may be broadcast or a constant. */
#ifndef TR_WALK_H
#define TR_WALK_H

#include "tr_kernels.h"

#define TR_AXES (sizeof(((struct tr_walk *)0)->sizes) / sizeof(uint32_t))

/* Moves `index` [TR_AXES] and the offsets `at` of `count` operands on to the next row; false behind the last one. */
bool tr_next_row(const uint32_t *sizes, uint32_t *index, const struct tr_operand *operands, uint32_t *at,
                 uint32_t count);

/* A row of layer->walk.count elements; an operand stays where it is if its step is 0. */
typedef void tr_row(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output);

/* Every row of two operands. */
void tr_walk_rows(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output,
                  tr_row *row);

/* The same where one operand is layer->constant. */
void tr_walk_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output, tr_row *row);

/* The functions of an operator, around its `row`. */
#define TR_OPERATOR(name, row)                                                                                         \
    void name(const struct tr_arithmetic *layer, const int8_t *input0, const int8_t *input1, int8_t *output)           \
    {                                                                                                                  \
        tr_walk_rows(layer, input0, input1, output, row);                                                              \
    }                                                                                                                  \
    void name##_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output)                       \
    {                                                                                                                  \
        tr_walk_constant(layer, input, output, row);                                                                   \
    }

#endif
