/* A fake: what an exported sketch needs of the Arduino core, so that it compiles where there is none. */
#ifndef FAKE_ARDUINO_H
#define FAKE_ARDUINO_H

#include <stdint.h>

struct FakeSerial {
    void begin(unsigned long baud);
    void println(const char *text);
};
extern FakeSerial Serial;
void delay(unsigned long milliseconds);

#endif
