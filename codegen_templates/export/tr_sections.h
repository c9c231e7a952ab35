/* Where a program wants the parts of a model that edge-tr exported. Both macros stand before definitions and may be
 * anything that a compiler takes there, for example __attribute__((section(".dtcm"))). Define them on the command line, or
 * in a header of yours that TR_SECTIONS_HEADER names. */
#ifndef TR_SECTIONS_H
#define TR_SECTIONS_H

#if defined(TR_SECTIONS_HEADER)
#include TR_SECTIONS_HEADER
#endif

/* The arena of the functions without a context; a context lies where the program puts it. */
#if !defined(TR_ARENA)
#define TR_ARENA
#endif

/* Constants of layers. */
#if !defined(TR_TABLES)
#define TR_TABLES
#endif

#endif
