/* The second-stage loader: ST's USART protocol (AN3155) and the rule that only a whole image starts, and with a key
 * only a signed one.
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

/* Is there a whole image for this board at `base`? (Wherever it lies, it is linked for TR_IMAGE_ORIGIN.) */
bool tr_image_is_good(uint32_t base);

/* Is the good image at `base` signed with the loader's key, and no older than one that has started? Without a key: yes. */
bool tr_image_is_trusted(uint32_t base);

/* The same of the good image at TR_IMAGE_ORIGIN, whose version no older one may start after. */
bool tr_image_may_start(void);

/* Before the image is changed: keep a trusted one. And put it back; false if there is none. */
void tr_image_keep(void);
bool tr_image_restore(void);

/* Serve the request that begins with `first`. Returns unless it was GO with a good image. */
void tr_an3155_serve(uint8_t first);

/* The byte at a device address; a simulated memory in tests. */
const uint8_t *tr_boot_memory(uint32_t address);

#endif
