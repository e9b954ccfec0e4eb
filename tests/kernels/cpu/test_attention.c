/* Attention: every level against a truth in double; and the same bits alone, in a batch, and for a
 * part of the queries. */
#include "kernels/cpu/kernel_test.h"

struct shape {
    size_t heads, head_width, sequences;
    size_t queries[4], keys[4];
    int causal, masked, head_scaled, fused; /* fused: q, k, v in one buffer, stride 3 * width */
};

static const struct shape shapes[] = {
    { 1, 1, 1, { 1 }, { 1 }, 0, 0, 0, 0 },
    { 2, 16, 2, { 17, 5 }, { 17, 5 }, 0, 0, 0, 1 },
    { 3, 20, 3, { 7, 1, 33 }, { 7, 1, 33 }, 1, 0, 0, 1 },
    { 12, 64, 2, { 50, 50 }, { 50, 50 }, 0, 0, 0, 1 },
    { 8, 64, 4, { 12, 77, 3, 20 }, { 12, 77, 3, 20 }, 1, 0, 0, 1 },
    { 2, 80, 1, { 70 }, { 70 }, 0, 1, 1, 1 },
    { 1, 88, 2, { 1, 3 }, { 257, 400 }, 0, 0, 0, 0 },
    { 2, 33, 2, { 19, 30 }, { 500, 30 }, 0, 1, 0, 0 },
    { 1, 512, 1, { 9 }, { 40 }, 1, 1, 0, 0 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

struct problem {
    struct cclip_attention at;
    struct guarded out, q, k, v, mask, head_scale;
    size_t q_offsets[5], k_offsets[5];
};

static void problem_open(struct problem *p, const struct shape *s, enum test_values kind)
{
    memset(p, 0, sizeof *p);
    size_t longest = 0;
    for (size_t i = 0; i < s->sequences; i++) {
        p->q_offsets[i + 1] = p->q_offsets[i] + s->queries[i];
        p->k_offsets[i + 1] = p->k_offsets[i] + s->keys[i];
        longest = s->keys[i] > longest ? s->keys[i] : longest;
    }
    const size_t queries = p->q_offsets[s->sequences], keys = p->k_offsets[s->sequences];
    const size_t width = s->heads * s->head_width, stride = s->fused ? 3 * width : width + 3;
    p->out = guarded_open(queries * width, 1);
    p->q = guarded_open(queries * stride, 3);
    fill_values(p->q.data, p->q.count, kind, 3);
    if (!s->fused) {
        p->k = guarded_open(keys * stride, 5);
        p->v = guarded_open(keys * stride, 7);
        fill_values(p->k.data, p->k.count, kind, 4);
        fill_values(p->v.data, p->v.count, kind, 5);
    }
    p->mask = guarded_open(queries * longest, 0);
    fill_values(p->mask.data, p->mask.count, VALUES_NORMAL, 6);
    for (size_t i = 0; i < p->mask.count; i++)
        if (i % 7 == 3 && i % longest)
            p->mask.data[i] = -INFINITY;
    p->head_scale = guarded_open(s->heads, 1);
    fill_values(p->head_scale.data, s->heads, VALUES_NORMAL, 7);
    p->at = (struct cclip_attention){
        .out = p->out.data, .q = p->q.data,
        .k = s->fused ? p->q.data + width : p->k.data,
        .v = s->fused ? p->q.data + 2 * width : p->v.data,
        .out_stride = width, .q_stride = stride, .k_stride = stride, .v_stride = stride,
        .heads = s->heads, .head_width = s->head_width, .sequences = s->sequences,
        .q_offsets = p->q_offsets, .k_offsets = p->k_offsets,
        .scale = 1.0f / sqrtf((float)s->head_width),
        .head_scale = s->head_scaled ? p->head_scale.data : NULL, .causal = s->causal,
        .mask = s->masked ? p->mask.data : NULL, .mask_stride = longest,
    };
}

static void problem_close(struct problem *p)
{
    guarded_close(&p->out);
    guarded_close(&p->q);
    if (p->k.memory) {
        guarded_close(&p->k);
        guarded_close(&p->v);
    }
    guarded_close(&p->mask);
    guarded_close(&p->head_scale);
}

/* One row and head in double; the largest score magnitude tells how far rounding moves the softmax. */
static void truth(const struct cclip_attention *at, size_t s, size_t row, size_t head, double *out,
                  double *score_size)
{
    const size_t q = at->q_offsets[s] + row, d = at->head_width, k0 = at->k_offsets[s];
    size_t keys = at->k_offsets[s + 1] - k0;
    if (at->causal && row + 1 < keys)
        keys = row + 1;
    double *score = calloc(keys, sizeof *score), largest = -INFINITY, sum = 0;
    *score_size = 0;
    for (size_t j = 0; j < keys; j++) {
        double magnitude = 0;
        for (size_t c = 0; c < d; c++) {
            const double p = (double)at->q[q * at->q_stride + head * d + c] *
                             at->k[(k0 + j) * at->k_stride + head * d + c];
            score[j] += p;
            magnitude += fabs(p);
        }
        const double scale = (double)at->scale * (at->head_scale ? at->head_scale[head] : 1.0f);
        score[j] *= scale;
        *score_size = fmax(*score_size, magnitude * fabs(scale));
        score[j] += at->mask ? at->mask[q * at->mask_stride + j] : 0;
        largest = fmax(largest, score[j]);
    }
    memset(out, 0, d * sizeof *out);
    for (size_t j = 0; j < keys; j++) {
        const double e = exp(score[j] - largest);
        sum += e;
        for (size_t c = 0; c < d; c++)
            out[c] += e * at->v[(k0 + j) * at->v_stride + head * d + c];
    }
    for (size_t c = 0; c < d; c++)
        out[c] /= sum;
    free(score);
}

/* Tolerance: scores err by about 2^-24 * size * (3 + n / 8); that is the relative error of a weight, to
 * which exp, the sum and the division add a few roundings; relative to the largest value. */
static void check_shape(int level, const struct shape *s, enum test_values kind, int threads)
{
    struct test_device d;
    struct problem p;
    test_device_open(&d, level, threads);
    problem_open(&p, s, kind);
    d.device.ops->attention(&d.device, &p.at);
    double *want = calloc(s->head_width, sizeof *want), score_size;
    const double top = kind == VALUES_NORMAL ? 5 : kind == VALUES_CONSTANT ? 0.7 : 1e-38; /* of |v| */
    for (size_t i = 0; i < s->sequences; i++)
        for (size_t r = 0; r < s->queries[i]; r++)
            for (size_t h = 0; h < s->heads; h++) {
                truth(&p.at, i, r, h, want, &score_size);
                const float *got = p.out.data + (p.q_offsets[i] + r) * p.at.out_stride +
                                   h * s->head_width;
                const double error = top * 5.96e-8 *
                    (8 + (double)s->keys[i] / 8 + 2 * score_size * (3 + (double)s->head_width / 8)) +
                    1.2e-38;
                for (size_t c = 0; c < s->head_width; c++)
                    if (!(fabs(got[c] - want[c]) <= error))
                        fail_msg("%s shape %d values %d row %zu.%zu head %zu: %g, not %g",
                                 test_levels[level], (int)(s - shapes), (int)kind, i, r, h,
                                 (double)got[c], want[c]);
            }
    free(want);
    problem_close(&p);
    test_device_close(&d);
}

static void test_against_double(void **state)
{
    static const enum test_values kinds[] = { VALUES_NORMAL, VALUES_CONSTANT, VALUES_TINY };
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < SHAPES && test_level_usable(level); i++)
            for (int kind = 0; kind < 3; kind++)
                check_shape(level, &shapes[i], kinds[kind], 1 + (i + kind) % 3);
}

/* Each sequence alone, and each query alone against all keys, gives the bits of the batch. */
static void test_batch_independence(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < SHAPES && test_level_usable(level); i++) {
            struct test_device d;
            struct problem p;
            test_device_open(&d, level, 2);
            problem_open(&p, &shapes[i], VALUES_NORMAL);
            d.device.ops->attention(&d.device, &p.at);
            float *alone = calloc(p.out.count, sizeof *alone);
            for (size_t s = 0; s < shapes[i].sequences; s++) {
                struct cclip_attention at = p.at;
                at.out = alone;
                at.sequences = 1;
                at.q_offsets += s;
                at.k_offsets += s;
                d.device.ops->attention(&d.device, &at);
            }
            assert_memory_equal(alone, p.out.data, p.out.count * sizeof *alone);
            for (size_t row = 0; row < shapes[i].queries[0] && !shapes[i].causal; row += 3) {
                struct cclip_attention at = p.at;
                const size_t q_offsets[2] = { row, row + 1 };
                memset(alone, 0, p.out.count * sizeof *alone);
                at.out = alone;
                at.sequences = 1;
                at.q_offsets = q_offsets;
                d.device.ops->attention(&d.device, &at);
                assert_memory_equal(alone + row * at.out_stride,
                                    p.out.data + row * at.out_stride,
                                    at.out_stride * sizeof *alone);
            }
            free(alone);
            problem_close(&p);
            test_device_close(&d);
        }
}

struct bench {
    struct test_device d;
    struct problem p;
};

static void bench_call(void *context)
{
    struct bench *b = context;
    b->d.device.ops->attention(&b->d.device, &b->p.at);
}

/* One thread; GFLOP/s of the two products, all keys counted. */
static void bench(int level)
{
    static const struct shape sizes[] = {
        { 12, 64, 1, { 50 }, { 50 }, 0, 0, 0, 1 },   { 8, 64, 1, { 12 }, { 12 }, 1, 0, 0, 1 },
        { 8, 64, 1, { 77 }, { 77 }, 1, 0, 0, 1 },    { 16, 64, 1, { 257 }, { 257 }, 0, 0, 0, 1 },
        { 16, 64, 1, { 577 }, { 577 }, 0, 0, 0, 1 }, { 16, 88, 1, { 257 }, { 257 }, 0, 0, 0, 1 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bench b;
        const struct shape *s = &sizes[i];
        test_device_open(&b.d, level, 1);
        problem_open(&b.p, s, VALUES_NORMAL);
        const double flops = 4.0 * (double)(s->heads * s->queries[0] * s->keys[0] * s->head_width);
        const double seconds = bench_seconds(bench_call, &b);
        printf("attention_%zux%zu_of_%zu%s_%s: %.1f GFLOP/s, %.1f us\n", s->heads, s->head_width,
               s->keys[0], s->causal ? "_causal" : "", test_levels[level], flops / seconds / 1e9,
               seconds * 1e6);
        problem_close(&b.p);
        test_device_close(&b.d);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_batch_independence),
    };
    if (bench_wanted(argc, argv)) {
        for (int level = 0; level < TEST_LEVELS; level++)
            if (test_level_usable(level))
                bench(level);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
