/* tr_lists.h on Armv7-M. A run is four bytes: added, subtracted, block, and double (3 bits), flush (1), shift (3),
 * last (1). */
#include "tr_isa.h"

#if defined(TR_CODE_ARMV7M)

    .syntax unified
    .thumb

/* One term: the next byte names four words at r1; accumulators r4-r7; r8-r12 are spent. */
.macro term op
    ldrb r12, [r0], #1
    add r12, r1, r12, lsl #4
    ldmia r12, {r8-r11}
    \op r4, r4, r8
    \op r5, r5, r9
    \op r6, r6, r10
    \op r7, r7, r11
.endm

/* r3 terms. */
.macro list op
    ands r12, r3, #3
    beq 2f
    subs r3, r3, r12
    mov lr, r12
1:
    term \op
    subs lr, lr, #1
    bne 1b
2:
    cbz r3, 4f
3:
    term \op
    term \op
    term \op
    term \op
    subs r3, r3, #4
    bne 3b
4:
.endm

/* The lanes of \accumulator to two sums at r12, which moves on; both shifted by r3. */
.macro flush accumulator
    ldrd r8, r9, [r12]
    sxth r10, \accumulator
    sub \accumulator, \accumulator, r10
    add r8, r8, r10
    add r9, r9, \accumulator, asr #16
    lsl r8, r8, r3
    lsl r9, r9, r3
    strd r8, r9, [r12], #8
    mov \accumulator, #0
.endm

/* void tr_list_pixels(const uint8_t *runs, const int32_t *words, int32_t *sums)
 * r1 block, r2 the run's flags; words and sums on the stack */
    .section .text.tr_list_pixels, "ax", %progbits
    .align 2
    .global tr_list_pixels
    .type tr_list_pixels, %function
    .thumb_func
tr_list_pixels:
    push {r1, r2, r4-r11, lr}
    movs r4, #0
    movs r5, #0
    movs r6, #0
    movs r7, #0
    stmia r2!, {r4-r7}
    stmia r2!, {r4-r7}
.Lrun:
    ldrb r3, [r0, #2]
    ldr r1, [sp]
    ldrb r2, [r0, #3]
    add r1, r1, r3, lsl #12
    ands r3, r2, #7
    beq .Lsame
    lsls r4, r4, r3
    lsls r5, r5, r3
    lsls r6, r6, r3
    lsls r7, r7, r3
.Lsame:
    ldrb r3, [r0]
    ldrb r12, [r0, #1]
    orr r2, r2, r12, lsl #8
    adds r0, r0, #4
    list add
    lsrs r3, r2, #8
    list sub
    tst r2, #8
    beq .Lunflushed
    ldr r12, [sp, #4]
    ubfx r3, r2, #4, #3
    flush r4
    flush r5
    flush r6
    flush r7
.Lunflushed:
    tst r2, #128
    beq .Lrun
    pop {r1, r2, r4-r11, pc}
    .size tr_list_pixels, . - tr_list_pixels

/* r3 terms, of bytes at r4, into r2. */
.macro bytes op
1:
    cmp r3, #8
    blo 2f
    .rept 8
    ldrb r12, [r0], #1
    ldrsb r12, [r4, r12]
    \op r2, r2, r12
    .endr
    subs r3, r3, #8
    b 1b
2:
    cbz r3, 4f
3:
    ldrb r12, [r0], #1
    ldrsb r12, [r4, r12]
    \op r2, r2, r12
    subs r3, r3, #1
    bne 3b
4:
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
    ldr r6, [r0], #4
    ubfx r4, r6, #16, #8
    add r4, r1, r4, lsl #8
    ubfx r3, r6, #24, #3
    lsls r2, r2, r3
    uxtb r3, r6
    bytes add
    ubfx r3, r6, #8, #8
    bytes sub
    cmp r6, #0
    bge .Lbytes
    ubfx r3, r6, #28, #3
    lsl r0, r2, r3
    pop {r4-r7, pc}
    .size tr_list_bytes, . - tr_list_bytes

#endif
