/* tr_output.h on RV32, with the registers of RV32E: requantisation of many sums. A core without multiplication adds
 * shifted sums. Offsets are those of struct tr_output, tr_channel and tr_run. */
#include "tr_isa.h"

#if defined(TR_CODE_RV32)

#define BIAS 4
#define MINIMUM 18
#define MAXIMUM 19
#define COMMON 24
#define RUN_COUNT 16
#define RUN_ROWS 20
#define RUN_SUM_SKIP 24
#define RUN_SKIP 28
#define LOW 0
#define HIGH 4
#define OFFSET 8
#define NEAR 12
#if defined(__riscv_mul)
#define FACTOR 16
#define CHANNEL_BYTES 20
#else
#define ADDED 16
#define TAKEN 20
#define CHANNEL_BYTES 24
#endif

/* q \op= sum << each of the shifts in \word, five bits each; \spare is spent. */
.macro shifted op, q, sum, word, spare
    .rept 5
    sll \spare, \sum, \word
    \op \q, \q, \spare
    srli \word, \word, 5
    beqz \word, 9f
    .endr
    sll \spare, \sum, \word
    \op \q, \q, \spare
9:
.endm

/* \q = \sum * factor + offset, by the constants at \quick. */
.macro scale q, sum, quick, word, spare
    lw \q, OFFSET(\quick)
#if defined(__riscv_mul)
    lw \word, FACTOR(\quick)
    mul \word, \word, \sum
    add \q, \q, \word
#else
    lw \word, ADDED(\quick)
    shifted add, \q, \sum, \word, \spare
    lw \word, TAKEN(\quick)
    beqz \word, 8f
    shifted sub, \q, \sum, \word, \spare
8:
#endif
.endm

/* void tr_finish_pixels(to, channels, sums, first, second)
 * a0 end of the first output, s0 constants, a2 sums, a3 and a4 outputs; a1 sum, a5 q, t0, t1 spare; s1 to; the first
 * output on the stack */
    .section .text.tr_finish_pixels, "ax", @progbits
    .align 2
    .global tr_finish_pixels
    .type tr_finish_pixels, @function
tr_finish_pixels:
    addi sp, sp, -48
    sw ra, 0(sp)
    sw s0, 4(sp)
    sw s1, 8(sp)
    sw a3, 12(sp)
    mv s1, a0
    lw s0, 0(a0)
    add a0, a3, a1
.Lchannel:
    .irp which, 0, 1
    lw a1, 4 * \which(a2)
    lw t0, LOW(s0)
    lw t1, HIGH(s0)
    blt a1, t0, .Lminimum_\which
    bgt a1, t1, .Lmaximum_\which
    scale a5, a1, s0, t0, t1
    lw t0, NEAR(s0)
    slli t1, a5, 8
    bleu t1, t0, .Lexact_\which
    srai a5, a5, 24
.Lstore_\which:
    .if \which
    sb a5, 0(a4)
    .else
    sb a5, 0(a3)
    .endif
    .endr
    addi a2, a2, 8
    addi a3, a3, 1
    addi a4, a4, 1
    addi s0, s0, CHANNEL_BYTES
    bne a3, a0, .Lchannel
    lw ra, 0(sp)
    lw s0, 4(sp)
    lw s1, 8(sp)
    addi sp, sp, 48
    ret
    .irp which, 0, 1
.Lminimum_\which:
    lb a5, MINIMUM(s1)
    j .Lstore_\which
.Lmaximum_\which:
    lb a5, MAXIMUM(s1)
    j .Lstore_\which
.Lexact_\which:
    sw a0, 16(sp)
    sw a2, 20(sp)
    sw a3, 24(sp)
    sw a4, 28(sp)
    lw t0, 12(sp)
    mv a2, a1
    sub a1, a3, t0
    mv a0, s1
    call tr_output_exact
    mv a5, a0
    lw a0, 16(sp)
    lw a2, 20(sp)
    lw a3, 24(sp)
    lw a4, 28(sp)
    j .Lstore_\which
    .endr
    .size tr_finish_pixels, . - tr_finish_pixels

/* void tr_finish_run(to, channel, run)
 * s0 constants, a2 sums, a3 their step, a4 output, a5 its step, t2 sums left; a1 sum, t0 q, t1, a0 spare;
 * ra low, s1 high; to, channel, run and rows left on the stack */
    .section .text.tr_finish_run, "ax", @progbits
    .align 2
    .global tr_finish_run
    .type tr_finish_run, @function
tr_finish_run:
    addi sp, sp, -48
    sw ra, 0(sp)
    sw s0, 4(sp)
    sw s1, 8(sp)
    sw a1, 12(sp)
    sw a2, 36(sp)
    lw t0, RUN_ROWS(a2)
    sw t0, 40(sp)
    sw a0, 44(sp)
    lw s0, 0(a0)
    slli t1, a1, 4
    add s0, s0, t1
#if CHANNEL_BYTES == 24
    slli t1, a1, 3
#else
    slli t1, a1, 2
#endif
    add s0, s0, t1
    lw ra, LOW(s0)
    lw s1, HIGH(s0)
    lw a3, 4(a2)
    lw a4, 8(a2)
    lw a5, 12(a2)
    lw t2, RUN_COUNT(a2)
    lw a2, 0(a2)
.Lsum:
    lw a1, 0(a2)
    blt a1, ra, .Lminimum
    bgt a1, s1, .Lmaximum
    scale t0, a1, s0, t1, a0
    lw t1, NEAR(s0)
    slli a0, t0, 8
    bleu a0, t1, .Lexact
    srai t0, t0, 24
.Lstore:
    sb t0, 0(a4)
    add a2, a2, a3
    add a4, a4, a5
    addi t2, t2, -1
    bnez t2, .Lsum
    lw t1, 40(sp)
    addi t1, t1, -1
    beqz t1, .Lend
    sw t1, 40(sp)
    lw a0, 36(sp)
    lw t0, RUN_SUM_SKIP(a0)
    lw t1, RUN_SKIP(a0)
    add a2, a2, t0
    add a4, a4, t1
    lw t2, RUN_COUNT(a0)
    j .Lsum
.Lend:
    lw ra, 0(sp)
    lw s0, 4(sp)
    lw s1, 8(sp)
    addi sp, sp, 48
    ret
.Lminimum:
    lw t0, 44(sp)
    lb t0, MINIMUM(t0)
    j .Lstore
.Lmaximum:
    lw t0, 44(sp)
    lb t0, MAXIMUM(t0)
    j .Lstore
.Lexact:
    sw a2, 16(sp)
    sw a3, 20(sp)
    sw a4, 24(sp)
    sw a5, 28(sp)
    sw t2, 32(sp)
    mv a2, a1
    lw a1, 12(sp)
    lw a0, 44(sp)
    call tr_output_exact
    mv t0, a0
    lw ra, LOW(s0)
    lw a2, 16(sp)
    lw a3, 20(sp)
    lw a4, 24(sp)
    lw a5, 28(sp)
    lw t2, 32(sp)
    j .Lstore
    .size tr_finish_run, . - tr_finish_run

#define UNITS_TO 12
#define UNITS_END 16
#define UNITS_MINIMUM 20
#define UNITS_CHANNELS 24

/* void tr_finish_units(to, channel, count, sums, output): layers with common constants two outputs a round
 * a0 biases, a3 sums, a4 output; a1 sum, a5 q, t0, t1 spare; a2 high, s0 offset, s1 near, ra factor, or what is added
 * and t2 taken; others: a0 constants, s0 end of the outputs; to, the ends of the outputs and of the channels and the
 * minimum on the stack */
    .section .text.tr_finish_units, "ax", @progbits
    .align 2
    .global tr_finish_units
    .type tr_finish_units, @function
tr_finish_units:
    addi sp, sp, -32
    sw ra, 0(sp)
    sw s0, 4(sp)
    sw s1, 8(sp)
    sw a0, UNITS_TO(sp)
.Lunits:
    lb t2, MINIMUM(a0)
    lw t0, 0(a0)
    add t1, a1, a2
    sw t2, UNITS_MINIMUM(sp)
    sw t1, UNITS_CHANNELS(sp)
    add s0, a4, a2
    sw s0, UNITS_END(sp)
    lbu t2, COMMON(a0)
    lw t1, BIAS(a0)
    beqz t2, .Lunits_each
    slli a1, a1, 2
    add a0, t1, a1
    andi a1, a2, 1
    lw a2, HIGH(t0)
    lw s0, OFFSET(t0)
    lw s1, NEAR(t0)
#if defined(__riscv_mul)
    lw ra, FACTOR(t0)
#else
    lw ra, ADDED(t0)
    lw t2, TAKEN(t0)
#endif
    beqz a1, .Lunit_0
    addi a0, a0, -4
    addi a3, a3, -8
    addi a4, a4, -1
    j .Lunit_1
.Lround:
    addi a0, a0, 8
    addi a3, a3, 16
    .irp which, 0, 1
.Lunit_\which:
    lw a1, 8 * \which(a3)
    lw t0, 4 * \which(a0)
    add a1, a1, t0
    bltz a1, .Lunit_minimum_\which
    bgt a1, a2, .Lunit_maximum_\which
#if defined(__riscv_mul)
    mul a5, a1, ra
    add a5, a5, s0
#else
    sll t1, a1, ra
    add a5, s0, t1
    srli t0, ra, 5
    beqz t0, 8f
    shifted add, a5, a1, t0, t1
8:
    beqz t2, 8f
    mv t0, t2
    shifted sub, a5, a1, t0, t1
8:
#endif
    slli t1, a5, 8
    bleu t1, s1, .Lunit_exact_\which
    srai a5, a5, 24
.Lunit_store_\which:
    sb a5, \which(a4)
    .endr
    lw t0, UNITS_END(sp)
    addi a4, a4, 2
    bne a4, t0, .Lround
.Lunits_end:
    lw ra, 0(sp)
    lw s0, 4(sp)
    lw s1, 8(sp)
    addi sp, sp, 32
    ret
.Lunits_each:
    slli t1, a1, 4
    add a0, t0, t1
#if CHANNEL_BYTES == 24
    slli t1, a1, 3
#else
    slli t1, a1, 2
#endif
    add a0, a0, t1
.Leach:
    lw a1, 0(a3)
    lw t0, LOW(a0)
    lw t1, HIGH(a0)
    blt a1, t0, .Leach_minimum
    bgt a1, t1, .Leach_maximum
    scale a5, a1, a0, t0, t1
    lw t0, NEAR(a0)
    slli t1, a5, 8
    bleu t1, t0, .Lunit_exact_0
    srai a5, a5, 24
.Leach_store:
    sb a5, 0(a4)
    addi a0, a0, CHANNEL_BYTES
    addi a3, a3, 8
    addi a4, a4, 1
    bne a4, s0, .Leach
    j .Lunits_end
.Leach_minimum:
    lw a5, UNITS_MINIMUM(sp)
    j .Leach_store
.Leach_maximum:
    lw a5, UNITS_TO(sp)
    lb a5, MAXIMUM(a5)
    j .Leach_store
    .irp which, 0, 1
.Lunit_minimum_\which:
    lw a5, UNITS_MINIMUM(sp)
    j .Lunit_store_\which
.Lunit_maximum_\which:
    lw a5, UNITS_TO(sp)
    lb a5, MAXIMUM(a5)
    j .Lunit_store_\which
    .endr
.Lunit_exact_1:
    addi a3, a3, 8
    addi a4, a4, 1
.Lunit_exact_0: /* and then those that are left anew */
    mv s1, a4
    addi s0, a3, 8
    lw a2, 0(a3)
    lw t0, UNITS_END(sp)
    lw a1, UNITS_CHANNELS(sp)
    sub t0, t0, a4
    sub a1, a1, t0
    lw a0, UNITS_TO(sp)
    call tr_output_exact
    sb a0, 0(s1)
    addi a4, s1, 1
    lw t0, UNITS_END(sp)
    lw a1, UNITS_CHANNELS(sp)
    sub a2, t0, a4
    sub a1, a1, a2
    lw a0, UNITS_TO(sp)
    mv a3, s0
    bnez a2, .Lunits
    j .Lunits_end
    .size tr_finish_units, . - tr_finish_units

#endif
