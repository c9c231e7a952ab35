/* Frames of the serial link over the board's UART: COBS, CRC-32. See docs/formats.md. */
#ifndef TR_LINK_H
#define TR_LINK_H

#include <stdint.h>

#include "tr_formats.h"

/* The longest frame as bytes on the wire, without its zeros. */
#define TR_CRC_SIZE 4u
#define TR_COBS_BLOCK 254u
#define TR_BODY_SIZE (TR_FRAME_HEADER_SIZE + TR_MAX_PAYLOAD + TR_CRC_SIZE)
#define TR_WIRE_SIZE (TR_BODY_SIZE + TR_BODY_SIZE / TR_COBS_BLOCK + 1u)

/* One frame. `length` is the payload's; the request's buffer is reused by the reply. */
struct tr_frame {
    uint32_t version, command, status, sequence, sample, length;
    uint8_t *payload; /* TR_MAX_PAYLOAD bytes */
};

enum tr_link_result { TR_LINK_FRAME, TR_LINK_DAMAGED };

/* Block until a frame has ended; its fields are valid only for TR_LINK_FRAME. */
enum tr_link_result tr_link_receive(struct tr_frame *frame);

/* Called while no frame has begun; the application's. In less than a byte's time on the wire, or bytes are lost. */
void tr_link_idle(void);

/* Send `frame` as a reply: REPLY_BIT and LINK_VERSION are added here. */
void tr_link_reply(const struct tr_frame *frame);

#endif
