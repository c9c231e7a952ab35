/* Every public function beyond its range; under sanitizers. Silent if all is as model.h says. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

int main(void)
{
    static const uint32_t beyond[] = {TR_MODEL_LAYERS, TR_MODEL_LAYERS + 1u, 0x7fffffffu, 0x80000000u, UINT32_MAX};
    static int8_t before[TR_MODEL_INPUT_BYTES];
    memset(tr_model_input(), 1, TR_MODEL_INPUT_BYTES);
    memcpy(before, tr_model_input(), sizeof before);
    for (uint32_t i = 0u; i < sizeof beyond / sizeof beyond[0]; i++) {
        if (tr_model_layer_output(beyond[i]) != 0 || tr_model_layer_bytes(beyond[i]) != 0u) {
            return EXIT_FAILURE;
        }
        tr_model_run_layer(beyond[i]);
        tr_model_set_level(beyond[i]);
    }
    return memcmp(before, tr_model_input(), sizeof before) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
