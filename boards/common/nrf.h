/* What boards with Nordic's nRF51 and nRF52 tell their shared drivers in nrf.c. */
#ifndef NRF_H
#define NRF_H

#include <stdint.h>

/* Pins are numbered through: 0 to 31 of port 0, from 32 on of port 1. */
struct nrf_board {
    uint32_t core_hz;
    uint32_t transmit_pin;
    uint32_t receive_pin;
    uint32_t cache; /* address of ICACHECNF, 0 without a cache */
};

/* The board's own. */
extern const struct nrf_board nrf_board;

#endif
