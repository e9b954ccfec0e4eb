/* Each operation's gradient against finite differences in double: norms, activations, products, rows. */
#include "difference.h"

static float *zeros(size_t count)
{
    float *out = calloc(count + 1, sizeof *out);
    assert_non_null(out);
    return out;
}

/* ---- activations: in[0] ------------------------------------------------------------------------ */

static double activation_of(double x, enum cclip_activation kind)
{
    switch (kind) {
    case CCLIP_ACTIVATION_RELU:
        return x > 0 ? x : 0;
    case CCLIP_ACTIVATION_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case CCLIP_ACTIVATION_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case CCLIP_ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    default:
        return x;
    }
}

static void activation_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const enum cclip_activation kind = *(const enum cclip_activation *)d->context;
    for (size_t i = 0; i < d->out_count; i++)
        out[i] = activation_of(in[0][i], kind);
}

static void activations(struct cclip_device *device)
{
    for (int kind = 0; kind < CCLIP_ACTIVATIONS; kind++) {
        const enum cclip_activation of = (enum cclip_activation)kind;
        const size_t count = 77;
        struct difference d = { .forward = activation_forward, .context = &of };
        difference_input(&d, count, 0, 2);
        difference_output(&d, count);
        float *d_in = zeros(count), *out = zeros(count), *again = zeros(count);
        device->ops->activation_backward(device, d_in, out, d.slope, d.in[0], count, of);
        assert_ok(cclip_device_finish(device));
        difference_check(&d, 0, d_in, "activation");
        device->ops->activation(device, again, d.in[0], count, of);
        assert_memory_equal(out, again, count * sizeof *out);
        free(d_in);
        free(out);
        free(again);
        difference_close(&d);
    }
}

/* ---- layer norm: x, weight, bias --------------------------------------------------------------- */

struct shape {
    size_t rows, width;
};
static const struct shape shapes[] = { { 1, 1 }, { 3, 7 }, { 70, 16 }, { 5, 67 }, { 130, 33 } };
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void layer_norm_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const struct shape *s = d->context;
    for (size_t r = 0; r < s->rows; r++) {
        const double *x = in[0] + r * s->width;
        double mean = 0, variance = 0;
        for (size_t c = 0; c < s->width; c++)
            mean += x[c] / (double)s->width;
        for (size_t c = 0; c < s->width; c++)
            variance += (x[c] - mean) * (x[c] - mean) / (double)s->width;
        for (size_t c = 0; c < s->width; c++)
            out[r * s->width + c] = (x[c] - mean) / sqrt(variance + 1e-5) * in[1][c] + in[2][c];
    }
}

static void layer_norms(struct cclip_device *device)
{
    for (int i = 1; i < SHAPES; i++) {
        const struct shape s = shapes[i];
        const size_t count = s.rows * s.width;
        struct difference d = { .forward = layer_norm_forward, .context = &s };
        difference_input(&d, count, 0.5, 1);
        difference_input(&d, s.width, 1, 0.3);
        difference_input(&d, s.width, 0, 1);
        difference_output(&d, count);
        float *out = zeros(count), *mean = zeros(s.rows), *rstd = zeros(s.rows);
        float *d_x = zeros(count), *d_w = zeros(s.width), *d_b = zeros(s.width);
        device->ops->layer_norm(device, out, s.width, mean, rstd, d.in[0], s.width, d.in[1], d.in[2],
                                s.rows, s.width, 1e-5f);
        device->ops->layer_norm_backward(device, d_x, d_w, d_b, d.slope, d.in[0], mean, rstd, d.in[1],
                                         NULL, s.rows, s.width);
        assert_ok(cclip_device_finish(device));
        difference_check(&d, 0, d_x, "layer norm");
        difference_check(&d, 1, d_w, "layer norm");
        difference_check(&d, 2, d_b, "layer norm");
        /* With a residual: what is there is added. */
        device->ops->layer_norm_backward(device, out, NULL, NULL, d.slope, d.in[0], mean, rstd, d.in[1],
                                         d.in[0], s.rows, s.width);
        for (size_t k = 0; k < count; k++)
            assert_true(fabsf(out[k] - (d_x[k] + d.in[0][k])) <= 1e-5f * (1 + fabsf(d.in[0][k])));
        free(out), free(mean), free(rstd), free(d_x), free(d_w), free(d_b);
        difference_close(&d);
    }
}

/* ---- batch norm: x, weight, bias; running statistics are constants ------------------------------ */

struct batch_case {
    struct shape shape;
    int of_batch;
    const float *mean, *variance;
};

static void batch_norm_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const struct batch_case *b = d->context;
    const size_t rows = b->shape.rows, width = b->shape.width;
    for (size_t c = 0; c < width; c++) {
        double mean = b->mean[c], variance = b->variance[c];
        if (b->of_batch) {
            mean = variance = 0;
            for (size_t r = 0; r < rows; r++)
                mean += in[0][r * width + c] / (double)rows;
            for (size_t r = 0; r < rows; r++)
                variance += pow(in[0][r * width + c] - mean, 2) / (double)rows;
        }
        for (size_t r = 0; r < rows; r++)
            out[r * width + c] =
                (in[0][r * width + c] - mean) / sqrt(variance + 1e-5) * in[1][c] + in[2][c];
    }
}

static void batch_norms(struct cclip_device *device)
{
    for (int i = 1; i < 2 * SHAPES; i++) {
        const struct shape s = shapes[i / 2];
        const size_t count = s.rows * s.width;
        if (s.rows < 2)
            continue;
        float *running = random_floats(s.width, 5, 0, 0.1), *square = random_floats(s.width, 6, 1, 0.01);
        float *mean = zeros(s.width), *rstd = zeros(s.width), *d_x = zeros(count);
        float *d_w = zeros(s.width), *d_b = zeros(s.width), *kept = random_floats(s.width, 5, 0, 0.1);
        const struct batch_case b = { s, i % 2, kept, square };
        struct difference d = { .forward = batch_norm_forward, .context = &b };
        difference_input(&d, count, 0.5, 1);
        difference_input(&d, s.width, 1, 0.3);
        difference_input(&d, s.width, 0, 1);
        difference_output(&d, count);
        float *variance = random_floats(s.width, 6, 1, 0.01);
        device->ops->batch_norm_statistics(device, mean, rstd, running, variance, d.in[0], s.rows,
                                           s.width, b.of_batch);
        const struct cclip_batch_norm_gradient gradient = {
            .d_in = d_x, .d_weight = d_w, .d_bias = d_b, .d_out = d.slope, .in = d.in[0],
            .mean = mean, .rstd = rstd, .weight = d.in[1], .bias = d.in[2], .of_batch = b.of_batch,
            .rows = s.rows, .channels = s.width,
        };
        device->ops->batch_norm_backward(device, &gradient);
        assert_ok(cclip_device_finish(device));
        difference_check(&d, 0, d_x, "batch norm");
        difference_check(&d, 1, d_w, "batch norm");
        difference_check(&d, 2, d_b, "batch norm");
        for (size_t c = 0; c < s.width; c++) /* running = 0.9 running + 0.1 of the batch */
            assert_true(fabsf(running[c] - (b.of_batch ? 0.9f * kept[c] + 0.1f * mean[c] : kept[c])) <=
                        1e-6f);
        free(running), free(square), free(mean), free(rstd), free(d_x), free(d_w), free(d_b), free(kept);
        free(variance);
        difference_close(&d);
    }
}

/* ---- linear: x, weight ------------------------------------------------------------------------- */

struct linear_case {
    size_t rows, columns, depth;
};

static void linear_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const struct linear_case *l = d->context;
    for (size_t i = 0; i < d->out_count; i++) {
        out[i] = 0;
        for (size_t k = 0; k < l->depth; k++)
            out[i] += in[0][i / l->columns * l->depth + k] * in[1][i % l->columns * l->depth + k];
    }
}

static void linears(struct cclip_device *device)
{
    static const struct linear_case cases[] = { { 1, 1, 1 }, { 5, 3, 9 }, { 17, 40, 12 }, { 40, 15, 33 } };
    for (int i = 0; i < 4; i++) {
        const struct linear_case l = cases[i];
        struct difference d = { .forward = linear_forward, .context = &l };
        difference_input(&d, l.rows * l.depth, 0, 1);
        difference_input(&d, l.columns * l.depth, 0, 1);
        difference_output(&d, l.rows * l.columns);
        const struct cclip_matrix weight = { .columns = l.columns, .depth = l.depth, .values = d.in[1],
                                             .column_stride = l.depth, .depth_stride = 1 };
        const struct cclip_matrix back = cclip_matrix_transposed(&weight);
        float *d_x = zeros(l.rows * l.depth), *d_w = zeros(l.columns * l.depth);
        device->ops->linear(device, d_x, l.depth, d.slope, l.columns, l.rows, &back, NULL);
        device->ops->add_product(device, d_w, l.depth, d.slope, l.columns, l.columns, d.in[0], l.depth,
                                 l.depth, l.rows, 0);
        assert_ok(cclip_device_finish(device));
        difference_check(&d, 0, d_x, "linear");
        difference_check(&d, 1, d_w, "linear");
        free(d_x), free(d_w);
        difference_close(&d);
    }
}

/* ---- normalised rows, means of rows, pooling ----------------------------------------------------- */

static void normalize_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const struct shape *s = d->context;
    for (size_t r = 0; r < s->rows; r++) {
        double sum = 0;
        for (size_t c = 0; c < s->width; c++)
            sum += pow(in[0][r * s->width + c], 2);
        for (size_t c = 0; c < s->width; c++)
            out[r * s->width + c] = in[0][r * s->width + c] / sqrt(sum);
    }
}

static void mean_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const struct shape *s = d->context;
    for (size_t c = 0; c < s->width; c++) {
        out[c] = 0;
        for (size_t r = 1; r < s->rows; r++)
            out[c] += in[0][r * s->width + c] / (double)(s->rows - 1);
    }
}

static void rows(struct cclip_device *device)
{
    for (int i = 1; i < SHAPES; i++) {
        const struct shape s = shapes[i];
        const size_t count = s.rows * s.width, begin = 1, end = s.rows;
        struct difference d = { .forward = normalize_forward, .context = &s };
        difference_input(&d, count, 0, 1);
        difference_output(&d, count);
        float *d_x = zeros(count);
        device->ops->normalize_rows_backward(device, d_x, d.slope, d.in[0], s.rows, s.width, 1e-12f);
        assert_ok(cclip_device_finish(device));
        difference_check(&d, 0, d_x, "normalised rows");
        d.forward = mean_forward;
        d.out_count = s.width;
        device->ops->zero(device, d_x, count);
        device->ops->spread_rows(device, d_x, s.width, d.slope, &begin, &end, 1, s.width);
        assert_ok(cclip_device_finish(device));
        difference_check(&d, 0, d_x, "mean of rows");
        free(d_x);
        difference_close(&d);
    }
}

/* 5 x 7 cells, windows of 2: the last row and column are in none. */
enum { HEIGHT = 5, WIDTH = 7, CHANNELS = 3, HALF = (HEIGHT / 2) * (WIDTH / 2) * CHANNELS };

static void pool_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    (void)d;
    for (size_t i = 0; i < HALF; i++) {
        const size_t c = i % CHANNELS, x = i / CHANNELS % (WIDTH / 2), y = i / CHANNELS / (WIDTH / 2);
        out[i] = 0;
        for (size_t k = 0; k < 4; k++)
            out[i] += in[0][((2 * y + k / 2) * WIDTH + 2 * x + k % 2) * CHANNELS + c] / 4;
    }
}

static void pooling(struct cclip_device *device)
{
    struct difference d = { .forward = pool_forward };
    difference_input(&d, HEIGHT * WIDTH * CHANNELS, 0, 1);
    difference_output(&d, HALF);
    float *d_x = random_floats(HEIGHT * WIDTH * CHANNELS, 1, 0, 1); /* written, not added to */
    device->ops->average_pool2d_backward(device, d_x, d.slope, 1, HEIGHT, WIDTH, CHANNELS, 2);
    assert_ok(cclip_device_finish(device));
    difference_check(&d, 0, d_x, "average pool");
    free(d_x);
    difference_close(&d);
}

/* Sums over rows that share a place: in order, and added to what is there. */
static void scatter(struct cclip_device *device)
{
    const size_t index[4] = { 2, 0, 2, 1 };
    float in[4 * 3], out[3 * 5] = { 1 };
    for (size_t i = 0; i < 12; i++)
        in[i] = (float)i;
    device->ops->scatter_rows(device, out, 5, in, index, 4, 3);
    assert_ok(cclip_device_finish(device));
    static const float expected[15] = { 4, 4, 5, 0, 0, 9, 10, 11, 0, 0, 6, 8, 10, 0, 0 };
    assert_memory_equal(out, expected, sizeof out);
}

/* ---- attention: q, k, v ------------------------------------------------------------------------- */

struct attention_case {
    size_t heads, head_width, sequences;
    size_t q_offsets[4], k_offsets[4];
    int causal;
};

static void attention_forward(const struct difference *d, double *out, double *const in[MOST_INPUTS])
{
    const struct attention_case *a = d->context;
    const size_t width = a->heads * a->head_width;
    for (size_t s = 0; s < a->sequences; s++)
        for (size_t h = 0; h < a->heads; h++)
            for (size_t q = a->q_offsets[s]; q < a->q_offsets[s + 1]; q++) {
                const size_t k0 = a->k_offsets[s];
                size_t keys = a->k_offsets[s + 1] - k0;
                if (a->causal && q - a->q_offsets[s] + 1 < keys)
                    keys = q - a->q_offsets[s] + 1;
                double weight[64], sum = 0;
                for (size_t j = 0; j < keys; j++) {
                    double score = 0;
                    for (size_t c = 0; c < a->head_width; c++)
                        score += in[0][q * width + h * a->head_width + c] *
                                 in[1][(k0 + j) * width + h * a->head_width + c];
                    sum += weight[j] = exp(score / sqrt((double)a->head_width));
                }
                for (size_t c = 0; c < a->head_width; c++) {
                    double *o = &out[q * width + h * a->head_width + c];
                    *o = 0;
                    for (size_t j = 0; j < keys; j++)
                        *o += weight[j] / sum * in[2][(k0 + j) * width + h * a->head_width + c];
                }
            }
}

static void attentions(struct cclip_device *device)
{
    static const struct attention_case cases[] = {
        { 1, 4, 1, { 0, 3 }, { 0, 3 }, 0 },
        { 2, 5, 3, { 0, 1, 18, 24 }, { 0, 1, 18, 24 }, 1 },
        { 2, 8, 2, { 0, 19, 40 }, { 0, 19, 40 }, 0 },
        { 1, 16, 3, { 0, 1, 2, 3 }, { 0, 6, 20, 41 }, 0 }, /* one query a sequence */
    };
    for (int i = 0; i < 4; i++) {
        const struct attention_case a = cases[i];
        const size_t width = a.heads * a.head_width;
        const size_t queries = a.q_offsets[a.sequences], keys = a.k_offsets[a.sequences];
        struct difference d = { .forward = attention_forward, .context = &a };
        difference_input(&d, queries * width, 0, 1);
        difference_input(&d, keys * width, 0, 1);
        difference_input(&d, keys * width, 0, 1);
        difference_output(&d, queries * width);
        float *d_q = zeros(queries * width), *d_k = zeros(keys * width), *d_v = zeros(keys * width);
        const struct cclip_attention forward = {
            .q = d.in[0], .k = d.in[1], .v = d.in[2], .q_stride = width, .k_stride = width,
            .v_stride = width, .heads = a.heads, .head_width = a.head_width, .sequences = a.sequences,
            .q_offsets = a.q_offsets, .k_offsets = a.k_offsets,
            .scale = 1.0f / sqrtf((float)a.head_width), .causal = a.causal,
        };
        const struct cclip_attention_gradient gradient = {
            .forward = &forward, .d_out = d.slope, .d_q = d_q, .d_k = d_k, .d_v = d_v,
            .d_out_stride = width, .d_q_stride = width, .d_k_stride = width, .d_v_stride = width,
        };
        device->ops->attention_backward(device, &gradient);
        assert_ok(cclip_device_finish(device));
        difference_check(&d, 0, d_q, "attention");
        difference_check(&d, 1, d_k, "attention");
        difference_check(&d, 2, d_v, "attention");
        free(d_q), free(d_k), free(d_v);
        difference_close(&d);
    }
}

/* ------------------------------------------------------------------------------------------------- */

static void at_every_level(void (*check)(struct cclip_device *device))
{
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int threads = 1; threads <= 3 && test_level_usable(level); threads += 2) {
            struct test_device device;
            test_device_open(&device, level, threads);
            check(&device.device);
            test_device_close(&device);
        }
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        at_every_level(name);                                                                      \
    }
TEST(activations)
TEST(layer_norms)
TEST(batch_norms)
TEST(linears)
TEST(rows)
TEST(pooling)
TEST(scatter)
TEST(attentions)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations), cmocka_unit_test(test_layer_norms),
        cmocka_unit_test(test_batch_norms), cmocka_unit_test(test_linears),
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_scatter),     cmocka_unit_test(test_attentions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
