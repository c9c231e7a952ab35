/* Protocols of other tools beside the link's frames, in images that `edge-tr build --protocol` makes: who a byte is for,
 * and what the protocols share. See docs/clients.md. */
#ifndef TR_PROTOCOLS_H
#define TR_PROTOCOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocols_built.h"

/* --- main.c ------------------------------------------------------------------------------------------------- */

/* Take the model from the host's frames: the sample that they loaded is forgotten, and the budget with the most terms
 * counts. False if the model in flash is not as it was built. */
bool tr_app_take_model(void);

/* --- dispatch.c --------------------------------------------------------------------------------------------- */

/* Silence after which a message that has begun is given up, in milliseconds. */
#define TR_PROTOCOLS_GAP_MS 250u

/* Tell whoever listens that the board has started. */
void tr_protocols_start(void);

/* The next byte of a frame, of which `*length` bytes have come; -1 if there is none. Bytes of other protocols are taken
 * out on the way, and their requests carried out. A frame that stops, or is longer than any, is forgotten: `*length`
 * becomes 0. */
int tr_protocols_receive(uint32_t *length);

/* The next byte for whom it concerns; -1 after `patience` milliseconds of silence. */
int tr_protocols_byte(uint32_t patience);

/* Ticks of the board's counter as microseconds. */
uint64_t tr_protocols_microseconds(uint64_t ticks);

/* --- mlperf.c ----------------------------------------------------------------------------------------------- */

/* The next byte that belongs to no frame and no packet. One that no command has begins anew. */
void tr_mlperf_byte(uint8_t byte);

/* What has come of a command is none. */
void tr_mlperf_forget(void);

/* The words after a start. */
void tr_mlperf_start(void);

/* --- st.c --------------------------------------------------------------------------------------------------- */

/* Bytes of a packet, after the one that counts them. */
#define TR_ST_PACKET 32u
#define TR_ST_SHORTEST 10u /* bytes of a request: five fields of two */
#define TR_ST_FIRST_TAG 8u /* a request's first byte: field 1, a varint */

/* A request whose packet began with `count`, its length and TR_ST_FIRST_TAG. */
void tr_st_request(uint8_t count, uint8_t length);

#endif
