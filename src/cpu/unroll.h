/* UNROLL before a loop of at most 16 turns, known when compiling, makes it straight code: arrays
 * indexed in it then live in registers. Each compiler wants to be asked in its own way; clang's
 * reading of gcc's words comes too late for the registers. */
#ifndef CCLIP_CPU_UNROLL_H
#define CCLIP_CPU_UNROLL_H

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
