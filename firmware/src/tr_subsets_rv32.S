/* tr_subsets.h on RV32, with the registers of RV32E. */
#include "tr_isa.h"

#if defined(TR_CODE_RV32)

/* Element \at of x, twice: a2; a3 is spent. */
.macro twice at
    lbu a2, \at(a0)
    xori a2, a2, 128
    slli a3, a2, 16
    or a2, a2, a3
.endm

/* void tr_subset_sums(const int8_t *x, uint16_t *sums): two sums a word
 * a4 words that are there, t2 their end, a5 the next ones */
    .section .text.tr_subset_sums, "ax", @progbits
    .align 2
    .global tr_subset_sums
    .type tr_subset_sums, @function
tr_subset_sums:
    lbu a4, 0(a0)
    xori a4, a4, 128
    slli a4, a4, 16
    twice 1
    add a5, a4, a2
    sw a4, 0(a1)
    sw a5, 4(a1)
    twice 2
    add a4, a4, a2
    add a5, a5, a2
    sw a4, 8(a1)
    sw a5, 12(a1)
    addi a5, a1, 16
    .irp at, 3, 4, 5, 6, 7
    twice \at
    mv a4, a1
    mv t2, a5
1:
    lw a3, 0(a4)
    lw t0, 4(a4)
    lw t1, 8(a4)
    add a3, a3, a2
    add t0, t0, a2
    add t1, t1, a2
    sw a3, 0(a5)
    lw a3, 12(a4)
    sw t0, 4(a5)
    sw t1, 8(a5)
    add a3, a3, a2
    sw a3, 12(a5)
    addi a4, a4, 16
    addi a5, a5, 16
    bne a4, t2, 1b
    .endr
    ret
    .size tr_subset_sums, . - tr_subset_sums

/* \to = the sum that the byte at a0 + \at names in a table \table bytes behind a1. */
.macro named to, at, table
    lbu \to, \at(a0)
    slli \to, \to, 1
    add \to, \to, a1
    lhu \to, \table(\to)
.endm

/* const uint8_t *tr_subset_rows(planes, sums, totals, end)
 * a2 totals, a3 end, a4 a row's sum, t0 how many bytes are missing, t2 the planes' code: eleven instructions of four
 * bytes each; the missing ones are jumped over. */
    .section .text.tr_subset_rows, "ax", @progbits
    .align 2
    .global tr_subset_rows
    .type tr_subset_rows, @function
tr_subset_rows:
    lla t2, 2f
1:
    lbu t0, 0(a0)
    named a4, 1, 0
    named a5, 2, 512
    add a4, a4, a5
    neg a4, a4
    sub a0, a0, t0
    slli t1, t0, 1
    add t0, t0, t1
    slli t0, t0, 3
    sub t0, t0, t1
    add t0, t0, t2
    jr t0
    .option push
    .option norvc
2:
    .irp at, 3, 5, 7, 9, 11, 13, 15
    slli a4, a4, 1
    named a5, \at, 0
    add a4, a4, a5
    named a5, \at + 1, 512
    add a4, a4, a5
    .endr
    .option pop
    addi a0, a0, 17
    lw a5, 0(a2)
    add a5, a5, a4
    sw a5, 0(a2)
    addi a2, a2, 4
    bne a2, a3, 1b
    ret
    .size tr_subset_rows, . - tr_subset_rows

#endif
