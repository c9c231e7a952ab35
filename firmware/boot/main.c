/* After reset: a good image starts unless a host calls within TR_BOOT_WAIT_MS; without one, the one that was kept; without
 * that, wait for a host. */
#include "tr_board.h"
#include "tr_boot.h"

/* Any byte but the host's call ends the wait: it is for the application. */
static bool host_calls(void)
{
    uint32_t start = tr_board_millis();
    do {
        int byte = tr_board_receive();
        if (byte >= 0) {
            return byte == (int)TR_AN3155_SYNC;
        }
    } while (tr_board_millis() - start < TR_BOOT_WAIT_MS);
    return false;
}

static void start_if_allowed(void)
{
    if (tr_image_may_start()) {
        tr_board_start(TR_IMAGE_ORIGIN);
    }
}

int main(void)
{
    tr_board_init();
    if (tr_image_is_good(TR_IMAGE_ORIGIN) || tr_image_restore()) {
        if (host_calls()) {
            tr_board_transmit(TR_AN3155_ACK);
        } else {
            start_if_allowed();
            if (tr_image_restore()) {
                start_if_allowed();
            }
        }
    }
    for (;;) {
        int byte = tr_board_receive();
        if (byte >= 0) {
            tr_an3155_serve((uint8_t)byte);
        }
    }
}
