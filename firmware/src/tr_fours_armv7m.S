/* tr_fours.h on Armv7-M, and with dual multiply-accumulates on Armv7E-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

    .syntax unified
    .thumb

/* void tr_fours_pixel(weights, x, pairs, sums)
 * r4-r7 sums, r8 and r9 weights, r10 and r11 activations, r12 one weight or two */
    .section .text.tr_fours_pixel, "ax", %progbits
    .align 2
    .global tr_fours_pixel
    .type tr_fours_pixel, %function
    .thumb_func

#if defined(__ARM_FEATURE_DSP)

.macro pair at
    ldr r10, [r1, #4 * \at]
    ldrd r8, r9, [r0], #8
    sxtb16 r12, r8
    smlad r4, r12, r10, r4
    sxtb16 r12, r8, ror #8
    smlad r5, r12, r10, r5
    sxtb16 r12, r9
    smlad r6, r12, r10, r6
    sxtb16 r12, r9, ror #8
    smlad r7, r12, r10, r7
.endm

#else

.macro two word, first, second
    sxtb r12, \word
    mla \first, r12, r10, \first
    sbfx r12, \word, #8, #8
    mla \second, r12, r10, \second
    sbfx r12, \word, #16, #8
    mla \first, r12, r11, \first
    asr r12, \word, #24
    mla \second, r12, r11, \second
.endm

.macro pair at
    ldrsh r10, [r1, #4 * \at]
    ldrsh r11, [r1, #4 * \at + 2]
    ldrd r8, r9, [r0], #8
    two r8, r4, r5
    two r9, r6, r7
.endm

#endif

tr_fours_pixel:
    push {r4-r11, lr}
    movs r4, #0
    movs r5, #0
    movs r6, #0
    movs r7, #0
    ands lr, r2, #7
    beq 2f
    subs r2, r2, lr
1:
    pair 0
    adds r1, r1, #4
    subs lr, lr, #1
    bne 1b
2:
    cmp r2, #0
    beq 4f
3:
    .irp at, 0, 1, 2, 3, 4, 5, 6, 7
    pair \at
    .endr
    adds r1, r1, #32
    subs r2, r2, #8
    bne 3b
4:
    str r4, [r3]
    str r5, [r3, #8]
    str r6, [r3, #16]
    str r7, [r3, #24]
    pop {r4-r11, pc}
    .size tr_fours_pixel, . - tr_fours_pixel

#endif
