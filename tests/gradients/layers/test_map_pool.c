/* SigLIP's pooling: every parameter's gradient, and the tokens', against central differences in double. */
#include "layer.h"

#include "nn/map_pool.h"

enum { WIDTH = 8, HEADS = 2, HEAD = WIDTH / HEADS, HIDDEN = 12, SEQUENCES = 3, ROWS = 10 };
static const size_t offsets[SEQUENCES + 1] = { 0, 1, 5, ROWS };

static void load(struct cclip_map_pool *layer, struct cclip_trainables *set, struct cclip_device *device)
{
    static const struct cclip_map_pool_config config = { WIDTH, HEADS, HIDDEN, CCLIP_ACTIVATION_QUICK_GELU,
                                                         1e-6f };
    *set = (struct cclip_trainables){ 0 };
    for (int pass = 0; pass < 2; pass++) {
        struct cclip_parameters p = { .device = pass ? device : NULL, .source = &layer_source, .training = set };
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
    return layer_parameter(d, in, "pool", name);
}

static void attend(const struct difference *d, double *y, double *const in[MOST_INPUTS], size_t s)
{
    const double *weight = parameter(d, in, "in_proj_weight"), *bias = parameter(d, in, "in_proj_bias");
    double q[WIDTH], k[ROWS][WIDTH], v[ROWS][WIDTH], context[WIDTH] = { 0 };
    layer_linear(q, parameter(d, in, "latent"), weight, bias, WIDTH, WIDTH);
    for (size_t r = offsets[s]; r < offsets[s + 1]; r++) {
        layer_linear(k[r], in[0] + r * WIDTH, weight + WIDTH * WIDTH, bias + WIDTH, WIDTH, WIDTH);
        layer_linear(v[r], in[0] + r * WIDTH, weight + 2 * WIDTH * WIDTH, bias + 2 * WIDTH, WIDTH, WIDTH);
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
    layer_linear(y, context, parameter(d, in, "out_proj.weight"), parameter(d, in, "out_proj.bias"), WIDTH,
           WIDTH);
}

static void map_pool(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const double *weight = parameter(d, in, "norm.weight"), *bias = parameter(d, in, "norm.bias");
    for (size_t s = 0; s < SEQUENCES; s++) {
        double y[WIDTH], normed[WIDTH], middle[HIDDEN], more[WIDTH];
        attend(d, y, in, s);
        layer_norm(normed, y, weight, bias, WIDTH, (double)1e-6f);
        layer_linear(middle, normed, parameter(d, in, "mlp.c_fc.weight"), parameter(d, in, "mlp.c_fc.bias"),
               HIDDEN, WIDTH);
        layer_quick_gelu(middle, HIDDEN);
        layer_linear(more, middle, parameter(d, in, "mlp.c_proj.weight"),
               parameter(d, in, "mlp.c_proj.bias"), WIDTH, HIDDEN);
        for (int c = 0; c < WIDTH; c++)
            out[s * WIDTH + (size_t)c] = y[c] + more[c];
    }
}

/* ------------------------------------------------------------------------------------------------- */

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
    layer_input(&d, &set);
    difference_output(&d, SEQUENCES * WIDTH);
    struct cclip_forward forward = { .device = &t.device, .arena = &arenas[0], .tape = &tape };
    struct cclip_backward backward = { .device = &t.device, .arena = &arenas[1], .tape = &tape,
                                       .parameters = &set };
    cclip_map_pool_forward(&layer, &forward, d.in[0], &sequences);
    const float *d_x = cclip_map_pool_backward(&layer, &backward, d.slope);
    assert_ok(cclip_device_finish(&t.device));
    assert_null(tape.last);
    difference_check(&d, 0, d_x, "tokens");
    double *expected = difference_gradient(&d, 1);
    layer_check_parameters(expected, &set);
    free(expected);
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
