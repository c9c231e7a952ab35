/* Samples on stdin, each all inputs one after the other; for each and each budget, every layer's tensor on stdout as soon
 * as it is written, then the outputs of a second run by tr_model_invoke(). States are reset before every run. With an
 * argument the samples are the steps of one sequence, and only outputs are written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static uint8_t sample[TR_MODEL_INPUTS_BYTES];

static void put(const void *data, uint32_t bytes)
{
    if (fwrite(data, 1u, bytes, stdout) != bytes) {
        exit(EXIT_FAILURE);
    }
}

static void load(void)
{
    const uint8_t *from = sample;
    for (uint32_t i = 0u; i < TR_MODEL_INPUTS; i++) {
        const struct tr_tensor *input = tr_model_input_tensor(i);
        memcpy(input->data, from, input->bytes);
        from += input->bytes;
    }
}

static void put_outputs(void)
{
    load();
    tr_model_invoke();
    for (uint32_t i = 0u; i < TR_MODEL_OUTPUTS; i++) {
        put(tr_model_output_tensor(i)->data, tr_model_output_tensor(i)->bytes);
    }
}

static void put_layers(void)
{
    load();
    for (uint32_t layer = 0u; layer < TR_MODEL_LAYERS; layer++) {
        tr_model_run_layer(layer);
        put(tr_model_layer_output(layer), tr_model_layer_bytes(layer));
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    if (!tr_model_verify()) {
        return EXIT_FAILURE;
    }
    tr_model_reset();
    while (fread(sample, 1u, sizeof sample, stdin) == sizeof sample) {
        for (uint32_t level = 0u; level < TR_MODEL_LEVELS; level++) {
            tr_model_set_level(level);
            if (argc < 2) {
                tr_model_reset();
                put_layers();
                tr_model_reset();
            }
            put_outputs();
        }
    }
    return EXIT_SUCCESS;
}
