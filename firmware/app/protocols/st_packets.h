/* Messages to and from ST's stm_ai_runner, in packets of one byte that counts and 32 others. */
#ifndef TR_ST_PACKETS_H
#define TR_ST_PACKETS_H

#include "pb.h"

#include "protocols.h"

/* The rest of a packet that began with `count`, `length` and TR_ST_FIRST_TAG; false if it does not come. */
bool tr_st_continue(uint8_t count, uint8_t length);

/* The first packet of the host's next message; false if it does not come. */
bool tr_st_await(void);

/* The message that begins in the packet; false if it is none, or stops. The host sends each of its next packets when it
 * is told to. */
bool tr_st_decode(const pb_msgdesc_t *fields, void *message);

/* Send a message. */
void tr_st_encode(const pb_msgdesc_t *fields, const void *message);

#endif
