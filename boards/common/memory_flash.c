/* "Flash" that is plain memory, as in the emulated boards: the file behind it makes it last. */
#include "tr_board.h"

static bool is_inside(uint32_t address, uint32_t bytes)
{
    uint32_t offset = address - (uint32_t)TR_IMAGE_ORIGIN;
    return offset <= TR_FLASH_BYTES && bytes <= TR_FLASH_BYTES - offset;
}

bool tr_board_flash_erase(uint32_t address, uint32_t bytes)
{
    volatile uint8_t *to = (volatile uint8_t *)(uintptr_t)address;
    if (!is_inside(address, bytes)) {
        return false;
    }
    for (uint32_t i = 0u; i < bytes; i++) {
        to[i] = 0xffu;
    }
    return true;
}

bool tr_board_flash_write(uint32_t address, const uint8_t *data, uint32_t bytes)
{
    volatile uint8_t *to = (volatile uint8_t *)(uintptr_t)address;
    if (!is_inside(address, bytes)) {
        return false;
    }
    for (uint32_t i = 0u; i < bytes; i++) {
        to[i] = data[i];
    }
    return true;
}
