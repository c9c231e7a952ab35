/* The way back: before the first change of a trusted image it is copied behind, and comes back if what was written in
 * its place is not whole or not trusted. From the build, where there is room: TR_BACKUP (address of TR_IMAGE_BYTES that
 * no command reaches). The copy's block with the header comes last, so that half a copy is none. */
#include "tr_board.h"
#include "tr_boot.h"
#include "tr_formats.h"

#ifndef TR_BACKUP

void tr_image_keep(void) {}
bool tr_image_restore(void) { return false; }

#else

#define BLOCK 256u

static uint32_t whole_bytes(uint32_t base)
{
    return tr_image_header_image_bytes(tr_boot_memory(base) + TR_IMAGE_HEADER_OFFSET) + TR_IMAGE_SIGNATURE_SIZE;
}

static bool are_equal(uint32_t first, uint32_t second, uint32_t bytes)
{
    const uint8_t *a = tr_boot_memory(first), *b = tr_boot_memory(second);
    for (uint32_t i = 0u; i < bytes; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static bool copy_block(uint32_t to, uint32_t from, uint32_t offset)
{
    uint8_t block[BLOCK];
    const uint8_t *bytes = tr_boot_memory(from + offset);
    for (uint32_t i = 0u; i < BLOCK; i++) {
        block[i] = bytes[i];
    }
    return tr_board_flash_write(to + offset, block, BLOCK);
}

/* Pages are whole blocks. */
static bool copy(uint32_t to, uint32_t from)
{
    uint32_t bytes = (whole_bytes(from) + TR_PAGE_BYTES - 1u) / TR_PAGE_BYTES * TR_PAGE_BYTES;
    bool good = tr_board_flash_erase(to, bytes);
    for (uint32_t offset = BLOCK; good && offset < bytes; offset += BLOCK) {
        good = copy_block(to, from, offset);
    }
    return good && copy_block(to, from, 0u);
}

void tr_image_keep(void)
{
    static bool kept;
    if (!kept && tr_image_is_good(TR_IMAGE_ORIGIN) && tr_image_is_trusted(TR_IMAGE_ORIGIN) &&
        !are_equal(TR_BACKUP, TR_IMAGE_ORIGIN, whole_bytes(TR_IMAGE_ORIGIN))) {
        (void)copy(TR_BACKUP, TR_IMAGE_ORIGIN);
    }
    kept = true;
}

bool tr_image_restore(void)
{
    return tr_image_is_good(TR_BACKUP) && tr_image_is_trusted(TR_BACKUP) && copy(TR_IMAGE_ORIGIN, TR_BACKUP) &&
           tr_image_is_good(TR_IMAGE_ORIGIN);
}

#endif
