/* CRC-32 of IEEE 802.3, the same as zlib's crc32(). */
#ifndef TR_CRC32_H
#define TR_CRC32_H

#include <stdint.h>

/* CRC-32 of data[0..bytes), continued from `crc`; 0 to begin. */
uint32_t tr_crc32(uint32_t crc, const uint8_t *data, uint32_t bytes);

#endif
