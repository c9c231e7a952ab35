/* tr_pack of tr_pixels.h on Armv6-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV6M)

    .syntax unified
    .thumb

/* int32_t *tr_pack(first, second, apart, count, words, step)
 * r3 words left, r4 where, r5 offset of an activation, r6 and r7 activations, r12 bytes between words. The first round
 * begins inside, seven instructions of two bytes a word. */
    .section .text.tr_pack, "ax", %progbits
    .align 2
    .global tr_pack
    .type tr_pack, %function
    .thumb_func
tr_pack:
    push {r4-r7, lr}
    ldr r4, [sp, #24]
    lsls r4, r4, #2
    mov r12, r4
    ldr r4, [sp, #20]
    rsbs r5, r3, #0
    beq 2f
    movs r6, #3
    ands r5, r5, r6
    adds r3, r3, r5
    lsls r6, r5, #4
    lsls r7, r5, #1
    subs r6, r6, r7
    movs r5, #0
    add pc, r6
    nop
1:
    .rept 4
    ldrsb r6, [r0, r5]
    ldrsb r7, [r1, r5]
    lsls r7, r7, #16
    adds r6, r6, r7
    str r6, [r4]
    add r4, r12
    adds r5, r5, r2
    .endr
    subs r3, r3, #4
    bne 1b
2:
    movs r0, r4
    pop {r4-r7, pc}
    .size tr_pack, . - tr_pack

#endif
