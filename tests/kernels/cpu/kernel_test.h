/* Shared by the kernel tests: the levels to walk, guarded buffers, values, comparison, timing.
 *
 * Every test walks the same cases at every level this CPU and CCLIP_CPU allow, against a truth in
 * double precision, so that each variant and the plain C stand on the same ground. With --bench the
 * same calls are timed. */
#ifndef CCLIP_TESTS_KERNEL_TEST_H
#define CCLIP_TESTS_KERNEL_TEST_H

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "cpu/cpu_device.h"

/* The levels a kernel has variants for, plain C first. */
static const char *const test_levels[] = { "c", "neon", "avx2", "avx512" };
enum { TEST_LEVELS = sizeof test_levels / sizeof test_levels[0] };

static inline int test_level_usable(int level)
{
    const unsigned needed = cclip_cpu_features_of_level(test_levels[level]);
    return (needed & cclip_cpu_features()) == needed;
}

/* A buffer with a guard on both sides; `offset` floats (0..15) off the 64-byte boundary. */
enum { TEST_GUARD = 64 };
struct guarded {
    float *memory, *data;
    size_t count;
};

static inline struct guarded guarded_open(size_t count, size_t offset)
{
    struct guarded g = { .count = count };
    const size_t floats = count + 2 * TEST_GUARD + 16;
    g.memory = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
    g.data = g.memory + TEST_GUARD + offset;
    for (size_t i = 0; i < floats; i++)
        memset(&g.memory[i], 0xa5, sizeof(float));
    return g;
}

/* True when nothing outside the data was written. */
static inline int guarded_intact(const struct guarded *g)
{
    const float *end = g->memory + g->count + 2 * TEST_GUARD + 16;
    float pattern;
    memset(&pattern, 0xa5, sizeof pattern);
    for (const float *p = g->memory; p < end; p++)
        if ((p < g->data || p >= g->data + g->count) && memcmp(p, &pattern, sizeof pattern) != 0)
            return 0;
    return 1;
}

static inline void guarded_close(struct guarded *g)
{
    assert_true(guarded_intact(g));
    free(g->memory);
    g->memory = g->data = NULL;
}

/* Kinds of values. None is infinite; all products and sums of a test stay finite. */
enum test_values {
    VALUES_NORMAL,
    VALUES_LARGE_MEAN, /* 1000 + small */
    VALUES_CONSTANT,
    VALUES_TINY,       /* down to denormals */
    VALUES_HUGE,       /* up to 1e15 */
    VALUES_KINDS
};

static inline void fill_values(float *out, size_t count, enum test_values kind, uint64_t seed)
{
    struct cclip_random random;
    cclip_random_seed(&random, seed, (uint64_t)kind);
    for (size_t i = 0; i < count; i++) {
        const double x = cclip_random_normal(&random);
        switch (kind) {
        case VALUES_LARGE_MEAN:
            out[i] = (float)(1000.0 + x);
            break;
        case VALUES_CONSTANT:
            out[i] = 0.7f;
            break;
        case VALUES_TINY:
            out[i] = (float)(x * 1e-39);
            break;
        case VALUES_HUGE:
            out[i] = (float)(x * 1e15);
            break;
        default:
            out[i] = (float)x;
            break;
        }
    }
}

/* A device at a level, with its pool. */
struct test_device {
    struct cclip_device device;
    struct cclip_thread_pool *pool;
};

static inline void test_device_open(struct test_device *out, int level, int threads)
{
    assert_int_equal(cclip_thread_pool_open(&out->pool, threads), CCLIP_OK);
    assert_int_equal(cclip_cpu_device_open(&out->device, out->pool,
                                           cclip_cpu_features_of_level(test_levels[level])),
                     CCLIP_OK);
}

static inline void test_device_close(struct test_device *device)
{
    assert_int_equal(cclip_device_finish(&device->device), CCLIP_OK);
    cclip_cpu_device_close(&device->device);
    cclip_thread_pool_close(&device->pool);
}

static inline int bench_wanted(int argc, char **argv)
{
    return argc > 1 && !strcmp(argv[1], "--bench");
}

/* Seconds of the fastest of many calls. */
typedef void bench_fn(void *context);
static inline double bench_seconds(bench_fn *call, void *context)
{
    double best = 1e30, total = 0;
    for (int i = 0; i < 1000 && (i < 5 || total < 0.3); i++) {
        const double start = cclip_clock_seconds();
        call(context);
        const double seconds = cclip_clock_seconds() - start;
        total += seconds;
        best = seconds < best ? seconds : best;
    }
    return best;
}

#endif
