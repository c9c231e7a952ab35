/* Whose assembly the core runs, by what Arm C Language Extensions (IHI 0053, 6.4) and RISC-V's C API predefine. Cores
 * of the M profile with 16-bit Thumb, Armv6-M and the baseline of Armv8-M, run the files called armv6m; those with all
 * of Thumb-2, Armv7-M to Armv8.1-M, the files called armv7m. Everything else, Arm's other profiles too, gets portable
 * C. Also for assembly. */
#ifndef TR_ISA_H
#define TR_ISA_H

#if defined(__ARM_ARCH_PROFILE) && defined(__ARM_ARCH_ISA_THUMB)
#if __ARM_ARCH_PROFILE == 'M' && __ARM_ARCH_ISA_THUMB == 1
#define TR_CODE_ARMV6M 1
#define TR_CODE_ARM 1
#elif __ARM_ARCH_PROFILE == 'M'
#define TR_CODE_ARMV7M 1
#define TR_CODE_ARM 1
#endif
#elif defined(__riscv)
#if __riscv_xlen == 32
#define TR_CODE_RV32 1
#endif
#endif

#if !defined(TR_CODE_ARM) && !defined(TR_CODE_RV32)
#define TR_CODE_C 1
#endif

#endif
