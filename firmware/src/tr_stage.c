#include "tr_stage.h"

void tr_stage(uint32_t *to, const uint32_t *from, uint32_t bytes)
{
    const uint32_t *end = from + bytes / sizeof *from;
#if defined(__thumb__)
    while (end - from >= 4) { /* four words at once, which flash gives in two or one access */
        __asm__ volatile("ldmia %0!, {r3-r6}\n\t"
                         "stmia %1!, {r3-r6}"
                         : "+l"(from), "+l"(to)
                         :
                         : "r3", "r4", "r5", "r6", "memory");
    }
#endif
    while (from < end) {
        *to++ = *from++;
    }
}
