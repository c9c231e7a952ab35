/* Between the drivers that make up a board's tr_board.h: not for the application. */
#ifndef TR_PARTS_H
#define TR_PARTS_H

#include <stdint.h>

/* A device register. */
#define TR_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* The board's free-running timer, which tr_counter.c builds on: 32 bits, counting up, never stopped. */
uint32_t tr_timer_read(void);

/* Clock of the core, and rate of that timer, in Hz; valid after the board's clocks are set up. */
uint32_t tr_core_hz(void);
uint32_t tr_timer_hz(void);

/* What it counts, an enum tr_counter: TR_COUNTER_CYCLES where it runs at the core's clock. */
uint32_t tr_timer_kind(void);

/* Find out which counter moves. Called by tr_board_init() once the timer runs. */
void tr_counter_init(void);

#endif
