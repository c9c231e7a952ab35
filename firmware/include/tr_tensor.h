/* What a tensor at an end of a model is: its memory, and what its values mean. */
#ifndef TR_TENSOR_H
#define TR_TENSOR_H

#include <stdint.h>

enum tr_type { TR_INT8, TR_UINT8, TR_INT16, TR_INT32, TR_INT64, TR_BOOL, TR_FLOAT32 };

/* `bytes` from `data` on, elements of `type` in row-major order, aligned to their size; real = scale * (q - zero_point),
 * scale 0: plain numbers. `shape` has `rank` dimensions, the batch of one among them; `name` is the tensor's in the model
 * file, UTF-8. */
struct tr_tensor {
    void *data;
    const char *name;
    const uint32_t *shape;
    uint32_t rank;
    uint32_t bytes;
    enum tr_type type;
    float scale;
    int32_t zero_point;
};

#endif
