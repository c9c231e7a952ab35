#include "st_packets.h"

#include "pb_decode.h"
#include "pb_encode.h"

#include "tr_board.h"

#define LAST_PACKET 0x80u
#define GO_ON 0xaau          /* tells the host to send the next packet; any byte would */
#define PATIENCE_MS 2000u    /* for a message that the host owes; it waits for 5 s itself */
#define LONGEST 0x40000000u  /* bytes of a message */

/* The packet that came last; `left`: bytes of its message in packets that are still to come. */
static struct {
    uint8_t bytes[TR_ST_PACKET];
    uint32_t count, next, left;
} in;

/* The packet that is being filled. */
static struct {
    uint8_t bytes[TR_ST_PACKET];
    uint32_t count;
} out;

static uint32_t in_one_packet(uint32_t bytes) { return bytes < TR_ST_PACKET ? bytes : TR_ST_PACKET; }

/* The packet's bytes from `next` on; `count` has come. */
static bool receive_rest(uint32_t next)
{
    for (; next < TR_ST_PACKET; next++) {
        int byte = tr_protocols_byte(TR_PROTOCOLS_GAP_MS);
        if (byte < 0) {
            return false;
        }
        in.bytes[next] = (uint8_t)byte;
    }
    in.next = 0u;
    return true;
}

bool tr_st_continue(uint8_t count, uint8_t length)
{
    in.count = count;
    in.bytes[0] = length;
    in.bytes[1] = TR_ST_FIRST_TAG;
    return receive_rest(2u);
}

bool tr_st_await(void)
{
    int count = tr_protocols_byte(PATIENCE_MS);
    if (count <= 0 || count > (int)TR_ST_PACKET) {
        return false;
    }
    in.count = (uint32_t)count;
    return receive_rest(0u);
}

/* The message's next packet, which has as many bytes as it must. */
static bool await_next(void)
{
    tr_board_transmit(GO_ON);
    int count = tr_protocols_byte(PATIENCE_MS);
    if (count < 0 || (uint32_t)count != in_one_packet(in.left) || !receive_rest(0u)) {
        in.left = 0u; /* it has stopped */
        return false;
    }
    in.count = (uint32_t)count;
    in.left -= in.count;
    return true;
}

static bool read_packets(pb_istream_t *stream, pb_byte_t *to, size_t count)
{
    (void)stream;
    for (size_t i = 0u; i < count; i++) {
        if (in.next >= in.count && (in.left == 0u || !await_next())) {
            return false;
        }
        to[i] = in.bytes[in.next++];
    }
    return true;
}

bool tr_st_decode(const pb_msgdesc_t *fields, void *message)
{
    uint32_t length;
    pb_istream_t head = pb_istream_from_buffer(in.bytes, in.count);
    if (!pb_decode_varint32(&head, &length) || length > LONGEST) {
        return false;
    }
    in.next = in.count - (uint32_t)head.bytes_left;
    uint32_t bytes = in.next + length;
    if (in.count != in_one_packet(bytes)) {
        return false;
    }
    in.left = bytes - in.count;
    pb_istream_t stream = {.callback = read_packets, .bytes_left = length};
    return pb_decode(&stream, fields, message);
}

static void send_packet(uint32_t flag)
{
    tr_board_transmit((uint8_t)(out.count | flag));
    for (uint32_t i = 0u; i < TR_ST_PACKET; i++) {
        tr_board_transmit(i < out.count ? out.bytes[i] : 0u);
    }
    out.count = 0u;
}

/* A full packet waits for what comes next: the last one says that it is. */
static bool write_packets(pb_ostream_t *stream, const pb_byte_t *from, size_t count)
{
    (void)stream;
    for (size_t i = 0u; i < count; i++) {
        if (out.count == TR_ST_PACKET) {
            send_packet(0u);
        }
        out.bytes[out.count++] = from[i];
    }
    return true;
}

void tr_st_encode(const pb_msgdesc_t *fields, const void *message)
{
    pb_ostream_t stream = {.callback = write_packets, .max_size = SIZE_MAX};
    out.count = 0u;
    (void)pb_encode(&stream, fields, message);
    send_packet(LAST_PACKET);
}
