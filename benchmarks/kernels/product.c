/* The matrix product at the shapes of CLIP's encoders, in GFLOP/s and percent of the machine's
 * limit, beside oneDNN with packed weights where that library was found at configure time.
 *
 *   bench_kernels_product [THREADS [SECONDS]]     SECONDS for each figure, 0.15 unless given */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/random.h"
#include "cpu/cpu_device.h"
#include "cpu/peak.h"
#include "kernels/peer_dnnl.h"

struct problem {
    size_t rows, columns, depth;
    struct cclip_device *device;
    struct cclip_matrix matrix;
    float *in, *weight, *out;
    struct peer_dnnl *peer;
};

static void run_own(void *context)
{
    struct problem *p = context;
    p->device->ops->linear(p->device, p->out, p->columns, p->in, p->depth, p->rows, &p->matrix,
                           NULL);
}

static void run_peer(void *context)
{
    peer_dnnl_run(((struct problem *)context)->peer);
}

/* GFLOP/s of the fastest call. */
static double measure(void (*run)(void *), struct problem *p, double seconds)
{
    double best = 1e30;
    const double begin = cclip_clock_seconds();
    for (int i = 0; i < 5 || cclip_clock_seconds() - begin < seconds; i++) {
        const double start = cclip_clock_seconds();
        run(p);
        const double taken = cclip_clock_seconds() - start;
        best = taken < best ? taken : best;
    }
    return 2.0 * (double)p->rows * (double)p->columns * (double)p->depth / best / 1e9;
}

static float *random_floats(size_t count, uint64_t seed)
{
    float *out = aligned_alloc(64, (count * sizeof *out + 63) / 64 * 64);
    struct cclip_random random;
    cclip_random_seed(&random, seed, 0);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(cclip_random_uniform(&random) - 0.5);
    return out;
}

static void bench_shape(struct cclip_device *device, size_t rows, size_t columns, size_t depth,
                        int threads, double seconds, double limit)
{
    struct problem p = { rows, columns, depth, device, { 0 }, random_floats(rows * depth, 1),
                         random_floats(columns * depth, 2), random_floats(rows * columns, 3), NULL };
    device->ops->matrix_prepare(device, &p.matrix, p.weight, columns, depth, depth, 1);
    p.peer = peer_dnnl_open(rows, columns, depth, p.in, p.weight, p.out, threads);
    double own = 0, peer = 0;
    for (int round = 0; round < 2; round++) { /* in turn, so that a disturbance hits both */
        const double a = measure(run_own, &p, seconds / 2);
        const double b = p.peer ? measure(run_peer, &p, seconds / 2) : 0;
        own = a > own ? a : own;
        peer = b > peer ? b : peer;
    }
    printf("%6zu %6zu %6zu %10.1f %7.1f", rows, columns, depth, own,
           limit > 0 ? 100 * own / limit : 0);
    if (p.peer)
        printf(" %10.1f %8.2f", peer, own / peer);
    printf("\n");
    fflush(stdout);
    peer_dnnl_close(p.peer);
    device->ops->matrix_release(device, &p.matrix);
    free(p.in);
    free(p.weight);
    free(p.out);
}

int main(int argc, char **argv)
{
    static const size_t weights[][2] = { { 2304, 768 }, { 768, 768 },  { 3072, 768 }, { 768, 3072 },
                                         { 1536, 512 }, { 512, 512 },  { 2048, 512 }, { 512, 2048 } };
    static const size_t rows[2][7] = { { 1, 4, 8, 50, 400, 1600, 0 }, { 1, 12, 77, 384, 2464, 0 } };
    const int threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : cclip_cpu_count_allowed();
    const double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.15;
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    char variants[200];
    if (cclip_thread_pool_open(&pool, threads) ||
        cclip_cpu_device_open(&device, pool, cclip_cpu_features())) {
        fprintf(stderr, "%s\n", cclip_error_message());
        return 1;
    }
    const double limit = cclip_cpu_peak_gflops(pool);
    printf("%d threads; %s\nlimit %.1f GFLOP/s\n", threads,
           cclip_cpu_variants(variants, sizeof variants, cclip_cpu_features()), limit);
    printf("%6s %6s %6s %10s %7s %10s %8s\n", "rows", "cols", "depth", "GFLOP/s", "%", peer_dnnl_name,
           "ratio");
    for (int w = 0; w < 8; w++)
        for (int r = 0; rows[w / 4][r]; r++)
            bench_shape(&device, rows[w / 4][r], weights[w][0], weights[w][1], threads, seconds,
                        limit);
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
    return 0;
}
