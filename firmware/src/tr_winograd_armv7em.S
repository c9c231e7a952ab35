/* tr_winograd.h: four rows of weights by the points of two tiles at a time. */
#if defined(__ARM_FEATURE_DSP)

#define END 0
#define SUMS 4
#define DEPTH 8 /* bytes of points of two tiles */
#define SKIPPED 12
#define ENTRY 16
#define WEIGHTS 20
#define LEFT 24
#define PAIRS 28
#define POINTS 32
#define SUMS_SKIP 36
#define SIZE 40
#define TOGETHER 8
#define BYTES 56
#define POINT_SUMS 128 /* bytes */

    .syntax unified
    .thumb

/* Two channels of both tiles by four rows, \at of a round. */
.macro channels at
    ldr.w r2, [r1, #8 * \at]
    ldr.w r12, [r1, #8 * \at + 4]
    ldr.w r3, [r0, #16 * \at]
    ldr.w lr, [r0, #16 * \at + 4]
    smlad r4, r3, r2, r4
    smlad r8, r3, r12, r8
    smlad r5, lr, r2, r5
    smlad r9, lr, r12, r9
    ldr.w r3, [r0, #16 * \at + 8]
    ldr.w lr, [r0, #16 * \at + 12]
    smlad r6, r3, r2, r6
    smlad r10, r3, r12, r10
    smlad r7, lr, r2, r7
    smlad r11, lr, r12, r11
.endm

/* void tr_winograd_block(weights, points, sums, depth, pairs)
 * r0 weights, r1 points, r4-r7 sums of one tile, r8-r11 of the other; the rest on the stack. A round is TOGETHER times
 * two channels in BYTES of code; the first one is entered so that the last one ends with them, from as much less. */
    .section .text.tr_winograd_block, "ax", %progbits
    .align 2
    .global tr_winograd_block
    .type tr_winograd_block, %function
    .thumb_func
tr_winograd_block:
    push {r4-r11, lr}
    ldr r4, [sp, #36]
    sub sp, sp, #SIZE
    rsb r5, r3, #0
    and r5, r5, #TOGETHER - 1
    movs r6, #BYTES
    muls r6, r5, r6
    lsl r5, r5, #3
    lsl r3, r3, #3
    strd r3, r5, [sp, #DEPTH]
    add r7, r1, r3
    strd r7, r2, [sp, #END]
    sub r0, r0, r5, lsl #1
    sub r1, r1, r5
    strd r6, r0, [sp, #ENTRY]
    strd r4, r4, [sp, #LEFT]
    movs r6, #16
    lsl r4, r4, #5
    rsb r4, r4, #POINT_SUMS
    strd r6, r4, [sp, #POINTS]
    .align 2
1:
    .irp sum, r4, r5, r6, r7, r8, r9, r10, r11
    mov \sum, #0
    .endr
    ldr.w r2, [sp, #ENTRY]
    add pc, r2
    nop
2:
    .irp at, 0, 1, 2, 3, 4, 5, 6, 7
    channels \at
    .endr
3:
    .if 3b - 2b - TOGETHER * BYTES
    .error "two channels take other bytes of code"
    .endif
    add r0, r0, #16 * TOGETHER
    add r1, r1, #8 * TOGETHER
    ldr r2, [sp, #END]
    cmp r1, r2
    bne 2b
    ldr r2, [sp, #SUMS]
    stmia r2!, {r4-r11}
    ldrd r4, r5, [sp, #DEPTH]
    str r2, [sp, #SUMS]
    add r4, r4, r1
    str r4, [sp, #END]
    sub r1, r1, r5
    ldr r3, [sp, #LEFT]
    subs r3, r3, #1
    beq 4f
    str r3, [sp, #LEFT]
    ldr r0, [sp, #WEIGHTS]
    b 1b
4:
    ldrd r3, r4, [sp, #PAIRS]
    sub r0, r0, r5, lsl #1
    ldr r6, [sp, #SUMS_SKIP]
    str r0, [sp, #WEIGHTS]
    add r2, r2, r6
    str r3, [sp, #LEFT]
    str r2, [sp, #SUMS]
    subs r4, r4, #1
    str r4, [sp, #POINTS]
    bne 1b
    add sp, sp, #SIZE
    pop {r4-r11, pc}
    .size tr_winograd_block, . - tr_winograd_block

#define MULTIPLIER 4
#define CENTRE 8
#define NEXT 16
#define MINIMUM 24
#define HOW_SIZE 32
#define CORNERS 4 /* struct tr_winograd_place */

/* Column \at of sums at r0 into r3 and r4, above and below. */
.macro column at
    ldr r3, [r0, #POINT_SUMS * \at]
    ldr r5, [r0, #POINT_SUMS * (\at + 4)]
    ldr r6, [r0, #POINT_SUMS * (\at + 8)]
    ldr r4, [r0, #POINT_SUMS * (\at + 12)]
    add r3, r3, r5
    add r3, r3, r6
    sub r5, r5, r6
    sub r4, r5, r4
.endm

/* Four times a sum to a result; r3 centre, r4 shift, r5 spare, r11 bias, r12 multiplier. */
.macro result sum
    add \sum, r11, \sum, asr #1
    add r5, r3, \sum, asr #31
    smmlar \sum, \sum, r12, r5
    asr \sum, \sum, r4
    ssat \sum, #8, \sum, asr #1
.endm

/* Two results, clamped; r3, r4 least and most in both halves, r5 spare. */
.macro within a, b
    pkhbt \a, \a, \b, lsl #16
    ssub16 r5, \a, r3
    sel \a, \a, r3
    ssub16 r5, \a, r4
    sel \a, r4, \a
    asr \b, \a, #16
.endm

/* void tr_winograd_finish_KIND(how, sums, places, end)
 * r0 sums; r1 places and lr their end; r2 output; r7, r8 outputs above and r9, r10 below; r11 bias, r12 multiplier; the
 * rest on the stack */
.macro finish kind
    .section .text.tr_winograd_finish_\kind, "ax", %progbits
    .align 2
    .global tr_winograd_finish_\kind
    .type tr_winograd_finish_\kind, %function
    .thumb_func
tr_winograd_finish_\kind:
    push {r4-r11, lr}
    sub sp, sp, #HOW_SIZE
    mov lr, r3
    mov r12, sp
    .rept 2
    ldmia r0!, {r3-r6}
    stmia r12!, {r3-r6}
    .endr
    mov r0, r1
    mov r1, r2
    ldrd r11, r12, [sp]
1:
    column 0
    mov r7, r3
    mov r9, r4
    column 1
    add r7, r7, r3
    add r9, r9, r4
    mov r8, r3
    mov r10, r4
    column 2
    add r7, r7, r3
    add r9, r9, r4
    sub r8, r8, r3
    sub r10, r10, r4
    column 3
    sub r8, r8, r3
    sub r10, r10, r4
    ldrd r3, r4, [sp, #CENTRE]
    result r7
    result r8
    result r9
    result r10
    .ifc \kind, clamped
    ldrd r3, r4, [sp, #MINIMUM]
    within r7, r8
    within r9, r10
    .endif
    ldrd r2, r5, [r1], #8
    ldrd r3, r4, [sp, #NEXT]
    add r0, r0, #16
    strb r7, [r2]
    cbnz r5, 3f
    strb r8, [r2, r3]
    add r2, r2, r4
    strb r9, [r2]
    strb r10, [r2, r3]
2:
    cmp r1, lr
    bne 1b
    add sp, sp, #HOW_SIZE
    pop {r4-r11, pc}
3: /* at the end of rows or columns */
    lsls r5, r5, #31
    it cc
    strbcc r8, [r2, r3]
    bmi 4f
    add r2, r2, r4
    strb r9, [r2]
    it cc
    strbcc r10, [r2, r3]
4:
    b 2b
    .size tr_winograd_finish_\kind, . - tr_winograd_finish_\kind
.endm

    finish whole
    finish clamped

#endif
