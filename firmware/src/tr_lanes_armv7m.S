/* tr_lanes.h on Armv7-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

    .syntax unified
    .thumb

#define UNITS 8 /* TR_LANE_UNITS */
#define UNIT_BYTES 40

/* Two elements of two rows: weights at r0, words at r1; r3-r5 and r12 are spent. */
.macro unit
    ldr r3, [r0], #4
    ldrd r4, r5, [r1], #8
    sxtb r12, r3
    mla r6, r12, r4, r6
    sbfx r12, r3, #8, #8
    mla r7, r12, r4, r7
    sbfx r12, r3, #16, #8
    mla r6, r12, r5, r6
    asr r12, r3, #24
    mla r7, r12, r5, r7
.endm

/* The lanes of \accumulator to two sums. */
.macro flush accumulator, first, second
    sxth r12, \accumulator
    subs \accumulator, \accumulator, r12
    add \first, \first, r12
    add \second, \second, \accumulator, asr #16
    movs \accumulator, #0
.endm

/* void tr_lanes(runs, words, sums)
 * r6 and r7 lanes, r8-r11 sums, lr a run's header */
    .section .text.tr_lanes, "ax", %progbits
    .align 2
    .global tr_lanes
    .type tr_lanes, %function
    .thumb_func
tr_lanes:
    push {r4-r11, lr}
    movs r6, #0
    movs r7, #0
    mov r8, r6
    mov r9, r6
    mov r10, r6
    mov r11, r6
    .align 2
1:
    ldr lr, [r0], #4
    uxtb r12, lr
    add r12, r12, r12, lsl #2
    lsl r12, r12, #3
    add pc, r12
    nop
2:
    .rept UNITS
    unit
    .endr
3:
    .if 3b - 2b - UNITS * UNIT_BYTES
    .error "a unit takes other bytes of code"
    .endif
    flush r6, r8, r9
    flush r7, r10, r11
    cmp lr, #0
    bge 1b
    stmia r2, {r8-r11}
    pop {r4-r11, pc}
    .size tr_lanes, . - tr_lanes

#endif
