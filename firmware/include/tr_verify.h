/* The check of a model where it lies in memory: a sum over its code and constants against the one that the build left
 * (ModelSeal in docs/formats.md). A program has one model. */
#ifndef TR_VERIFY_H
#define TR_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

/* What one step reads at most. */
#define TR_VERIFY_STEP_BYTES 64u

/* Filled in by the host after linking, all zeros until then. In a section of its own. */
extern const uint32_t tr_model_seal[];

/* Whether the linker script says where the model lies, and the seal is filled in. */
bool tr_verify_is_sealed(void);

/* Add up the next step's bytes, round and round. False if the last whole round found another sum than the seal's; true
 * too before one has ended. */
bool tr_verify_step(void);

/* One whole round from the start; its result is that of later steps until they end theirs. */
bool tr_verify(void);

#endif
