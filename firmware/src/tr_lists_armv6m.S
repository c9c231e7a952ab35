/* tr_lists.h on Armv6-M. A run is four bytes: added, subtracted, block, and double (3 bits), flush (1), shift (3),
 * last (1). */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV6M)

    .syntax unified
    .thumb

/* One term: the byte at r0 + \at names four words at r8; accumulators r4-r7; r1-r3 are spent. */
.macro term op, at
    ldrb r1, [r0, #\at]
    lsls r1, r1, #4
    add r1, r8
    ldmia r1!, {r2, r3}
    \op r4, r4, r2
    \op r5, r5, r3
    ldmia r1!, {r2, r3}
    \op r6, r6, r2
    \op r7, r7, r3
.endm

/* The terms from r0 up to r12. */
.macro list op
    movs r1, #3
    mov r3, r12
    subs r3, r3, r0
    ands r1, r1, r3
    beq 2f
    add r1, r0
    mov lr, r1
1:
    term \op, 0
    adds r0, r0, #1
    cmp r0, lr
    bne 1b
2:
    cmp r0, r12
    beq 4f
3:
    term \op, 0
    term \op, 1
    term \op, 2
    term \op, 3
    adds r0, r0, #4
    cmp r0, r12
    bne 3b
4:
.endm

/* The lanes of \accumulator to sums[\at], sums[\at + 1] at r1; both shifted by r0. */
.macro flush accumulator, at
    sxth r2, \accumulator
    subs \accumulator, \accumulator, r2
    asrs \accumulator, \accumulator, #16
    ldr r3, [r1, #4 * \at]
    adds r2, r2, r3
    lsls r2, r2, r0
    ldr r3, [r1, #4 * \at + 4]
    adds \accumulator, \accumulator, r3
    lsls \accumulator, \accumulator, r0
    str r2, [r1, #4 * \at]
    str \accumulator, [r1, #4 * \at + 4]
    movs \accumulator, #0
.endm

/* void tr_list_pixels(const uint8_t *runs, const int32_t *words, int32_t *sums)
 * r8 block, r9 words, r10 sums, r11 the run's flags, r12 end of a list, lr spare */
    .section .text.tr_list_pixels, "ax", %progbits
    .align 2
    .global tr_list_pixels
    .type tr_list_pixels, %function
    .thumb_func
tr_list_pixels:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    mov r9, r1
    mov r10, r2
    movs r4, #0
    movs r5, #0
    movs r6, #0
    movs r7, #0
    stmia r2!, {r4-r7}
    stmia r2!, {r4-r7}
.Lrun:
    ldrb r2, [r0, #2]
    lsls r2, r2, #12
    add r2, r9
    mov r8, r2
    ldrb r2, [r0, #3]
    mov r11, r2
    movs r1, #7
    ands r2, r2, r1
    beq .Lsame
    lsls r4, r4, r2
    lsls r5, r5, r2
    lsls r6, r6, r2
    lsls r7, r7, r2
.Lsame:
    ldrb r1, [r0]
    ldrb r2, [r0, #1]
    adds r0, r0, #4
    adds r1, r1, r0
    adds r2, r2, r1
    push {r2}
    mov r12, r1
    list adds
    pop {r2}
    mov r12, r2
    list subs
    mov r2, r11
    lsrs r1, r2, #4
    bcc .Lunflushed
    mov r12, r0
    movs r0, #7
    ands r0, r0, r1
    mov r1, r10
    flush r4, 0
    flush r5, 2
    flush r6, 4
    flush r7, 6
    mov r0, r12
    mov r2, r11
.Lunflushed:
    lsrs r2, r2, #7
    bne .Lend
    b .Lrun
.Lend:
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size tr_list_pixels, . - tr_list_pixels

/* The terms from r0 up to r5, of bytes at r4, into r2; r3 spare. The first round begins inside, three instructions
 * of two bytes a term. */
.macro bytes op
    subs r3, r0, r5
    beq 2f
    lsls r3, r3, #29
    lsrs r3, r3, #29
    subs r0, r0, r3
    lsls r3, r3, #1
    mov r12, r3
    add r3, r12
    add r3, r12
    add pc, r3
    nop
1:
    .irp at, 0, 1, 2, 3, 4, 5, 6, 7
    ldrb r3, [r0, #\at]
    ldrsb r3, [r4, r3]
    \op r2, r2, r3
    .endr
    adds r0, r0, #8
    cmp r0, r5
    bne 1b
2:
.endm

/* int32_t tr_list_bytes(const uint8_t *runs, const int8_t *x) */
    .section .text.tr_list_bytes, "ax", %progbits
    .align 2
    .global tr_list_bytes
    .type tr_list_bytes, %function
    .thumb_func
tr_list_bytes:
    push {r4-r7, lr}
    movs r2, #0
.Lbytes:
    ldrb r4, [r0, #2]
    lsls r4, r4, #8
    adds r4, r4, r1
    ldrb r7, [r0, #3]
    movs r3, #7
    ands r3, r3, r7
    lsls r2, r2, r3
    ldrb r5, [r0]
    ldrb r6, [r0, #1]
    adds r0, r0, #4
    adds r5, r5, r0
    adds r6, r6, r5
    bytes adds
    movs r5, r6
    bytes subs
    lsrs r3, r7, #7
    beq .Lbytes
    lsrs r7, r7, #4
    movs r3, #7
    ands r3, r3, r7
    lsls r2, r2, r3
    movs r0, r2
    pop {r4-r7, pc}
    .size tr_list_bytes, . - tr_list_bytes

#endif
