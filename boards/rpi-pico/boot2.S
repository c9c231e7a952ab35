/* The RP2040's second stage (data sheet, 2.8.1.3.1): its ROM copies these 256 bytes into RAM, compares their checksum
 * and calls them. They set up reads of the flash by the command that every chip knows (03h: 8 bits of command, 24 of
 * address, 32 of data; data sheet, 4.10), and start the image behind them from its vectors. Position-independent. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .set SSI, 0x18000000
    .set SSI_CTRLR0, 0x00
    .set SSI_CTRLR1, 0x04
    .set SSI_SSIENR, 0x08
    .set SSI_BAUDR, 0x14
    .set SSI_SPI_CTRLR0, 0xf4
    .set VTOR, 0xe000ed08

    .section .text.boot2, "ax"
    .global tr_boot2
    .thumb_func
tr_boot2:
    ldr r3, =SSI
    movs r1, #0
    str r1, [r3, #SSI_SSIENR]
    movs r1, #4                      /* a fourth of the core's clock */
    str r1, [r3, #SSI_BAUDR]
    ldr r1, =(31 << 16 | 3 << 8)     /* 32 bits a frame, one wire, read after command and address */
    str r1, [r3, #SSI_CTRLR0]
    ldr r1, =(0x03 << 24 | 2 << 8 | 6 << 2)
    movs r0, #SSI_SPI_CTRLR0
    str r1, [r3, r0]
    movs r1, #0                      /* one frame */
    str r1, [r3, #SSI_CTRLR1]
    movs r1, #1
    str r1, [r3, #SSI_SSIENR]
    ldr r0, =TR_BOOT_IMAGE
    ldr r1, =VTOR
    str r0, [r1]
    ldmia r0!, {r1, r2}
    msr msp, r1
    bx r2
    .ltorg
