/* The audio front end as a process: samples from standard input, features to standard output; a piece at a time, of as
 * many samples as the second argument says, with the step of the first. */
#include <stdio.h>
#include <stdlib.h>

#include "tr_frontend.h"

int main(int count, char **arguments)
{
    static struct tr_frontend frontend;
    int16_t samples[1000];
    uint16_t features[TR_FRONTEND_CHANNELS];
    if (count != 3) {
        return 2;
    }
    tr_frontend_init(&frontend, (uint32_t)atoi(arguments[1]));
    size_t piece = (size_t)atoi(arguments[2]);
    for (size_t read; (read = fread(samples, sizeof *samples, piece, stdin)) > 0u;) {
        for (uint32_t at = 0u, taken; at < read; at += taken) {
            if (tr_frontend_process(&frontend, samples + at, (uint32_t)read - at, &taken, features)) {
                fwrite(features, sizeof *features, TR_FRONTEND_CHANNELS, stdout);
            }
        }
    }
    return 0;
}
