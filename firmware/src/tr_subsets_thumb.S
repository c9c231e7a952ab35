/* tr_subsets.h on Arm cores, with the instructions of Armv6-M. */
#include "tr_isa.h"

#if defined(TR_CODE_ARM)

    .syntax unified
    .thumb

/* Element \at of x, twice: r2; r3 and r4 are spent. */
.macro twice at
    movs r3, #128
    ldrb r2, [r0, #\at]
    eors r2, r2, r3
    lsls r4, r2, #16
    orrs r2, r2, r4
.endm

/* void tr_subset_sums(const int8_t *x, uint16_t *sums): two sums a word
 * r4-r7 sums, r12 the first word, lr the end of what is there */
    .section .text.tr_subset_sums, "ax", %progbits
    .align 2
    .global tr_subset_sums
    .type tr_subset_sums, %function
    .thumb_func
tr_subset_sums:
    push {r4-r7, lr}
    mov r12, r1
    twice 1
    ldrb r4, [r0]
    eors r4, r4, r3
    lsls r4, r4, #16
    adds r5, r4, r2
    ldrb r2, [r0, #2]
    eors r2, r2, r3
    lsls r3, r2, #16
    orrs r2, r2, r3
    adds r6, r4, r2
    adds r7, r5, r2
    stmia r1!, {r4-r7}
    .irp at, 3, 4, 5, 6, 7
    twice \at
    mov lr, r1
    mov r3, r12
1:
    ldmia r3!, {r4-r7}
    adds r4, r4, r2
    adds r5, r5, r2
    adds r6, r6, r2
    adds r7, r7, r2
    stmia r1!, {r4-r7}
    cmp r3, lr
    bne 1b
    .endr
    pop {r4-r7, pc}
    .size tr_subset_sums, . - tr_subset_sums

/* r5 = the sum that the byte at r0 + \at names in the table \sums. */
.macro named sums, at
    ldrb r5, [r0, #\at]
    lsls r5, r5, #1
    ldrh r5, [\sums, r5]
.endm

/* const uint8_t *tr_subset_rows(planes, sums, totals, end)
 * r1 and r3 tables, r2 totals, r4 a row's sum, r6 how many bytes are missing, r7 end. A plane is nine instructions of
 * two bytes; the missing ones are jumped over. */
    .section .text.tr_subset_rows, "ax", %progbits
    .align 2
    .global tr_subset_rows
    .type tr_subset_rows, %function
    .thumb_func
tr_subset_rows:
    push {r4-r7, lr}
    movs r7, r3
    movs r3, #128
    lsls r3, r3, #2
    adds r3, r3, r1
1:
    ldrb r6, [r0]
    named r1, 1
    movs r4, r5
    named r3, 2
    adds r4, r4, r5
    rsbs r4, r4, #0
    subs r0, r0, r6
    lsls r5, r6, #3
    adds r5, r5, r6
    add pc, r5
    nop
    .irp at, 3, 5, 7, 9, 11, 13, 15
    lsls r4, r4, #1
    named r1, \at
    adds r4, r4, r5
    named r3, (\at + 1)
    adds r4, r4, r5
    .endr
    adds r0, r0, #17
    ldr r5, [r2]
    adds r5, r5, r4
    stmia r2!, {r5}
    cmp r2, r7
    bne 1b
    pop {r4-r7, pc}
    .size tr_subset_rows, . - tr_subset_rows

#endif
