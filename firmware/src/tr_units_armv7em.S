/* tr_units.h: four rows by one pixel. */
#if defined(__ARM_FEATURE_DSP)

    .syntax unified
    .thumb

/* Four elements of one pixel by four rows; r8 and r9 activations, r10-r12 and lr weights of two rows each. */
.macro units at
    ldr r8, [r1, #8 * \at]
    ldr r9, [r1, #8 * \at + 4]
    ldr r10, [r0, #16 * \at]
    ldr r11, [r0, #16 * \at + 4]
    ldr r12, [r0, #16 * \at + 8]
    ldr lr, [r0, #16 * \at + 12]
    smlad r5, r10, r8, r5
    smlad r7, r11, r8, r7
    smlad r5, r12, r9, r5
    smlad r7, lr, r9, r7
    sxtb16 r10, r10
    sxtb16 r11, r11
    sxtb16 r12, r12
    sxtb16 lr, lr
    smlad r4, r10, r8, r4
    smlad r6, r11, r8, r6
    smlad r4, r12, r9, r4
    smlad r6, lr, r9, r6
.endm

/* void tr_joint_pixel(weights, x, pairs, sums)
 * r0 weights, r1 activations, r2 elements left, r4-r7 sums; pairs are even */
    .section .text.tr_joint_pixel, "ax", %progbits
    .align 2
    .global tr_joint_pixel
    .type tr_joint_pixel, %function
    .thumb_func
tr_joint_pixel:
    push {r4-r11, lr}
    movs r4, #0
    movs r5, #0
    movs r6, #0
    movs r7, #0
    tst r2, #2
    beq 1f
    units 0
    adds r0, r0, #16
    adds r1, r1, #8
1:
    tst r2, #4
    beq 2f
    units 0
    units 1
    adds r0, r0, #32
    adds r1, r1, #16
2:
    lsrs r2, r2, #3
    beq 4f
3:
    .irp at, 0, 1, 2, 3
    units \at
    .endr
    adds r0, r0, #64
    adds r1, r1, #32
    subs r2, r2, #1
    bne 3b
4:
    sub r5, r5, r4 /* first + 256 * second, less first */
    sub r7, r7, r6
    asr r5, r5, #8
    asr r7, r7, #8
    str r4, [r3]
    str r5, [r3, #8]
    str r6, [r3, #16]
    str r7, [r3, #24]
    pop {r4-r11, pc}
    .size tr_joint_pixel, . - tr_joint_pixel

#endif
