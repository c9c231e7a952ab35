/* Every public function beyond its range, and what the ends are said to be; under sanitizers. Silent if all is as model.h
 * says. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* Whether the tensor is one: aligned to its elements, as many bytes as its shape has. */
static bool is_whole(const struct tr_tensor *tensor)
{
    static const uint32_t sizes[] = {1u, 1u, 2u, 4u, 8u, 1u, 4u};
    uint32_t bytes = sizes[tensor->type];
    bool is_aligned = (uintptr_t)tensor->data % bytes == 0u;
    for (uint32_t i = 0u; i < tensor->rank; i++) {
        bytes *= tensor->shape[i];
    }
    return is_aligned && bytes == tensor->bytes && tensor->name != 0;
}

static bool ends_are_whole(void)
{
    uint32_t inputs = 0u;
    uint32_t outputs = 0u;
    for (uint32_t i = 0u; i < TR_MODEL_INPUTS; i++) {
        const struct tr_tensor *tensor = tr_model_input_tensor(i);
        memset(tensor->data, 1, tensor->bytes);
        inputs += is_whole(tensor) ? tensor->bytes : 0u;
    }
    for (uint32_t i = 0u; i < TR_MODEL_OUTPUTS; i++) {
        outputs += is_whole(tr_model_output_tensor(i)) ? tr_model_output_tensor(i)->bytes : 0u;
    }
    bool first = tr_model_input_tensor(0u)->data == tr_model_input() && tr_model_output_tensor(0u)->data == tr_model_output();
    return first && inputs == TR_MODEL_INPUTS_BYTES && outputs == TR_MODEL_OUTPUTS_BYTES;
}

int main(void)
{
    static const uint32_t beyond[] = {TR_MODEL_LAYERS, TR_MODEL_LAYERS + 1u, 0x7fffffffu, 0x80000000u, UINT32_MAX};
    static int8_t before[TR_MODEL_INPUT_BYTES];
    if (!ends_are_whole() || tr_model_input_tensor(TR_MODEL_INPUTS) != 0 || tr_model_output_tensor(TR_MODEL_OUTPUTS) != 0) {
        return EXIT_FAILURE;
    }
    tr_model_reset();
    memcpy(before, tr_model_input(), sizeof before);
    for (uint32_t i = 0u; i < sizeof beyond / sizeof beyond[0]; i++) {
        if (tr_model_layer_output(beyond[i]) != 0 || tr_model_layer_bytes(beyond[i]) != 0u) {
            return EXIT_FAILURE;
        }
        if (beyond[i] >= TR_MODEL_INPUTS && tr_model_input_tensor(beyond[i]) != 0) {
            return EXIT_FAILURE;
        }
        if (beyond[i] >= TR_MODEL_OUTPUTS && tr_model_output_tensor(beyond[i]) != 0) {
            return EXIT_FAILURE;
        }
        tr_model_run_layer(beyond[i]);
        tr_model_set_level(beyond[i]);
    }
    return memcmp(before, tr_model_input(), sizeof before) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
