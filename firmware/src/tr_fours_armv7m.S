/* tr_fours.h on Armv7-M, and with dual multiply-accumulates on Armv7E-M. */
#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)

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

#if defined(__ARM_FEATURE_DSP)

/* One word of weights, two rows, by two pixels at r2 and r12; r3 and lr are spent. */
.macro rows a0, a1, b0, b1
    ldr r3, [r0], #4
    sxtb16 lr, r3
    smlad \a0, lr, r2, \a0
    smlad \a1, lr, r12, \a1
    sxtb16 r3, r3, ror #8
    smlad \b0, r3, r2, \b0
    smlad \b1, r3, r12, \b1
.endm

.macro pair_of_pixels
    ldrd r2, r12, [r1], #8
    rows r4, r5, r6, r7
    rows r8, r9, r10, r11
.endm

/* void tr_fours_pixels(weights, x, pairs, sums)
 * r4-r11 sums; what is left of the pairs, and sums, on the stack */
    .section .text.tr_fours_pixels, "ax", %progbits
    .align 2
    .global tr_fours_pixels
    .type tr_fours_pixels, %function
    .thumb_func
tr_fours_pixels:
    push {r2-r11, lr}
    .irp sum, r4, r5, r6, r7, r8, r9, r10, r11
    mov \sum, #0
    .endr
1:
    ldr r2, [sp]
    subs r2, r2, #8
    blo 2f
    str r2, [sp]
    .rept 8
    pair_of_pixels
    .endr
    b 1b
2:
    adds r2, r2, #8
    beq 4f
3:
    str r2, [sp]
    pair_of_pixels
    ldr r2, [sp]
    subs r2, r2, #1
    bne 3b
4:
    ldr r3, [sp, #4]
    stmia r3, {r4-r11}
    pop {r2-r11, pc}
    .size tr_fours_pixels, . - tr_fours_pixels

#endif

#endif
