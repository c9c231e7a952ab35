/* Weights that are copied into RAM before they are read more than once, where flash is slow. */
#ifndef TR_STAGE_H
#define TR_STAGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `bytes`: a multiple of four. */
void tr_stage(uint32_t *to, const uint32_t *from, uint32_t bytes);

#ifdef __cplusplus
}
#endif

#endif
