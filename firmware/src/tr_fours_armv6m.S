/* tr_fours.h on Armv6-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV6M)

    .syntax unified
    .thumb

/* Two rows and two elements of weights; r4 and r5 activations; sums in high registers; r6, r7 are spent. */
.macro two first, second
    ldmia r0!, {r6}
    sxtb r7, r6
    muls r7, r4, r7
    add \first, r7
    lsls r7, r6, #16
    asrs r7, r7, #24
    muls r7, r4, r7
    add \second, r7
    lsls r7, r6, #8
    asrs r7, r7, #24
    muls r7, r5, r7
    add \first, r7
    asrs r6, r6, #24
    muls r6, r5, r6
    add \second, r6
.endm

.macro pair
    ldmia r1!, {r5}
    sxth r4, r5
    asrs r5, r5, #16
    two r8, r9
    two r10, r11
.endm

/* void tr_fours_pixel(weights, x, pairs, sums) */
    .section .text.tr_fours_pixel, "ax", %progbits
    .align 2
    .global tr_fours_pixel
    .type tr_fours_pixel, %function
    .thumb_func
tr_fours_pixel:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    movs r4, #0
    mov r8, r4
    mov r9, r4
    mov r10, r4
    mov r11, r4
    lsrs r2, r2, #1
    bcc 1f
    pair
1:
    cmp r2, #0
    beq 3f
2:
    pair
    pair
    subs r2, r2, #1
    bne 2b
3:
    mov r4, r8
    str r4, [r3]
    mov r4, r9
    str r4, [r3, #8]
    mov r4, r10
    str r4, [r3, #16]
    mov r4, r11
    str r4, [r3, #24]
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size tr_fours_pixel, . - tr_fours_pixel

#endif
