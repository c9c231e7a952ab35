/* Surroundings: a recording in memory (recording.h: `static const int16_t recording[]`), text to put() of mps2.c. */
#include "app.h"
#include "recording.h"

void put(uint8_t byte);

uint32_t app_read(int16_t *samples, uint32_t most)
{
    static uint32_t at;
    uint32_t left = (uint32_t)(sizeof recording / sizeof *recording) - at;
    uint32_t count = left < most ? left : most;
    for (uint32_t i = 0u; i < count; i++) {
        samples[i] = recording[at + i];
    }
    at += count;
    return count;
}

void app_print(const char *text)
{
    for (; *text != '\0'; text++) {
        put((uint8_t)*text);
    }
}
