/* Requests on stdin: bytes of table, bytes of scratch, kernel (0: none), then the table, then int16 [depth], the
 * patch. Answers on stdout: whether the table is whole; with a kernel, int32 [rows], its dot products.
 * Memory is allocated to the byte, so that the sanitizer sees any access beside it. */
#include <stdio.h>
#include <stdlib.h>

#include "tr_kernels.h"

static void get(void *to, size_t bytes)
{
    if (fread(to, 1u, bytes, stdin) != bytes) {
        exit(EXIT_FAILURE);
    }
}

static void put(int32_t value)
{
    if (fwrite(&value, sizeof value, 1u, stdout) != 1u) {
        exit(EXIT_FAILURE);
    }
}

static void multiply(const struct tr_dot *dot, const uint32_t *bytes, uint32_t scratch_bytes)
{
    struct tr_table table = tr_table_open(bytes);
    int16_t *scratch = malloc(scratch_bytes);
    get(scratch, 2u * table.depth);
    dot->prepare(&table, scratch);
    for (uint32_t row = 0u; row < table.rows; row++) {
        put(dot->row(&table, row, scratch));
    }
    free(scratch);
}

int main(void)
{
    const struct tr_dot *kernels[] = {0, &tr_dot_planes, &tr_dot_pairs, &tr_dot_int8, &tr_dot_int16};
    uint32_t request[3];
    while (fread(request, sizeof request, 1u, stdin) == 1u) {
        uint32_t *bytes = malloc(request[0]);
        get(bytes, request[0]);
        put(tr_table_check(bytes, request[0]) ? 1 : 0);
        if (request[2] != 0u) {
            multiply(kernels[request[2]], bytes, request[1]);
        }
        free(bytes);
    }
    return EXIT_SUCCESS;
}
