/* Speech features in integers: 40 channels of 30 ms of 16 kHz audio, the arithmetic of TensorFlow Lite Micro's audio front end
 * (window, FFT, mel filters, noise reduction, gain control, logarithm), bit for bit. Written anew from its description
 * (tensorflow/lite/experimental/microfrontend); the tests compare with the PyPI package pymicro-features. */
#ifndef TR_FRONTEND_H
#define TR_FRONTEND_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TR_FRONTEND_CHANNELS 40u
#define TR_FRONTEND_WINDOW 480u  /* samples, 30 ms */
#define TR_FRONTEND_STEP_10MS 160u
#define TR_FRONTEND_STEP_20MS 320u

struct tr_complex {
    int16_t r, i;
};

/* One stream of audio. The first members live from one window to the next, `work` only within a call. */
struct tr_frontend {
    uint32_t step; /* samples between two windows */
    uint32_t used;
    int16_t samples[TR_FRONTEND_WINDOW];
    uint32_t noise[TR_FRONTEND_CHANNELS];
    struct {
        int16_t windowed[512];
        struct tr_complex spectrum[257];
        uint32_t energy[257];
    } work;
};

/* The start of a stream; `step`: TR_FRONTEND_STEP_10MS or another number of samples up to TR_FRONTEND_WINDOW. */
void tr_frontend_init(struct tr_frontend *state, uint32_t step);

/* Take samples[0..count) up to the next whole window; how many were taken goes to `taken`. True if a window is whole: its
 * features then are in features[TR_FRONTEND_CHANNELS], 0 to about 670. Call it again with the rest. */
bool tr_frontend_process(struct tr_frontend *state, const int16_t *samples, uint32_t count, uint32_t *taken,
                         uint16_t *features);

/* A feature as int8 models of speech take it (scale 0.1017, zero point -128): features of 0 to 670 on all of int8. */
int8_t tr_frontend_int8(uint16_t feature);

#ifdef __cplusplus
}
#endif

#endif
