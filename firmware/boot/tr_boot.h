/* The second-stage loader: ST's USART protocol (AN3155) and the rule that only a whole image starts.
 * From the build: TR_IMAGE_ORIGIN, TR_IMAGE_BYTES (where images lie), TR_PAGE_BYTES, TR_PRODUCT_ID,
 * TR_BOARD_ID (CRC-32 of the board's name), TR_BOOT_WAIT_MS (for a host's call, after reset),
 * TR_BOOT_TIMEOUT_MS (a longer silence ends a request: an interrupted transfer leaves the loader in step). */
#ifndef TR_BOOT_H
#define TR_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#define TR_AN3155_ACK 0x79u
#define TR_AN3155_NACK 0x1fu
#define TR_AN3155_SYNC 0x7fu

/* Is there a whole image for this board at TR_IMAGE_ORIGIN? */
bool tr_image_is_good(void);

/* Serve the request that begins with `first`. Returns unless it was GO with a good image. */
void tr_an3155_serve(uint8_t first);

/* The byte at a device address; a simulated memory in tests. */
const uint8_t *tr_boot_memory(uint32_t address);

#endif
