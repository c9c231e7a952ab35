/* tr_dual.h on Armv7E-M. Offsets are those of struct tr_dual, which is copied to the stack up to SIZE. */
#if defined(__ARM_FEATURE_DSP)

#define BIAS 0
#define CENTRE 8
#define SHIFT 12
#define STEP 16
#define ROW_END 20
#define ROWS 24
#define SKIP 28
#define ROW_STEP 32
#define ODD 36
#define OUTPUT_SKIP 40
#define MINIMUM 44
#define SIZE 52
#define PITCH 52
#define PAIR 56
#define LINES 60
#define LINE 64
#define ENTRY 68
#define LINES_SIZE 72
#define WORDS 8
#define WORD_BYTES 20

    .syntax unified
    .thumb

/* Weights 0, 1 and 2 of a row at r1, as pairs 0 and 1, 1 and 2; r9, r10 and r11 spare. */
.macro weights from, low, high
    ldrsb r9, [r1, #\from]
    ldrsb r10, [r1, #\from + 1]
    ldrsb r11, [r1, #\from + 2]
    pkhbt \low, r9, r10, lsl #16
    pkhbt \high, r10, r11, lsl #16
.endm

/* One row of two windows, 4 activations for stride 1, 5 for stride 2. */
.macro row_1 at, low, high
    ldrd r9, r10, [\at], #4
    .ifc \at, r0
    smuad r11, r9, \low
    smultb r12, r9, \low
    .else
    smlad r11, r9, \low, r11
    smlatb r12, r9, \low, r12
    .endif
    smlabt r11, r10, \high, r11
    smlad r12, r10, \high, r12
.endm

.macro row_2 at, low, high
    ldrd r9, r10, [\at], #8
    .ifc \at, r0
    smuad r11, r9, \low
    smuad r12, r10, \low
    .else
    smlad r11, r9, \low, r11
    smlad r12, r10, \low, r12
    .endif
    ldr r9, [\at]
    smlabt r11, r10, \high, r11
    smlabt r12, r9, \high, r12
.endm

/* Two sums to two results, of which the first is stored; r9 spare, r10 the step between outputs behind it. */
.macro finish kind
    ldrd r9, r10, [sp, #BIAS]
    add r11, r9, r11, lsl #1
    add r12, r9, r12, lsl #1
    ldr r9, [sp, #CENTRE]
    .ifc \kind, plain
    smmlar r11, r11, r10, r9
    smmlar r12, r12, r10, r9
    .else
    add r9, r9, r11, asr #31
    smmlar r11, r11, r10, r9
    ldr r9, [sp, #CENTRE]
    add r9, r9, r12, asr #31
    smmlar r12, r12, r10, r9
    .endif
    ldrd r9, r10, [sp, #SHIFT]
    asr r11, r11, r9
    asr r12, r12, r9
    ssat r11, #8, r11, asr #1
    ssat r12, #8, r12, asr #1
    .ifc \kind, clamped
    pkhbt r11, r11, r12, lsl #16
    ldrd r9, r10, [sp, #MINIMUM]
    ssub16 r12, r11, r9
    sel r11, r11, r9
    ssub16 r12, r11, r10
    sel r11, r10, r11
    ldr r10, [sp, #STEP]
    asr r12, r11, #16
    .endif
    strb r11, [lr]
.endm

/* \words words of *r0 to the stack, from the lowest on. */
.macro copied bytes
    sub sp, sp, #\bytes
    mov r12, sp
    .rept \bytes / 24
    ldmia r0!, {r4-r8, r10}
    stmia r12!, {r4-r8, r10}
    .endr
    .if \bytes % 24
    ldr r4, [r0]
    str r4, [r12]
    .endif
.endm

/* To the next row of windows, of which r10 bytes are skipped; r9, r10 and r11 spare, lr output. */
.macro next_row
    ldrd r9, r11, [sp, #ROW_END]
    subs r11, r11, #1
    ldr r10, [sp, #ROW_STEP]
    add r9, r9, r10
    strd r9, r11, [sp, #ROW_END]
    ldr r10, [sp, #OUTPUT_SKIP]
    add lr, lr, r10
.endm

/* void tr_dual_3x3_N_KIND(how, weights, plane, output)
 * r0-r2 three rows of words; r3-r8 weights; r9, r10 activations; r11, r12 sums; lr output */
.macro plane stride, kind
    .section .text.tr_dual_3x3_\stride\()_\kind, "ax", %progbits
    .align 2
    .global tr_dual_3x3_\stride\()_\kind
    .type tr_dual_3x3_\stride\()_\kind, %function
    .thumb_func
tr_dual_3x3_\stride\()_\kind:
    push {r4-r11, lr}
    mov r9, r3
    ldr r11, [r0, #PITCH]
    copied SIZE
    mov r0, r2
    mov lr, r9
    mov r12, r11
    weights 0, r3, r4
    weights 3, r5, r6
    weights 6, r7, r8
    add r1, r0, r12
    add r2, r1, r12
1:
    ldr r9, [sp, #ROW_END]
    cmp r0, r9
    beq 3f
2:
    row_\stride r0, r3, r4
    row_\stride r1, r5, r6
    row_\stride r2, r7, r8
    finish \kind
    strb r12, [lr, r10]
    ldr r9, [sp, #ROW_END]
    add lr, lr, r10, lsl #1
    cmp r0, r9
    bne 2b
3:
    ldr r9, [sp, #ODD]
    cmp r9, #0
    beq 4f
    row_\stride r0, r3, r4
    row_\stride r1, r5, r6
    row_\stride r2, r7, r8
    finish \kind
    add lr, lr, r10
4:
    ldr r10, [sp, #SKIP]
    add r0, r0, r10
    add r1, r1, r10
    add r2, r2, r10
    next_row
    bne 1b
    add sp, sp, #SIZE
    pop {r4-r11, pc}
    .size tr_dual_3x3_\stride\()_\kind, . - tr_dual_3x3_\stride\()_\kind
.endm

/* One line of two windows: \n words of activations at r0, each by one word of weights at r1 for either output. */
.macro line
    add pc, r4
    nop
    .irp at, 0, 1, 2, 3, 4, 5, 6, 7
    ldr.w r7, [r0, #4 * \at]
    ldr.w r8, [r1, #8 * \at]
    ldr.w r9, [r1, #8 * \at + 4]
    smlad r11, r7, r8, r11
    smlad r12, r7, r9, r12
    .endr
    ldr r7, [r1, #8 * WORDS]
    subs r2, r2, #1
    add r1, r1, r6
    add r0, r0, r7
.endm

/* Two windows at r3; weights from r5 on. */
.macro windows
    ldr r2, [sp, #LINES]
    mov r0, r3
    mov r1, r5
    mov r11, #0
    mov r12, #0
    .align 2
1:
    line
    bne 1b
.endm

/* void tr_dual_lines_KIND(how, weights, plane, output)
 * r0 words and r1 weights of a line; r2 lines left; r3 words of the pair; r4 code that is skipped in a line; r5 all
 * weights; r6 from a line to the next; r7 activations; r8, r9 weights; r11, r12 sums; lr output. Words begin WORDS less
 * those of a line before the first one, and so do weights. */
.macro lines kind
    .section .text.tr_dual_lines_\kind, "ax", %progbits
    .align 2
    .global tr_dual_lines_\kind
    .type tr_dual_lines_\kind, %function
    .thumb_func
tr_dual_lines_\kind:
    push {r4-r11, lr}
    mov lr, r3
    copied LINES_SIZE
    mov r3, r2
    mov r5, r1
    ldr r4, [sp, #ENTRY]
    ldr r6, [sp, #LINE]
2:
    ldr r9, [sp, #ROW_END]
    cmp r3, r9
    beq 4f
3:
    windows
    finish \kind
    ldr r9, [sp, #PAIR]
    strb r12, [lr, r10]
    add r3, r3, r9
    ldr r9, [sp, #ROW_END]
    add lr, lr, r10, lsl #1
    cmp r3, r9
    bne 3b
4:
    ldr r9, [sp, #ODD]
    cmp r9, #0
    beq 5f
    windows
    finish \kind
    ldr r9, [sp, #PAIR]
    add lr, lr, r10
    add r3, r3, r9
5:
    ldr r10, [sp, #SKIP]
    add r3, r3, r10
    next_row
    bne 2b
    add sp, sp, #LINES_SIZE
    pop {r4-r11, pc}
    .size tr_dual_lines_\kind, . - tr_dual_lines_\kind
.endm

    .irp kind, plain, signed, clamped
    plane 1, \kind
    plane 2, \kind
    lines \kind
    .endr

#endif
