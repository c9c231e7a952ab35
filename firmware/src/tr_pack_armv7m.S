/* tr_pack of tr_pixels.h on Armv7-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

    .syntax unified
    .thumb

/* A word at r4 of activations at r0 and r1, which go on by r2, r4 by r12; r5 and r6 are spent. */
.macro pack
    ldrsb r5, [r0]
    ldrsb r6, [r1]
    add r0, r0, r2
    add r1, r1, r2
    add r5, r5, r6, lsl #16
    str r5, [r4]
    add r4, r4, r12
.endm

/* The activations at r0 + \at and r1 + \at. */
.macro beside low, high, at
    ldrsb \low, [r0, #\at]
    ldrsb \high, [r1, #\at]
.endm

/* int32_t *tr_pack(first, second, apart, count, words, step)
 * r3 words left, r4 where, r12 bytes between words */
    .section .text.tr_pack, "ax", %progbits
    .align 2
    .global tr_pack
    .type tr_pack, %function
    .thumb_func
tr_pack:
    push {r4-r6, lr}
    ldrd r4, r12, [sp, #16]
    lsl r12, r12, #2
    tst r3, #1
    beq 1f
    pack
1:
    tst r3, #2
    beq 2f
    pack
    pack
2:
    bics r3, r3, #3
    beq 5f
    cmp r2, #1
    bne 4f
    push {r7-r11}
3:
    beside r5, r6, 0
    beside r7, r8, 1
    beside r9, r10, 2
    beside r11, lr, 3
    add r5, r5, r6, lsl #16
    add r7, r7, r8, lsl #16
    add r9, r9, r10, lsl #16
    add r11, r11, lr, lsl #16
    adds r0, r0, #4
    str r5, [r4]
    add r4, r4, r12
    adds r1, r1, #4
    str r7, [r4]
    add r4, r4, r12
    subs r3, r3, #4
    str r9, [r4]
    add r4, r4, r12
    str r11, [r4]
    add r4, r4, r12
    bne 3b
    pop {r7-r11}
    mov r0, r4
    pop {r4-r6, pc}
4:
    pack
    pack
    pack
    pack
    subs r3, r3, #4
    bne 4b
5:
    mov r0, r4
    pop {r4-r6, pc}
    .size tr_pack, . - tr_pack

#endif
