/* tr_joint.h: all rows by two pixels. */
#if defined(__ARM_FEATURE_DSP)

#define WORDS 0
#define END 4
#define SUMS 8
#define BLOCKS 12
#define ENTRY 16
#define SKIPPED 20
#define SIZE 24
#define TOGETHER 8

    .syntax unified
    .thumb

    .altmacro

/* Pair number k of activations of both pixels by four rows; r2 and r12 the pixels, r3 and lr weights of two rows each.
 * Four loads in a row take five cycles, two double ones six. */
.macro pair_joint k
    ldr.n r2, [r1, #8 * \k]
    ldr.w r12, [r1, #8 * \k + 4]
    ldr.n r3, [r0, #8 * \k]
    ldr.w lr, [r0, #8 * \k + 4]
    smlad r6, r3, r2, r6
    smlad r7, r3, r12, r7
    smlad r10, lr, r2, r10
    smlad r11, lr, r12, r11
    sxtb16 r3, r3
    sxtb16 lr, lr
    smlad r4, r3, r2, r4
    smlad r5, r3, r12, r5
    smlad r8, lr, r2, r8
    smlad r9, lr, r12, r9
.endm

.macro rows_apart a0, a1, b0, b1
    sxtb16 lr, r3
    smlad \a0, lr, r2, \a0
    smlad \a1, lr, r12, \a1
    sxtb16 r3, r3, ror #8
    smlad \b0, r3, r2, \b0
    smlad \b1, r3, r12, \b1
.endm

.macro pair_apart k
    ldr.n r2, [r1, #8 * \k]
    ldr.w r12, [r1, #8 * \k + 4]
    ldr.n r3, [r0, #8 * \k]
    rows_apart r4, r5, r6, r7
    ldr.n r3, [r0, #8 * \k + 4]
    rows_apart r8, r9, r10, r11
.endm

/* What a pair leaves of the second row of two: first + 256 * second. */
.macro part_joint first, second
    sub \second, \second, \first
    asr \second, \second, #8
.endm

.macro part_apart first, second
.endm

/* void tr_rows_KIND(weights, words, end, sums, blocks)
 * r0 weights, r1 words, r4-r11 sums, the rest on the stack. The loop takes TOGETHER pairs of BYTES of code and is
 * entered so that the last round ends with them; both pointers begin as many pairs before theirs as are skipped. */
.macro multiply kind, bytes
    .section .text.tr_rows_\kind, "ax", %progbits
    .align 2
    .global tr_rows_\kind
    .type tr_rows_\kind, %function
    .thumb_func
tr_rows_\kind:
    push {r4-r11, lr}
    ldr r4, [sp, #36]
    subs r5, r1, r2
    ubfx r5, r5, #3, #3
    lsls r7, r5, #3
    subs r1, r1, r7
    movs r6, #\bytes
    muls r5, r6, r5
    push {r1, r2, r3, r4, r5, r7}
    .align 2
1:
    .irp sum, r4, r5, r6, r7, r8, r9, r10, r11
    mov \sum, #0
    .endr
    ldr r2, [sp, #SKIPPED]
    subs r0, r0, r2
    ldr r2, [sp, #ENTRY]
    add pc, r2
    nop
2:
    .set pair, 0
    .rept TOGETHER
    pair_\kind %pair
    .set pair, pair + 1
    .endr
3:
    .if 3b - 2b - TOGETHER * \bytes
    .error "a pair of activations takes other bytes of code"
    .endif
    adds r0, r0, #8 * TOGETHER
    adds r1, r1, #8 * TOGETHER
    ldr r2, [sp, #END]
    cmp r1, r2
    bne 2b
    part_\kind r4, r6
    part_\kind r5, r7
    part_\kind r8, r10
    part_\kind r9, r11
    ldr r2, [sp, #SUMS]
    stmia r2!, {r4-r11}
    str r2, [sp, #SUMS]
    ldr r1, [sp, #WORDS]
    ldr r2, [sp, #BLOCKS]
    subs r2, r2, #1
    str r2, [sp, #BLOCKS]
    bne 1b
    add sp, sp, #SIZE
    pop {r4-r11, pc}
    .size tr_rows_\kind, . - tr_rows_\kind
.endm

    multiply joint, 52
    multiply apart, 58

#endif
