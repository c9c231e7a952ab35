/* tr_joint.h: all rows by two pixels, and two rows of bytes spread out. */
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

/* Two products added to a sum, or its \first ones. */
.macro dual sum, a, b, first
    .ifb \first
    smlad \sum, \a, \b, \sum
    .else
    smuad \sum, \a, \b
    .endif
.endm

/* Pair number k of activations of both pixels by four rows; r2 and r12 the pixels, r3 and lr weights of two rows each.
 * Four loads in a row take five cycles, two double ones six. */
.macro pair_joint k, first
    ldr.n r2, [r1, #8 * \k]
    ldr.w r12, [r1, #8 * \k + 4]
    ldr.n r3, [r0, #8 * \k]
    ldr.w lr, [r0, #8 * \k + 4]
    dual r6, r3, r2, \first
    dual r7, r3, r12, \first
    dual r10, lr, r2, \first
    dual r11, lr, r12, \first
    sxtb16 r3, r3
    sxtb16 lr, lr
    dual r4, r3, r2, \first
    dual r5, r3, r12, \first
    dual r8, lr, r2, \first
    dual r9, lr, r12, \first
.endm

.macro rows_apart a0, a1, b0, b1, first
    sxtb16 lr, r3
    dual \a0, lr, r2, \first
    dual \a1, lr, r12, \first
    sxtb16 r3, r3, ror #8
    dual \b0, r3, r2, \first
    dual \b1, r3, r12, \first
.endm

.macro pair_apart k, first
    ldr.n r2, [r1, #8 * \k]
    ldr.w r12, [r1, #8 * \k + 4]
    ldr.n r3, [r0, #8 * \k]
    rows_apart r4, r5, r6, r7, \first
    ldr.n r3, [r0, #8 * \k + 4]
    rows_apart r8, r9, r10, r11, \first
.endm

/* What a pair leaves of the second row of two: first + 256 * second. */
.macro part_joint first, second
    sub \second, \second, \first
    asr \second, \second, #8
.endm

.macro part_apart first, second
.endm

/* Rounds of TOGETHER pairs of as many \bytes of code each, up to the word at \end on the stack. */
.macro rounds kind, bytes, end
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
    ldr r2, [sp, #\end]
    cmp r1, r2
    bne 2b
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
    rounds \kind, \bytes, END
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

/* One row's sums of two pixels, requantised (kernels/direct.py); twice a sum is its register shifted as \twice says.
 * r0 constants, r12 twice the zero point + 1; r1-r3 bias, multiplier and shift, lr what is added. */
.macro finish way, a, b, twice:vararg
    ldmia r0!, {r1-r3}
    lsl lr, r12, r3
    add \a, r1, \a, \twice
    add \b, r1, \b, \twice
    .ifc \way, plain
    smmlar \a, \a, r2, lr
    smmlar \b, \b, r2, lr
    .else
    add r1, lr, \a, asr #31
    smmlar \a, \a, r2, r1
    add r1, lr, \b, asr #31
    smmlar \b, \b, r2, r1
    .endif
    asr \a, \a, r3
    asr \b, \b, r3
    ssat \a, #8, \a, asr #1
    ssat \b, #8, \b, asr #1
.endm

.macro finish_joint way /* the second row's sum is (second - first) / 256, exactly */
    sub r6, r6, r4
    sub r7, r7, r5
    sub r10, r10, r8
    sub r11, r11, r9
    finish \way, r4, r5, lsl #1
    finish \way, r6, r7, asr #7
    finish \way, r8, r9, lsl #1
    finish \way, r10, r11, asr #7
.endm

.macro finish_apart way
    finish \way, r4, r5, lsl #1
    finish \way, r6, r7, lsl #1
    finish \way, r8, r9, lsl #1
    finish \way, r10, r11, lsl #1
.endm

#define TO_WORDS 0
#define TO_END 4
#define TO_ENTRY 8
#define TO_SKIPPED 12
#define TO_WEIGHTS 16
#define TO_DIRECT 20
#define TO_OUTPUT 24
#define TO_SECOND 28
#define TO_CHANNELS 32
#define TO_CENTRE 36
#define TO_MINIMUM 40
#define TO_SIZE 48

/* Four rows' results in a word each, of the first pixel in r4 and of the second one in r5. */
.macro pack_results
    bfi r4, r6, #8, #8
    bfi r4, r8, #16, #8
    bfi r4, r10, #24, #8
    bfi r5, r7, #8, #8
    bfi r5, r9, #16, #8
    bfi r5, r11, #24, #8
.endm

/* Every byte of \word no less than that of \minimum and no more than that of \maximum; r3 is spent. */
.macro clamp_bytes word, minimum, maximum
    ssub8 r3, \word, \minimum
    sel \word, \word, \minimum
    ssub8 r3, \maximum, \word
    sel \word, \word, \maximum
.endm

/* void tr_rows_KIND_WAY(weights, words, end, to)
 * Like tr_rows_KIND, but that the first pair stands before the loop, so that no sum is set to zero, and that four rows'
 * results are requantised and written before the next four are taken. At least two pairs. */
.macro multiply_finish kind, bytes, way
    .section .text.tr_rows_\kind\()_\way, "ax", %progbits
    .align 2
    .global tr_rows_\kind\()_\way
    .type tr_rows_\kind\()_\way, %function
    .thumb_func
tr_rows_\kind\()_\way:
    push {r4-r11, lr}
    sub sp, sp, #TO_SIZE
    .ifc \way, clamped
    ldrd r4, r5, [r3, #20]
    strd r4, r5, [sp, #TO_MINIMUM]
    .endif
    ldmia r3, {r6-r10}
    subs r4, r2, r1
    lsrs r4, r4, #3
    rsb r4, r4, #1
    and r4, r4, #TOGETHER - 1
    movs r5, #\bytes
    muls r5, r4, r5
    lsls r4, r4, #3
    subs r4, r4, #8
    strd r1, r2, [sp, #TO_WORDS]
    strd r5, r4, [sp, #TO_ENTRY]
    add r11, sp, #TO_DIRECT
    stmia r11, {r6-r10}
    .align 2
1:
    ldr r1, [sp, #TO_WORDS]
    pair_\kind 0, first
    ldr r2, [sp, #TO_SKIPPED]
    ldr r3, [sp, #TO_ENTRY]
    subs r0, r0, r2
    subs r1, r1, r2
    add pc, r3
    nop
    rounds \kind, \bytes, TO_END
    str r0, [sp, #TO_WEIGHTS]
    ldr r0, [sp, #TO_DIRECT]
    ldr r12, [sp, #TO_CENTRE]
    finish_\kind \way
    str r0, [sp, #TO_DIRECT]
    ldr r0, [sp, #TO_OUTPUT]
    ldr r1, [sp, #TO_SECOND]
    ldr r2, [sp, #TO_CHANNELS]
    .ifc \way, clamped
    pack_results
    ldrd r6, r7, [sp, #TO_MINIMUM]
    clamp_bytes r4, r6, r7
    clamp_bytes r5, r6, r7
    subs r2, r2, #4
    blt 5f
    .else
    subs r2, r2, #4
    blt 5f
    pack_results
    .endif
    str r4, [r0]
    str r5, [r0, r1]
    add r0, r0, #4
    str r0, [sp, #TO_OUTPUT]
    str r2, [sp, #TO_CHANNELS]
    ldr r0, [sp, #TO_WEIGHTS]
    bgt 1b
4:
    add sp, sp, #TO_SIZE
    pop {r4-r11, pc}
5: /* one to three rows */
    .ifc \way, clamped
    lsr r6, r4, #8
    lsr r7, r5, #8
    lsr r8, r4, #16
    lsr r9, r5, #16
    .endif
    strb r4, [r0], #1
    add r1, r1, r0
    strb r5, [r1, #-1]
    adds r2, r2, #3
    beq 4b
    strb r6, [r0], #1
    strb r7, [r1], #1
    subs r2, r2, #1
    beq 4b
    strb r8, [r0]
    strb r9, [r1]
    b 4b
    .size tr_rows_\kind\()_\way, . - tr_rows_\kind\()_\way
.endm

    multiply_finish joint, 52, plain
    multiply_finish joint, 52, signed
    multiply_finish joint, 52, clamped
    multiply_finish apart, 58, plain
    multiply_finish apart, 58, signed
    multiply_finish apart, 58, clamped

/* int32_t *tr_spread(first, second, count, words)
 * r0, r1 bytes, r2 words left, r3 words; eight of a row's bytes at a time, four first where they are not a multiple */
    .section .text.tr_spread, "ax", %progbits
    .align 2
    .global tr_spread
    .type tr_spread, %function
    .thumb_func
.macro spread_four a, b, at
    sxtb16 r12, \a
    str r12, [r3, #\at]
    sxtb16 r12, \b
    str r12, [r3, #\at + 4]
    sxtb16 \a, \a, ror #8
    str \a, [r3, #\at + 8]
    sxtb16 \b, \b, ror #8
    str \b, [r3, #\at + 12]
.endm
tr_spread:
    push {r4-r7}
    tst r2, #4
    beq 1f
    ldr r4, [r0], #4
    ldr r5, [r1], #4
    spread_four r4, r5, 0
    adds r3, r3, #16
    subs r2, r2, #4
    beq 2f
1:
    ldr r4, [r0]
    ldr r5, [r1]
    ldr r6, [r0, #4]
    ldr r7, [r1, #4]
    spread_four r4, r5, 0
    spread_four r6, r7, 16
    adds r0, r0, #8
    adds r1, r1, #8
    adds r3, r3, #32
    subs r2, r2, #8
    bne 1b
2:
    mov r0, r3
    pop {r4-r7}
    bx lr
    .size tr_spread, . - tr_spread

#endif
