/* tr_output.h on Armv7-M: requantisation of many sums. Offsets are those of struct tr_output, tr_channel and
 * tr_run. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

#define BIAS 4
#define ZERO_POINT 16
#define MINIMUM 18
#define MAXIMUM 19
#define DIRECT 20
#define COMMON 24
#define RUN_COUNT 16
#define RUN_ROWS 20
#define RUN_SUM_SKIP 24
#define RUN_SKIP 28
#define PLAIN_LOW 0xFF80 /* a zero point of -128 */
#define WHOLE 0x7F80     /* all of int8 as minimum and maximum */

    .syntax unified
    .thumb

/* void tr_finish_pixels(to, channels, sums, first, second)
 * r0 constants, r1 channels left, r2 sums, r3 and r12 outputs; r4-r8 low, high, offset, near, factor; r9, r10 sums;
 * r11 q; lr to */
    .section .text.tr_finish_pixels, "ax", %progbits
    .align 2
    .global tr_finish_pixels
    .type tr_finish_pixels, %function
    .thumb_func
tr_finish_pixels:
    push {r1, r4-r11, lr}
    ldr r12, [sp, #40]
#if defined(__ARM_FEATURE_DSP)
    ldr lr, [r0, #DIRECT]
    ldr r4, [r0, #ZERO_POINT]
    cmp lr, #0
    bne .Ldirect_pixels
#endif
    mov lr, r0
    ldr r0, [r0]
.Lchannel:
    ldmia r0!, {r4-r8}
    ldrd r9, r10, [r2], #8
    .irp which, first, second
    .ifc \which, first
    cmp r9, r4
    blt .Lminimum_\which
    cmp r9, r5
    bgt .Lmaximum_\which
    mla r11, r9, r8, r6
    .else
    cmp r10, r4
    blt .Lminimum_\which
    cmp r10, r5
    bgt .Lmaximum_\which
    mla r11, r10, r8, r6
    .endif
    cmp r7, r11, lsl #8
    bhs .Lexact_\which
    asr r11, r11, #24
.Lstore_\which:
    .ifc \which, first
    strb r11, [r3], #1
    .else
    strb r11, [r12], #1
    .endif
    .endr
    subs r1, r1, #1
    bne .Lchannel
    pop {r1, r4-r11, pc}
    .irp which, first, second
.Lminimum_\which:
    ldrsb r11, [lr, #MINIMUM]
    b .Lstore_\which
.Lmaximum_\which:
    ldrsb r11, [lr, #MAXIMUM]
    b .Lstore_\which
.Lexact_\which:
    push {r0-r3, r12, lr}
    .ifc \which, first
    mov r2, r9
    .else
    mov r2, r10
    .endif
    ldr r0, [sp, #24]
    subs r1, r0, r1
    mov r0, lr
    bl tr_output_exact
    mov r11, r0
    pop {r0-r3, r12, lr}
    b .Lstore_\which
    .endr

#if defined(__ARM_FEATURE_DSP)

/* Two sums of one channel, requantised; r5 bias, r6 multiplier, r7 shift, r10 spare; \centre what is added: above a zero
 * point of -128 as it is, else (\signed) one less below zero. */
.macro direct a, b, centre, signed
    add \a, r5, \a, lsl #1
    add \b, r5, \b, lsl #1
    .if \signed
    add r10, \centre, \a, asr #31
    smmlar \a, \a, r6, r10
    add r10, \centre, \b, asr #31
    smmlar \b, \b, r6, r10
    .else
    smmlar \a, \a, r6, \centre
    smmlar \b, \b, r6, \centre
    .endif
    asr \a, \a, r7
    asr \b, \b, r7
    ssat \a, #8, \a, asr #1
    ssat \b, #8, \b, asr #1
.endm

.macro channel signed
    ldmia lr!, {r5-r7}
    ldrd r8, r9, [r2], #8
    lsl r11, r4, r7
    direct r8, r9, r11, \signed
    strb r8, [r3], #1
    strb r9, [r12], #1
.endm

/* To two halves of \minimum and of \maximum what they are clamped to, of a word of zero point, minimum and maximum. */
.macro both_ends from, minimum, maximum
    sbfx \minimum, \from, #16, #8
    asr \maximum, \from, #24
    pkhbt \minimum, \minimum, \minimum, lsl #16
    pkhbt \maximum, \maximum, \maximum, lsl #16
.endm

/* Two results clamped to halves: \a and \b to the same, of which \a has both. */
.macro at_least minimum, a, b
    pkhbt \a, \a, \b, lsl #16
    ssub16 \b, \a, \minimum
    sel \a, \a, \minimum
.endm

.macro at_most maximum, a, b
    ssub16 \b, \a, \maximum
    sel \a, \maximum, \a
    asr \b, \a, #16
.endm

/* lr constants, r1 channels left, r2 sums, r3 and r12 outputs; r4 zero point, minimum and maximum, then twice the zero
 * point + 1; r8, r9 sums */
.Ldirect_pixels:
    movw r5, #PLAIN_LOW
    movt r5, #WHOLE
    cmp r4, r5
    bne 5f
    mvn r4, #254
    ands r0, r1, #3
    beq 2f
1:
    channel 0
    subs r0, r0, #1
    bne 1b
2:
    lsrs r1, r1, #2
    beq 4f
3:
    .rept 4
    channel 0
    .endr
    subs r1, r1, #1
    bne 3b
4:
    pop {r1, r4-r11, pc}
5:
    lsr r0, r4, #16
    cmp r0, r5, lsr #16
    bne 7f
    sxth r4, r4
    add r4, r4, r4
    add r4, r4, #1
6:
    channel 1
    subs r1, r1, #1
    bne 6b
    pop {r1, r4-r11, pc}
7:
    both_ends r4, r0, r5
    sxth r4, r4
    push {r5}
    add r4, r4, r4
    add r4, r4, #1
8:
    ldmia lr!, {r5-r7}
    ldrd r8, r9, [r2], #8
    lsl r11, r4, r7
    direct r8, r9, r11, 1
    at_least r0, r8, r9
    ldr r10, [sp]
    at_most r10, r8, r9
    strb r8, [r3], #1
    strb r9, [r12], #1
    subs r1, r1, #1
    bne 8b
    add sp, sp, #4
    pop {r1, r4-r11, pc}

#endif
    .size tr_finish_pixels, . - tr_finish_pixels

/* q of the sum in \sum into r12; \which names its ways out. */
.macro quick sum, which
    cmp \sum, r4
    blt .Lrun_minimum_\which
    cmp \sum, r5
    bgt .Lrun_maximum_\which
    mla r12, \sum, r8, r6
    cmp r7, r12, lsl #8
    bhs .Lrun_exact_\which
    asr r12, r12, #24
.Lrun_done_\which:
.endm

/* void tr_finish_run(to, channel, run)
 * r1 sums left but one, r2 sums, r3 their step; r4-r8 low, high, offset, near, factor; r9 output, r10 its step;
 * r11 and r0 sums, r12 q; lr to; channel, run and rows left on the stack */
    .section .text.tr_finish_run, "ax", %progbits
    .align 2
    .global tr_finish_run
    .type tr_finish_run, %function
    .thumb_func
tr_finish_run:
    ldr r3, [r2, #RUN_ROWS]
    push {r1-r11, lr}
#if defined(__ARM_FEATURE_DSP)
    ldr lr, [r0, #DIRECT]
    ldr r4, [r0, #ZERO_POINT]
    cmp lr, #0
    bne .Ldirect_run
#endif
    mov lr, r0
    ldr r0, [r0]
    add r1, r1, r1, lsl #2
    add r0, r0, r1, lsl #2
    mov r12, r2
    ldmia r0, {r4-r8}
    ldmia r12, {r2, r3, r9, r10}
    ldr r1, [r12, #RUN_COUNT]
.Lrow:
    subs r1, r1, #1
    beq .Lodd
.Lpair:
    ldr r11, [r2]
    ldr r0, [r2, r3]
    add r2, r2, r3, lsl #1
    quick r11, first
    strb r12, [r9]
    quick r0, second
    strb r12, [r9, r10]
    add r9, r9, r10, lsl #1
    subs r1, r1, #2
    bhi .Lpair
    bne .Lnext
.Lodd:
    ldr r11, [r2]
    add r2, r2, r3
    quick r11, odd
    strb r12, [r9]
    add r9, r9, r10
.Lnext:
    ldr r12, [sp, #4]
    ldr r0, [sp, #8]
    subs r0, r0, #1
    beq .Lend
    str r0, [sp, #8]
    ldr r0, [r12, #RUN_SUM_SKIP]
    ldr r11, [r12, #RUN_SKIP]
    ldr r1, [r12, #RUN_COUNT]
    add r2, r2, r0
    add r9, r9, r11
    b .Lrow
.Lend:
    pop {r1-r11, pc}
    .irp which, first, second, odd
.Lrun_minimum_\which:
    ldrsb r12, [lr, #MINIMUM]
    b .Lrun_done_\which
.Lrun_maximum_\which:
    ldrsb r12, [lr, #MAXIMUM]
    b .Lrun_done_\which
.Lrun_exact_\which:
    push {r0-r3, r11, lr}
    .ifc \which, second
    mov r2, r0
    .else
    mov r2, r11
    .endif
    ldr r1, [sp, #24]
    mov r0, lr
    bl tr_output_exact
    mov r12, r0
    pop {r0-r3, r11, lr}
    b .Lrun_done_\which
    .endr

#if defined(__ARM_FEATURE_DSP)

/* The sums in r8 and r9; r10 spare. */
.macro run_direct kind
    .ifc \kind, plain
    direct r8, r9, r4, 0
    .else
    direct r8, r9, r4, 1
    .endif
    .ifc \kind, clamped
    ldr r10, [sp]
    at_least r10, r8, r9
    ldr r10, [sp, #4]
    at_most r10, r8, r9
    .endif
.endm

/* lr run, r0 rows left, r1 sums left, r2 sums, r3 their step, r4 what is added, r11 output, r12 its step; r8, r9 sums;
 * both ends on the stack, if there are any */
.Ldirect_run: /* r4 zero point, minimum and maximum */
    both_ends r4, r8, r9
    movw r5, #PLAIN_LOW
    movt r5, #WHOLE
    lsr r10, r4, #16
    add r1, r1, r1, lsl #1
    add r0, lr, r1, lsl #2
    mov lr, r2
    cmp r10, r5, lsr #16
    bne 5f
    cmp r4, r5
5:
    sxth r4, r4
    add r4, r4, r4
    add r4, r4, #1
    it eq
    moveq r10, #-1 /* plain */
    ldmia r0, {r5-r7}
    ldr r0, [lr, #RUN_ROWS]
    ldmia lr, {r2, r3, r11, r12}
    lsl r4, r4, r7
    cmn r10, #1
    beq .Lrun_plain
    movw r1, #WHOLE
    cmp r10, r1
    beq .Lrun_signed
    push {r8, r9}
    .irp kind, clamped, signed, plain
.Lrun_\kind:
1:
    ldr r1, [lr, #RUN_COUNT]
    lsrs r1, r1, #1
    beq 3f
2:
    ldr r8, [r2]
    ldr r9, [r2, r3]
    add r2, r2, r3, lsl #1
    run_direct \kind
    strb r8, [r11]
    strb r9, [r11, r12]
    add r11, r11, r12, lsl #1
    subs r1, r1, #1
    bne 2b
3:
    ldr r1, [lr, #RUN_COUNT]
    lsls r1, r1, #31
    beq 4f
    ldr r8, [r2]
    add r2, r2, r3
    mov r9, r8
    run_direct \kind
    strb r8, [r11]
    add r11, r11, r12
4:
    subs r0, r0, #1
    .ifc \kind, clamped
    it eq
    addeq sp, sp, #8
    .endif
    beq .Lend
    ldrd r8, r9, [lr, #RUN_SUM_SKIP]
    add r2, r2, r8
    add r11, r11, r9
    b 1b
    .endr

#endif
    .size tr_finish_run, . - tr_finish_run

/* Into the round \name, of four outputs, at the first one: r12 less. */
.macro first_round name
    lsls r12, r12, #31
    bcs 1f
    bne .L\name\()_1
    b .L\name\()_0
1:
    bne .L\name\()_3
    b .L\name\()_2
.endm

/* To output \which of the round from r1 on, or to the `next`. */
.macro store value, which
    .ifc \which, next
    strb \value, [r1], #1
    .else
    strb \value, [r1, #\which]
    .endif
.endm

/* The sum in r12 to q and the output. */
.macro quick_unit name, which
    cmp r12, r5
    bgt .L\name\()_maximum_\which
    mla lr, r12, r8, r6
    cmp r7, lr, lsl #8
    bhs .L\name\()_exact_\which
    asr lr, lr, #24
.L\name\()_store_\which:
    store lr, \which
.L\name\()_done_\which:
.endm

.macro ways_out name, which
.L\name\()_minimum_\which:
    store r9, \which
    b .L\name\()_done_\which
.L\name\()_maximum_\which:
    ldr lr, [sp]
    ldrsb lr, [lr, #MAXIMUM]
    b .L\name\()_store_\which
.L\name\()_exact_\which:
    .ifc \which, next
    subs r3, r3, #8
    movs r4, #0
    .else
    movs r4, #\which
    .endif
    b .Lunit_exact
.endm

/* void tr_finish_units(to, channel, count, sums, output): by common constants four outputs a round
 * r0 biases of common constants, or constants; r1 and r2 outputs and their end; r3 sums; r4-r8 low, high, offset, near,
 * factor; r9 minimum; r12 sum, lr q; to, channel and count on the stack */
    .section .text.tr_finish_units, "ax", %progbits
    .align 2
    .global tr_finish_units
    .type tr_finish_units, %function
    .thumb_func
tr_finish_units:
    push {r0-r2, r4-r9, lr}
    ldr r9, [sp, #40]
.Lunits: /* r9 output */
    rsb r12, r2, #0
    and r12, r12, #3 /* of the first round so many less */
    add r2, r9, r2
    ldrb r4, [r0, #COMMON]
    ldr lr, [r0]
#if defined(__ARM_FEATURE_DSP)
    ldr r7, [r0, #DIRECT]
    cmp r7, #0
    bne .Ldirect_units
#endif
    cmp r4, #0
    beq .Lunits_each
    ldr r4, [r0, #BIAS]
    sub r5, r1, r12
    sub r1, r9, r12
    sub r3, r3, r12, lsl #3
    ldrsb r9, [r0, #MINIMUM]
    add r0, r4, r5, lsl #2
    ldmia lr, {r4-r8}
    first_round common
.Lround:
    adds r0, r0, #16
    adds r3, r3, #32
    .irp which, 0, 1, 2, 3
.Lcommon_\which:
    ldr r12, [r3, #8 * \which]
    ldr lr, [r0, #4 * \which]
    adds r12, r12, lr
    bmi .Lcommon_minimum_\which
    quick_unit common, \which
    .endr
    adds r1, r1, #4
    cmp r1, r2
    bne .Lround
    pop {r0-r2, r4-r9, pc}
.Lunits_each:
    add r4, r1, r1, lsl #2
    mov r1, r9
    ldrsb r9, [r0, #MINIMUM]
    add r0, lr, r4, lsl #2
1:
    ldmia r0!, {r4-r8}
    ldr r12, [r3], #8
    cmp r12, r4
    blt .Leach_minimum_next
    quick_unit each, next
    cmp r1, r2
    bne 1b
    pop {r0-r2, r4-r9, pc}
    .irp which, 0, 1, 2, 3
    ways_out common, \which
    .endr
    ways_out each, next
.Lunit_exact: /* of output r4 of the round; then those that are left anew */
    add r9, r1, r4
    add r4, r3, r4, lsl #3
    sub r5, r2, r9
    ldrd r6, r7, [sp, #4]
    add r6, r6, r7
    subs r6, r6, r5
    ldr r0, [sp]
    mov r1, r6
    ldr r2, [r4], #8
    bl tr_output_exact
    strb r0, [r9], #1
    ldr r0, [sp]
    adds r1, r6, #1
    mov r3, r4
    subs r2, r5, #1
    bne .Lunits
    pop {r0-r2, r4-r9, pc}

#if defined(__ARM_FEATURE_DSP)

/* The sum in r12 to output \which; r4 bias, r5 multiplier, r6 shift; r7 what is added; lr spare. */
.macro direct_unit which
    add r12, r4, r12, lsl #1
    add lr, r7, r12, asr #31
    smmlar r12, r12, r5, lr
    asr r12, r12, r6
    ssat r12, #8, r12, asr #1
    store r12, \which
.endm

.macro direct_each
    ldmia r0!, {r4-r6}
    ldr r12, [r3], #8
    lsl r7, r8, r6
    direct_unit next
.endm

.Ldirect_units:
    ldrsh r8, [r0, #ZERO_POINT]
    cmp r4, #0
    add r8, r8, r8
    add r8, r8, #1
    beq .Ldirect_units_each
    ldrd r5, r6, [r7, #4]
    ldr r4, [r0, #BIAS]
    lsl r7, r8, r6
    sub r1, r1, r12
    sub r3, r3, r12, lsl #3
    add r0, r4, r1, lsl #2
    sub r1, r9, r12
    first_round direct
.Ldirect_round:
    adds r0, r0, #16
    adds r3, r3, #32
    .irp which, 0, 1, 2, 3
.Ldirect_\which:
    ldr r12, [r3, #8 * \which]
    ldr r4, [r0, #4 * \which]
    direct_unit \which
    .endr
    adds r1, r1, #4
    cmp r1, r2
    bne .Ldirect_round
    b 2f
.Ldirect_units_each:
    add r1, r1, r1, lsl #1
    add r0, r7, r1, lsl #2
    mov r1, r9
    lsls r12, r12, #31
    beq 1f
    direct_each
    cmp r1, r2
    beq 2f
1:
    direct_each
    direct_each
    cmp r1, r2
    bne 1b
2:
    pop {r0-r2, r4-r9, lr}
    ldrh r12, [r0, #MINIMUM]
    movw r3, #WHOLE
    cmp r12, r3
    ldr r1, [sp]
    bne tr_clamp_units
    bx lr

#endif
    .size tr_finish_units, . - tr_finish_units

#endif
