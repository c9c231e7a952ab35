/* Surroundings: a process that reads raw samples or pixels from standard input. */
#include <stdio.h>

#include "app.h"

int run(void);

uint32_t app_read(void *items, uint32_t size, uint32_t most) { return (uint32_t)fread(items, size, most, stdin); }

void app_print(const char *text) { (void)fputs(text, stdout); }

int main(void) { return run(); }
