/* tr_twins.h on Armv7-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

    .syntax unified
    .thumb

/* Four rows by the activation in r12: weights at r0 + \at, the mask of two bytes in r2; r4 and r5 are spent. */
.macro element at
    ldr r4, [r0, #\at]
    and r5, r2, r4
    mla r6, r5, r12, r6
    and r5, r2, r4, lsr #8
    mla r7, r5, r12, r7
.endm

/* The lanes of \accumulator to two sums. */
.macro flush accumulator, first, second
    sxth r4, \accumulator
    subs \accumulator, \accumulator, r4
    add \first, \first, r4
    add \second, \second, \accumulator, asr #16
    movs \accumulator, #0
.endm

/* void tr_twins(block, units, end, sums)
 * r3 activations, r6 and r7 lanes, r8-r11 sums, lr flags; end and sums on the stack */
    .section .text.tr_twins, "ax", %progbits
    .align 2
    .global tr_twins
    .type tr_twins, %function
    .thumb_func
tr_twins:
    push {r2-r11, lr}
    mov r2, #0x00FF00FF
    movs r6, #0
    movs r7, #0
    mov r8, r6
    mov r9, r6
    mov r10, r6
    mov r11, r6
1:
    ldr lr, [r0], #4
2:
    ldmia r1!, {r3, r4}
    adds r6, r6, r3
    adds r7, r7, r3
    sxtb r12, r4
    mov r3, r4
    element 0
    sbfx r12, r3, #8, #8
    element 4
    sbfx r12, r3, #16, #8
    element 8
    asr r12, r3, #24
    element 12
    adds r0, r0, #16
    lsls lr, lr, #1
    bcc 2b
    flush r6, r8, r9
    flush r7, r10, r11
    cmp lr, #0
    bne 2b
    ldr r3, [sp]
    cmp r1, r3
    bne 1b
    ldr r3, [sp, #4]
    str r8, [r3]
    str r9, [r3, #8]
    str r10, [r3, #16]
    str r11, [r3, #24]
    pop {r2-r11, pc}
    .size tr_twins, . - tr_twins

#endif
