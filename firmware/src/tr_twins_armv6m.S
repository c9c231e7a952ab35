/* tr_twins.h on Armv6-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV6M)

    .syntax unified
    .thumb

/* Four rows by the activation in r3: weights at r0, the mask of two bytes in r2; r5 and r6 are spent. */
.macro element
    ldmia r0!, {r5}
    movs r6, r2
    ands r6, r6, r5
    subs r5, r5, r6
    lsrs r5, r5, #8
    muls r6, r3, r6
    muls r5, r3, r5
    add r8, r6
    add r9, r5
.endm

/* The lanes of \accumulator to two sums. */
.macro flush accumulator, first, second
    mov r3, \accumulator
    sxth r4, r3
    subs r3, r3, r4
    asrs r3, r3, #16
    add \first, r4
    add \second, r3
.endm

/* void tr_twins(block, units, end, sums)
 * r4 activations, r7 flags, r8 and r9 lanes, r10-r12 and lr sums; end and sums on the stack */
    .section .text.tr_twins, "ax", %progbits
    .align 2
    .global tr_twins
    .type tr_twins, %function
    .thumb_func
tr_twins:
    push {r2-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    ldr r2, =0x00FF00FF
    movs r3, #0
    mov r8, r3
    mov r9, r3
    mov r10, r3
    mov r11, r3
    mov r12, r3
    mov lr, r3
1:
    ldmia r0!, {r7}
2:
    ldmia r1!, {r3, r4}
    add r8, r3
    add r9, r3
    sxtb r3, r4
    element
    lsls r3, r4, #16
    asrs r3, r3, #24
    element
    lsls r3, r4, #8
    asrs r3, r3, #24
    element
    asrs r3, r4, #24
    element
    lsls r7, r7, #1
    bcc 2b
    flush r8, r10, r11
    flush r9, r12, lr
    movs r3, #0
    mov r8, r3
    mov r9, r3
    cmp r7, #0
    bne 2b
    ldr r3, [sp, #16]
    cmp r1, r3
    bne 1b
    ldr r3, [sp, #20]
    mov r4, r10
    str r4, [r3]
    mov r4, r11
    str r4, [r3, #8]
    mov r4, r12
    str r4, [r3, #16]
    mov r4, lr
    str r4, [r3, #24]
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r2-r7, pc}
    .ltorg
    .size tr_twins, . - tr_twins

#endif
