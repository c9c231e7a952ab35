/* Whether there is a person in a picture, by person_detect, exported with --name person: grey pictures of 96 by 96
 * pixels, one byte each from black to white, row by row. */
#include <stdint.h>

#include "app.h"
#include "person.h"

#define PIXELS (96u * 96u)
#define LEAST 26 /* score of a person that counts, of -128 to 127: a probability of 0.6 */

enum { NOBODY, PERSON, CLASSES };

_Static_assert(PERSON_INPUT_BYTES == PIXELS, "another model than person_detect");
_Static_assert(PERSON_OUTPUT_BYTES == CLASSES, "another model than person_detect");

int run(void);
int run(void)
{
    uint8_t row[96];
    uint32_t filled = 0u;
    for (int32_t picture = 0;;) {
        uint32_t count = app_read(row, 1u, sizeof row);
        if (count == 0u) {
            return filled == 0u ? 0 : 1; /* 1: the last picture is not whole */
        }
        int8_t *input = person_input();
        for (uint32_t i = 0u; i < count; i++) {
            input[filled++] = (int8_t)(row[i] - 128);
            if (filled < PIXELS) {
                continue;
            }
            filled = 0u;
            person_invoke();
            const int8_t *scores = person_output();
            app_print_number(picture++);
            app_print(": ");
            app_print_number(scores[NOBODY]);
            app_print(" ");
            app_print_number(scores[PERSON]);
            app_print(scores[PERSON] >= LEAST ? " person\n" : "\n");
        }
    }
}
