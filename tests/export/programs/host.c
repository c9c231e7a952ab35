/* two_models.cpp as a process: bytes to standard output. */
#include <stdint.h>
#include <stdio.h>

void put(uint8_t byte);
int run(void);

void put(uint8_t byte) { (void)putchar(byte); }

int main(void) { return run(); }
