/* Two models in one C++ program, each from two contexts, layer by layer in turn, and then by the functions without one.
 * Outputs go to put(): of each step those of first 0, second 0, first 1, second 1; then of the first step once more. */
#include <stdint.h>

#include "first.h"
#include "second.h"
#include "samples.h" /* first_x[2][STEPS][FIRST_INPUT_BYTES], second_x likewise; written by the test */

extern "C" {
void put(uint8_t byte);
int run(void);
}

static first_state first[2];
static second_state second[2];

static void put_all(const int8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0u; i < bytes; i++) {
        put(static_cast<uint8_t>(data[i]));
    }
}

static void copy(int8_t *to, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t i = 0u; i < bytes; i++) {
        to[i] = static_cast<int8_t>(from[i]);
    }
}

static void step(uint32_t number)
{
    for (uint32_t context = 0u; context < 2u; context++) {
        copy(first_input_r(&first[context]), first_x[context][number], FIRST_INPUT_BYTES);
        copy(second_input_r(&second[context]), second_x[context][number], SECOND_INPUT_BYTES);
    }
    for (uint32_t layer = 0u; layer < FIRST_LAYERS || layer < SECOND_LAYERS; layer++) {
        for (uint32_t context = 0u; context < 2u; context++) {
            first_run_layer_r(&first[context], layer);
            second_run_layer_r(&second[context], layer);
        }
    }
    for (uint32_t context = 0u; context < 2u; context++) {
        put_all(first_output_r(&first[context]), FIRST_OUTPUT_BYTES);
        put_all(second_output_r(&second[context]), SECOND_OUTPUT_BYTES);
    }
}

int run(void)
{
    for (uint32_t context = 0u; context < 2u; context++) {
        first_init(&first[context]);
        first_set_level_r(&first[context], context);
        second_init(&second[context]);
    }
    for (uint32_t number = 0u; number < STEPS; number++) {
        step(number);
    }
    second_reset();
    copy(first_input(), first_x[1][0], FIRST_INPUT_BYTES);
    copy(second_input(), second_x[0][0], SECOND_INPUT_BYTES);
    first_invoke();
    second_invoke();
    put_all(first_output(), FIRST_OUTPUT_BYTES);
    put_all(second_output(), SECOND_OUTPUT_BYTES);
    return first_verify() && second_verify() && first_output_tensor(1u).data == nullptr ? 0 : 1;
}
