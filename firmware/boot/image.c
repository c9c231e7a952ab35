#include "tr_boot.h"
#include "tr_crc32.h"
#include "tr_formats.h"

/* Everything in the header is checked before the CRC, and the length before anything is read by it. */
bool tr_image_is_good(uint32_t base)
{
    static const uint8_t no_crc[4] = {0u};
    const uint32_t crc_offset = TR_IMAGE_HEADER_OFFSET + TR_IMAGE_HEADER_CRC32_OFFSET;
    const uint8_t *image = tr_boot_memory(base);
    const uint8_t *header = image + TR_IMAGE_HEADER_OFFSET;
    uint32_t bytes = tr_image_header_image_bytes(header);
    if (tr_image_header_magic(header) != TR_IMAGE_MAGIC || tr_image_header_version(header) != TR_IMAGE_VERSION ||
        tr_image_header_load_address(header) != TR_IMAGE_ORIGIN || tr_image_header_board_id(header) != TR_BOARD_ID ||
        bytes < TR_IMAGE_HEADER_OFFSET + TR_IMAGE_HEADER_SIZE || bytes > TR_IMAGE_BYTES || bytes % 4u != 0u) {
        return false;
    }
    uint32_t crc = tr_crc32(0u, image, crc_offset);
    crc = tr_crc32(crc, no_crc, sizeof no_crc);
    crc = tr_crc32(crc, image + crc_offset + sizeof no_crc, bytes - crc_offset - (uint32_t)sizeof no_crc);
    return crc == tr_image_header_crc32(header);
}
