/* Who a byte is for. Three protocols share the wire, and how each begins is what the others never send there:
 *
 * frames   a zero and 3, the COBS code of every request's header (version and command are not zero, status is); to the
 *          next zero
 * packets  `count`, the message's length L (at most 127) and 8, the tag of its first field, with count = min(L + 1, 32);
 *          33 bytes. 8 is in no text, and before a frame stands its zero
 * text     printable ASCII up to '%'
 *
 * What fits nothing is dropped byte by byte. A silence, and nothing else, ends what has begun and stopped. */
#include "protocols.h"

#include "link.h"
#include "tr_board.h"

#define FRAME_FIRST 3
#define ADDED_BY_LENGTH 1u /* byte in the first packet */

static struct {
    bool in_frame;
    uint8_t before, last; /* the two bytes that came last, outside of frames; 0xff for none */
    uint32_t millis;      /* when a byte came last */
} heard = {false, 0xffu, 0xffu, 0u};

static void forget(uint32_t *length)
{
    heard.in_frame = false;
    heard.before = heard.last = 0xffu;
    *length = 0u;
#if TR_PROTOCOL_MLPERF
    tr_mlperf_forget();
#endif
}

#if TR_PROTOCOL_ST

/* Whether `byte` and the two before it begin a packet. */
static bool begins_packet(uint8_t byte)
{
    uint32_t bytes = heard.last + ADDED_BY_LENGTH;
    return byte == TR_ST_FIRST_TAG && heard.last >= TR_ST_SHORTEST && heard.last < 0x80u &&
           heard.before == (bytes < TR_ST_PACKET ? bytes : TR_ST_PACKET);
}

#endif

/* A byte outside of frames that begins none. */
static void take(uint8_t byte, uint32_t *length)
{
#if TR_PROTOCOL_ST
    if (begins_packet(byte)) {
        uint8_t count = heard.before;
        uint8_t bytes = heard.last;
        forget(length);
        tr_st_request(count, bytes);
        return;
    }
#endif
    heard.before = heard.last;
    heard.last = byte;
#if TR_PROTOCOL_MLPERF
    tr_mlperf_byte(byte);
#endif
    (void)length;
}

int tr_protocols_receive(uint32_t *length)
{
    for (;;) {
        (void)tr_board_ticks(); /* or it wraps unseen */
        int byte = tr_board_receive();
        if (byte < 0) {
            if (tr_board_millis() - heard.millis > TR_PROTOCOLS_GAP_MS) {
                forget(length);
            }
            return -1;
        }
        heard.millis = tr_board_millis();
        if (heard.in_frame && *length > TR_WIRE_SIZE) {
            forget(length);
        }
        if (!heard.in_frame && byte == FRAME_FIRST && heard.last == 0u) {
            forget(length);
            heard.in_frame = true;
        }
        if (!heard.in_frame) {
            take((uint8_t)byte, length);
            continue;
        }
        if (byte == 0) {
            heard.in_frame = false;
            heard.last = 0u;
        }
        return byte;
    }
}

int tr_protocols_byte(uint32_t patience)
{
    uint32_t start = tr_board_millis();
    for (;;) {
        (void)tr_board_ticks();
        int byte = tr_board_receive();
        if (byte >= 0 || tr_board_millis() - start > patience) {
            return byte;
        }
    }
}

uint64_t tr_protocols_microseconds(uint64_t ticks)
{
    uint64_t hz = tr_board_ticks_hz();
    return ticks / hz * 1000000u + ticks % hz * 1000000u / hz;
}

void tr_protocols_start(void)
{
#if TR_PROTOCOL_MLPERF
    tr_mlperf_start();
#endif
}
