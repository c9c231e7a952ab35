/* Inputs on stdin, one behind the other for each step; every layer's tensor of every step on stdout, with the budget
 * that the first argument names. The second one says after how many steps the states are reset. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

int main(int count, char **words)
{
    if (count != 3 || !tr_model_verify()) {
        return EXIT_FAILURE;
    }
    tr_model_set_level((uint32_t)atoi(words[1]));
    long steps = atol(words[2]);
    for (long step = 0;; step++) {
        if (step % steps == 0) {
            tr_model_reset();
        }
        for (uint32_t i = 0u; i < TR_MODEL_INPUTS; i++) {
            const struct tr_tensor *tensor = tr_model_input_tensor(i);
            if (fread(tensor->data, 1u, tensor->bytes, stdin) != tensor->bytes) {
                return EXIT_SUCCESS;
            }
        }
        for (uint32_t layer = 0u; layer < TR_MODEL_LAYERS; layer++) {
            tr_model_run_layer(layer);
            uint32_t bytes = tr_model_layer_bytes(layer);
            if (fwrite(tr_model_layer_output(layer), 1u, bytes, stdout) != bytes) {
                return EXIT_FAILURE;
            }
        }
    }
}
