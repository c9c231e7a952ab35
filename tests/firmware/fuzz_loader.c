/* Random requests to firmware/boot in this process, under sanitizers.
 *
 * An execution is a reset and up to twelve requests, right, damaged or cut off by a silence. Nothing outside the image
 * area is touched; flash changes only where a right request said so; only a whole image is started; and after a
 * silence and a call the loader says which chip it is. The loader's main is compiled as loader_main. */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "tr_board.h"
#include "tr_boot.h"
#include "tr_formats.h"

#undef main

#define LONGEST 4096u
#define SILENCE (-1)

int loader_main(void);

static int16_t script[LONGEST];
static uint32_t script_length, script_next;
static uint8_t sent[LONGEST * 2u];
static uint32_t sent_length;
static uint8_t *flash; /* TR_IMAGE_BYTES, on the heap: a sanitizer sees every byte outside */
static uint32_t millis;
static uint32_t changes; /* writes and erases that the script may do at most */
static bool started;

/* --- the fake board ------------------------------------------------------------------ */

static uint32_t checked_offset(uint32_t address, uint32_t bytes)
{
    uint32_t offset = address - TR_IMAGE_ORIGIN;
    REQUIRE(offset <= TR_IMAGE_BYTES && bytes <= TR_IMAGE_BYTES - offset);
    return offset;
}

void tr_board_init(void) {}

int tr_board_receive(void)
{
    if (script_next == script_length) {
        longjmp(script_ended, 1);
    }
    millis += 1u;
    if (script[script_next] == SILENCE) {
        millis += 10000u;
    }
    return script[script_next++];
}

void tr_board_transmit(uint8_t byte)
{
    REQUIRE(sent_length < sizeof sent);
    sent[sent_length++] = byte;
}

void tr_board_flush(void) {}
uint32_t tr_board_millis(void) { return millis; }

bool tr_board_flash_erase(uint32_t address, uint32_t bytes)
{
    REQUIRE(changes > 0u && bytes % TR_PAGE_BYTES == 0u && (address - TR_IMAGE_ORIGIN) % TR_PAGE_BYTES == 0u);
    memset(flash + checked_offset(address, bytes), 0xff, bytes);
    return true;
}

bool tr_board_flash_write(uint32_t address, const uint8_t *data, uint32_t bytes)
{
    REQUIRE(changes > 0u && bytes >= 4u && bytes <= 256u);
    memcpy(flash + checked_offset(address, bytes), data, bytes);
    return true;
}

const uint8_t *tr_boot_memory(uint32_t address) { return flash + checked_offset(address, 1u); }

_Noreturn void tr_board_start(uint32_t base)
{
    REQUIRE(base == TR_IMAGE_ORIGIN);
    started = true;
    longjmp(script_ended, 1);
}

/* --- requests --------------------------------------------------------------------------- */

static void put(int value) { script[script_length++] = (int16_t)value; }

static uint8_t put_all(const uint8_t *bytes, uint32_t count, uint8_t sum)
{
    for (uint32_t i = 0u; i < count; i++) {
        put(bytes[i]);
        sum ^= bytes[i];
    }
    return sum;
}

static void put_command(uint8_t command)
{
    put(command);
    put(command ^ 0xff);
}

static void put_address(void)
{
    uint32_t offset = dice(4u) == 0u ? 0u : dice(8u) == 0u ? dice(0xffffffffu) : 4u * dice(TR_IMAGE_BYTES / 4u);
    uint32_t address = TR_IMAGE_ORIGIN + offset;
    uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8), (uint8_t)address};
    put(put_all(bytes, 4u, 0u));
}

static void put_write(void)
{
    uint8_t data[256];
    uint32_t count = dice(4u) == 0u ? 1u + dice(256u) : 4u * (1u + dice(64u));
    for (uint32_t i = 0u; i < count; i++) {
        data[i] = (uint8_t)dice(256u);
    }
    put_command(0x31u);
    put_address();
    put((int)count - 1);
    put(put_all(data, count, (uint8_t)(count - 1u)));
}

static void put_erase(void)
{
    uint8_t list[2u + 2u * 130u];
    uint32_t count = dice(8u) == 0u ? 120u + dice(11u) : 1u + dice(3u);
    uint32_t code = dice(8u) == 0u ? 0xfff0u + dice(16u) : count - 1u;
    list[0] = (uint8_t)(code >> 8);
    list[1] = (uint8_t)code;
    for (uint32_t i = 2u; i < 2u + 2u * count; i++) {
        list[i] = (uint8_t)(i % 2u == 0u ? dice(50u) == 0u : dice(TR_IMAGE_BYTES / TR_PAGE_BYTES + (dice(50u) == 0u)));
    }
    put_command(0x44u);
    put(put_all(list, code >= 0xfff0u ? 2u : 2u + 2u * count, 0u));
}

static void put_read(void)
{
    uint32_t count = dice(256u);
    put_command(0x11u);
    put_address();
    put((int)count);
    put((int)count ^ 0xff);
}

static void put_request(void)
{
    static void (*const requests[])(void) = {put_write, put_write, put_erase, put_read};
    uint32_t kind = dice(7u);
    uint32_t start = script_length;
    changes += kind < 3u ? 1u : 0u;
    if (kind < 4u) {
        requests[kind]();
    } else if (kind == 4u) {
        put_command(0x21u);
        put_address();
    } else if (kind == 5u) {
        put_command((uint8_t)dice(3u));
    } else {
        for (uint32_t left = dice(20u); left > 0u; left--) {
            put((int)dice(256u));
        }
    }
    if (script_length > start && dice(4u) == 0u) {
        script[start + dice(script_length - start)] = (int16_t)dice(256u);
        changes += 1u; /* what was a read can have become a write, with what follows */
    }
    if (script_length > start && dice(5u) == 0u) {
        script_length = start + dice(script_length - start);
        if (dice(2u) == 0u) {
            put(SILENCE);
        }
        changes += 1u;
    }
}

/* --- images ------------------------------------------------------------------------------ */

static uint32_t image_crc(uint32_t bytes)
{
    uint32_t state = 0xffffffffu;
    uint32_t at = TR_IMAGE_HEADER_OFFSET + TR_IMAGE_HEADER_CRC32_OFFSET;
    for (uint32_t i = 0u; i < bytes; i++) {
        state = crc_more(state, i - at < 4u ? 0u : flash[i]);
    }
    return ~state;
}

static void place_image(void)
{
    uint8_t *header = flash + TR_IMAGE_HEADER_OFFSET;
    uint32_t bytes = 128u + 4u * dice(20u);
    tr_image_header_set_magic(header, TR_IMAGE_MAGIC);
    tr_image_header_set_version(header, TR_IMAGE_VERSION);
    tr_image_header_set_load_address(header, TR_IMAGE_ORIGIN);
    tr_image_header_set_board_id(header, TR_BOARD_ID);
    tr_image_header_set_image_bytes(header, bytes);
    tr_image_header_set_crc32(header, image_crc(bytes));
    if (dice(2u) == 0u) {
        flash[dice(bytes)] ^= (uint8_t)(1u << dice(8u));
    }
}

static bool is_good(void)
{
    const uint8_t *header = flash + TR_IMAGE_HEADER_OFFSET;
    uint32_t bytes = tr_image_header_image_bytes(header);
    return tr_image_header_magic(header) == TR_IMAGE_MAGIC && bytes >= 128u && bytes <= TR_IMAGE_BYTES &&
           tr_image_header_load_address(header) == TR_IMAGE_ORIGIN && image_crc(bytes) == tr_image_header_crc32(header);
}

/* --- executions ---------------------------------------------------------------------------- */

static void make_script(void)
{
    static const uint8_t who[] = {0x02u, 0xfdu};
    script_length = script_next = sent_length = changes = 0u;
    started = false;
    if (dice(8u) != 0u) {
        put(TR_AN3155_SYNC);
    }
    for (uint32_t left = dice(12u); left > 0u; left--) {
        put_request();
    }
    put(SILENCE);
    put(SILENCE);
    put(TR_AN3155_SYNC);
    (void)put_all(who, sizeof who, 0u);
}

static void serve(void)
{
    static const uint8_t chip[] = {TR_AN3155_ACK, TR_AN3155_ACK, 1u, TR_PRODUCT_ID >> 8, TR_PRODUCT_ID & 0xffu,
                                   TR_AN3155_ACK};
    if (flash == NULL) {
        flash = malloc(TR_IMAGE_BYTES);
        REQUIRE(flash != NULL);
        memset(flash, 0xff, TR_IMAGE_BYTES);
    }
    if (dice(3u) == 0u) {
        place_image();
    }
    make_script();
    if (setjmp(script_ended) == 0) {
        (void)loader_main();
    }
    if (started) {
        REQUIRE(is_good());
    } else {
        REQUIRE(sent_length >= sizeof chip);
        REQUIRE(memcmp(sent + sent_length - sizeof chip, chip, sizeof chip) == 0);
    }
}

int main(int argc, char **argv) { return run_executions(argc, argv, serve); }
