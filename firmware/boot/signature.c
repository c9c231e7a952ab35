/* Who made an image, and whether a newer one has started here: see ImageSignature and VersionEntry in docs/formats.md.
 *
 * From the build, where the loader has a key: TR_SIGNING_KEY (32 bytes, Ed25519), TR_VERSIONS (address of two pages that
 * no command reaches). Entries are written one after the other, so that none is lost with the power: a page is erased
 * only when both are full, the one whose entries are the older ones. */
#include "tr_board.h"
#include "tr_boot.h"
#include "tr_formats.h"

#ifndef TR_SIGNING_KEY

bool tr_image_is_trusted(uint32_t base)
{
    (void)base;
    return true;
}

bool tr_image_may_start(void) { return true; }

#else
#include "monocypher-ed25519.h"

#define ENTRIES (TR_PAGE_BYTES / TR_VERSION_ENTRY_SIZE)
#define NONE UINT32_MAX

static const uint8_t *entry_at(uint32_t page, uint32_t entry)
{
    return tr_boot_memory(TR_VERSIONS + page * TR_PAGE_BYTES + entry * TR_VERSION_ENTRY_SIZE);
}

/* The version that an entry holds; 0 if it was never written, or not to its end. */
static uint32_t version_of(const uint8_t *entry)
{
    uint32_t version = tr_version_entry_version(entry);
    return tr_version_entry_complement(entry) == ~version ? version : 0u;
}

static bool is_erased(const uint8_t *entry) { return (tr_load_u32(entry) & tr_load_u32(entry + 4)) == UINT32_MAX; }

static uint32_t highest_of(uint32_t page)
{
    uint32_t highest = 0u;
    for (uint32_t entry = 0u; entry < ENTRIES; entry++) {
        uint32_t version = version_of(entry_at(page, entry));
        highest = version > highest ? version : highest;
    }
    return highest;
}

static uint32_t highest(void)
{
    uint32_t first = highest_of(0u), second = highest_of(1u);
    return first > second ? first : second;
}

/* Address of an entry that can be written; NONE if both pages are full. */
static uint32_t free_entry(void)
{
    for (uint32_t i = 0u; i < 2u * ENTRIES; i++) {
        if (is_erased(entry_at(i / ENTRIES, i % ENTRIES))) {
            return TR_VERSIONS + i / ENTRIES * TR_PAGE_BYTES + i % ENTRIES * TR_VERSION_ENTRY_SIZE;
        }
    }
    return NONE;
}

static bool remember(uint32_t version)
{
    if (version <= highest()) {
        return true;
    }
    if (free_entry() == NONE) {
        uint32_t older = highest_of(0u) <= highest_of(1u) ? 0u : 1u;
        if (!tr_board_flash_erase(TR_VERSIONS + older * TR_PAGE_BYTES, TR_PAGE_BYTES)) {
            return false;
        }
    }
    uint8_t entry[TR_VERSION_ENTRY_SIZE];
    tr_version_entry_set_version(entry, version);
    tr_version_entry_set_complement(entry, ~version);
    uint32_t address = free_entry();
    return address != NONE && tr_board_flash_write(address, entry, sizeof entry) && highest() == version;
}

static uint32_t image_version(uint32_t base)
{
    return tr_image_header_image_version(tr_boot_memory(base) + TR_IMAGE_HEADER_OFFSET);
}

bool tr_image_is_trusted(uint32_t base)
{
    static const uint8_t key[32] = {TR_SIGNING_KEY};
    const uint8_t *image = tr_boot_memory(base);
    uint32_t bytes = tr_image_header_image_bytes(image + TR_IMAGE_HEADER_OFFSET);
    if (bytes > TR_IMAGE_BYTES - TR_IMAGE_SIGNATURE_SIZE || image_version(base) < highest()) {
        return false;
    }
    const uint8_t *signature = image + bytes;
    return tr_image_signature_magic(signature) == TR_SIGNATURE_MAGIC &&
           crypto_ed25519_check(signature + TR_IMAGE_SIGNATURE_SIGNATURE_OFFSET, key, image, bytes) == 0;
}

bool tr_image_may_start(void)
{
    return tr_image_is_trusted(TR_IMAGE_ORIGIN) && remember(image_version(TR_IMAGE_ORIGIN));
}

#endif
