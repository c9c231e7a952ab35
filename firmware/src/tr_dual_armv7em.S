/* tr_dual.h on Armv7E-M. Offsets are those of struct tr_dual, which is copied to the stack. */
#if defined(__ARM_FEATURE_DSP)

#define BIAS 0
#define CENTRE 8
#define SHIFT 12
#define ROW_END 20
#define ROWS 24
#define SKIP 28
#define ROW_STEP 32
#define ODD 36
#define SIZE 40

    .syntax unified
    .thumb

/* Weights 0, 1 and 2 of a row at r1, as pairs 0 and 1, 1 and 2; r9, r10 and r11 spare. */
.macro weights from, low, high
    ldrsb r9, [r1, #\from]
    ldrsb r10, [r1, #\from + 1]
    ldrsb r11, [r1, #\from + 2]
    pkhbt \low, r9, r10, lsl #16
    pkhbt \high, r10, r11, lsl #16
.endm

/* One row of two windows, 4 activations for stride 1, 5 for stride 2. */
.macro row_1 at, low, high
    ldrd r9, r10, [\at], #4
    .ifc \at, r0
    smuad r11, r9, \low
    smultb r12, r9, \low
    .else
    smlad r11, r9, \low, r11
    smlatb r12, r9, \low, r12
    .endif
    smlabt r11, r10, \high, r11
    smlad r12, r10, \high, r12
.endm

.macro row_2 at, low, high
    ldrd r9, r10, [\at], #8
    .ifc \at, r0
    smuad r11, r9, \low
    smuad r12, r10, \low
    .else
    smlad r11, r9, \low, r11
    smlad r12, r10, \low, r12
    .endif
    ldr r9, [\at]
    smlabt r11, r10, \high, r11
    smlabt r12, r9, \high, r12
.endm

/* Two sums to two results; r9 and r10 spare, the latter the step between outputs behind it. */
.macro finish
    ldrd r9, r10, [sp, #BIAS]
    add r11, r9, r11, lsl #1
    add r12, r9, r12, lsl #1
    ldr r9, [sp, #CENTRE]
    smmlar r11, r11, r10, r9
    smmlar r12, r12, r10, r9
    ldrd r9, r10, [sp, #SHIFT]
    asr r11, r11, r9
    asr r12, r12, r9
    ssat r11, #8, r11, asr #1
    ssat r12, #8, r12, asr #1
    strb r11, [lr]
.endm

/* void tr_dual_plane_N(how, weights, plane, output)
 * r0-r2 three rows of words; r3-r8 weights; r9, r10 activations; r11, r12 sums; lr output */
.macro plane stride
    .section .text.tr_dual_plane_\stride, "ax", %progbits
    .align 2
    .global tr_dual_plane_\stride
    .type tr_dual_plane_\stride, %function
    .thumb_func
tr_dual_plane_\stride:
    push {r4-r11, lr}
    sub sp, sp, #SIZE
    mov r12, sp
    .rept 2
    ldmia r0!, {r4-r8}
    stmia r12!, {r4-r8}
    .endr
    mov r0, r2
    mov lr, r3
    weights 0, r3, r4
    weights 3, r5, r6
    weights 6, r7, r8
    ldr r9, [sp, #ROW_STEP]
    add r1, r0, r9, lsr #\stride - 1
    add r2, r1, r9, lsr #\stride - 1
1:
    ldr r9, [sp, #ROW_END]
    cmp r0, r9
    beq 3f
2:
    row_\stride r0, r3, r4
    row_\stride r1, r5, r6
    row_\stride r2, r7, r8
    finish
    strb r12, [lr, r10]
    ldr r9, [sp, #ROW_END]
    add lr, lr, r10, lsl #1
    cmp r0, r9
    bne 2b
3:
    ldr r9, [sp, #ODD]
    cmp r9, #0
    beq 4f
    row_\stride r0, r3, r4
    row_\stride r1, r5, r6
    row_\stride r2, r7, r8
    finish
    add lr, lr, r10
4:
    ldrd r9, r10, [sp, #ROWS]
    add r0, r0, r10
    add r1, r1, r10
    add r2, r2, r10
    ldr r10, [sp, #ROW_STEP]
    ldr r11, [sp, #ROW_END]
    add r11, r11, r10
    str r11, [sp, #ROW_END]
    subs r9, r9, #1
    str r9, [sp, #ROWS]
    bne 1b
    add sp, sp, #SIZE
    pop {r4-r11, pc}
    .size tr_dual_plane_\stride, . - tr_dual_plane_\stride
.endm

    plane 1
    plane 2

#endif
