/* What a board gives to the loader and to the application: a clock, a polled
 * UART, a counter, a reset. One implementation in boards/<name>/ (or a file it
 * shares through its board.toml); no interrupts except a counter's own. */
#ifndef TR_BOARD_H
#define TR_BOARD_H

#include <stdbool.h>
#include <stdint.h>

/* Clocks, UART (baud and parity from the build: TR_BAUD, TR_PARITY_EVEN), counter. */
void tr_board_init(void);

/* Next received byte, 0 to 255, or -1 if none has come. May wait for one, some milliseconds at most. */
int tr_board_receive(void);

/* Send one byte; blocks while the transmitter is full. */
void tr_board_transmit(uint8_t byte);

/* Wait until everything transmitted has left the wire. */
void tr_board_flush(void);

/* Counter value, monotonic, in ticks of tr_board_ticks_hz(); 0 for ever if there is none. */
uint64_t tr_board_ticks(void);
uint32_t tr_board_ticks_hz(void);

/* Which counter was found to move at start-up: an enum tr_counter of tr_formats.h. */
uint32_t tr_board_counter(void);

/* Milliseconds since init, for time-outs only. Wraps. */
uint32_t tr_board_millis(void);

/* Restart the board; does not return. */
_Noreturn void tr_board_reset(void);

/* --- second-stage loader only ------------------------------------------------ */

/* Erase [address, address + bytes), then write it; false if outside the TR_FLASH_BYTES from TR_IMAGE_ORIGIN on, or it
 * failed. */
bool tr_board_flash_erase(uint32_t address, uint32_t bytes);
bool tr_board_flash_write(uint32_t address, const uint8_t *data, uint32_t bytes);

/* Start the image whose byte 0 lies at `base`; does not return. */
_Noreturn void tr_board_start(uint32_t base);

#endif
