/* tr_pack of tr_pixels.h on RV32, with the registers of RV32E. */
#include "tr_isa.h"

#if defined(TR_CODE_RV32)

/* A word at a4 of activations at a0 and a1, which go on by a2; a4 goes on by a5; t0 and t1 are spent. */
.macro pack
    lb t0, 0(a0)
    lb t1, 0(a1)
    add a0, a0, a2
    add a1, a1, a2
    slli t1, t1, 16
    add t0, t0, t1
    sw t0, 0(a4)
    add a4, a4, a5
.endm

/* int32_t *tr_pack(first, second, apart, count, words, step)
 * a3 words left, a5 bytes between words */
    .section .text.tr_pack, "ax", @progbits
    .align 2
    .global tr_pack
    .type tr_pack, @function
tr_pack:
    slli a5, a5, 2
    beqz a3, 4f
    andi t0, a3, 1
    beqz t0, 1f
    pack
    addi a3, a3, -1
    beqz a3, 4f
1:
    andi t0, a3, 2
    beqz t0, 3f
    pack
    pack
    addi a3, a3, -2
    beqz a3, 4f
3:
    pack
    pack
    pack
    pack
    addi a3, a3, -4
    bnez a3, 3b
4:
    mv a0, a4
    ret
    .size tr_pack, . - tr_pack

#endif
