/* tr_output.h on Armv7-M: requantisation of many sums. Offsets are those of struct tr_output and tr_channel. */
#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)

#define MINIMUM 18
#define MAXIMUM 19

    .syntax unified
    .thumb

/* void tr_finish_pixels(to, channels, sums, first, second)
 * r0 constants, r1 channels left, r2 sums, r3 and r12 outputs; r4-r8 low, high, factor, offset, near; r9, r10 sums;
 * r11 q; lr to */
    .section .text.tr_finish_pixels, "ax", %progbits
    .align 2
    .global tr_finish_pixels
    .type tr_finish_pixels, %function
    .thumb_func
tr_finish_pixels:
    push {r1, r4-r11, lr}
    ldr r12, [sp, #40]
    mov lr, r0
    ldr r0, [r0]
.Lchannel:
    ldmia r0!, {r4-r8}
    ldrd r9, r10, [r2], #8
    .irp which, first, second
    .ifc \which, first
    cmp r9, r4
    blt .Lminimum_\which
    cmp r9, r5
    bgt .Lmaximum_\which
    mla r11, r9, r6, r7
    .else
    cmp r10, r4
    blt .Lminimum_\which
    cmp r10, r5
    bgt .Lmaximum_\which
    mla r11, r10, r6, r7
    .endif
    cmp r8, r11, lsl #8
    bhs .Lexact_\which
    asr r11, r11, #24
.Lstore_\which:
    .ifc \which, first
    strb r11, [r3], #1
    .else
    strb r11, [r12], #1
    .endif
    .endr
    subs r1, r1, #1
    bne .Lchannel
    pop {r1, r4-r11, pc}
    .irp which, first, second
.Lminimum_\which:
    ldrsb r11, [lr, #MINIMUM]
    b .Lstore_\which
.Lmaximum_\which:
    ldrsb r11, [lr, #MAXIMUM]
    b .Lstore_\which
.Lexact_\which:
    push {r0-r3, r12, lr}
    .ifc \which, first
    mov r2, r9
    .else
    mov r2, r10
    .endif
    ldr r0, [sp, #24]
    subs r1, r0, r1
    mov r0, lr
    bl tr_output_exact
    mov r11, r0
    pop {r0-r3, r12, lr}
    b .Lstore_\which
    .endr
    .size tr_finish_pixels, . - tr_finish_pixels

/* void tr_finish_run(to, channel, sums, sum_step; output, step, count)
 * r1 sums left, r2 sums, r3 their step in bytes; r4-r8 low, high, factor, offset, near; r9 output, r10 its step;
 * r11 sum, r12 q; lr to; the channel on the stack */
    .section .text.tr_finish_run, "ax", %progbits
    .align 2
    .global tr_finish_run
    .type tr_finish_run, %function
    .thumb_func
tr_finish_run:
    push {r1, r4-r11, lr}
    mov lr, r0
    ldr r0, [r0]
    add r1, r1, r1, lsl #2
    add r0, r0, r1, lsl #2
    ldmia r0, {r4-r8}
    ldr r9, [sp, #40]
    ldr r10, [sp, #44]
    ldr r1, [sp, #48]
    lsls r3, r3, #2
.Lsum:
    ldr r11, [r2]
    add r2, r2, r3
    cmp r11, r4
    blt .Lminimum
    cmp r11, r5
    bgt .Lmaximum
    mla r12, r11, r6, r7
    cmp r8, r12, lsl #8
    bhs .Lexact
    asr r12, r12, #24
.Lstore:
    strb r12, [r9]
    add r9, r9, r10
    subs r1, r1, #1
    bne .Lsum
    pop {r1, r4-r11, pc}
.Lminimum:
    ldrsb r12, [lr, #MINIMUM]
    b .Lstore
.Lmaximum:
    ldrsb r12, [lr, #MAXIMUM]
    b .Lstore
.Lexact:
    push {r0-r3, r11, lr}
    mov r2, r11
    ldr r1, [sp, #24]
    mov r0, lr
    bl tr_output_exact
    mov r12, r0
    pop {r0-r3, r11, lr}
    b .Lstore
    .size tr_finish_run, . - tr_finish_run

#endif
