#include "link.h"

#include "tr_board.h"
#include "tr_crc32.h"

#if defined(TR_PROTOCOLS)
#include "protocols.h"
#else
#define tr_protocols_receive(length) tr_board_receive() /* every byte is a frame's */
#endif

/* The only buffer: the bytes on the wire, decoded in place, then the reply's body. */
static uint8_t buffer[TR_WIRE_SIZE];

/* Bytes up to the next delimiter, empty frames skipped; 0 if they were more than any frame has. */
static uint32_t receive_wire(void)
{
    uint32_t length = 0u;
    for (;;) {
        int byte = tr_protocols_receive(&length);
        if (byte < 0) {
            if (length == 0u) {
                tr_link_idle();
            }
            continue;
        }
        if (byte == 0 && length > 0u) {
            return length <= TR_WIRE_SIZE ? length : 0u;
        }
        if (byte != 0) {
            if (length < TR_WIRE_SIZE) {
                buffer[length] = (uint8_t)byte;
            }
            length += length <= TR_WIRE_SIZE ? 1u : 0u;
        }
    }
}

/* COBS decoded in place; its length, 0 if the code bytes do not add up. */
static uint32_t decode(uint32_t length)
{
    uint32_t from = 0u;
    uint32_t to = 0u;
    while (from < length) {
        uint32_t code = buffer[from++];
        if (code - 1u > length - from) {
            return 0u;
        }
        for (uint32_t i = 1u; i < code; i++) {
            buffer[to++] = buffer[from++];
        }
        if (code <= TR_COBS_BLOCK && from < length) {
            buffer[to++] = 0u;
        }
    }
    return to;
}

enum tr_link_result tr_link_receive(struct tr_frame *frame)
{
    uint32_t length = decode(receive_wire());
    if (length < TR_FRAME_HEADER_SIZE + TR_CRC_SIZE) {
        return TR_LINK_DAMAGED;
    }
    length -= TR_CRC_SIZE;
    if (tr_crc32(0u, buffer, length) != tr_load_u32(buffer + length)) {
        return TR_LINK_DAMAGED;
    }
    frame->version = tr_frame_header_version(buffer);
    frame->command = tr_frame_header_command(buffer);
    frame->status = tr_frame_header_status(buffer);
    frame->sequence = tr_frame_header_sequence(buffer);
    frame->sample = tr_frame_header_sample(buffer);
    frame->length = tr_frame_header_length(buffer);
    frame->payload = buffer + TR_FRAME_HEADER_SIZE;
    return frame->length <= TR_MAX_PAYLOAD && frame->length == length - TR_FRAME_HEADER_SIZE ? TR_LINK_FRAME : TR_LINK_DAMAGED;
}

/* Send buffer[0..length) as COBS between two delimiters. */
static void transmit(uint32_t length)
{
    tr_board_transmit(0u);
    for (uint32_t start = 0u; start <= length;) {
        uint32_t end = start;
        while (end < length && buffer[end] != 0u && end - start < TR_COBS_BLOCK) {
            end++;
        }
        tr_board_transmit((uint8_t)(end - start + 1u));
        for (uint32_t i = start; i < end; i++) {
            tr_board_transmit(buffer[i]);
        }
        bool full = end - start == TR_COBS_BLOCK;
        if (full && end == length) {
            break;
        }
        start = full ? end : end + 1u;
    }
    tr_board_transmit(0u);
}

void tr_link_reply(const struct tr_frame *frame)
{
    uint8_t *payload = buffer + TR_FRAME_HEADER_SIZE;
    tr_frame_header_set_version(buffer, TR_LINK_VERSION);
    tr_frame_header_set_command(buffer, frame->command | TR_REPLY_BIT);
    tr_frame_header_set_status(buffer, frame->status);
    buffer[3] = 0u;
    tr_frame_header_set_sequence(buffer, frame->sequence);
    tr_frame_header_set_sample(buffer, frame->sample);
    tr_frame_header_set_length(buffer, frame->length);
    uint32_t length = TR_FRAME_HEADER_SIZE + frame->length;
    tr_store_u32(payload + frame->length, tr_crc32(0u, buffer, length));
    transmit(length + TR_CRC_SIZE);
}
