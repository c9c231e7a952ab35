/* Surroundings: a recording in memory (recording.h: `static const int16_t recording[]`, or bytes), text to put() of
 * mps2.c. */
#include "app.h"
#include "recording.h"

void put(uint8_t byte);

uint32_t app_read(void *items, uint32_t size, uint32_t most)
{
    static uint32_t at; /* bytes */
    const uint8_t *from = (const uint8_t *)recording;
    uint8_t *to = items;
    uint32_t left = ((uint32_t)sizeof recording - at) / size;
    uint32_t count = left < most ? left : most;
    for (uint32_t i = 0u; i < count * size; i++) {
        to[i] = from[at++];
    }
    return count;
}

void app_print(const char *text)
{
    for (; *text != '\0'; text++) {
        put((uint8_t)*text);
    }
}
