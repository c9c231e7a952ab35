/* Moves: loops over places that are known when the model is built. */
#include "tr_kernels.h"

/* The innermost loop. */
static void copy(const struct tr_loop *loop, uint32_t run, const int8_t *from, int8_t *to)
{
    int32_t count = (int32_t)loop->count;
    if (loop->offsets != 0) {
        for (const int32_t *at = loop->offsets, *end = at + 2 * count; at < end; at += 2) {
            __builtin_memcpy(to + at[1], from + at[0], run);
        }
    } else if (run == 1u) {
        for (int32_t i = 0; i < count; i++) {
            to[i * loop->to] = from[i * loop->from];
        }
    } else {
        for (int32_t i = 0; i < count; i++) {
            __builtin_memcpy(to + i * loop->to, from + i * loop->from, run);
        }
    }
}

void tr_copy(const struct tr_copy *layer, const int8_t *input, int8_t *output)
{
    enum { OUTER = sizeof((const struct tr_copy *)0)->loops / sizeof(struct tr_loop) - 1u };
    uint32_t at[OUTER] = {0u};
    if (layer->filled > 0u) {
        __builtin_memset(output, layer->value, layer->filled);
    }
    for (unsigned turned = OUTER; turned > 0u;) {
        int32_t from = (int32_t)layer->from;
        int32_t to = (int32_t)layer->to;
        for (unsigned i = 0u; i < OUTER; i++) {
            const struct tr_loop *loop = &layer->loops[i];
            from += loop->offsets != 0 ? loop->offsets[2u * at[i]] : (int32_t)at[i] * loop->from;
            to += loop->offsets != 0 ? loop->offsets[2u * at[i] + 1u] : (int32_t)at[i] * loop->to;
        }
        copy(&layer->loops[OUTER], layer->run, input + from, output + to);
        for (turned = OUTER; turned > 0u && ++at[turned - 1u] == layer->loops[turned - 1u].count; turned--) {
            at[turned - 1u] = 0u;
        }
    }
}
