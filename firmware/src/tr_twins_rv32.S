/* tr_twins.h on RV32IM. */
#if defined(__riscv_mul) && !defined(__riscv_32e)

/* Four rows by the activation in t1: weights at a0 + \at, the mask of two bytes in a4; t0 and t2 are spent. */
.macro element at
    lw t0, \at(a0)
    and t2, t0, a4
    srli t0, t0, 8
    and t0, t0, a4
    mul t2, t2, t1
    mul t0, t0, t1
    add a6, a6, t2
    add a7, a7, t0
.endm

/* The lanes of \accumulator to two sums. */
.macro flush accumulator, first, second
    slli t0, \accumulator, 16
    srai t0, t0, 16
    sub \accumulator, \accumulator, t0
    srai \accumulator, \accumulator, 16
    add \first, \first, t0
    add \second, \second, \accumulator
    li \accumulator, 0
.endm

/* void tr_twins(block, units, end, sums)
 * a5 flags, a6 and a7 lanes, t3 activations; t4-t6 and s0 sums */
    .section .text.tr_twins, "ax", @progbits
    .align 2
    .global tr_twins
    .type tr_twins, @function
tr_twins:
    addi sp, sp, -16
    sw s0, 12(sp)
    li a4, 0x00FF00FF
    li a6, 0
    li a7, 0
    li t4, 0
    li t5, 0
    li t6, 0
    li s0, 0
1:
    lw a5, 0(a0)
    addi a0, a0, 4
2:
    lw t0, 0(a1)
    lw t3, 4(a1)
    addi a1, a1, 8
    add a6, a6, t0
    add a7, a7, t0
    slli t1, t3, 24
    srai t1, t1, 24
    element 0
    slli t1, t3, 16
    srai t1, t1, 24
    element 4
    slli t1, t3, 8
    srai t1, t1, 24
    element 8
    srai t1, t3, 24
    element 12
    mv t0, a5
    slli a5, a5, 1
    addi a0, a0, 16
    bgez t0, 2b
    flush a6, t4, t5
    flush a7, t6, s0
    bnez a5, 2b
    bne a1, a2, 1b
    sw t4, 0(a3)
    sw t5, 8(a3)
    sw t6, 16(a3)
    sw s0, 24(a3)
    lw s0, 12(sp)
    addi sp, sp, 16
    ret
    .size tr_twins, . - tr_twins

#endif
