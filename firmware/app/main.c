/* The on-device side of `edge-tr check`: answers the host's frames for ever. */
#include "link.h"
#include "model.h"
#include "tr_board.h"
#include "tr_crc32.h"
#if defined(TR_PROTOCOLS)
#include "protocols.h"
#endif

/* What has been done with the sample that was loaded last. */
static struct {
    uint32_t sample;
    uint32_t loaded;   /* bytes of the input that have come */
    bool ran;
    bool digested;     /* digests were asked for */
    uint32_t last;     /* last layer that ran */
    uint32_t level;    /* with this budget */
    uint64_t ticks;    /* of all layers that ran */
    uint64_t layer_ticks[TR_MODEL_LAYERS];
    uint32_t digests[TR_MODEL_LAYERS];
} state;

/* Of a model with states: the only sample that may run, unless the last one was stopped, which tore the states. */
static struct {
    uint32_t next;
    bool torn;
} sequence;

static bool model_is_good;

void tr_link_idle(void) { model_is_good = tr_model_verify_step(); }

static void hello(struct tr_frame *frame)
{
    uint8_t *reply = frame->payload;
    for (uint32_t i = 0u; i < TR_HELLO_REPLY_SIZE; i++) {
        reply[i] = 0u;
    }
    tr_hello_reply_set_table_version(reply, TR_TABLE_VERSION);
    tr_hello_reply_set_counter(reply, tr_board_counter());
    tr_hello_reply_set_layers(reply, TR_MODEL_LAYERS);
    tr_hello_reply_set_levels(reply, TR_MODEL_LEVELS);
    tr_hello_reply_set_max_payload(reply, TR_MAX_PAYLOAD);
    tr_hello_reply_set_input_bytes(reply, TR_MODEL_INPUTS_BYTES);
    tr_hello_reply_set_output_bytes(reply, TR_MODEL_OUTPUTS_BYTES);
    tr_hello_reply_set_ticks_hz(reply, tr_board_ticks_hz());
    tr_hello_reply_set_board_id(reply, TR_MODEL_BOARD_ID);
    tr_hello_reply_set_build_id(reply, TR_MODEL_BUILD_ID);
    for (uint32_t i = 0u; i < TR_HELLO_REPLY_MODEL_SHA256_SIZE; i++) {
        reply[TR_HELLO_REPLY_MODEL_SHA256_OFFSET + i] = tr_model_sha256[i];
    }
    frame->length = TR_HELLO_REPLY_SIZE;
}

/* Where byte `offset` of an end of several tensors lies, one after the other from `tensor` on. */
static uint8_t *byte_at(const struct tr_tensor *tensor, uint32_t offset)
{
    for (; offset >= tensor->bytes; tensor++) {
        offset -= tensor->bytes;
    }
    return (uint8_t *)tensor->data + offset;
}

static uint32_t load_input(struct tr_frame *frame)
{
    if (frame->length < TR_TRANSFER_SIZE) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    uint32_t offset = tr_transfer_offset(frame->payload);
    uint32_t count = tr_transfer_count(frame->payload);
    if (count != frame->length - TR_TRANSFER_SIZE || offset > TR_MODEL_INPUTS_BYTES ||
        count > TR_MODEL_INPUTS_BYTES - offset) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    if (offset == 0u) {
        state.sample = frame->sample;
        state.loaded = 0u;
        state.ran = false;
    }
    if (state.ran || frame->sample != state.sample || offset > state.loaded) {
        return TR_STATUS_BAD_STATE;
    }
    int8_t *input = tr_model_input() + offset;
    for (uint32_t i = 0u; i < count; i++) {
        if (TR_MODEL_INPUTS == 1u) {
            input[i] = (int8_t)frame->payload[TR_TRANSFER_SIZE + i];
        } else {
            *byte_at(tr_model_input_tensor(0u), offset + i) = frame->payload[TR_TRANSFER_SIZE + i];
        }
    }
    state.loaded = offset + count > state.loaded ? offset + count : state.loaded;
    frame->length = 0u;
    return TR_STATUS_OK;
}

static void run_layers(void)
{
    state.ticks = 0u;
    for (uint32_t layer = 0u; layer <= state.last; layer++) {
        uint64_t start = tr_board_ticks();
        tr_model_run_layer(layer);
        state.layer_ticks[layer] = tr_board_ticks() - start;
        state.ticks += state.layer_ticks[layer];
        if (state.digested) {
            state.digests[layer] = tr_crc32(0u, (const uint8_t *)tr_model_layer_output(layer), tr_model_layer_bytes(layer));
        }
    }
}

static void reply_ticks(struct tr_frame *frame, uint64_t ticks)
{
    tr_infer_reply_set_ticks(frame->payload, ticks);
    frame->length = TR_INFER_REPLY_SIZE;
}

static uint32_t infer(struct tr_frame *frame)
{
    if (frame->length != TR_INFER_REQUEST_SIZE) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    if (TR_MODEL_VERIFIES) {
        model_is_good = tr_model_verify();
    }
    if (!model_is_good) {
        return TR_STATUS_BAD_TABLE;
    }
    uint32_t request = tr_load_u32(frame->payload);
    uint32_t last = tr_infer_request_stop_layer(request);
    if (last == TR_ALL_LAYERS) {
        last = TR_MODEL_LAYERS - 1u;
    }
    uint32_t level = tr_infer_request_level(request);
    if (last >= TR_MODEL_LAYERS || level >= TR_MODEL_LEVELS) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    if (frame->sample != state.sample || state.loaded != TR_MODEL_INPUTS_BYTES ||
        (state.ran && (last != state.last || level != state.level))) {
        return TR_STATUS_BAD_STATE;
    }
    if (TR_MODEL_STATES > 0u && !state.ran && (sequence.torn || frame->sample != sequence.next)) {
        return TR_STATUS_BAD_STATE;
    }
    if (!state.ran) {
        state.last = last;
        state.level = level;
        tr_model_set_level(level);
        state.digested = tr_infer_request_digests(request) != 0u;
        run_layers();
        state.ran = true;
        if (TR_MODEL_STATES > 0u) {
            sequence.next = frame->sample + 1u;
            sequence.torn = last != TR_MODEL_LAYERS - 1u;
        }
    }
    reply_ticks(frame, state.ticks);
    return TR_STATUS_OK;
}

/* States for sample frame->sample, which is loaded again. */
static uint32_t reset_state(struct tr_frame *frame)
{
    tr_model_reset();
    sequence.next = frame->sample;
    sequence.torn = false;
    state.loaded = 0u;
    state.ran = false;
    frame->length = 0u;
    return TR_STATUS_OK;
}

/* Bytes [offset, offset + count) of a tensor, or of all outputs where it is a null pointer. */
static uint32_t read_tensor(struct tr_frame *frame, const int8_t *tensor, uint32_t bytes, uint32_t layer)
{
    uint32_t offset = tr_transfer_offset(frame->payload);
    uint32_t count = tr_transfer_count(frame->payload);
    if (frame->sample != state.sample || !state.ran || state.last != layer) {
        return TR_STATUS_BAD_STATE;
    }
    if (count > TR_MAX_PAYLOAD || offset > bytes || count > bytes - offset) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    for (uint32_t i = 0u; i < count; i++) {
        bool is_one = TR_MODEL_OUTPUTS == 1u || tensor != 0;
        frame->payload[i] = is_one ? (uint8_t)tensor[offset + i] : *byte_at(tr_model_output_tensor(0u), offset + i);
    }
    frame->length = count;
    return TR_STATUS_OK;
}

/* `count` per-layer figures of `size` bytes from layer `offset` on. */
static uint32_t read_layers(struct tr_frame *frame, uint32_t size)
{
    uint32_t offset = tr_transfer_offset(frame->payload);
    uint32_t count = tr_transfer_count(frame->payload);
    if (frame->sample != state.sample || !state.ran) {
        return TR_STATUS_BAD_STATE;
    }
    if (offset > state.last || count > state.last + 1u - offset || count * size > TR_MAX_PAYLOAD) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    for (uint32_t i = 0u; i < count; i++) {
        if (size == 8u) {
            tr_store_u64(frame->payload + i * size, state.layer_ticks[offset + i]);
        } else {
            tr_store_u32(frame->payload + i * size, state.digests[offset + i]);
        }
    }
    frame->length = count * size;
    return TR_STATUS_OK;
}

static uint32_t read_something(struct tr_frame *frame)
{
    if (frame->length != TR_TRANSFER_SIZE) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    uint32_t layer = tr_transfer_layer(frame->payload);
    switch (frame->command) {
    case TR_COMMAND_READ_OUTPUT:
        return read_tensor(frame, TR_MODEL_OUTPUTS == 1u ? tr_model_output() : 0, TR_MODEL_OUTPUTS_BYTES, TR_MODEL_LAYERS - 1u);
    case TR_COMMAND_READ_LAYER:
        if (layer >= TR_MODEL_LAYERS) {
            return TR_STATUS_BAD_ARGUMENT;
        }
        return read_tensor(frame, tr_model_layer_output(layer), tr_model_layer_bytes(layer), layer);
    case TR_COMMAND_READ_DIGESTS:
        return state.digested ? read_layers(frame, 4u) : (uint32_t)TR_STATUS_BAD_STATE;
    default:
        return read_layers(frame, 8u);
    }
}

/* Time a loop of frame->sample rounds, so that the host can see the counter move in proportion. */
static uint32_t calibrate(struct tr_frame *frame)
{
    if (frame->sample > TR_MAX_CALIBRATION) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    uint64_t start = tr_board_ticks();
    for (uint32_t round = frame->sample; round > 0u; round--) {
        __asm__ volatile("" ::: "memory");
    }
    reply_ticks(frame, tr_board_ticks() - start);
    return TR_STATUS_OK;
}

static uint32_t execute(struct tr_frame *frame)
{
    if (frame->version != TR_LINK_VERSION) {
        return TR_STATUS_BAD_VERSION;
    }
    bool is_reset_state = TR_MODEL_STATES > 0u && frame->command == TR_COMMAND_RESET_STATE;
    bool empty = frame->command == TR_COMMAND_HELLO || frame->command == TR_COMMAND_RESET ||
                 frame->command == TR_COMMAND_CALIBRATE || is_reset_state;
    if (empty && frame->length != 0u) {
        return TR_STATUS_BAD_ARGUMENT;
    }
    if (is_reset_state) {
        return reset_state(frame);
    }
    switch (frame->command) {
    case TR_COMMAND_HELLO:
        hello(frame);
        return TR_STATUS_OK;
    case TR_COMMAND_LOAD_INPUT:
        return load_input(frame);
    case TR_COMMAND_INFER:
        return infer(frame);
    case TR_COMMAND_READ_OUTPUT:
    case TR_COMMAND_READ_LAYER:
    case TR_COMMAND_READ_DIGESTS:
    case TR_COMMAND_READ_COST:
        return read_something(frame);
    case TR_COMMAND_CALIBRATE:
        return calibrate(frame);
    case TR_COMMAND_RESET:
        frame->length = 0u;
        return TR_STATUS_OK;
    default:
        return TR_STATUS_BAD_COMMAND;
    }
}

#if defined(TR_PROTOCOLS)

bool tr_app_take_model(void)
{
    state.loaded = 0u;
    state.ran = false;
    sequence.torn = true;
    if (TR_MODEL_VERIFIES) {
        model_is_good = tr_model_verify();
    }
    tr_model_set_level(TR_MODEL_LEVELS - 1u);
    return model_is_good;
}

#endif

int main(void)
{
    tr_board_init();
    model_is_good = tr_model_verify();
    if (TR_MODEL_STATES > 0u) {
        tr_model_reset();
    }
#if defined(TR_PROTOCOLS)
    tr_protocols_start();
#endif
    for (;;) {
        struct tr_frame frame = {0};
        if (tr_link_receive(&frame) == TR_LINK_DAMAGED) {
            frame = (struct tr_frame){.status = TR_STATUS_NAK};
        } else {
            frame.status = execute(&frame);
            if (frame.status != TR_STATUS_OK) {
                frame.length = 0u;
            }
        }
        tr_link_reply(&frame);
        if (frame.command == TR_COMMAND_RESET && frame.status == TR_STATUS_OK) {
            tr_board_flush();
            tr_board_reset();
        }
    }
}
