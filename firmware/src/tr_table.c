#include "tr_crc32.h"
#include "tr_kernels.h"

struct tr_table tr_table_open(const uint32_t *bytes)
{
    const uint8_t *header = (const uint8_t *)bytes;
    const uint32_t *starts = bytes + TR_TABLE_HEADER_SIZE / 4u;
    struct tr_table table = {
        .layout = tr_table_header_layout(header),
        .rows = tr_table_header_rows(header),
        .depth = tr_table_header_depth(header),
        .group = tr_table_header_group(header),
        .planes = tr_table_header_planes(header),
        .starts = starts,
    };
    table.words = starts + table.rows + 1u;
    return table;
}

bool tr_table_check(const uint32_t *bytes, uint32_t size)
{
    const uint8_t *header = (const uint8_t *)bytes;
    if (tr_table_header_magic(header) != TR_TABLE_MAGIC || tr_table_header_version(header) != TR_TABLE_VERSION) {
        return false;
    }
    if (tr_table_header_payload_bytes(header) != size - TR_TABLE_HEADER_SIZE) {
        return false;
    }
    uint32_t crc = tr_crc32(0u, header, TR_TABLE_HEADER_CRC32_OFFSET);
    crc = tr_crc32(crc, header + TR_TABLE_HEADER_SIZE, tr_table_header_payload_bytes(header));
    return crc == tr_table_header_crc32(header);
}
