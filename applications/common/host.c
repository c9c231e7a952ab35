/* Surroundings: a process that reads raw 16-bit samples of 16 kHz from standard input. */
#include <stdio.h>

#include "app.h"

int run(void);

uint32_t app_read(int16_t *samples, uint32_t most) { return (uint32_t)fread(samples, sizeof *samples, most, stdin); }

void app_print(const char *text) { (void)fputs(text, stdout); }

int main(void) { return run(); }
