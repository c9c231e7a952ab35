/* tr_add_whole of tr_kernels.h on Armv7-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

    .syntax unified
    .thumb

/* Results of two elements to r9 and r10, which hold bytes of the first input, as r11 and r12 do of the second one. */
.macro two
    ldr r9, [r0, r9, lsl #2]
    ldr r10, [r0, r10, lsl #2]
    ldr r11, [r4, r11, lsl #2]
    ldr r12, [r4, r12, lsl #2]
    add r9, r9, r11
    add r10, r10, r12
    asr r9, r9, r5
    asr r10, r10, r5
    usat r9, #8, r9
    usat r10, #8, r10
.endm

.macro four
    ldr r7, [r1], #4
    ldr r8, [r2], #4
    uxtb r9, r7
    ubfx r10, r7, #8, #8
    uxtb r11, r8
    ubfx r12, r8, #8, #8
    two
    orr lr, r9, r10, lsl #8
    ubfx r9, r7, #16, #8
    lsr r10, r7, #24
    ubfx r11, r8, #16, #8
    lsr r12, r8, #24
    two
    orr lr, lr, r9, lsl #16
    orr lr, lr, r10, lsl #24
    eor lr, lr, #0x80808080
    str lr, [r3], #4
.endm

/* void tr_add_whole(layer, input0, input1, output, fours)
 * r0 and r4 tables, r1 and r2 inputs, r3 output, r5 fraction, r6 end of the first input; r7, r8 elements; lr results */
    .section .text.tr_add_whole, "ax", %progbits
    .align 2
    .global tr_add_whole
    .type tr_add_whole, %function
    .thumb_func
tr_add_whole:
    push {r4-r11, lr}
    ldr r6, [sp, #36]
    add r6, r1, r6, lsl #2
    ldrd r4, r5, [r0, #4]
    ldr r0, [r0]
    sub r7, r6, r1
    lsls r7, r7, #29
    bpl 2f
    four
    b 2f
1:
    four
    four
2:
    cmp r1, r6
    bne 1b
    pop {r4-r11, pc}
    .size tr_add_whole, . - tr_add_whole

#endif
