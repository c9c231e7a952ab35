/* tr_lanes.h on Armv6-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV6M)

    .syntax unified
    .thumb

#define UNITS 8 /* TR_LANE_UNITS */
#define UNIT_BYTES_LOG2 5

/* Two elements of two rows: weights at r0, words at r1; r2-r5 are spent. */
.macro unit
    ldmia r0!, {r2}
    ldmia r1!, {r4, r5}
    sxtb r3, r2
    muls r3, r4, r3
    add r8, r3
    lsls r3, r2, #16
    asrs r3, r3, #24
    muls r3, r4, r3
    add r9, r3
    lsls r3, r2, #8
    asrs r3, r3, #24
    muls r3, r5, r3
    add r8, r3
    asrs r3, r2, #24
    muls r3, r5, r3
    add r9, r3
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

/* void tr_lanes(runs, words, sums)
 * r6 zero, r7 a run's header, r8 and r9 lanes, r10-r12 and lr sums; sums on the stack */
    .section .text.tr_lanes, "ax", %progbits
    .align 2
    .global tr_lanes
    .type tr_lanes, %function
    .thumb_func
tr_lanes:
    push {r2, r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    movs r6, #0
    mov r10, r6
    mov r11, r6
    mov r12, r6
    mov lr, r6
1:
    mov r8, r6
    mov r9, r6
    ldmia r0!, {r7}
    uxtb r4, r7
    lsls r4, r4, #UNIT_BYTES_LOG2
    add pc, r4
    nop
2:
    .rept UNITS
    unit
    .endr
3:
    .if 3b - 2b - (UNITS << UNIT_BYTES_LOG2)
    .error "a unit takes other bytes of code"
    .endif
    flush r8, r10, r11
    flush r9, r12, lr
    cmp r7, #0
    blt 4f
    b 1b
4:
    ldr r3, [sp, #16]
    mov r4, r10
    mov r5, r11
    mov r6, r12
    mov r7, lr
    stmia r3!, {r4-r7}
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r2, r4-r7, pc}
    .size tr_lanes, . - tr_lanes

#endif
