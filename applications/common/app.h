/* What an application here needs of its surroundings. */
#ifndef APP_H
#define APP_H

#include <stdint.h>

/* The next samples of 16 kHz audio, `most` at most; 0 after the last. */
uint32_t app_read(int16_t *samples, uint32_t most);

/* A text, without a line's end of its own. */
void app_print(const char *text);

/* A number in decimal. */
void app_print_number(int32_t number);

#endif
