/* Elements of other types than int8: tensors are bytes, little-endian, at multiples of four or of their size. */
#ifndef TR_TYPED_H
#define TR_TYPED_H

#include <stdint.h>

static inline int32_t tr_load32(const int8_t *from)
{
    int32_t value;
    __builtin_memcpy(&value, __builtin_assume_aligned(from, 4), sizeof value);
    return value;
}

static inline void tr_store32(int8_t *to, int32_t value)
{
    __builtin_memcpy(__builtin_assume_aligned(to, 4), &value, sizeof value);
}

/* A signed integer of 1, 2, 4 or 8 bytes. */
static inline int64_t tr_load(const int8_t *from, uint32_t bytes)
{
    int16_t two;
    int64_t eight;
    switch (bytes) {
    case 1u:
        return *from;
    case 2u:
        __builtin_memcpy(&two, __builtin_assume_aligned(from, 2), sizeof two);
        return two;
    case 4u:
        return tr_load32(from);
    default:
        __builtin_memcpy(&eight, __builtin_assume_aligned(from, 4), sizeof eight);
        return eight;
    }
}

/* Its lower bytes. */
static inline void tr_store(int8_t *to, uint32_t bytes, int64_t value)
{
    uint16_t two = (uint16_t)value;
    switch (bytes) {
    case 1u:
        *(uint8_t *)to = (uint8_t)value;
        return;
    case 2u:
        __builtin_memcpy(__builtin_assume_aligned(to, 2), &two, sizeof two);
        return;
    case 4u:
        tr_store32(to, (int32_t)(uint32_t)value);
        return;
    default:
        __builtin_memcpy(__builtin_assume_aligned(to, 4), &value, sizeof value);
    }
}

/* An index, or the nearest one inside. */
static inline uint32_t tr_inside(int64_t index, uint32_t size)
{
    return index < 0 ? 0u : index >= (int64_t)size ? size - 1u : (uint32_t)index;
}

#endif
