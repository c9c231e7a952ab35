/* tr_winograd.h on Armv7-M: four rows of weights by the points of two tiles at a time, with dual multiply-accumulates
 * where there are some; else one channel at a time. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

#define END 0
#define SUMS 4
#define DEPTH 8 /* bytes of four points of two tiles */
#define SKIPPED 12
#define ENTRY 16
#define WEIGHTS 20
#define LEFT 24
#define PAIRS 28
#define POINTS 32
#define SUMS_SKIP 36
#define ROW 40 /* bytes of four points of all tiles */
#define SIZE 44
#define TOGETHER 8
#define ROW_SUMS 64 /* bytes */
#define PAIR_SUMS 512

    .syntax unified
    .thumb

#if defined(__ARM_FEATURE_DSP)
#define BYTES 56

/* Two channels of both tiles by four rows, \at of a round; `first`: sums begin with them. */
.macro multiplied to, a, b, first
    .if \first
    smuad \to, \a, \b
    .else
    smlad \to, \a, \b, \to
    .endif
.endm

.macro channels at, first=0
    ldr.w r2, [r1, #32 * \at]
    ldr.w r12, [r1, #32 * \at + 4]
    ldr.w r3, [r0, #16 * \at]
    ldr.w lr, [r0, #16 * \at + 4]
    multiplied r4, r3, r2, \first
    multiplied r8, r3, r12, \first
    multiplied r5, lr, r2, \first
    multiplied r9, lr, r12, \first
    ldr.w r3, [r0, #16 * \at + 8]
    ldr.w lr, [r0, #16 * \at + 12]
    multiplied r6, r3, r2, \first
    multiplied r10, r3, r12, \first
    multiplied r7, lr, r2, \first
    multiplied r11, lr, r12, \first
.endm

#else
#define BYTES 112

.macro multiplied to, a, b, first
    .if \first
    mul \to, \a, \b
    .else
    mla \to, \a, \b, \to
    .endif
.endm

/* One channel of both tiles by four rows; \half of words of two. */
.macro channel at, half, first
    ldrsh r2, [r1, #32 * \at + 2 * \half]
    ldrsh r12, [r1, #32 * \at + 2 * \half + 4]
    ldrsh r3, [r0, #16 * \at + 2 * \half]
    ldrsh lr, [r0, #16 * \at + 2 * \half + 4]
    multiplied r4, r3, r2, \first
    multiplied r8, r3, r12, \first
    multiplied r5, lr, r2, \first
    multiplied r9, lr, r12, \first
    ldrsh r3, [r0, #16 * \at + 2 * \half + 8]
    ldrsh lr, [r0, #16 * \at + 2 * \half + 12]
    multiplied r6, r3, r2, \first
    multiplied r10, r3, r12, \first
    multiplied r7, lr, r2, \first
    multiplied r11, lr, r12, \first
.endm

.macro channels at, first=0
    channel \at, 0, \first
    channel \at, 1, 0
.endm
#endif

/* Behind a round: equal if it was the last one. */
.macro next_round
    ldr r2, [sp, #END]
    add r1, r1, #32 * TOGETHER
    add r0, r0, #16 * TOGETHER
    cmp r1, r2
.endm

/* void tr_winograd_block(weights, points, sums, depth, pairs)
 * r0 weights, r1 points, r4-r7 sums of one tile, r8-r11 of the other; the rest on the stack. A round is TOGETHER times
 * two channels in BYTES of code; the first one is entered so that the last one ends with them, from as much less. ENTRY
 * is 0 for one whole round, which has code of its own; else bit 0, which `add pc` ignores, may be set. */
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
    cmp r3, #TOGETHER
    it hi
    orrhi r6, r6, #1 /* several rounds: one loop serves all of them, so that a small cache holds it */
    lsl r5, r5, #5
    lsl r3, r3, #5
    strd r3, r5, [sp, #DEPTH]
    mul r8, r3, r4
    str r8, [sp, #ROW]
    add r7, r1, r3
    strd r7, r2, [sp, #END]
    sub r0, r0, r5, lsr #1
    sub r1, r1, r5
    strd r6, r0, [sp, #ENTRY]
    strd r4, r4, [sp, #LEFT]
    movs r6, #16
    lsl r4, r4, #9
    rsb r4, r4, #4
    strd r6, r4, [sp, #POINTS]
1:
    ldr r2, [sp, #ENTRY]
    cmp r2, #0
    bne 7f
    channels 0, 1
    .irp at, 1, 2, 3, 4, 5, 6, 7
    channels \at
    .endr
    next_round
    bne 2f
3:
    ldr r2, [sp, #SUMS]
    .set at, 0
    .irp sum, r4, r5, r6, r7, r8, r9, r10, r11
    str \sum, [r2, #at]
    .set at, at + ROW_SUMS
    .endr
    add r2, r2, #PAIR_SUMS
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
    sub r0, r0, r5, lsr #1
    ldrd r6, r7, [sp, #SUMS_SKIP]
    str r0, [sp, #WEIGHTS]
    add r2, r2, r6
    str r3, [sp, #LEFT]
    str r2, [sp, #SUMS]
    subs r4, r4, #1
    str r4, [sp, #POINTS]
    beq 6f
    ldr r2, [sp, #END]
    tst r4, #3
    beq 5f
    sub r1, r1, r7
    sub r2, r2, r7
    add r1, r1, #32
    add r2, r2, #32
5:
    sub r1, r1, #24
    sub r2, r2, #24
    str r2, [sp, #END]
    b 1b
6:
    add sp, sp, #SIZE
    pop {r4-r11, pc}
    .align 2
7: /* the first round is entered late */
    .irp sum, r4, r5, r6, r7, r8, r9, r10, r11
    mov \sum, #0
    .endr
    add pc, r2
    nop
2:
    .irp at, 0, 1, 2, 3, 4, 5, 6, 7
    channels \at
    .endr
    .if . - 2b - TOGETHER * BYTES
    .error "two channels take other bytes of code"
    .endif
    next_round
    bne 2b
    b 3b
    .size tr_winograd_block, . - tr_winograd_block

/* The activations of each column of a row into registers, \load four channels or one; r3 the row, r1 from one pixel to
 * the next. */
.macro row load, a, b, c, d
    \load \a, [r3]
    \load \b, [r3, r1]
    \load \c, [r3, r1, lsl #1]
    add r3, r3, r1
    \load \d, [r3, r1, lsl #1]
    sub r3, r3, r1
.endm

#if defined(__ARM_FEATURE_DSP)
.macro of_rows op, to, a, b, spare, half
    .if \half
    sxtb16 \to, \a, ror #8
    sxtb16 \spare, \b, ror #8
    .else
    sxtb16 \to, \a
    sxtb16 \spare, \b
    .endif
    s\op\()16 \to, \to, \spare
.endm

/* Four points of two channels, of two rows of activations; r3 and lr spare, r12 too. */
.macro points op, half, a0, a1, a2, a3, b0, b1, b2, b3
    of_rows \op, r12, \a2, \b2, lr, \half
    of_rows \op, r3, \a0, \b0, lr, \half
    ssub16 r3, r3, r12
    str r3, [r2, #32 * \half]
    of_rows \op, r3, \a1, \b1, lr, \half
    sadd16 lr, r3, r12
    str lr, [r2, #32 * \half + 8]
    ssub16 r12, r12, r3
    str r12, [r2, #32 * \half + 16]
    of_rows \op, r12, \a3, \b3, lr, \half
    ssub16 r3, r3, r12
    str r3, [r2, #32 * \half + 24]
.endm

.macro row_of_points op, rows:vararg
    points \op, 0, \rows
    points \op, 1, \rows
    ldrd r12, lr, [sp]
    add r2, r2, lr
.endm

#else
/* The same of one channel. */
.macro row_of_points op, a0, a1, a2, a3, b0, b1, b2, b3
    \op r12, \a2, \b2
    \op r3, \a0, \b0
    sub r3, r3, r12
    strh r3, [r2]
    \op r3, \a1, \b1
    add lr, r3, r12
    strh lr, [r2, #8]
    sub r12, r12, r3
    strh r12, [r2, #16]
    \op r12, \a3, \b3
    sub r3, r3, r12
    strh r3, [r2, #24]
    ldrd r12, lr, [sp]
    add r2, r2, lr
.endm
#endif

/* void \name(tile, channels, points, step)
 * r0 activations, r1 from one pixel to the next, r2 points; rows of activations in r4-r7 and r8-r11; on the stack from
 * one row to the next, from four points to the next ones, and the end */
.macro points_by name, load
    .section .text.\name, "ax", %progbits
    .align 2
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    ldmia r0, {r4-r6}
    add r1, r1, r4
    push {r1, r2}
    push {r3}
    push {r5}
    mov r0, r4
    mov r1, r6
    mov r12, r5
1:
    mov r3, r0
    row \load, r4, r5, r6, r7
    add r3, r3, r12, lsl #1
    row \load, r8, r9, r10, r11
    row_of_points sub, r4, r5, r6, r7, r8, r9, r10, r11
    add r3, r0, r12
    row \load, r4, r5, r6, r7
    row_of_points add, r4, r5, r6, r7, r8, r9, r10, r11
    row_of_points sub, r8, r9, r10, r11, r4, r5, r6, r7
    add r3, r0, r12
    add r3, r3, r12, lsl #1
    row \load, r8, r9, r10, r11
    row_of_points sub, r4, r5, r6, r7, r8, r9, r10, r11
    sub r2, r2, lr, lsl #2
    ldr r3, [sp, #8]
    adds r0, r0, #4
    adds r2, r2, #64
    cmp r0, r3
    bne 1b
    add sp, sp, #16
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

#if defined(__ARM_FEATURE_DSP)
    points_by tr_winograd_points, ldr
#else
    points_by tr_winograd_fourth, ldrsb
#endif

/* struct tr_winograd_output */
#define CENTRE 8
#define NEXT 16
#define LEAST 24
#define OUTPUT_BYTES 32
/* struct tr_winograd_quick; struct tr_output */
#define QUICK 8
#define QUICK_NEXT 12
#define MINIMUM 18
#define MAXIMUM 19

/* Column \at of sums at r0 into r3 and r4, above and below. */
.macro column at
    ldr r3, [r0, #4 * \at]
    ldr r5, [r0, #4 * \at + 16]
    ldr r6, [r0, #4 * \at + 32]
    ldr r4, [r0, #4 * \at + 48]
    add r3, r3, r5
    add r3, r3, r6
    sub r5, r5, r6
    sub r4, r5, r4
.endm

/* Four times the sums of the tile at r0: above in r7 and r8, below in r9 and r10. */
.macro sums_of_tile
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
.endm

/* Results r7 to r10 to the tile's output at r2: r3 and r4 bytes to those beside and below, r5 which are there; then the
 * next tile at 1, or the end of a function with \frame bytes on the stack. */
.macro write_tile frame
    add r0, r0, #4 * ROW_SUMS
    strb r7, [r2]
    cbnz r5, 3f
    strb r8, [r2, r3]
    add r2, r2, r4
    strb r9, [r2]
    strb r10, [r2, r3]
2:
    cmp r1, lr
    bne 1b
    add sp, sp, #\frame
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
.endm

/* Four times a sum to a result; r3-r6 low, high, offset and near, r12 factor; r2 is spent. */
.macro quick sum
    asr \sum, \sum, #2
    cmp \sum, r3
    blt .Lminimum_\sum
    cmp \sum, r4
    bgt .Lmaximum_\sum
    mla r2, \sum, r12, r5
    cmp r6, r2, lsl #8
    bhs .Lexact_\sum
    asr \sum, r2, #24
.Ldone_\sum:
.endm

/* void tr_winograd_finish_quick(how, sums, places, end)
 * r0 sums; r1 places and lr their end; r2 output, r7-r10 results, r11 how, also on the stack */
    .section .text.tr_winograd_finish_quick, "ax", %progbits
    .align 2
    .global tr_winograd_finish_quick
    .type tr_winograd_finish_quick, %function
    .thumb_func
tr_winograd_finish_quick:
    push {r4-r11, lr}
    sub sp, sp, #4
    mov r11, r0
    mov r0, r1
    mov r1, r2
    mov lr, r3
1:
    sums_of_tile
    ldr r12, [r11, #QUICK]
    ldmia r12, {r3-r6, r12}
    quick r7
    quick r8
    quick r9
    quick r10
    ldrd r2, r5, [r1], #8
    ldrd r3, r4, [r11, #QUICK_NEXT]
    write_tile 4
    .irp sum, r7, r8, r9, r10
.Lminimum_\sum:
    ldr r2, [r11]
    ldrsb \sum, [r2, #MINIMUM]
    b .Ldone_\sum
.Lmaximum_\sum:
    ldr r2, [r11]
    ldrsb \sum, [r2, #MAXIMUM]
    b .Ldone_\sum
.Lexact_\sum:
    push {r0-r3, r12, lr}
    ldrd r0, r1, [r11]
    mov r2, \sum
    bl tr_output_exact
    mov \sum, r0
    pop {r0-r3, r12, lr}
    b .Ldone_\sum
    .endr
    .size tr_winograd_finish_quick, . - tr_winograd_finish_quick

#if defined(__ARM_FEATURE_DSP)

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
 * r0 sums; r1 places and lr their end; r2 output; r7-r10 results; r11 bias, r12 multiplier; the rest on the stack */
.macro finish kind
    .section .text.tr_winograd_finish_\kind, "ax", %progbits
    .align 2
    .global tr_winograd_finish_\kind
    .type tr_winograd_finish_\kind, %function
    .thumb_func
tr_winograd_finish_\kind:
    push {r4-r11, lr}
    sub sp, sp, #OUTPUT_BYTES
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
    sums_of_tile
    ldrd r3, r4, [sp, #CENTRE]
    result r7
    result r8
    result r9
    result r10
    .ifc \kind, clamped
    ldrd r3, r4, [sp, #LEAST]
    within r7, r8
    within r9, r10
    .endif
    ldrd r2, r5, [r1], #8
    ldrd r3, r4, [sp, #NEXT]
    write_tile OUTPUT_BYTES
    .size tr_winograd_finish_\kind, . - tr_winograd_finish_\kind
.endm

    finish whole
    finish clamped

#endif
#endif
