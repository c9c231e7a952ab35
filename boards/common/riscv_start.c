/* Start-up of every RISC-V board: machine mode, no interrupts (RISC-V Privileged Architecture, 3.1). */
#include <stdint.h>

#include "tr_board.h"
#include "tr_formats.h"

/* From riscv.ld. */
extern uint32_t tr_data_load[], tr_data_start[], tr_data_end[], tr_bss_start[], tr_bss_end[];

int main(void);
_Noreturn void tr_start(void);
_Noreturn void tr_begin(void);
_Noreturn void tr_trap(void);

/* Byte 0 of the image: a jump over the header, absolute because some chips start in an alias of their flash. The relative one
 * behind it is never reached: it tells readers of the program, bench's bound of the stack among them, where the other goes. */
__attribute__((naked, used, section(".tr_vectors"))) _Noreturn void tr_start(void)
{
    __asm__ volatile(".option push\n\t"
                     ".option norvc\n\t"
                     ".option norelax\n\t"
                     "lui t0, %%hi(tr_begin)\n\t"
                     "jr %%lo(tr_begin)(t0)\n\t"
                     "j tr_begin\n\t"
                     ".option pop\n\t"
                     ".balign %0" ::"i"(TR_IMAGE_HEADER_OFFSET));
}

#ifndef TR_LOADER
/* Filled in by the host after linking. */
static const uint8_t header[TR_IMAGE_HEADER_SIZE] __attribute__((section(".tr_image_header"), used)) = {0};
#endif

/* This and what it jumps to lie behind the header, before all of the model: a jump reaches 1 MiB (The RISC-V Instruction
 * Set Manual, 2.5.1, JAL), and models may be larger.
 * gp may not be relaxed against itself while it is set (RISC-V psABI, "Linker relaxation"). */
__attribute__((naked, used, section(".tr_begin"))) _Noreturn void tr_begin(void)
{
    __asm__ volatile(".option push\n\t"
                     ".option norelax\n\t"
                     "la gp, __global_pointer$\n\t"
                     ".option pop\n\t"
                     "la sp, tr_stack_top\n\t"
                     "la t0, tr_trap\n\t"
                     ".option arch, +zicsr\n\t" /* not in -march: GCC 12 would find no libgcc for it */
                     "csrw mtvec, t0\n\t"
                     "j tr_prepare");
}

/* A trap restarts the board, so that it stays reachable. mtvec wants four-byte alignment. */
__attribute__((used, aligned(4))) _Noreturn void tr_trap(void) { tr_board_reset(); }

_Noreturn void tr_prepare(void);
__attribute__((used, section(".tr_begin"))) _Noreturn void tr_prepare(void)
{
    const uint32_t *from = tr_data_load;
    for (uint32_t *to = tr_data_start; to < tr_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = tr_bss_start; to < tr_bss_end; to++) {
        *to = 0u;
    }
    (void)main();
    tr_board_reset();
}

#ifdef TR_LOADER
/* The image was written as data: instruction fetches must see it. */
_Noreturn void tr_board_start(uint32_t base)
{
    __asm__ volatile(".option push\n\t"
                     ".option arch, +zifencei\n\t"
                     "fence.i\n\t"
                     ".option pop\n\t"
                     "jr %0" ::"r"(base)
                     : "memory");
    __builtin_unreachable();
}
#endif
