/* Random frames to firmware/app in this process, under sanitizers: parser, dispatch, every handler in every state.
 *
 * An execution is a conversation of up to eight frames, some damaged; the state of the application stays from one to
 * the next. Each reply is decoded by code of its own and held against what the frame was. The application's main is
 * compiled as app_main. */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "model.h"
#include "tr_board.h"
#include "tr_formats.h"

#undef main

#define LONGEST 2048u

int app_main(void);

static struct {
    uint8_t bytes[LONGEST];
    uint32_t length, next;
} to_board, from_board;

/* The frame under way; whole: undamaged, and so are its CRC-32 and length. */
static struct {
    bool whole;
    uint32_t command, version, sequence, sample, length, count;
} asked;

/* --- the fake board --------------------------------------------------------------- */

void tr_board_init(void) {}

int tr_board_receive(void)
{
    if (to_board.next == to_board.length) {
        longjmp(script_ended, 1);
    }
    return to_board.bytes[to_board.next++];
}

void tr_board_transmit(uint8_t byte)
{
    REQUIRE(from_board.length < LONGEST);
    from_board.bytes[from_board.length++] = byte;
}

void tr_board_flush(void) {}
uint64_t tr_board_ticks(void) { return 0u; }
uint32_t tr_board_ticks_hz(void) { return 1000u; }
uint32_t tr_board_counter(void) { return TR_COUNTER_TIMER; }
uint32_t tr_board_millis(void) { return 0u; }
_Noreturn void tr_board_reset(void) { longjmp(script_ended, 2); }

/* --- frames, a second time ------------------------------------------------------------ */

static uint32_t crc(const uint8_t *data, uint32_t count)
{
    uint32_t state = 0xffffffffu;
    for (uint32_t i = 0u; i < count; i++) {
        state = crc_more(state, data[i]);
    }
    return ~state;
}

static void put(uint8_t byte) { to_board.bytes[to_board.length++] = byte; }

/* COBS, as Cheshire and Baker write it: a place for the code is left and filled in. */
static void put_frame(const uint8_t *body, uint32_t length)
{
    uint32_t place = to_board.length;
    put(0u);
    for (uint32_t i = 0u; i < length; i++) {
        if (body[i] != 0u) {
            put(body[i]);
        }
        if (body[i] == 0u || to_board.length - place == 255u) {
            to_board.bytes[place] = (uint8_t)(to_board.length - place);
            place = to_board.length;
            put(0u);
        }
    }
    to_board.bytes[place] = (uint8_t)(to_board.length - place);
}

static uint32_t edge(void)
{
    static const uint32_t edges[] = {0u, 1u, 2u, 3u, 8u, 63u, 64u, 65u, 511u, 512u, 513u, 0x7fffu, 0xffffu,
                                     0x7fffffffu, 0xffffffc0u, 0xffffffffu, TR_MODEL_INPUTS_BYTES, TR_MODEL_LAYERS};
    return dice(2u) == 0u ? dice(20u) : edges[dice(sizeof edges / sizeof edges[0])];
}

static uint32_t make_payload(uint8_t *payload)
{
    uint32_t kind = dice(8u);
    uint32_t count = asked.command == TR_COMMAND_LOAD_INPUT ? TR_MODEL_INPUTS_BYTES : edge();
    tr_transfer_set_offset(payload, dice(3u) == 0u ? edge() : 0u);
    tr_transfer_set_count(payload, count & 0xffffu);
    tr_transfer_set_layer(payload, dice(TR_MODEL_LAYERS + 1u));
    asked.count = count & 0xffffu;
    for (uint32_t i = TR_TRANSFER_SIZE; i < TR_MAX_PAYLOAD; i++) {
        payload[i] = (uint8_t)dice(256u);
    }
    if (asked.command == TR_COMMAND_INFER && kind < 6u) {
        tr_store_u32(payload, dice(2u) == 0u ? TR_ALL_LAYERS | dice(2u) << 16 | dice(3u) << 24 : dice(0xffffffffu));
        return TR_INFER_REQUEST_SIZE;
    }
    if (asked.command == TR_COMMAND_LOAD_INPUT && kind < 6u) {
        return TR_TRANSFER_SIZE + (asked.count <= TR_MAX_PAYLOAD - TR_TRANSFER_SIZE ? asked.count : 0u);
    }
    if (asked.command >= TR_COMMAND_READ_OUTPUT && asked.command <= TR_COMMAND_READ_COST && kind < 6u) {
        return TR_TRANSFER_SIZE;
    }
    return kind == 6u ? dice(TR_MAX_PAYLOAD + 1u) : 0u;
}

/* Into to_board: zero, frame, zero. */
static void make_frame(void)
{
    uint8_t body[TR_FRAME_HEADER_SIZE + TR_MAX_PAYLOAD + 4u] = {0};
    to_board.length = to_board.next = 0u;
    asked.whole = true;
    asked.command = dice(8u) == 0u ? dice(256u) : 1u + dice(10u);
    asked.version = dice(50u) == 0u ? dice(256u) : TR_LINK_VERSION;
    asked.sequence = dice(0x10000u);
    asked.sample = dice(10u) == 0u ? edge() : dice(2u);
    asked.length = make_payload(body + TR_FRAME_HEADER_SIZE);
    if (asked.command == TR_COMMAND_CALIBRATE) { /* right ones are loops without an effect: rarely, or a second each */
        asked.sample = dice(2u) == 0u ? dice(20u) : TR_MAX_CALIBRATION + 1u + dice(0x7fffffffu);
    }
    tr_frame_header_set_version(body, asked.version);
    tr_frame_header_set_command(body, asked.command);
    tr_frame_header_set_sequence(body, asked.sequence);
    tr_frame_header_set_sample(body, asked.sample);
    tr_frame_header_set_length(body, asked.length);
    if (dice(40u) == 0u) { /* a length that is not the payload's, under a right CRC-32 */
        tr_frame_header_set_length(body, asked.length ^ (1u + dice(0xffffu)));
        asked.whole = false;
    }
    uint32_t length = TR_FRAME_HEADER_SIZE + asked.length;
    tr_store_u32(body + length, crc(body, length));
    put(0u);
    put_frame(body, length + 4u);
    put(0u);
    if (dice(8u) == 0u) {
        uint32_t at = 1u + dice(to_board.length - 2u);
        uint8_t byte = (uint8_t)(1u + dice(255u));
        asked.whole = asked.whole && byte == to_board.bytes[at];
        to_board.bytes[at] = byte;
    }
}

/* The one frame between the zeros of from_board, into `body`; its length. */
static uint32_t reply(uint8_t *body)
{
    uint32_t from = 1u;
    uint32_t to = 0u;
    uint32_t end = from_board.length - 1u;
    REQUIRE(from_board.length > 2u && from_board.bytes[0] == 0u && from_board.bytes[end] == 0u);
    while (from < end) {
        uint32_t code = from_board.bytes[from++];
        REQUIRE(code != 0u && code - 1u <= end - from);
        for (uint32_t i = 1u; i < code; i++) {
            REQUIRE(from_board.bytes[from] != 0u);
            body[to++] = from_board.bytes[from++];
        }
        if (code != 255u && from < end) {
            body[to++] = 0u;
        }
    }
    REQUIRE(to >= TR_FRAME_HEADER_SIZE + 4u && crc(body, to - 4u) == tr_load_u32(body + to - 4u));
    REQUIRE(tr_frame_header_length(body) == to - 4u - TR_FRAME_HEADER_SIZE && to <= TR_FRAME_HEADER_SIZE + 516u);
    return to;
}

/* Bytes of an OK reply. */
static uint32_t right_length(void)
{
    switch (asked.command) {
    case TR_COMMAND_HELLO:
        return TR_HELLO_REPLY_SIZE;
    case TR_COMMAND_INFER:
    case TR_COMMAND_CALIBRATE:
        return TR_INFER_REPLY_SIZE;
    case TR_COMMAND_READ_OUTPUT:
    case TR_COMMAND_READ_LAYER:
        return asked.count;
    case TR_COMMAND_READ_DIGESTS:
        return 4u * asked.count;
    case TR_COMMAND_READ_COST:
        return 8u * asked.count;
    default:
        return 0u;
    }
}

static void check_reply(void)
{
    static uint8_t body[LONGEST];
    (void)reply(body);
    uint32_t status = tr_frame_header_status(body);
    REQUIRE(tr_frame_header_version(body) == TR_LINK_VERSION);
    if (!asked.whole) {
        REQUIRE(status == TR_STATUS_NAK);
    } else {
        REQUIRE(status != TR_STATUS_NAK && tr_frame_header_command(body) == (asked.command | TR_REPLY_BIT));
        REQUIRE(tr_frame_header_sequence(body) == asked.sequence && tr_frame_header_sample(body) == asked.sample);
        REQUIRE(tr_frame_header_length(body) == (status == TR_STATUS_OK ? right_length() : 0u));
        REQUIRE((status == TR_STATUS_BAD_VERSION) == (asked.version != TR_LINK_VERSION));
        bool resets_states = TR_MODEL_STATES > 0u && asked.command == TR_COMMAND_RESET_STATE;
        bool is_known = asked.command - 1u <= 8u || resets_states;
        REQUIRE(asked.version != TR_LINK_VERSION || (status == TR_STATUS_BAD_COMMAND) == !is_known);
    }
}

static void converse(void)
{
    for (uint32_t left = 1u + dice(8u); left > 0u; left--) {
        make_frame();
        from_board.length = 0u;
        if (setjmp(script_ended) == 0) {
            (void)app_main();
        }
        /* A damaged byte can be a zero's neighbour only, never a zero: one frame, one reply. */
        check_reply();
    }
}

int main(int argc, char **argv) { return run_executions(argc, argv, converse); }
