/* The text protocol of MLPerf Tiny's runner (mlcommons/tiny, benchmark/runner): commands of ASCII that end by '%', and
 * lines of replies, the last of which is m-ready. Its words are those of benchmark/api/internally_implemented.cpp. */
#include "model.h"
#include "protocols.h"
#include "tr_board.h"
#include "tr_formats.h"

#define LONGEST 80u
#define DEFAULT_WARMUPS 10u
#define PRINTED_A_LINE 8u

/* The command that is coming, and where its next word begins. */
static struct {
    char text[LONGEST + 1u];
    uint32_t length; /* more than LONGEST if it is too long */
    uint32_t next;
} command;

/* What `db` loads: `wanted` bytes, of which `loaded` have come. */
static struct {
    uint8_t bytes[TR_MLPERF_BYTES];
    uint32_t wanted, loaded;
} db;

#if TR_MLPERF_IS_ERROR
static float result; /* of the last inference */
static int8_t quantised[TR_MODEL_INPUT_BYTES];
#else
static int8_t result[TR_MODEL_OUTPUT_BYTES];
#endif
static bool has_result;

/* --- replies -------------------------------------------------------------------------------------------------- */

static void say(const char *text)
{
    while (*text != '\0') {
        tr_board_transmit((uint8_t)*text++);
    }
}

static void say_number(uint64_t number)
{
    char digits[20];
    uint32_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + (char)(number % 10u));
        number /= 10u;
    } while (number > 0u);
    while (first < sizeof digits) {
        tr_board_transmit((uint8_t)digits[first++]);
    }
}

static void say_hex(uint8_t byte)
{
    tr_board_transmit((uint8_t)"0123456789abcdef"[byte >> 4]);
    tr_board_transmit((uint8_t)"0123456789abcdef"[byte & 15u]);
}

static void say_with(const char *before, uint64_t number, const char *after)
{
    say(before);
    say_number(number);
    say(after);
}

/* With three decimals, as "%.3f" does: a thousand times a float is exact in a double. */
static void say_real(float value)
{
    double magnitude = value < 0.0f ? -(double)value : (double)value;
    if (value != value) {
        say("nan");
        return;
    }
    if (value < 0.0f) {
        say("-");
    }
    if (magnitude > 1e15) {
        say("inf");
        return;
    }
    double exact = magnitude * 1000.0;
    uint64_t thousandths = (uint64_t)exact;
    double rest = exact - (double)thousandths;
    if (rest > 0.5 || (rest >= 0.5 && thousandths % 2u == 1u)) {
        thousandths++;
    }
    say_number(thousandths / 1000u);
    say(".");
    say_number(thousandths / 100u % 10u);
    say_number(thousandths / 10u % 10u);
    say_number(thousandths % 10u);
}

static void say_time(void)
{
    say_with("m-lap-us-", tr_protocols_microseconds(tr_board_ticks()), "\r\n");
}

static void say_results(void)
{
    if (!has_result) {
        say("e-[There are no results before infer]\r\n");
        return;
    }
    say("m-results-[");
#if TR_MLPERF_IS_ERROR
    say_real(result);
#else
    const struct tr_tensor *output = tr_model_output_tensor(0u);
    for (uint32_t i = 0u; i < TR_MODEL_OUTPUT_BYTES; i++) {
        say(i > 0u ? "," : "");
        say_real(output->scale * (float)(result[i] - output->zero_point));
    }
#endif
    say("]\r\n");
}

/* --- words of a command --------------------------------------------------------------------------------------- */

/* The next word, ended by a zero; a null pointer if there is none. */
static const char *next_word(void)
{
    while (command.text[command.next] == ' ') {
        command.next++;
    }
    if (command.text[command.next] == '\0') {
        return 0;
    }
    const char *word = command.text + command.next;
    while (command.text[command.next] != ' ' && command.text[command.next] != '\0') {
        command.next++;
    }
    if (command.text[command.next] == ' ') {
        command.text[command.next++] = '\0';
    }
    return word;
}

static bool is(const char *word, const char *other)
{
    while (*word == *other && *word != '\0') {
        word++;
        other++;
    }
    return *word == *other;
}

/* A decimal number below 10^9; false for anything else. */
static bool number_of(const char *word, uint32_t *number)
{
    *number = 0u;
    for (uint32_t i = 0u; word[i] != '\0'; i++) {
        if (word[i] < '0' || word[i] > '9' || i == 9u) {
            return false;
        }
        *number = *number * 10u + (uint32_t)(word[i] - '0');
    }
    return true;
}

/* Of a hexadecimal digit; 16 for anything else. */
static uint32_t nibble(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (uint32_t)(digit - '0');
    }
    if (digit >= 'a' && digit <= 'f') {
        return (uint32_t)(digit - 'a') + 10u;
    }
    return digit >= 'A' && digit <= 'F' ? (uint32_t)(digit - 'A') + 10u : 16u;
}

/* --- inference ------------------------------------------------------------------------------------------------ */

#if TR_MLPERF_IS_ERROR

/* Element `i` of the 32-bit floats that were loaded. */
static float real_at(uint32_t i)
{
    union {
        uint32_t bits;
        float value;
    } real = {.bits = tr_load_u32(db.bytes + 4u * i)};
    return real.value;
}

/* The nearest number of the input's type, halves away from zero; what is no number is as zero. */
static int8_t quantise(float value, const struct tr_tensor *tensor)
{
    float steps = value / tensor->scale;
    int32_t whole = steps >= 512.0f ? 512 : steps <= -512.0f ? -512 : steps != steps ? 0 : (int32_t)steps;
    float rest = steps - (float)whole;
    whole += rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0;
    whole += tensor->zero_point;
    return (int8_t)(whole > 127 ? 127 : whole < -128 ? -128 : whole);
}

static void prepare(void)
{
    const struct tr_tensor *input = tr_model_input_tensor(0u);
    for (uint32_t i = 0u; i < TR_MODEL_INPUT_BYTES; i++) {
        quantised[i] = quantise(real_at(i), input);
    }
}

/* The mean squared error of what came out against what went in. */
static void keep_result(void)
{
    const struct tr_tensor *output = tr_model_output_tensor(0u);
    const int8_t *values = tr_model_output();
    float sum = 0.0f;
    for (uint32_t i = 0u; i < TR_MODEL_OUTPUT_BYTES; i++) {
        float error = output->scale * (float)(values[i] - output->zero_point) - real_at(i);
        sum += error * error;
    }
    result = sum / (float)TR_MODEL_OUTPUT_BYTES;
}

#else

static void prepare(void) {}

static void keep_result(void)
{
    for (uint32_t i = 0u; i < TR_MODEL_OUTPUT_BYTES; i++) {
        result[i] = tr_model_output()[i];
    }
}

#endif

/* The model uses the input's memory: it is filled before each inference. */
static void fill(void)
{
    int8_t *input = tr_model_input();
    for (uint32_t i = 0u; i < TR_MODEL_INPUT_BYTES; i++) {
#if TR_MLPERF_IS_ERROR
        input[i] = quantised[i];
#else
        input[i] = (int8_t)(db.bytes[i] - TR_MLPERF_OFFSET);
#endif
    }
}

static bool run(uint32_t inferences)
{
    for (; inferences > 0u; inferences--) {
        fill();
#if TR_MODEL_VERIFIES
        if (!tr_model_invoke()) {
            return false;
        }
#else
        tr_model_invoke();
#endif
        (void)tr_board_ticks(); /* or it wraps unseen */
    }
    return true;
}

/* Whether all went well. */
static bool run_all(uint32_t inferences, uint32_t warmups)
{
    if (!tr_app_take_model()) {
        return false;
    }
    prepare();
    say_with("m-warmup-start-", warmups, "\r\n");
    if (!run(warmups)) {
        return false;
    }
    say("m-warmup-done\r\n");
    say_with("m-infer-start-", inferences, "\r\n");
    tr_board_flush();
    say_time();
    bool is_good = run(inferences);
    say_time();
    keep_result();
    say("m-infer-done\r\n");
    return is_good;
}

static void infer(void)
{
    uint32_t inferences = 1u;
    uint32_t warmups = DEFAULT_WARMUPS;
    const char *first = next_word();
    const char *second = next_word();
    if (first != 0 && (!number_of(first, &inferences) || inferences == 0u)) {
        say("e-[Inference iterations must be >0]\r\n");
        return;
    }
    if (second != 0 && !number_of(second, &warmups)) {
        say("e-[Inference warmup must be >=0]\r\n");
        return;
    }
    if (db.loaded != TR_MLPERF_BYTES) {
        say_with("e-[Input db has ", db.loaded, " bytes");
        say_with(", expected ", TR_MLPERF_BYTES, "]\r\n");
        return;
    }
    has_result = run_all(inferences, warmups);
    if (has_result) {
        say_results();
    } else {
        say("e-[The model in flash is damaged: flash the board again]\r\n");
    }
}

/* --- the buffer ----------------------------------------------------------------------------------------------- */

static void load(const char *size)
{
    uint32_t wanted;
    if (size == 0) {
        say("e-[Command 'db load' requires the # of bytes]\r\n");
        return;
    }
    if (!number_of(size, &wanted) || wanted == 0u) {
        say("e-[Command 'db load' must be >0 bytes]\r\n");
        return;
    }
    if (wanted > TR_MLPERF_BYTES) {
        say_with("e-[Supplied buffer size ", wanted, "");
        say_with(" exceeds maximum of ", TR_MLPERF_BYTES, "]\r\n");
        return;
    }
    db.wanted = wanted;
    db.loaded = 0u;
    say_with("m-[Expecting ", wanted, " bytes]\r\n");
}

/* `count` bytes from `offset` on. */
static void print(uint32_t count, uint32_t offset)
{
    for (uint32_t i = 0u; i < count && offset + i < db.wanted; i++) {
        bool is_last = i + 1u == count || offset + i + 1u == db.wanted;
        say(i % PRINTED_A_LINE == 0u ? "m-buffer-" : "");
        say_hex(db.bytes[offset + i]);
        say(is_last || (i + 1u) % PRINTED_A_LINE == 0u ? "\r\n" : "-");
    }
}

/* Bytes as pairs of digits, as many as are still wanted. */
static void store(const char *digits)
{
    while (digits[0] != '\0' && db.loaded < db.wanted) {
        if (digits[1] == '\0') {
            say("e-[Insufficent number of hex digits]\r\n");
            return;
        }
        uint32_t byte = nibble(digits[0]) << 4 | nibble(digits[1]);
        if (nibble(digits[0]) > 15u || nibble(digits[1]) > 15u) {
            say("e-[Invalid hex digit]\r\n");
            return;
        }
        db.bytes[db.loaded++] = (uint8_t)byte;
        digits += 2;
        if (db.loaded == db.wanted) {
            say("m-load-done\r\n");
        }
    }
}

static void use_buffer(void)
{
    const char *word = next_word();
    if (word == 0) {
        say("e-[Command 'db' requires a subcommand]\r\n");
    } else if (is(word, "load")) {
        load(next_word());
    } else if (is(word, "print")) {
        const char *first = next_word();
        const char *second = next_word();
        uint32_t count = 16u;
        uint32_t offset = 0u;
        if ((first != 0 && !number_of(first, &count)) || (second != 0 && !number_of(second, &offset))) {
            say("e-[Command 'db print' takes two numbers]\r\n");
            return;
        }
        print(count, offset);
    } else {
        store(word);
    }
}

/* --- commands ------------------------------------------------------------------------------------------------- */

static const char help[] = "ULPMark for tinyML Firmware V0.0.1\r\n"
                           "\r\n"
                           "help         : Print this information\r\n"
                           "name         : Print the name of the device\r\n"
                           "timestamp    : Generate a timestamp\r\n"
                           "db SUBCMD    : Manipulate a generic byte buffer\r\n"
                           "  load N     : Allocate N bytes and set load counter\r\n"
                           "  db HH[HH]* : Load 8-bit hex byte(s) until N bytes\r\n"
                           "  print [N=16] [offset=0]\r\n"
                           "             : Print N bytes at offset as hex\r\n"
                           "infer N [W=10]: Load input, execute N inferences after W warmup loops\r\n"
                           "results      : Return the result fp32 vector\r\n";

static void execute(void)
{
    const char *word = next_word();
    if (word == 0) {
        return;
    }
    if (is(word, "name")) {
        say("m-name-dut-[edge-tr]\r\n");
    } else if (is(word, "timestamp")) {
        say_time();
    } else if (is(word, "profile")) {
        say("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[" TR_MLPERF_MODEL "]\r\n");
    } else if (is(word, "help")) {
        say(help);
    } else if (is(word, "db")) {
        use_buffer();
    } else if (is(word, "infer")) {
        infer();
    } else if (is(word, "results")) {
        say_results();
    } else {
        say("e-[Unknown command: ");
        say(word);
        say("]\r\n");
    }
}

void tr_mlperf_forget(void) { command.length = 0u; }

void tr_mlperf_byte(uint8_t byte)
{
    if (byte < 0x20u || byte > 0x7eu) {
        tr_mlperf_forget();
        return;
    }
    if (byte != '%') {
        if (command.length < LONGEST) {
            command.text[command.length] = (char)byte;
        }
        command.length += command.length <= LONGEST ? 1u : 0u;
        return;
    }
    if (command.length > LONGEST) {
        say("e-[The command is longer than 80 characters]\r\n");
    } else {
        command.text[command.length] = '\0';
        command.next = 0u;
        execute();
    }
    tr_mlperf_forget();
    say("m-ready\r\n");
}

void tr_mlperf_start(void) { say("m-init-done\r\nm-ready\r\n"); }
