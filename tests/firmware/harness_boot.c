/* The loader as a native program, for sanitizers and random requests: firmware/boot without memory.c, on a
 * board of which everything is simulated.
 *
 * stdin is a script of two-byte records: 0 b: byte b arrives; 1 -: a long silence. stdout gets what the loader
 * transmits. At the end of the script, or when an image is started (exit code 42), the flash is written to
 * the file it was read from, TR_FLASH_FILE. */
#include <stdio.h>
#include <stdlib.h>

#include "tr_board.h"
#include "tr_boot.h"

static uint8_t *flash; /* TR_FLASH_BYTES, on the heap: a sanitizer sees every byte outside */
static uint32_t millis;

static void load_flash(void)
{
    FILE *file = fopen(getenv("TR_FLASH_FILE"), "rb");
    flash = malloc(TR_FLASH_BYTES);
    if (file == NULL || flash == NULL || fread(flash, 1u, TR_FLASH_BYTES, file) != TR_FLASH_BYTES) {
        abort();
    }
    (void)fclose(file);
}

static _Noreturn void finish(int code)
{
    FILE *file = fopen(getenv("TR_FLASH_FILE"), "wb");
    if (file == NULL || fwrite(flash, 1u, TR_FLASH_BYTES, file) != TR_FLASH_BYTES || fclose(file) != 0) {
        abort();
    }
    free(flash);
    exit(code);
}

static uint32_t checked_offset(uint32_t address, uint32_t bytes)
{
    if (address < TR_IMAGE_ORIGIN || address - TR_IMAGE_ORIGIN > TR_FLASH_BYTES ||
        bytes > TR_FLASH_BYTES - (address - TR_IMAGE_ORIGIN)) {
        (void)fprintf(stderr, "outside the image area: %x, %u bytes\n", (unsigned)address, (unsigned)bytes);
        abort();
    }
    return address - TR_IMAGE_ORIGIN;
}

void tr_board_init(void) { load_flash(); }

int tr_board_receive(void)
{
    int kind = getchar();
    int byte = getchar();
    if (kind == EOF || byte == EOF) {
        finish(EXIT_SUCCESS);
    }
    millis += 1u;
    if (kind == 0) {
        return byte;
    }
    millis += 10000u;
    return -1;
}

void tr_board_transmit(uint8_t byte) { (void)putchar(byte); }
void tr_board_flush(void) { (void)fflush(stdout); }
uint32_t tr_board_millis(void) { return millis; }

bool tr_board_flash_erase(uint32_t address, uint32_t bytes)
{
    uint32_t offset = checked_offset(address, bytes);
    for (uint32_t i = 0u; i < bytes; i++) {
        flash[offset + i] = 0xffu;
    }
    return true;
}

bool tr_board_flash_write(uint32_t address, const uint8_t *data, uint32_t bytes)
{
    uint32_t offset = checked_offset(address, bytes);
    for (uint32_t i = 0u; i < bytes; i++) {
        flash[offset + i] = data[i];
    }
    return true;
}

const uint8_t *tr_boot_memory(uint32_t address) { return flash + checked_offset(address, 1u); }

_Noreturn void tr_board_start(uint32_t base)
{
    (void)checked_offset(base, 64u);
    finish(42);
}
