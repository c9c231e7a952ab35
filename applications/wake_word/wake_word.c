/* "Okay Nabu" in a stream of audio, by okay_nabu_v2, exported with --name wake: the model takes three windows of features,
 * 30 ms every 10 ms, keeps the rest of what it heard as its states, and gives a probability each time. */
#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "tr_frontend.h"
#include "wake.h"

#define WINDOWS 3u
#define MEAN_OF 5u   /* inferences */
#define CUTOFF 1236u /* sum of MEAN_OF probabilities in parts of 255 above which it was the word: 0.97 on average */

_Static_assert(WAKE_INPUT_BYTES == WINDOWS * TR_FRONTEND_CHANNELS, "another model than okay_nabu_v2");

static struct tr_frontend frontend;
static uint32_t latest[MEAN_OF]; /* probabilities, 0 to 255 */
static uint32_t inferences;

/* One inference; whether the last ones together say that the word was heard. */
static bool infer(void)
{
    wake_invoke();
    uint32_t probability = (uint32_t)(wake_output()[0] + 128);
    app_print_number((int32_t)probability);
    app_print("\n");
    latest[inferences++ % MEAN_OF] = probability;
    uint32_t sum = 0u;
    for (uint32_t i = 0u; i < MEAN_OF; i++) {
        sum += latest[i];
    }
    return sum > CUTOFF;
}

int run(void);
int run(void)
{
    int16_t samples[TR_FRONTEND_STEP_10MS];
    uint16_t features[TR_FRONTEND_CHANNELS];
    uint32_t windows = 0u;
    tr_frontend_init(&frontend, TR_FRONTEND_STEP_10MS);
    wake_reset();
    for (uint32_t count; (count = app_read(samples, sizeof *samples, TR_FRONTEND_STEP_10MS)) > 0u;) {
        for (uint32_t at = 0u, taken; at < count; at += taken) {
            if (!tr_frontend_process(&frontend, samples + at, count - at, &taken, features)) {
                continue;
            }
            int8_t *input = wake_input() + windows % WINDOWS * TR_FRONTEND_CHANNELS;
            for (uint32_t i = 0u; i < TR_FRONTEND_CHANNELS; i++) {
                input[i] = tr_frontend_int8(features[i]);
            }
            if (++windows % WINDOWS == 0u && infer()) {
                app_print("okay nabu\n");
            }
        }
    }
    return 0;
}
