/* open_clip's custom residual blocks: gradients of every parameter and of the input against central differences
 * of the block's definition in double, for each option by itself and for all that go together; with all rows
 * wanted or the last of each sequence, in one go or computed anew. */
#include "layer.h"

#include "nn/transformer.h"

enum { WIDTH = 8, HEADS = 2, HEAD = WIDTH / HEADS, HIDDEN = 12, SEQUENCES = 3, ROWS = 10 };
static const size_t offsets[SEQUENCES + 1] = { 0, 1, 5, ROWS };
static const size_t last[SEQUENCES] = { 0, 4, ROWS - 1 }, each[SEQUENCES + 1] = { 0, 1, 2, 3 };
static const char prefix[] = "tower.resblocks.0";

static struct cclip_transformer_config config; /* of the case */
static double *expected[2]; /* the case's gradients with all rows and with the last ones, once they are known */
static int only_last, held; /* held: the first head's logit_scale is above ln 100, and has no gradient */

/* ---- the definition, in double; in[0] the rows, in[1] all parameters ---------------------------------- */

#define PARAMETER(name) layer_parameter(d, in, prefix, name)

static void norm(const struct difference *d, double *const in[MOST_INPUTS], double *y, const double *x,
                 const char *name, int channels)
{
    char full[60];
    snprintf(full, sizeof full, "%s.weight", name);
    const double *weight = PARAMETER(full);
    snprintf(full, sizeof full, "%s.bias", name);
    layer_norm(y, x, weight, PARAMETER(full), channels, config.epsilon);
}

static void unit_length(double *x)
{
    double square = 0;
    for (int c = 0; c < HEAD; c++)
        square += x[c] * x[c];
    for (int c = 0; c < HEAD; c++)
        x[c] /= sqrt(square);
}

/* Queries, keys and values of all rows, [3 * WIDTH] each. */
static void project(const struct difference *d, double *const in[MOST_INPUTS], double qkv[ROWS][3 * WIDTH])
{
    for (int r = 0; r < ROWS; r++) {
        double normed[WIDTH];
        norm(d, in, normed, in[0] + r * WIDTH, "ln_1", WIDTH);
        layer_linear(qkv[r], normed, PARAMETER("attn.in_proj_weight"), PARAMETER("attn.in_proj_bias"),
                     3 * WIDTH, WIDTH);
        for (int h = 0; h < 2 * HEADS; h++) { /* of queries, then of keys */
            double *x = qkv[r] + h * HEAD;
            if (config.qk_norm)
                norm(d, in, x, x, h < HEADS ? "attn.ln_q" : "attn.ln_k", HEAD);
            if (config.scaled_cosine)
                unit_length(x);
        }
    }
}

/* One row's context, whose keys are rows [begin, end). */
static void attend(const struct difference *d, double *const in[MOST_INPUTS], double *context, const double *q,
                   double qkv[ROWS][3 * WIDTH], size_t begin, size_t end)
{
    for (int h = 0; h < HEADS; h++) {
        double share[ROWS], sum = 0, factor = 1 / sqrt(HEAD);
        if (config.scaled_cosine)
            factor = exp(fmin(PARAMETER("attn.logit_scale")[h], log(100)));
        for (size_t r = begin; r < end; r++) {
            double score = 0;
            for (int c = h * HEAD; c < (h + 1) * HEAD; c++)
                score += q[c] * qkv[r][WIDTH + c];
            sum += share[r] = exp(factor * score);
        }
        for (int c = h * HEAD; c < (h + 1) * HEAD; c++) {
            context[c] = 0;
            for (size_t r = begin; r < end; r++)
                context[c] += share[r] / sum * qkv[r][2 * WIDTH + c];
            if (config.scale_heads)
                context[c] *= PARAMETER("attn.head_scale")[h];
        }
    }
}

/* y = x + ls(branch) */
static void add_branch(const struct difference *d, double *const in[MOST_INPUTS], double *y, const double *x,
                       const double *branch, const char *scale)
{
    for (int c = 0; c < WIDTH; c++)
        y[c] = x[c] + branch[c] * (config.layer_scale ? PARAMETER(scale)[c] : 1);
}

static void block_row(const struct difference *d, double *const in[MOST_INPUTS], double *y, size_t row,
                      double qkv[ROWS][3 * WIDTH], size_t begin, size_t end)
{
    double context[WIDTH], branch[WIDTH], middle[WIDTH], normed[WIDTH], hidden[HIDDEN];
    attend(d, in, context, qkv[row], qkv, begin, end);
    if (config.scale_attention_inner)
        norm(d, in, context, context, "attn.ln_inner", WIDTH);
    layer_linear(branch, context, PARAMETER("attn.out_proj.weight"), PARAMETER("attn.out_proj.bias"), WIDTH,
                 WIDTH);
    if (config.scale_attention)
        norm(d, in, branch, branch, "ln_attn", WIDTH);
    add_branch(d, in, middle, in[0] + row * WIDTH, branch, "ls_1.gamma");
    norm(d, in, normed, middle, "ln_2", WIDTH);
    layer_linear(hidden, normed, PARAMETER("mlp.c_fc.weight"), PARAMETER("mlp.c_fc.bias"), HIDDEN, WIDTH);
    layer_quick_gelu(hidden, HIDDEN);
    if (config.scale_mlp)
        norm(d, in, hidden, hidden, "mlp.ln", HIDDEN);
    layer_linear(branch, hidden, PARAMETER("mlp.c_proj.weight"), PARAMETER("mlp.c_proj.bias"), WIDTH, HIDDEN);
    add_branch(d, in, y, middle, branch, "ls_2.gamma");
}

/* With a causal mask. */
static void block(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    double qkv[ROWS][3 * WIDTH];
    project(d, in, qkv);
    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t r = only_last ? last[s] : offsets[s]; r < offsets[s + 1]; r++)
            block_row(d, in, out + (only_last ? s : r) * WIDTH, r, qkv, offsets[s], r + 1);
}

/* ------------------------------------------------------------------------------------------------------- */

static void load(struct cclip_transformer *layer, struct cclip_trainables *set, struct cclip_device *device)
{
    *set = (struct cclip_trainables){ 0 };
    for (int pass = 0; pass < 2; pass++) {
        struct cclip_parameters p = { .device = pass ? device : NULL, .source = &layer_source,
                                      .training = set };
        cclip_transformer_load(layer, &p, "tower", &config);
        assert_ok(p.status);
        if (!pass)
            assert_ok(cclip_trainables_allocate(set, device));
    }
}

static void check(int level, int threads, int recompute)
{
    struct test_device t;
    struct cclip_transformer layer = { 0 };
    struct cclip_trainables set;
    struct cclip_arena arenas[2] = { { 0 }, { 0 } };
    struct cclip_tape tape = { 0 };
    const struct cclip_sequences sequences = { SEQUENCES, offsets };
    const struct cclip_attention_mask mask = { .causal = 1 };
    const struct cclip_wanted_rows wanted = { last, each };
    test_device_open(&t, level, threads);
    load(&layer, &set, &t.device);
    if (held)
        set.values[cclip_trainables_find(&set, "tower.resblocks.0.attn.logit_scale")->begin] = 5;
    struct difference d = { .forward = block, .context = &set };
    difference_input(&d, ROWS * WIDTH, 0, 1);
    layer_input(&d, &set);
    difference_output(&d, (only_last ? SEQUENCES : ROWS) * WIDTH);
    struct cclip_forward forward = { .device = &t.device, .arena = &arenas[0], .tape = &tape,
                                     .recompute = recompute };
    struct cclip_backward backward = { .device = &t.device, .arena = &arenas[1], .tape = &tape,
                                       .parameters = &set, .tower_begin = 0 };
    cclip_transformer_forward(&layer, &forward, d.in[0], &sequences, &mask, only_last ? &wanted : NULL, "test");
    cclip_transformer_backward(&layer, &backward, d.slope);
    assert_ok(cclip_device_finish(&t.device));
    assert_null(tape.last);
    if (!expected[only_last])
        expected[only_last] = difference_gradient(&d, 1);
    layer_check_parameters(expected[only_last], &set);
    if (held)
        assert_true(set.gradients[cclip_trainables_find(&set, "tower.resblocks.0.attn.logit_scale")->begin] == 0);
    difference_close(&d);
    cclip_arena_close(&arenas[0]);
    cclip_arena_close(&arenas[1]);
    cclip_transformer_close(&layer);
    cclip_trainables_close(&set, &t.device);
    test_device_close(&t);
}

/* Every kind of pass, at every level. */
static void check_all(const struct cclip_transformer_config *options)
{
    config = *options;
    config.width = WIDTH, config.layers = 1, config.heads = HEADS, config.mlp_width = HIDDEN;
    config.activation = CCLIP_ACTIVATION_QUICK_GELU;
    config.epsilon = 1e-5f;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int kind = 0; kind < 4 && test_level_usable(level); kind++) {
            only_last = kind & 1;
            check(level, 1 + kind, kind > 1);
        }
    for (int i = 0; i < 2; i++) {
        free(expected[i]);
        expected[i] = NULL;
    }
}

static void gradients(void **state)
{
    static const struct cclip_transformer_config options[] = {
        { .qk_norm = 1 },
        { .scaled_cosine = 1 },
        { .scale_heads = 1 },
        { .scale_attention_inner = 1 },
        { .scale_attention = 1 },
        { .scale_mlp = 1 },
        { .scale_attention = 1, .layer_scale = 1 },
        { .scale_mlp = 1, .layer_scale = 1 },
        { .qk_norm = 1, .scale_heads = 1, .scale_attention_inner = 1, .scale_attention = 1,
          .scale_mlp = 1, .layer_scale = 1 },
        { .scaled_cosine = 1, .scale_heads = 1, .scale_attention_inner = 1, .scale_attention = 1,
          .scale_mlp = 1, .layer_scale = 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        print_message("options %zu\n", i);
        check_all(&options[i]);
    }
    held = 1;
    check_all(&options[1]);
    held = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(gradients) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
