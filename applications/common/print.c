#include "app.h"

void app_print_number(int32_t number)
{
    char text[12];
    uint32_t at = sizeof text - 1u;
    uint32_t rest = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
    text[at] = '\0';
    do {
        text[--at] = (char)('0' + rest % 10u);
        rest /= 10u;
    } while (rest > 0u);
    if (number < 0) {
        text[--at] = '-';
    }
    app_print(text + at);
}
