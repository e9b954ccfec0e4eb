/* SigLIP's pooling: every parameter's gradient, and the tokens', against central differences in double. */
#include "gradients/cpu/difference.h"

#include <math.h>

#include "nn/map_pool.h"

enum { WIDTH = 8, HEADS = 2, HEAD = WIDTH / HEADS, HIDDEN = 12, SEQUENCES = 3, ROWS = 10 };
static const size_t offsets[SEQUENCES + 1] = { 0, 1, 5, ROWS };

/* ---- parameters by name, from random numbers ---------------------------------------------------- */

static cclip_status require(void *context, const char *name, const size_t *shape, int rank)
{
    (void)context, (void)name, (void)shape, (void)rank;
    return CCLIP_OK;
}

static cclip_status read(void *context, const char *name, const size_t *shape, int rank,
                         float *scratch, const float **out)
{
    struct cclip_random random;
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    cclip_random_seed(&random, *(uint64_t *)context, strlen(name) + (uint64_t)name[0]);
    for (size_t i = 0; i < count; i++)
        scratch[i] = (float)(0.5 * cclip_random_normal(&random));
    *out = scratch;
    return CCLIP_OK;
}

static void forget(void *context, const char *name)
{
    (void)context, (void)name;
}

static void load(struct cclip_map_pool *layer, struct cclip_trainables *set, struct cclip_device *device)
{
    static const struct cclip_map_pool_config config = { WIDTH, HEADS, HIDDEN, CCLIP_ACTIVATION_QUICK_GELU,
                                                         1e-6f };
    uint64_t seed = 5;
    const struct cclip_parameter_source source = { .require = require, .read = read,
                                                   .forget = forget, .context = &seed };
    *set = (struct cclip_trainables){ 0 };
    for (int pass = 0; pass < 2; pass++) {
        struct cclip_parameters p = { .device = pass ? device : NULL, .source = &source, .training = set };
        *layer = (struct cclip_map_pool){ 0 };
        cclip_map_pool_load(layer, &p, "pool", &config);
        assert_ok(p.status);
        if (!pass)
            assert_ok(cclip_trainables_allocate(set, device));
    }
}

/* ---- the definition, in double; in[0] the tokens, in[1] all parameters -------------------------- */

static const double *parameter(const struct difference *d, double *const in[MOST_INPUTS], const char *name)
{
    char full[80];
    snprintf(full, sizeof full, "pool.%s", name);
    return in[1] + cclip_trainables_find(d->context, full)->begin;
}

static void linear(double *y, const double *x, const double *weight, const double *bias, int columns,
                   int depth)
{
    for (int i = 0; i < columns; i++) {
        y[i] = bias[i];
        for (int k = 0; k < depth; k++)
            y[i] += weight[i * depth + k] * x[k];
    }
}

static void attend(const struct difference *d, double *y, double *const in[MOST_INPUTS], size_t s)
{
    const double *weight = parameter(d, in, "in_proj_weight"), *bias = parameter(d, in, "in_proj_bias");
    double q[WIDTH], k[ROWS][WIDTH], v[ROWS][WIDTH], context[WIDTH] = { 0 };
    linear(q, parameter(d, in, "latent"), weight, bias, WIDTH, WIDTH);
    for (size_t r = offsets[s]; r < offsets[s + 1]; r++) {
        linear(k[r], in[0] + r * WIDTH, weight + WIDTH * WIDTH, bias + WIDTH, WIDTH, WIDTH);
        linear(v[r], in[0] + r * WIDTH, weight + 2 * WIDTH * WIDTH, bias + 2 * WIDTH, WIDTH, WIDTH);
    }
    for (int h = 0; h < HEADS; h++) {
        double share[ROWS], sum = 0;
        for (size_t r = offsets[s]; r < offsets[s + 1]; r++) {
            double score = 0;
            for (int c = h * HEAD; c < (h + 1) * HEAD; c++)
                score += q[c] * k[r][c];
            sum += share[r] = exp(score / sqrt(HEAD));
        }
        for (size_t r = offsets[s]; r < offsets[s + 1]; r++)
            for (int c = h * HEAD; c < (h + 1) * HEAD; c++)
                context[c] += share[r] / sum * v[r][c];
    }
    linear(y, context, parameter(d, in, "out_proj.weight"), parameter(d, in, "out_proj.bias"), WIDTH,
           WIDTH);
}

static void map_pool(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const double *weight = parameter(d, in, "norm.weight"), *bias = parameter(d, in, "norm.bias");
    for (size_t s = 0; s < SEQUENCES; s++) {
        double y[WIDTH], normed[WIDTH], middle[HIDDEN], more[WIDTH], mean = 0, variance = 0;
        attend(d, y, in, s);
        for (int c = 0; c < WIDTH; c++)
            mean += y[c] / WIDTH;
        for (int c = 0; c < WIDTH; c++)
            variance += (y[c] - mean) * (y[c] - mean) / WIDTH;
        for (int c = 0; c < WIDTH; c++)
            normed[c] = (y[c] - mean) / sqrt(variance + (double)1e-6f) * weight[c] + bias[c];
        linear(middle, normed, parameter(d, in, "mlp.c_fc.weight"), parameter(d, in, "mlp.c_fc.bias"),
               HIDDEN, WIDTH);
        for (int c = 0; c < HIDDEN; c++)
            middle[c] /= 1 + exp(-1.702 * middle[c]);
        linear(more, middle, parameter(d, in, "mlp.c_proj.weight"),
               parameter(d, in, "mlp.c_proj.bias"), WIDTH, HIDDEN);
        for (int c = 0; c < WIDTH; c++)
            out[s * WIDTH + (size_t)c] = y[c] + more[c];
    }
}

/* ------------------------------------------------------------------------------------------------- */

/* Each parameter by itself; the keys' bias, which changes nothing, has none but rounding. */
static void check_parameters(const struct difference *d, const struct cclip_trainables *set)
{
    double *expected = difference_gradient(d, 1);
    for (size_t k = 0; k < set->count; k++) {
        const struct cclip_trainable *item = &set->items[k];
        double off = 0, length = 0;
        for (size_t i = item->begin; i < item->begin + item->count; i++) {
            off += pow(set->gradients[i] - expected[i], 2);
            length += pow(expected[i], 2);
        }
        if (!(sqrt(off) <= 1e-4 * sqrt(length)) || !(length > 0))
            fail_msg("%s: the gradient differs by %.3g of its length %.3g", item->name,
                     sqrt(off / length), sqrt(length));
    }
    free(expected);
}

static void check(int level, int threads)
{
    struct test_device t;
    struct cclip_map_pool layer;
    struct cclip_trainables set;
    struct cclip_arena arenas[2] = { { 0 }, { 0 } };
    struct cclip_tape tape = { 0 };
    const struct cclip_sequences sequences = { SEQUENCES, offsets };
    test_device_open(&t, level, threads);
    load(&layer, &set, &t.device);
    struct difference d = { .forward = map_pool, .context = &set };
    difference_input(&d, ROWS * WIDTH, 0, 1);
    d.in[d.inputs] = malloc(set.elements * sizeof(float));
    assert_non_null(d.in[d.inputs]);
    memcpy(d.in[d.inputs], set.values, set.elements * sizeof(float));
    d.count[d.inputs++] = set.elements;
    difference_output(&d, SEQUENCES * WIDTH);
    struct cclip_forward forward = { .device = &t.device, .arena = &arenas[0], .tape = &tape };
    struct cclip_backward backward = { .device = &t.device, .arena = &arenas[1], .tape = &tape,
                                       .parameters = &set };
    cclip_map_pool_forward(&layer, &forward, d.in[0], &sequences);
    const float *d_x = cclip_map_pool_backward(&layer, &backward, d.slope);
    assert_ok(cclip_device_finish(&t.device));
    assert_null(tape.last);
    difference_check(&d, 0, d_x, "tokens");
    check_parameters(&d, &set);
    difference_close(&d);
    cclip_arena_close(&arenas[0]);
    cclip_arena_close(&arenas[1]);
    cclip_trainables_close(&set, &t.device);
    test_device_close(&t);
}

static void gradients(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int threads = 1; threads <= 3 && test_level_usable(level); threads += 2)
            check(level, threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(gradients) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
