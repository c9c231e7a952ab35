/* Samples on stdin; for each and each budget, every layer's tensor on stdout as soon as it is written, then the output
 * tensor of a second run by tr_model_invoke(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static void put(const int8_t *data, uint32_t bytes)
{
    if (fwrite(data, 1u, bytes, stdout) != bytes) {
        exit(EXIT_FAILURE);
    }
}

int main(void)
{
    static int8_t sample[TR_MODEL_INPUT_BYTES];
    if (!tr_model_verify()) {
        return EXIT_FAILURE;
    }
    while (fread(sample, 1u, sizeof sample, stdin) == sizeof sample) {
        for (uint32_t level = 0u; level < TR_MODEL_LEVELS; level++) {
            tr_model_set_level(level);
            memcpy(tr_model_input(), sample, sizeof sample);
            for (uint32_t layer = 0u; layer < TR_MODEL_LAYERS; layer++) {
                tr_model_run_layer(layer);
                put(tr_model_layer_output(layer), tr_model_layer_bytes(layer));
            }
            memcpy(tr_model_input(), sample, sizeof sample);
            tr_model_invoke();
            put(tr_model_output(), TR_MODEL_OUTPUT_BYTES);
        }
    }
    return EXIT_SUCCESS;
}
