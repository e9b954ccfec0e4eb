#include "base/cpu_features.h"

#include <cclip/runtime.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* The operating system saves the wide registers only if it says so in XCR0. */
static unsigned long long enabled_state(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((unsigned long long)high << 32) | low;
}

static unsigned detect(void)
{
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27, F16C = 1 << 29 };         /* leaf 1, ecx */
    enum { AVX2 = 1 << 5, BMI2 = 1 << 8, AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512BW = 1 << 30 };
    enum { VNNI = 1 << 11, FP16 = 1 << 23, BF16 = 1 << 5 };            /* leaf 7 ecx, edx; 7.1 eax */
    enum { AMX = 1 << 22 | 1 << 24, AMX_STATE = 0x60000 };             /* leaf 7 edx: bf16, tiles */
    const unsigned avx512vl = 1u << 31;
    unsigned a, b, c, d, a1 = 0, unused;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    if ((c & (FMA | F16C | OSXSAVE)) != (FMA | F16C | OSXSAVE))
        return 0;
    const unsigned long long state = enabled_state();
    if ((state & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    if (a >= 1)
        __get_cpuid_count(7, 1, &a1, &unused, &unused, &unused);
    unsigned features = 0;
    if ((b & (AVX2 | BMI2)) == (AVX2 | BMI2))
        features |= CCLIP_CPU_AVX2;
    const unsigned wide = AVX512F | AVX512DQ | AVX512BW | avx512vl;
    if (!features || (b & wide) != wide || (state & 0xe0) != 0xe0)
        return features;
    features |= CCLIP_CPU_AVX512;
    features |= c & VNNI ? CCLIP_CPU_AVX512_VNNI : 0;
    features |= a1 & BF16 ? CCLIP_CPU_AVX512_BF16 : 0;
    features |= d & FP16 ? CCLIP_CPU_AVX512_FP16 : 0;
    if (features & CCLIP_CPU_AVX512_BF16 && (d & AMX) == AMX && (state & AMX_STATE) == AMX_STATE)
        features |= CCLIP_CPU_AMX_BF16;
    return features;
}

static int ask_for_amx(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM, a component of XCR0 */
    return !syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA);
}
#elif defined(__aarch64__)
static unsigned detect(void)
{
    return CCLIP_CPU_NEON;
}
#else
static unsigned detect(void)
{
    return 0;
}
#endif

#define UP_TO_VNNI (CCLIP_CPU_AVX2 | CCLIP_CPU_AVX512 | CCLIP_CPU_AVX512_VNNI)
#define UP_TO_BF16 (UP_TO_VNNI | CCLIP_CPU_AVX512_BF16)

/* From the plainest to the widest; a level stands for itself and all above it in this table. A level
 * that no kernel of the usual arithmetic, float32, is written for can be asked for, but is not said to be in use. */
static const struct {
    const char *name;
    unsigned features;
    int has_kernels;
} ladder[] = {
    { "c", 0, 1 },
    { "neon", CCLIP_CPU_NEON, 1 },
    { "avx2", CCLIP_CPU_AVX2, 1 },
    { "avx512", CCLIP_CPU_AVX2 | CCLIP_CPU_AVX512, 1 },
    { "vnni", UP_TO_VNNI, 0 },
    { "bf16", UP_TO_BF16, 0 },
    { "fp16", UP_TO_BF16 | CCLIP_CPU_AVX512_FP16, 0 },
    { "amx", UP_TO_BF16 | CCLIP_CPU_AVX512_FP16 | CCLIP_CPU_AMX_BF16, 0 },
};
enum { LEVELS = sizeof ladder / sizeof ladder[0] };

static unsigned effective;
static const char *effective_level;
static pthread_once_t once = PTHREAD_ONCE_INIT;

unsigned cclip_cpu_features_of_level(const char *name)
{
    for (int i = 0; i < LEVELS; i++)
        if (!strcmp(ladder[i].name, name))
            return ladder[i].features;
    return ~0u;
}

static void initialise(void)
{
    const char *mask = getenv("CCLIP_CPU");
    effective = detect() & (mask ? cclip_cpu_features_of_level(mask) : ~0u);
    effective_level = "c";
    for (int i = 0; i < LEVELS; i++)
        if (ladder[i].has_kernels && ladder[i].features && (ladder[i].features & effective) == ladder[i].features)
            effective_level = ladder[i].name;
}

unsigned cclip_cpu_features(void)
{
    pthread_once(&once, initialise);
    return effective;
}

const char *cclip_cpu_level(void)
{
    pthread_once(&once, initialise);
    return effective_level;
}

#if !defined(__x86_64__)
static int ask_for_amx(void)
{
    return 0;
}
#endif

static int amx_permitted;
static pthread_once_t amx_once = PTHREAD_ONCE_INIT;

static void request_amx(void)
{
    amx_permitted = cclip_cpu_features() & CCLIP_CPU_AMX_BF16 && ask_for_amx();
}

int cclip_cpu_amx_permitted(void)
{
    pthread_once(&amx_once, request_amx);
    return amx_permitted;
}

int cclip_cpu_count_allowed(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    const int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

int cclip_cpu_count(void)
{
    return cclip_cpu_count_allowed();
}
