/* The host as a board: its UART is a TCP socket on the loopback interface, one client at a time.
 * TR_HOST_LISTENER in the environment is an inherited listening socket; without it, TR_HOST_PORT is the
 * port, 0 or nothing for any free one. The first client is waited for, as QEMU does it. */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tr_board.h"
#include "tr_formats.h"

static struct {
    int listener;
    int client;
    uint8_t received[512];
    size_t received_count;
    size_t received_next;
    uint8_t transmit[512];
    size_t transmit_count;
} uart = {.listener = -1, .client = -1};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void wait_for_client(void)
{
    int no_delay = 1;
    uart.client = accept(uart.listener, NULL, NULL);
    if (uart.client < 0) {
        fail("accept");
    }
    (void)setsockopt(uart.client, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
    uart.received_count = 0u;
    uart.received_next = 0u;
    uart.transmit_count = 0u;
}

static int listen_on_port(void)
{
    const char *port = getenv("TR_HOST_PORT");
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)(port == NULL ? 0 : strtoul(port, NULL, 10)));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        fail("TR_HOST_PORT");
    }
    (void)fprintf(stderr, "socket://127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    return listener;
}

void tr_board_init(void)
{
    const char *inherited = getenv("TR_HOST_LISTENER");
    (void)signal(SIGPIPE, SIG_IGN);
    uart.listener = inherited == NULL ? listen_on_port() : (int)strtol(inherited, NULL, 10);
    (void)fprintf(stderr, "waiting for connection\n");
    wait_for_client();
}

void tr_board_flush(void)
{
    size_t sent = 0u;
    while (sent < uart.transmit_count) {
        ssize_t count = write(uart.client, uart.transmit + sent, uart.transmit_count - sent);
        if (count <= 0) {
            break; /* the client has gone: the next receive finds out */
        }
        sent += (size_t)count;
    }
    uart.transmit_count = 0u;
}

/* Waits up to 10 ms instead of spinning, which no caller can tell from a slower clock. */
int tr_board_receive(void)
{
    if (uart.received_next == uart.received_count) {
        struct pollfd ready = {.fd = uart.client, .events = POLLIN};
        tr_board_flush();
        if (poll(&ready, 1, 10) <= 0) {
            return -1;
        }
        ssize_t count = read(uart.client, uart.received, sizeof uart.received);
        if (count <= 0) {
            (void)close(uart.client);
            wait_for_client();
            return -1;
        }
        uart.received_count = (size_t)count;
        uart.received_next = 0u;
    }
    return uart.received[uart.received_next++];
}

void tr_board_transmit(uint8_t byte)
{
    if (uart.transmit_count == sizeof uart.transmit) {
        tr_board_flush();
    }
    uart.transmit[uart.transmit_count++] = byte;
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t tr_board_ticks(void) { return nanoseconds(); }

uint32_t tr_board_ticks_hz(void) { return 1000000000u; }

uint32_t tr_board_counter(void) { return TR_COUNTER_TIMER; }

uint32_t tr_board_millis(void) { return (uint32_t)(nanoseconds() / 1000000u); }

/* The same program again, on the same listening socket. */
_Noreturn void tr_board_reset(void)
{
    char listener[16];
    tr_board_flush();
    (void)close(uart.client);
    (void)snprintf(listener, sizeof listener, "%d", uart.listener);
    (void)setenv("TR_HOST_LISTENER", listener, 1);
    (void)execl("/proc/self/exe", "edge-tr-board", (char *)NULL);
    fail("restart");
}
