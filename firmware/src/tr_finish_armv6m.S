/* tr_output.h on Armv6-M: requantisation of many sums. Offsets are those of struct tr_output, tr_channel and
 * tr_run. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV6M)

#define BIAS 4
#define MINIMUM 18
#define MAXIMUM 19
#define COMMON 24
#define RUN_SUM_STEP 4
#define RUN_COUNT 16
#define RUN_ROWS 20
#define RUN_SUM_SKIP 24
#define RUN_SKIP 28

    .syntax unified
    .thumb

.macro enter
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r0, r1, r4-r7}
.endm

.macro leave
    add sp, sp, #8
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
.endm

/* void tr_finish_pixels(to, channels, sums, first, second)
 * r0 constants, r1 sums; r2, r3 spare; r4 offset, r5 near, r6 factor; r7 sum, then q; r8 low, r9 high;
 * r10 first output, r11 how far behind it the second lies; r12 end of constants; the minimum, to and the first output on
 * the stack */
    .section .text.tr_finish_pixels, "ax", %progbits
    .align 2
    .global tr_finish_pixels
    .type tr_finish_pixels, %function
    .thumb_func
tr_finish_pixels:
    enter
    str r3, [sp, #4]
    mov r10, r3
    ldr r7, [sp, #44]
    subs r7, r7, r3
    mov r11, r7
    movs r7, #MINIMUM
    ldrsb r7, [r0, r7]
    sub sp, sp, #4
    str r7, [sp]
    lsls r3, r1, #2
    adds r3, r3, r1
    lsls r3, r3, #2
    ldr r0, [r0]
    adds r3, r3, r0
    mov r12, r3
    movs r1, r2
.Lchannel:
    ldmia r0!, {r2-r6}
    mov r8, r2
    mov r9, r3
    .irp which, 0, 1
    ldr r7, [r1, #4 * \which]
    cmp r7, r8
    blt .Lminimum_\which
    cmp r7, r9
    bgt .Lmaximum_\which
    muls r7, r6, r7
    adds r7, r7, r4
    lsls r3, r7, #8
    cmp r3, r5
    bls .Lexact_\which
    asrs r7, r7, #24
.Lstore_\which:
    mov r3, r10
    .if \which
    mov r2, r11
    strb r7, [r3, r2]
    adds r3, r3, #1
    mov r10, r3
    .else
    strb r7, [r3]
    .endif
    .endr
    adds r1, r1, #8
    cmp r0, r12
    bne .Lchannel
    add sp, sp, #4
    leave
    .irp which, 0, 1
.Lminimum_\which:
    ldr r7, [sp]
    b .Lstore_\which
.Lmaximum_\which:
    ldr r3, [sp, #4]
    movs r7, #MAXIMUM
    ldrsb r7, [r3, r7]
    b .Lstore_\which
.Lexact_\which:
    mov r3, r12
    push {r0, r1, r3-r6}
    ldr r2, [r1, #4 * \which]
    ldr r3, [sp, #32]
    mov r1, r10
    subs r1, r1, r3
    ldr r0, [sp, #28]
    bl tr_output_exact
    movs r7, r0
    pop {r0, r1, r3-r6}
    mov r12, r3
    b .Lstore_\which
    .endr
    .size tr_finish_pixels, . - tr_finish_pixels

/* void tr_finish_run(to, channel, run)
 * r0 sums, r1 output, r2 factor, r3 offset, r4 sum, then q, r5 spare, r6 output's step, r7 sums' step;
 * r8 low, r9 high, r10 near, r11 end of the row of outputs, r12 run; lr rows left; on the stack a row's bytes of
 * outputs, the minimum, to and channel */
    .section .text.tr_finish_run, "ax", %progbits
    .align 2
    .global tr_finish_run
    .type tr_finish_run, %function
    .thumb_func
tr_finish_run:
    enter
    sub sp, sp, #8
    mov r12, r2
    movs r5, #MINIMUM
    ldrsb r5, [r0, r5]
    str r5, [sp, #4]
    lsls r4, r1, #2 /* 20 bytes a channel */
    adds r1, r1, r4
    lsls r1, r1, #2
    ldr r0, [r0]
    adds r0, r0, r1
    ldmia r0!, {r1, r3-r6}
    mov r8, r1
    mov r9, r3
    mov r10, r5
    movs r3, r4
    ldr r0, [r2, #RUN_ROWS]
    mov lr, r0
    movs r4, r6
    ldr r5, [r2, #RUN_COUNT]
    ldmia r2!, {r0, r1}
    movs r7, r1
    ldmia r2!, {r1, r6}
    muls r5, r6, r5
    str r5, [sp]
    movs r2, r4
.Lrow:
    ldr r5, [sp]
    adds r5, r5, r1
    mov r11, r5
.Lsum:
    .irp which, 0, 1
    ldr r4, [r0]
    cmp r4, r8
    blt .Llow_\which
    cmp r4, r9
    bgt .Lhigh_\which
    muls r4, r2, r4
    adds r4, r4, r3
    lsls r5, r4, #8
    cmp r5, r10
    bls .Lnear_\which
    asrs r4, r4, #24
.Ldone_\which:
    strb r4, [r1]
    adds r0, r0, r7
    adds r1, r1, r6
    cmp r1, r11
    .if \which
    bne .Lsum
    .else
    beq .Lnext
    .endif
    .endr
.Lnext:
    mov r5, lr
    subs r5, r5, #1
    beq .Lend
    mov lr, r5
    mov r5, r12
    ldr r4, [r5, #RUN_SUM_SKIP]
    adds r0, r0, r4
    ldr r4, [r5, #RUN_SKIP]
    adds r1, r1, r4
    b .Lrow
.Lend:
    add sp, sp, #8
    leave
    .irp which, 0, 1
.Llow_\which:
    ldr r4, [sp, #4]
    b .Ldone_\which
.Lhigh_\which:
    ldr r5, [sp, #8]
    movs r4, #MAXIMUM
    ldrsb r4, [r5, r4]
    b .Ldone_\which
.Lnear_\which:
    mov r4, r12
    mov r5, lr
    push {r0-r5}
    sub sp, sp, #4
    ldr r2, [r0]
    ldr r0, [sp, #36]
    ldr r1, [sp, #40]
    bl tr_output_exact
    add sp, sp, #4
    movs r7, r0
    pop {r0-r5}
    mov r12, r4
    mov lr, r5
    movs r4, r7
    mov r5, r12
    ldr r7, [r5, #RUN_SUM_STEP]
    b .Ldone_\which
    .endr
    .size tr_finish_run, . - tr_finish_run

/* The sum in r3 to q; \which output of the round from r2 on; \name: labels. */
.macro quick_unit name, which
    bgt .L\name\()_maximum_\which
    muls r3, r7, r3
    adds r3, r3, r5
    lsls r4, r3, #8
    cmp r4, r6
    bls .L\name\()_exact_\which
    asrs r3, r3, #24
.L\name\()_store_\which:
    strb r3, [r2, #\which]
.endm

.macro ways_out name, which
.L\name\()_minimum_\which:
    ldr r3, [sp, #8]
    b .L\name\()_store_\which
.L\name\()_maximum_\which:
    ldr r4, [sp]
    movs r3, #MAXIMUM
    ldrsb r3, [r4, r3]
    b .L\name\()_store_\which
.L\name\()_exact_\which:
    movs r4, #\which
    b .Lunit_exact
.endm

/* void tr_finish_units(to, channel, count, sums, output): by common constants four outputs a round
 * r0 biases of common constants, or constants; r1 sums, r2 and lr outputs and their end; r3 sum, then q; r4 spare;
 * r12 high, or low and r4 high; r5 offset, r6 near, r7 factor; to, the end of the channels and the minimum on the
 * stack */
    .section .text.tr_finish_units, "ax", %progbits
    .align 2
    .global tr_finish_units
    .type tr_finish_units, %function
    .thumb_func
tr_finish_units:
    push {r0-r2, r4-r7, lr}
    ldr r4, [sp, #32]
.Lunits: /* r4 output */
    adds r5, r1, r2
    str r5, [sp, #4]
    adds r5, r4, r2
    mov lr, r5
    movs r5, #MINIMUM
    ldrsb r5, [r0, r5]
    str r5, [sp, #8]
    ldr r7, [r0]
    ldrb r5, [r0, #COMMON]
    cmp r5, #0
    beq .Lunits_each
    rsbs r5, r2, #0 /* of the first round so many less */
    movs r6, #3
    ands r5, r6
    ldr r6, [r0, #BIAS]
    subs r2, r4, r5
    lsls r4, r5, #3
    subs r3, r3, r4
    subs r1, r1, r5
    lsls r1, r1, #2
    adds r0, r6, r1
    movs r1, r3
    lsls r5, r5, #31
    ldmia r7, {r3-r7}
    mov r12, r4
    bcs 1f
    bne .Lcommon_1
    b .Lcommon_0
1:
    bne .Lcommon_3
    b .Lcommon_2
.Lround:
    adds r0, r0, #16
    adds r1, r1, #32
    .irp which, 0, 1, 2, 3
.Lcommon_\which:
    ldr r3, [r1, #8 * \which]
    ldr r4, [r0, #4 * \which]
    adds r3, r3, r4
    bmi .Lcommon_minimum_\which
    cmp r3, r12
    quick_unit common, \which
    .endr
    adds r2, r2, #4
    cmp r2, lr
    bne .Lround
    pop {r0-r2, r4-r7, pc}
    .irp which, 0, 1, 2, 3
    ways_out common, \which
    .endr
.Lunits_each:
    lsls r5, r1, #2 /* 20 bytes a channel */
    adds r5, r5, r1
    lsls r5, r5, #2
    adds r0, r7, r5
    movs r1, r3
    movs r2, r4
1:
    ldmia r0!, {r3-r7}
    mov r12, r3
    ldr r3, [r1]
    cmp r3, r12
    blt .Leach_minimum_0
    cmp r3, r4
    quick_unit each, 0
    adds r1, r1, #8
    adds r2, r2, #1
    cmp r2, lr
    bne 1b
.Lunits_end:
    pop {r0-r2, r4-r7, pc}
    ways_out each, 0
.Lunit_exact: /* of output r4 of the round; then those that are left anew */
    adds r2, r2, r4
    lsls r4, r4, #3
    adds r6, r1, r4
    mov r3, lr
    subs r5, r3, r2
    ldr r7, [sp, #4]
    subs r7, r7, r5
    movs r4, r2
    movs r1, r7
    ldr r2, [r6]
    ldr r0, [sp]
    bl tr_output_exact
    strb r0, [r4]
    subs r2, r5, #1
    beq .Lunits_end
    ldr r0, [sp]
    adds r1, r7, #1
    adds r6, r6, #8
    movs r3, r6
    adds r4, r4, #1
    b .Lunits
    .size tr_finish_units, . - tr_finish_units

#endif
