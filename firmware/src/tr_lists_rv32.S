/* tr_lists.h on RV32, with the registers of RV32E. A run is four bytes: added, subtracted, block, and double (3 bits),
 * flush (1), shift (3), last (1). */
#include "tr_isa.h"

#if defined(TR_CODE_RV32)

/* One term: the byte at a0 + \at names four words at a5; accumulators s0, s1, t0, t1; a3 and a4 are spent. */
.macro term op, at
    lbu a3, \at(a0)
    slli a3, a3, 4
    add a3, a3, a5
    lw a4, 0(a3)
    \op s0, s0, a4
    lw a4, 4(a3)
    \op s1, s1, a4
    lw a4, 8(a3)
    \op t0, t0, a4
    lw a4, 12(a3)
    \op t1, t1, a4
.endm

/* The terms from a0 up to t2. */
.macro list op
    sub a3, t2, a0
    andi a3, a3, 3
    beqz a3, 2f
    add ra, a0, a3
1:
    term \op, 0
    addi a0, a0, 1
    bne a0, ra, 1b
2:
    beq a0, t2, 4f
3:
    term \op, 0
    term \op, 1
    term \op, 2
    term \op, 3
    addi a0, a0, 4
    bne a0, t2, 3b
4:
.endm

/* The lanes of \accumulator to two sums; both shifted by a4. */
.macro flush accumulator, at
    slli a3, \accumulator, 16
    srai a3, a3, 16
    sub \accumulator, \accumulator, a3
    srai \accumulator, \accumulator, 16
    lw a5, \at(a2)
    add a3, a3, a5
    lw a5, \at + 4(a2)
    add \accumulator, \accumulator, a5
    sll a3, a3, a4
    sll \accumulator, \accumulator, a4
    sw a3, \at(a2)
    sw \accumulator, \at + 4(a2)
    li \accumulator, 0
.endm

/* void tr_list_pixels(const uint8_t *runs, const int32_t *words, int32_t *sums)
 * a5 block, a1 words, a2 sums; the run's flags and the end of the second list on the stack */
    .section .text.tr_list_pixels, "ax", @progbits
    .align 2
    .global tr_list_pixels
    .type tr_list_pixels, @function
tr_list_pixels:
    addi sp, sp, -32
    sw ra, 0(sp)
    sw s0, 4(sp)
    sw s1, 8(sp)
    li s0, 0
    li s1, 0
    li t0, 0
    li t1, 0
    .irp at, 0, 4, 8, 12, 16, 20, 24, 28
    sw zero, \at(a2)
    .endr
.Lrun:
    lbu a5, 2(a0)
    slli a5, a5, 12
    add a5, a5, a1
    lbu a3, 3(a0)
    sw a3, 12(sp)
    andi a3, a3, 7
    beqz a3, .Lsame
    sll s0, s0, a3
    sll s1, s1, a3
    sll t0, t0, a3
    sll t1, t1, a3
.Lsame:
    lbu t2, 0(a0)
    lbu a3, 1(a0)
    addi a0, a0, 4
    add t2, t2, a0
    add a3, a3, t2
    sw a3, 16(sp)
    list add
    lw t2, 16(sp)
    list sub
    lw a3, 12(sp)
    andi a4, a3, 8
    beqz a4, .Lunflushed
    srli a4, a3, 4
    andi a4, a4, 7
    flush s0, 0
    flush s1, 8
    flush t0, 16
    flush t1, 24
    lw a3, 12(sp)
.Lunflushed:
    srli a3, a3, 7
    beqz a3, .Lrun
    lw ra, 0(sp)
    lw s0, 4(sp)
    lw s1, 8(sp)
    addi sp, sp, 32
    ret
    .size tr_list_pixels, . - tr_list_pixels

/* The terms from a0 up to t2, of bytes at a5, into a2; a3 and t0 spare. The first round begins inside, four
 * instructions of four bytes a term. */
.macro bytes op
    beq a0, t2, 2f
    sub a3, a0, t2
    andi a3, a3, 7
    sub a0, a0, a3
    slli a3, a3, 4
3:
    auipc t0, %pcrel_hi(1f)
    add t0, t0, a3
    jr %pcrel_lo(3b)(t0)
    .option push
    .option norvc
1:
    .irp at, 0, 1, 2, 3, 4, 5, 6, 7
    lbu a3, \at(a0)
    add a3, a3, a5
    lb a3, 0(a3)
    \op a2, a2, a3
    .endr
    .option pop
    addi a0, a0, 8
    bne a0, t2, 1b
2:
.endm

/* int32_t tr_list_bytes(const uint8_t *runs, const int8_t *x) */
    .section .text.tr_list_bytes, "ax", @progbits
    .align 2
    .global tr_list_bytes
    .type tr_list_bytes, @function
tr_list_bytes:
    li a2, 0
.Lbytes:
    lbu a5, 2(a0)
    slli a5, a5, 8
    add a5, a5, a1
    lbu a4, 3(a0)
    andi a3, a4, 7
    sll a2, a2, a3
    lbu t2, 0(a0)
    lbu t1, 1(a0)
    addi a0, a0, 4
    add t2, t2, a0
    add t1, t1, t2
    bytes add
    mv t2, t1
    bytes sub
    srli a3, a4, 7
    beqz a3, .Lbytes
    srli a3, a4, 4
    andi a3, a3, 7
    sll a0, a2, a3
    ret
    .size tr_list_bytes, . - tr_list_bytes

#endif
