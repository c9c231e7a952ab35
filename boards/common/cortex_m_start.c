/* Vector table, start-up and reset of every Cortex-M board, Armv6-M and Armv7-M
 * (Armv7-M Architecture Reference Manual, DDI 0403E, B1.5; Armv6-M: DDI 0419E, B1.5). */
#include <stdint.h>

#include "tr_board.h"
#include "tr_formats.h"
#include "tr_parts.h"

#define VTOR TR_REGISTER(0xe000ed08u)  /* Vector Table Offset, DDI 0403E B3.2.5; Cortex-M0 has none and ignores it */
#define AIRCR TR_REGISTER(0xe000ed0cu) /* Application Interrupt and Reset Control, B3.2.6 */
#define AIRCR_SYSRESETREQ 0x05fa0004u  /* the key, and the request */

/* From cortex-m.ld. */
extern uint32_t tr_stack_top[], tr_data_load[], tr_data_start[], tr_data_end[], tr_bss_start[], tr_bss_end[];
extern uint32_t tr_hot_load[], tr_hot_start[], tr_hot_end[];

int main(void);
_Noreturn void tr_start(void);

_Noreturn void tr_board_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    AIRCR = AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

/* A fault restarts the board, so that it stays reachable; no interrupt is ever enabled. */
static void fault(void) { tr_board_reset(); }

/* Entry 0 is the initial stack pointer, 1 to 15 the system exceptions (DDI 0403E, table B1-4). */
static const struct {
    uint32_t *stack_top;
    void (*handlers[15])(void);
} vectors __attribute__((section(".tr_vectors"), used)) = {
    tr_stack_top,
    {tr_start, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
};

#ifndef TR_LOADER
/* Filled in by the host after linking. */
static const uint8_t header[TR_IMAGE_HEADER_SIZE] __attribute__((section(".tr_image_header"), used)) = {0};
#endif

_Noreturn void tr_start(void)
{
    VTOR = (uint32_t)(uintptr_t)&vectors;
    const uint32_t *from = tr_data_load;
    for (uint32_t *to = tr_data_start; to < tr_data_end; to++) {
        *to = *from++;
    }
    from = tr_hot_load;
    for (uint32_t *to = tr_hot_start; to < tr_hot_end; to++) {
        *to = *from++;
    }
    __asm__ volatile("dsb\n\tisb" ::: "memory"); /* before code that was just written is fetched */
    for (uint32_t *to = tr_bss_start; to < tr_bss_end; to++) {
        *to = 0u;
    }
    (void)main();
    tr_board_reset();
}

#ifdef TR_LOADER
/* What the core does at reset, with the image's vector table. */
_Noreturn void tr_board_start(uint32_t base)
{
    const uint32_t *image = (const uint32_t *)(uintptr_t)base;
    __asm__ volatile("msr msp, %0\n\t"
                     "bx %1" ::"r"(image[0]), "r"(image[1]));
    __builtin_unreachable();
}
#endif
