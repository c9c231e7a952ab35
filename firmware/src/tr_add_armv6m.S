/* tr_add_tables of tr_kernels.h on Armv6-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV6M)

    .syntax unified
    .thumb

/* Element \at, of this \name; r6 and r7 are spent. */
.macro element at, name
    ldrb r6, [r1, #\at]
    lsls r6, r6, #2
    ldr r6, [r0, r6]
    ldrb r7, [r2, #\at]
    lsls r7, r7, #2
    ldr r7, [r4, r7]
    adds r6, r6, r7
    movs r7, r6
    lsrs r7, r7, r5
    cmp r7, r8
    bhi .Lclamp_\name
.Lstore_\name:
    add r7, r9
    strb r7, [r3, #\at]
.endm

/* The range if the sum in r6 is positive, else zero. */
.macro clamp name
.Lclamp_\name:
    asrs r6, r6, #31
    mov r7, r8
    bics r7, r7, r6
    b .Lstore_\name
.endm

/* void tr_add_tables(layer, input0, input1, output)
 * r0 and r4 tables, r1 and r2 inputs, r3 output, r5 fraction; r8 range, r9 minimum, r10 end of whole rounds, r12
 * end */
    .section .text.tr_add_tables, "ax", %progbits
    .align 2
    .global tr_add_tables
    .type tr_add_tables, %function
    .thumb_func
tr_add_tables:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    push {r4-r6}
    ldr r7, [r0, #20]
    adds r6, r1, r7
    mov r12, r6
    lsrs r7, r7, #2
    lsls r7, r7, #2
    adds r7, r7, r1
    mov r10, r7
    ldmia r0!, {r4, r6}
    ldmia r0!, {r5, r7}
    mov r8, r7
    ldr r7, [r0]
    mov r9, r7
    movs r0, r4
    movs r4, r6
    b 2f
1:
    element 0, 0
    element 1, 1
    element 2, 2
    element 3, 3
    adds r1, r1, #4
    adds r2, r2, #4
    adds r3, r3, #4
2:
    cmp r1, r10
    bne 1b
3:
    cmp r1, r12
    beq 4f
    element 0, last
    adds r1, r1, #1
    adds r2, r2, #1
    adds r3, r3, #1
    b 3b
4:
    pop {r4-r6}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    pop {r4-r7, pc}
    .irp name, 0, 1, 2, 3, last
    clamp \name
    .endr
    .size tr_add_tables, . - tr_add_tables

#endif
