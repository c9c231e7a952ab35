/* Whether tr_model_invoke() of a model that verifies first ran, as the exit code: 0 ran, 1 refused and wrote nothing. */
#include <string.h>

#include "model.h"

int main(void)
{
    static int8_t before[TR_MODEL_OUTPUT_BYTES];
    memset(tr_model_input(), 1, TR_MODEL_INPUT_BYTES);
    memcpy(before, tr_model_output(), sizeof before);
    if (tr_model_invoke()) {
        return tr_model_verify_step() ? 0 : 2;
    }
    bool same = memcmp(before, tr_model_output(), sizeof before) == 0;
    return same && !tr_model_verify_step() && !tr_model_verify() ? 1 : 3;
}
