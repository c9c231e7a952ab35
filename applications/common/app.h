/* What an application here needs of its surroundings. */
#ifndef APP_H
#define APP_H

#include <stdint.h>

/* The next items, of `size` bytes each, `most` at most; how many there are, 0 after the last. Which items, the
 * application says: samples of 16 kHz audio, or pixels. */
uint32_t app_read(void *items, uint32_t size, uint32_t most);

/* A text, without a line's end of its own. */
void app_print(const char *text);

/* A number in decimal. */
void app_print_number(int32_t number);

#endif
