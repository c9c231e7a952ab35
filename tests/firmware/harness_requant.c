/* Records of four int32 on stdin: operation, a, b, shift. One int32 result each on stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "tr_requant.h"

static int32_t result_of(const int32_t *request)
{
    int32_t a = request[1];
    int32_t b = request[2];
    int32_t shift = request[3];
    switch (request[0]) {
    case 0:
        return tr_doubling_high_mul(a, b);
    case 1:
        return tr_rounding_shift_right(a, (unsigned)shift);
    case 2:
        return tr_multiply(a, b, shift);
    default:
        return tr_clamp(a, b, shift);
    }
}

int main(void)
{
    int32_t request[4];
    while (fread(request, sizeof request, 1u, stdin) == 1u) {
        int32_t result = result_of(request);
        if (fwrite(&result, sizeof result, 1u, stdout) != 1u) {
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
