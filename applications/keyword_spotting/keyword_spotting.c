/* "Yes" and "no" in a stream of audio, by micro_speech_quantized, exported with --name speech: a second of features, 49
 * windows of 30 ms every 20 ms, in which the model looks for a word four times a second and a bit. */
#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "speech.h"
#include "tr_frontend.h"

#define WINDOWS 49u
#define BETWEEN 10u /* windows from one inference to the next: 200 ms */
#define LEAST 50    /* score of a word that counts, of -128 to 127: a probability of 0.7 */

_Static_assert(SPEECH_INPUT_BYTES == WINDOWS * TR_FRONTEND_CHANNELS, "another model than micro_speech_quantized");
_Static_assert(SPEECH_OUTPUT_BYTES == 4u, "another model than micro_speech_quantized");

static const char *const words[SPEECH_OUTPUT_BYTES] = {"silence", "unknown", "yes", "no"};

static struct tr_frontend frontend;
static int8_t second[SPEECH_INPUT_BYTES]; /* the oldest window first */
static uint32_t windows;                  /* that have come */

/* A window of features becomes the newest of the second. */
static void remember(const uint16_t *features)
{
    uint32_t kept = SPEECH_INPUT_BYTES - TR_FRONTEND_CHANNELS;
    for (uint32_t i = 0u; i < kept; i++) {
        second[i] = second[i + TR_FRONTEND_CHANNELS];
    }
    for (uint32_t i = 0u; i < TR_FRONTEND_CHANNELS; i++) {
        second[kept + i] = tr_frontend_int8(features[i]);
    }
    windows++;
}

/* One inference: its time, its scores, and the word if there is one. */
static void listen(void)
{
    int8_t *input = speech_input();
    for (uint32_t i = 0u; i < SPEECH_INPUT_BYTES; i++) {
        input[i] = second[i];
    }
    speech_invoke();
    const int8_t *scores = speech_output();
    app_print_number((int32_t)(windows * 20u + 10u));
    app_print(" ms:");
    uint32_t best = 0u;
    for (uint32_t word = 0u; word < SPEECH_OUTPUT_BYTES; word++) {
        app_print(" ");
        app_print_number(scores[word]);
        best = scores[word] > scores[best] ? word : best;
    }
    if (best >= 2u && scores[best] >= LEAST) {
        app_print(" ");
        app_print(words[best]);
    }
    app_print("\n");
}

int run(void);
int run(void)
{
    int16_t samples[TR_FRONTEND_STEP_20MS];
    uint16_t features[TR_FRONTEND_CHANNELS];
    tr_frontend_init(&frontend, TR_FRONTEND_STEP_20MS);
    for (uint32_t count; (count = app_read(samples, sizeof *samples, TR_FRONTEND_STEP_20MS)) > 0u;) {
        for (uint32_t at = 0u, taken; at < count; at += taken) {
            if (tr_frontend_process(&frontend, samples + at, count - at, &taken, features)) {
                remember(features);
                if (windows >= WINDOWS && (windows - WINDOWS) % BETWEEN == 0u) {
                    listen();
                }
            }
        }
    }
    return 0;
}
