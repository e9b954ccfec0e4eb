/* Which instructions kernels may use: what the CPU and the operating system have, lowered by the
 * environment variable CCLIP_CPU. */
#ifndef CCLIP_BASE_CPU_FEATURES_H
#define CCLIP_BASE_CPU_FEATURES_H

enum cclip_cpu_feature {
    CCLIP_CPU_AVX2 = 1 << 0,        /* with FMA, F16C and BMI2 */
    CCLIP_CPU_AVX512 = 1 << 1,      /* F, BW, DQ, VL */
    CCLIP_CPU_AVX512_VNNI = 1 << 2,
    CCLIP_CPU_AVX512_BF16 = 1 << 3,
    CCLIP_CPU_AVX512_FP16 = 1 << 4,
    CCLIP_CPU_NEON = 1 << 5,
    CCLIP_CPU_AMX_BF16 = 1 << 6     /* the CPU and the system have it; see cclip_cpu_amx_permitted */
};

/* The detected set AND the mask; computed once, then constant. */
unsigned cclip_cpu_features(void);

/* The set named by a level of the ladder ("c", "avx2", "avx512", "vnni", "bf16", "fp16", "amx", "neon")
 * including all lower levels; ~0u for an unknown name. */
unsigned cclip_cpu_features_of_level(const char *name);

/* Linux gives a process the tile registers of AMX when it asks for them: this asks once, and says whether they
 * were given. Only who is about to use them should ask: they make the frames of signal handlers larger. */
int cclip_cpu_amx_permitted(void);

/* How many CPUs this process may run on; at least 1. */
int cclip_cpu_count_allowed(void);

#endif
