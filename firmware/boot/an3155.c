/* ST AN3155, "USART protocol used in the STM32 bootloader", chapter 3; the commands below and no other. */
#include "tr_board.h"
#include "tr_boot.h"
#include "tr_formats.h"

#define VERSION 0x31u /* 3.1: the protocol that has Extended Erase */

enum command {
    GET = 0x00,
    GET_VERSION = 0x01,
    GET_ID = 0x02,
    READ_MEMORY = 0x11,
    GO = 0x21,
    WRITE_MEMORY = 0x31,
    EXTENDED_ERASE = 0x44,
};

#define MASS_ERASE 0xffffu
#define SPECIAL_ERASE 0xfff0u /* from here on, the count is a code */
#define MAX_PAGES 127u        /* that fit the buffer; their list is 255 bytes with its checksum */

/* One request's bytes after the command: at most a count, 256 bytes and a checksum. */
static uint8_t buffer[258];

/* Next byte, or -1 after a silence. */
static int receive(void)
{
    uint32_t start = tr_board_millis();
    do {
        int byte = tr_board_receive();
        if (byte >= 0) {
            return byte;
        }
    } while (tr_board_millis() - start < TR_BOOT_TIMEOUT_MS);
    return -1;
}

/* `count` bytes, of which those past the buffer are dropped; false after a silence. */
static bool receive_bytes(uint32_t offset, uint32_t count)
{
    for (uint32_t i = offset; i < offset + count; i++) {
        int byte = receive();
        if (byte < 0) {
            return false;
        }
        if (i < sizeof buffer) {
            buffer[i] = (uint8_t)byte;
        }
    }
    return true;
}

/* Exclusive or of a list with its checksum is zero. */
static bool sums_up(uint32_t bytes)
{
    uint8_t sum = 0u;
    for (uint32_t i = 0u; i < bytes; i++) {
        sum ^= buffer[i];
    }
    return sum == 0u;
}

static void acknowledge(bool good) { tr_board_transmit(good ? TR_AN3155_ACK : TR_AN3155_NACK); }

static bool is_inside(uint32_t address, uint32_t bytes)
{
    uint32_t offset = address - (uint32_t)TR_IMAGE_ORIGIN; /* wraps to a large number below it */
    return offset < TR_IMAGE_BYTES && bytes <= TR_IMAGE_BYTES - offset;
}

/* Addresses come with the highest byte first. */
static uint32_t address_in_buffer(void)
{
    return (uint32_t)buffer[0] << 24 | (uint32_t)buffer[1] << 16 | (uint32_t)buffer[2] << 8 | buffer[3];
}

/* An address inside the image area, answered; false: refused, or a silence. */
static bool receive_address(uint32_t *address)
{
    if (!receive_bytes(0u, 5u)) {
        return false;
    }
    *address = address_in_buffer();
    bool good = sums_up(5u) && is_inside(*address, 1u);
    acknowledge(good);
    return good;
}

static void transmit_all(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0u; i < count; i++) {
        tr_board_transmit(bytes[i]);
    }
}

static void get(void)
{
    static const uint8_t reply[] = {
        7u, VERSION, GET, GET_VERSION, GET_ID, READ_MEMORY, GO, WRITE_MEMORY, EXTENDED_ERASE, TR_AN3155_ACK,
    };
    transmit_all(reply, sizeof reply);
}

static void get_version(void)
{
    static const uint8_t reply[] = {VERSION, 0u, 0u, TR_AN3155_ACK};
    transmit_all(reply, sizeof reply);
}

static void get_id(void)
{
    static const uint8_t reply[] = {1u, TR_PRODUCT_ID >> 8 & 0xffu, TR_PRODUCT_ID & 0xffu, TR_AN3155_ACK};
    transmit_all(reply, sizeof reply);
}

static void read_memory(void)
{
    uint32_t address;
    if (!receive_address(&address) || !receive_bytes(0u, 2u)) {
        return;
    }
    uint32_t count = buffer[0] + 1u;
    bool good = (buffer[0] ^ buffer[1]) == 0xff && is_inside(address, count);
    acknowledge(good);
    if (good) {
        transmit_all(tr_boot_memory(address), count);
    }
}

static void go(void)
{
    if (!receive_bytes(0u, 5u)) {
        return;
    }
    bool good = sums_up(5u) && address_in_buffer() == TR_IMAGE_ORIGIN &&
                tr_image_is_good(TR_IMAGE_ORIGIN) && tr_image_may_start();
    acknowledge(good);
    if (good) {
        tr_board_flush();
        tr_board_start(TR_IMAGE_ORIGIN);
    }
}

static void write_memory(void)
{
    uint32_t address;
    if (!receive_address(&address) || !receive_bytes(0u, 1u)) {
        return;
    }
    uint32_t count = buffer[0] + 1u;
    if (!receive_bytes(1u, count + 1u)) {
        return;
    }
    bool good = sums_up(count + 2u) && address % 4u == 0u && count % 4u == 0u && is_inside(address, count);
    if (good) {
        tr_image_keep();
    }
    acknowledge(good && tr_board_flash_write(address, buffer + 1, count));
}

static uint32_t page_number(uint32_t index) { return (uint32_t)buffer[2u + 2u * index] << 8 | buffer[3u + 2u * index]; }

/* All of the listed pages, or none if one of them does not exist. */
static bool erase_pages(uint32_t count)
{
    bool good = true;
    for (uint32_t i = 0u; i < count; i++) {
        good = good && page_number(i) < TR_IMAGE_BYTES / TR_PAGE_BYTES;
    }
    if (good) {
        tr_image_keep();
    }
    for (uint32_t i = 0u; good && i < count; i++) {
        good = tr_board_flash_erase(TR_IMAGE_ORIGIN + page_number(i) * TR_PAGE_BYTES, TR_PAGE_BYTES);
    }
    return good;
}

static void extended_erase(void)
{
    if (!receive_bytes(0u, 2u)) {
        return;
    }
    uint32_t code = (uint32_t)buffer[0] << 8 | buffer[1];
    uint32_t pages = code >= SPECIAL_ERASE ? 0u : code + 1u;
    if (!receive_bytes(2u, 2u * pages + 1u)) {
        return;
    }
    if (pages > MAX_PAGES || !sums_up(2u * pages + 3u)) {
        acknowledge(false);
    } else if (pages > 0u) {
        acknowledge(erase_pages(pages));
    } else {
        if (code == MASS_ERASE) {
            tr_image_keep();
        }
        acknowledge(code == MASS_ERASE && tr_board_flash_erase(TR_IMAGE_ORIGIN, TR_IMAGE_BYTES));
    }
}

void tr_an3155_serve(uint8_t first)
{
    static const struct {
        uint8_t command;
        void (*serve)(void);
    } commands[] = {
        {GET, get},
        {GET_VERSION, get_version},
        {GET_ID, get_id},
        {READ_MEMORY, read_memory},
        {GO, go},
        {WRITE_MEMORY, write_memory},
        {EXTENDED_ERASE, extended_erase},
    };
    if (first == TR_AN3155_SYNC) {
        acknowledge(true);
        return;
    }
    int complement = receive();
    if (complement < 0) {
        return;
    }
    for (uint32_t i = 0u; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].command == first && ((unsigned)complement ^ first) == 0xffu) {
            acknowledge(true);
            commands[i].serve();
            return;
        }
    }
    acknowledge(false);
}
