/* tr_winograd.h on RV32IM: four rows of weights by the points of two tiles at a time. */
#if defined(__riscv_mul) && !defined(__riscv_32e)

#define PAIR_SUMS 512 /* bytes */

/* One row's weight at a5 + \at by the points of both tiles; s6 and s7 are spent. */
.macro row at, first, second
    lh s6, \at(a5)
    mul s7, s6, s4
    mul s6, s6, s5
    add \first, \first, s7
    add \second, \second, s6
.endm

/* One channel: weights at a5 + \weights, points at a1 + \points. */
.macro channel weights, points
    lh s4, \points(a1)
    lh s5, \points + 4(a1)
    row \weights, t0, t4
    row \weights + 4, t1, t5
    row \weights + 8, t2, t6
    row \weights + 12, t3, s0
.endm

/* void tr_winograd_block(weights, points, sums, depth, pairs)
 * a0 weights of a point, a1 points and a7 their end, a2 sums; t0-t3 sums of one tile, t4-t6 and s0 of the other; s1
 * points left, s3 pairs left; bytes: s2 four points of two tiles, s8 of all tiles, s9 from the last sum to the next */
    .section .text.tr_winograd_block, "ax", @progbits
    .align 2
    .global tr_winograd_block
    .type tr_winograd_block, @function
tr_winograd_block:
    addi sp, sp, -48
    sw s0, 0(sp)
    sw s1, 4(sp)
    sw s2, 8(sp)
    sw s3, 12(sp)
    sw s4, 16(sp)
    sw s5, 20(sp)
    sw s6, 24(sp)
    sw s7, 28(sp)
    sw s8, 32(sp)
    sw s9, 36(sp)
    slli s2, a3, 5
    mul s8, s2, a4
    slli s9, a4, 9
    addi s9, s9, -4
    li s1, 16
1:
    mv s3, a4
2:
    add a7, a1, s2
    mv a5, a0
    .irp sum, t0, t1, t2, t3, t4, t5, t6, s0
    li \sum, 0
    .endr
3:
    channel 0, 0
    channel 2, 2
    channel 16, 32
    channel 18, 34
    addi a1, a1, 64
    addi a5, a5, 32
    bne a1, a7, 3b
    sw t0, 0(a2)
    sw t1, 64(a2)
    sw t2, 128(a2)
    sw t3, 192(a2)
    sw t4, 256(a2)
    sw t5, 320(a2)
    sw t6, 384(a2)
    sw s0, 448(a2)
    addi a2, a2, PAIR_SUMS
    addi s3, s3, -1
    bnez s3, 2b
    mv a0, a5
    sub a2, a2, s9
    addi s1, s1, -1
    beqz s1, 5f
    andi s3, s1, 3
    beqz s3, 4f
    sub a1, a1, s8
    addi a1, a1, 8
    j 1b
4: /* a row of points is done */
    addi a1, a1, -24
    j 1b
5:
    lw s0, 0(sp)
    lw s1, 4(sp)
    lw s2, 8(sp)
    lw s3, 12(sp)
    lw s4, 16(sp)
    lw s5, 20(sp)
    lw s6, 24(sp)
    lw s7, 28(sp)
    lw s8, 32(sp)
    lw s9, 36(sp)
    addi sp, sp, 48
    ret
    .size tr_winograd_block, . - tr_winograd_block

#endif
