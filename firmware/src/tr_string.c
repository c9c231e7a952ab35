/* The four functions that a compiler may call even in freestanding code (GCC manual, "Language Standards"), for
 * programs without a C library. With one, -ffreestanding is not given and nothing is defined here; where both are used,
 * the definitions are weak and any other that is linked wins. */
#include <stddef.h>
#include <stdint.h>

#if !__STDC_HOSTED__

/* Otherwise GCC turns these loops into calls of themselves. */
#if defined(__GNUC__) && !defined(__clang__)
#define OURS __attribute__((weak, optimize("no-tree-loop-distribute-patterns")))
#else
#define OURS __attribute__((weak))
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

static int is_aligned(const void *pointer)
{
    return ((uintptr_t)pointer & 3u) == 0u;
}

OURS void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if (is_aligned(to) && is_aligned(from)) {
        /* may_alias: the objects may have been declared as anything. */
        typedef uint32_t __attribute__((may_alias)) word;
        for (; bytes >= 4u; bytes -= 4u, out += 4, in += 4) {
            *(word *)(void *)out = *(const word *)(const void *)in;
        }
    }
    while (bytes-- > 0u) {
        *out++ = *in++;
    }
    return to;
}

OURS void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)out <= (uintptr_t)in) {
        while (bytes-- > 0u) {
            *out++ = *in++;
        }
    } else {
        while (bytes-- > 0u) {
            out[bytes] = in[bytes];
        }
    }
    return to;
}

OURS void *memset(void *to, int value, size_t bytes)
{
    uint8_t *out = to;
    if (is_aligned(to)) {
        typedef uint32_t __attribute__((may_alias)) word;
        for (word four = 0x01010101u * (uint8_t)value; bytes >= 4u; bytes -= 4u, out += 4) {
            *(word *)(void *)out = four;
        }
    }
    while (bytes-- > 0u) {
        *out++ = (uint8_t)value;
    }
    return to;
}

OURS int memcmp(const void *a, const void *b, size_t bytes)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    for (; bytes > 0u; bytes--, left++, right++) {
        if (*left != *right) {
            return *left < *right ? -1 : 1;
        }
    }
    return 0;
}

#endif
