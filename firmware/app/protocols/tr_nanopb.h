/* What nanopb wants of C's headers (PB_SYSTEM_HEADER), also where there is no C library. */
#ifndef TR_NANOPB_H
#define TR_NANOPB_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

static inline size_t tr_nanopb_strnlen(const char *text, size_t most)
{
    size_t length = 0u;
    while (length < most && text[length] != '\0') {
        length++;
    }
    return length;
}
#define strnlen tr_nanopb_strnlen
#endif

#endif
