/* ST's stm_ai_runner 3.1: what the model is, runs of it, and what each layer took and gave. Commands, states and flags
 * are those of the .proto that stm32ai-modelzoo-services publishes (common/stm_ai_runner/nanopb). */
#include "pb_decode.h"
#include "pb_encode.h"

#include "model.h"
#include "protocols.h"
#include "st_packets.h"
#include "tr_board.h"
#include "tr_formats.h"
#include "tr_st.pb.h"

#define PROTOCOL_VERSION 0x0301u
#define CAN_OBSERVE_LAYERS 1u
/* Operators are numbered as TensorFlow Lite does; compiled by GCC; the size of the parameters is not told. */
#define RUNTIME (2u | 1u << 16 | 2u << 24)

enum command { SYNC = 0, SYSTEM_INFO = 1, MODEL_INFO = 10, RUN = 11 };
enum state { IDLE = 0, WAITING = 1, PROCESSING = 2, DONE = 3, FAILED = 4 };
enum error { NO_ERROR = 0, INVALID_SIZE = 1, INVALID_PARAMETER = 4, GENERIC_ERROR = 10 };

/* Of a run's `param`: layers are reported, with their tensors; nothing is sent back; the input is one value. */
#define RUN_LAYERS 6u
#define RUN_LAYERS_WITH_DATA 4u
#define RUN_WITHOUT_OUTPUT 8u
#define RUN_CONSTANT 0x200u
#define FIRST_SAMPLE 1u /* of its `opt` */

#define OPERATOR_INTERNAL (1u << 24)
#define OPERATOR_LAST (2u << 24)
#define TENSOR_INPUT 1u
#define TENSOR_OUTPUT 2u
#define TENSOR_INTERNAL 4u
#define TENSOR_MEMORY 8u
#define TENSOR_LAST 0x100u
#define TENSOR_WITHOUT_DATA 0x200u

static tr_st_Request request;

/* --- replies -------------------------------------------------------------------------------------------------- */

static void reply(enum state state, tr_st_Response *response)
{
    response->reqid = request.reqid;
    response->state = (uint32_t)state;
    tr_st_encode(tr_st_Response_fields, response);
}

static void reply_ack(enum state state, enum error error)
{
    tr_st_Response response = {.which_payload = tr_st_Response_ack_tag};
    response.payload.ack.error = (uint32_t)error;
    reply(state, &response);
}

static void reply_sync(void)
{
    tr_st_Response response = {.which_payload = tr_st_Response_sync_tag};
    response.payload.sync = (tr_st_Sync){PROTOCOL_VERSION, CAN_OBSERVE_LAYERS, RUNTIME};
    reply(IDLE, &response);
}

/* The core's clock is known where the counter counts its cycles. */
static void reply_system(void)
{
    tr_st_Response response = {.which_payload = tr_st_Response_sinfo_tag};
    uint32_t hz = tr_board_counter() == TR_COUNTER_CYCLES ? tr_board_ticks_hz() : 0u;
    response.payload.sinfo = (tr_st_SystemInfo){.sclock = hz, .hclock = hz};
    reply(IDLE, &response);
}

/* --- tensors -------------------------------------------------------------------------------------------------- */

/* ST's number for a type: its sign, kind and bits. */
static uint32_t format_of(enum tr_type type)
{
    switch (type) {
    case TR_INT8:
        return 0x00840440u;
    case TR_UINT8:
        return 0x00040440u;
    case TR_INT16:
        return 0x00840840u;
    case TR_INT32:
        return 0x00841040u;
    case TR_INT64:
        return 0x00842040u;
    case TR_BOOL:
        return 0x00060440u;
    default:
        return 0x00821040u; /* float */
    }
}

static uint32_t elements_of(const struct tr_tensor *tensor)
{
    uint32_t elements = 1u;
    for (uint32_t i = 0u; i < tensor->rank; i++) {
        elements *= tensor->shape[i];
    }
    return elements;
}

static tr_st_TensorInfo info_of(const struct tr_tensor *tensor, uint32_t flags)
{
    return (tr_st_TensorInfo){
        .name = (char *)tensor->name, /* nanopb writes to neither */
        .format = format_of(tensor->type),
        .size = elements_of(tensor),
        .n_dims = tensor->rank,
        .dims_count = (pb_size_t)tensor->rank,
        .dims = (uint32_t *)tensor->shape,
        .scale = tensor->scale,
        .zeropoint = tensor->zero_point,
        .flags = flags,
    };
}

static bool encode_data(pb_ostream_t *stream, const pb_field_t *field, void *const *argument)
{
    const struct tr_tensor *tensor = *argument;
    size_t bytes = tensor == 0 ? 0u : tensor->bytes;
    return pb_encode_tag_for_field(stream, field) &&
           pb_encode_string(stream, tensor == 0 ? 0 : tensor->data, bytes);
}

static void reply_tensor(enum state state, const struct tr_tensor *tensor, uint32_t flags)
{
    bool has_data = (flags & TENSOR_WITHOUT_DATA) == 0u;
    tr_st_Response response = {.which_payload = tr_st_Response_tensor_tag};
    response.payload.tensor.desc = info_of(tensor, flags);
    response.payload.tensor.data.size = has_data ? tensor->bytes : 0u;
    response.payload.tensor.data.datas.funcs.encode = encode_data;
    response.payload.tensor.data.datas.arg = has_data ? (void *)tensor : 0;
    reply(state, &response);
}

/* --- the model ------------------------------------------------------------------------------------------------ */

static bool encode_info(pb_ostream_t *stream, const pb_field_t *field, const tr_st_TensorInfo *info)
{
    return pb_encode_tag_for_field(stream, field) && pb_encode_submessage(stream, tr_st_TensorInfo_fields, info);
}

static bool encode_inputs(pb_ostream_t *stream, const pb_field_t *field, void *const *argument)
{
    (void)argument;
    bool is_good = true;
    for (uint32_t i = 0u; is_good && i < TR_MODEL_INPUTS; i++) {
        tr_st_TensorInfo info = info_of(tr_model_input_tensor(i), TENSOR_INPUT);
        is_good = encode_info(stream, field, &info);
    }
    return is_good;
}

static bool encode_outputs(pb_ostream_t *stream, const pb_field_t *field, void *const *argument)
{
    (void)argument;
    bool is_good = true;
    for (uint32_t i = 0u; is_good && i < TR_MODEL_OUTPUTS; i++) {
        tr_st_TensorInfo info = info_of(tr_model_output_tensor(i), TENSOR_OUTPUT);
        is_good = encode_info(stream, field, &info);
    }
    return is_good;
}

static bool encode_arena(pb_ostream_t *stream, const pb_field_t *field, void *const *argument)
{
    static const uint32_t shape[1] = {TR_MODEL_ARENA_BYTES + TR_MODEL_STATE_BYTES};
    static const struct tr_tensor arena = {.name = "arena", .shape = shape, .rank = 1u, .type = TR_UINT8};
    tr_st_TensorInfo info = info_of(&arena, TENSOR_MEMORY);
    (void)argument;
    return encode_info(stream, field, &info);
}

/* Of the model file, in hexadecimal. */
static char *signature(void)
{
    static char text[2u * 32u + 1u];
    for (uint32_t i = 0u; i < 32u; i++) {
        text[2u * i] = "0123456789abcdef"[tr_model_sha256[i] >> 4];
        text[2u * i + 1u] = "0123456789abcdef"[tr_model_sha256[i] & 15u];
    }
    return text;
}

static void reply_model(void)
{
    if (request.param != 0u) { /* there is one */
        reply_ack(FAILED, INVALID_PARAMETER);
        return;
    }
    tr_st_Response response = {.which_payload = tr_st_Response_minfo_tag};
    response.payload.minfo = (tr_st_ModelInfo){
        .name = (char *)tr_st_model_name,
        .rtid = RUNTIME,
        .signature = signature(),
        .compile_datetime = (char *)"-",
        .runtime_version = TR_ST_VERSION,
        .tool_version = TR_ST_VERSION,
        .n_macc = TR_ST_MACS,
        .n_nodes = TR_MODEL_LAYERS,
        .n_inputs = TR_MODEL_INPUTS,
        .inputs.funcs.encode = encode_inputs,
        .n_outputs = TR_MODEL_OUTPUTS,
        .outputs.funcs.encode = encode_outputs,
        .n_activations = 1u,
        .activations.funcs.encode = encode_arena,
        .runtime_desc = (char *)"edge-tr",
    };
    reply(IDLE, &response);
}

/* --- a run ---------------------------------------------------------------------------------------------------- */

/* The bytes of a tensor into its memory, or its first element into all of them. */
static bool decode_input(pb_istream_t *stream, const pb_field_t *field, void **argument)
{
    const struct tr_tensor *tensor = *argument;
    (void)field;
    uint32_t bytes = (request.param & RUN_CONSTANT) != 0u ? tensor->bytes / elements_of(tensor) : tensor->bytes;
    uint8_t *data = tensor->data;
    if (stream->bytes_left != bytes || !pb_read(stream, data, bytes)) {
        return false;
    }
    for (uint32_t i = bytes; i < tensor->bytes; i++) {
        data[i] = data[i - bytes];
    }
    return true;
}

/* The host acknowledges that its input was acknowledged. */
static bool receive_input(uint32_t number)
{
    tr_st_Data data = {.datas = {.funcs.decode = decode_input, .arg = (void *)tr_model_input_tensor(number)}};
    tr_st_Ack ack;
    if (!tr_st_await()) {
        return false;
    }
    if (!tr_st_decode(tr_st_Data_fields, &data)) {
        reply_ack(FAILED, INVALID_SIZE);
        return false;
    }
    reply_ack(number + 1u < TR_MODEL_INPUTS ? WAITING : PROCESSING, NO_ERROR);
    return tr_st_await() && tr_st_decode(tr_st_Ack_fields, &ack);
}

/* What an operator took. */
static void reply_operator(const char *name, uint32_t type, uint32_t number, uint64_t ticks)
{
    tr_st_Response response = {.which_payload = tr_st_Response_op_tag};
    response.payload.op = (tr_st_Operator){
        .name = (char *)name,
        .type = type,
        .id = number,
        .duration = (float)ticks * 1000.0f / (float)tr_board_ticks_hz(), /* milliseconds */
        .counters_count = tr_board_counter() == TR_COUNTER_CYCLES ? 2u : 0u,
        .counters = {(uint32_t)ticks, (uint32_t)(ticks >> 32)},
    };
    reply(PROCESSING, &response);
}

static void reply_layer(uint32_t layer, uint64_t ticks)
{
    struct tr_tensor tensor = tr_st_layers[layer].tensor;
    uint32_t last = layer + 1u == TR_MODEL_LAYERS ? OPERATOR_LAST : 0u;
    uint32_t without = (request.param & RUN_LAYERS_WITH_DATA) != 0u ? 0u : TENSOR_WITHOUT_DATA;
    tensor.data = (void *)tr_model_layer_output(layer);
    reply_operator(tr_st_layers[layer].name, OPERATOR_INTERNAL | last | tr_st_layers[layer].type, layer, ticks);
    reply_tensor(PROCESSING, &tensor, TENSOR_INTERNAL | TENSOR_LAST | without);
}

/* All layers; what they took together. */
static uint64_t run_layers(void)
{
    uint64_t ticks = 0u;
    for (uint32_t layer = 0u; layer < TR_MODEL_LAYERS; layer++) {
        uint64_t start = tr_board_ticks();
        tr_model_run_layer(layer);
        uint64_t taken = tr_board_ticks() - start;
        ticks += taken;
        if ((request.param & RUN_LAYERS) != 0u) {
            reply_layer(layer, taken);
        }
    }
    return ticks;
}

static bool is_model(const char *name)
{
    uint32_t i = 0u;
    while (name[i] == tr_st_model_name[i] && name[i] != '\0') {
        i++;
    }
    return name[i] == tr_st_model_name[i];
}

static void run(void)
{
    if (!is_model(request.name)) {
        reply_ack(FAILED, INVALID_PARAMETER);
        return;
    }
    if (!tr_app_take_model()) {
        reply_ack(FAILED, GENERIC_ERROR);
        return;
    }
    if ((request.opt & FIRST_SAMPLE) != 0u) {
        tr_model_reset();
    }
    reply_ack(WAITING, NO_ERROR);
    for (uint32_t i = 0u; i < TR_MODEL_INPUTS; i++) {
        if (!receive_input(i)) {
            return;
        }
    }
    uint64_t ticks = run_layers();
    reply_operator(tr_st_model_name, 0u, 0u, ticks);
    uint32_t without = (request.param & RUN_WITHOUT_OUTPUT) != 0u ? TENSOR_WITHOUT_DATA : 0u;
    for (uint32_t i = 0u; i < TR_MODEL_OUTPUTS; i++) {
        bool is_last = i + 1u == TR_MODEL_OUTPUTS;
        uint32_t flags = TENSOR_OUTPUT | without | (is_last ? TENSOR_LAST : 0u);
        reply_tensor(is_last ? DONE : PROCESSING, tr_model_output_tensor(i), flags);
    }
}

void tr_st_request(uint8_t count, uint8_t length)
{
    if (!tr_st_continue(count, length) || !tr_st_decode(tr_st_Request_fields, &request)) {
        return; /* it was no request */
    }
    switch (request.cmd) {
    case SYNC:
        reply_sync();
        break;
    case SYSTEM_INFO:
        reply_system();
        break;
    case MODEL_INFO:
        reply_model();
        break;
    case RUN:
        run();
        break;
    default:
        reply_ack(FAILED, INVALID_PARAMETER);
        break;
    }
}
