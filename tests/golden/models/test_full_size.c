/* The full-size architectures, with weights by formula: every folder below $CCLIP_GOLDEN/models/fullsize that
 * has meta.json (sizes, statistics of activations) and tensors.json (names, shapes; for some also values).
 * One picture and the captions of tokens.npy. One model at a time lies on the disk, up to 2.5 GB, and its
 * file is unlinked as soon as it is open. */
#include "golden/models/engine.h"
#include "support/npy.h"
#include "support/write_open_clip.h"

#include <time.h>

static struct {
    struct engine engine;
    char top[CCLIP_TEST_PATH_SIZE], work[CCLIP_TEST_PATH_SIZE];
    size_t models, statistics, tensors;
} golden;

struct inputs {
    float *pixels;
    int32_t *ids;
    size_t texts, context;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void inputs_read(struct inputs *in, const char *folder, const cclip_json *meta)
{
    struct array tokens;
    const size_t side = (size_t)cclip_json_integer(cclip_json_get(meta, "image_resolution"), 0);
    in->pixels = formula_images(cclip_json_string(cclip_json_get(meta, "image"), NULL), 1, side, side);
    assert_true(side > 0 && in->pixels);
    array_read(&tokens, folder, "tokens.npy");
    in->texts = tokens.shape[0];
    in->context = tokens.shape[1];
    in->ids = array_ids(&tokens);
    array_close(&tokens);
}

static void inputs_close(struct inputs *in)
{
    free(in->pixels);
    free(in->ids);
}

static double number(const cclip_json *object, const char *key)
{
    const double value = cclip_json_number(cclip_json_get(object, key), NAN);
    if (isnan(value))
        fail_msg("\"%s\" is absent", key);
    return value;
}

static void near(const char *what, const char *part, double got, double expected, double most)
{
    if (!(fabs(got - expected) <= most))
        fail_msg("%s: %s is %.9g, not %.9g (%.3g is allowed)", what, part, got, expected, most);
}

/* First values and sums, where tensors.json has them: the formula itself. */
static void check_tensor(const char *name, const cclip_json *facts)
{
    enum { PIECE = 1 << 16 };
    static float values[PIECE];
    struct formula_tensor t = { 0 };
    const cclip_json *first = cclip_json_get(facts, "first2");
    double sum = 0, squares = 0;
    if (!first || formula_is_counter(name))
        return;
    formula_read_shape(&t, facts);
    const struct formula_rule rule = formula_rule(name, t.shape, t.rank);
    for (size_t at = 0; at < t.count; at += PIECE) {
        const size_t count = t.count - at < PIECE ? t.count - at : PIECE;
        formula_fill(values, &rule, at, count);
        for (size_t i = 0; !at && i < cclip_json_length(first); i++)
            near(name, "a first value", (double)values[i], cclip_json_number(cclip_json_at(first, i), NAN), 0);
        for (size_t i = 0; i < count; i++) {
            sum += (double)values[i];
            squares += (double)values[i] * (double)values[i];
        }
    }
    near(name, "sum_f64", sum, number(facts, "sum_f64"), 1e-9 * sqrt((double)t.count * squares) + 1e-12);
    near(name, "sumsq_f64", squares, number(facts, "sumsq_f64"), 1e-9 * squares + 1e-12);
    golden.tensors++;
}

/* Largest distances from the expected arrays, raw and normalised; fails beyond 1e-5. */
static double check_embeddings(const char *folder, const char *of, const char *suffix, const float *got,
                               size_t count, size_t dim)
{
    char name[100];
    struct array raw, norm;
    snprintf(name, sizeof name, "%s_embeds%s.npy", of, suffix);
    array_read(&raw, folder, name);
    assert_int_equal(raw.count, count * dim);
    const double most = 1e-5 * largest_magnitude(raw.f32, raw.count) + 1e-5;
    near(name, "the largest difference", distance(got, raw.f32, raw.count, 0), 0, most);
    if (*suffix) { /* normalised ones are given for the float32 run only */
        norm = raw;
        engine_normalise(norm.f32, count, dim);
    } else {
        array_close(&raw);
        snprintf(name, sizeof name, "%s_embeds_norm.npy", of);
        array_read(&norm, folder, name);
    }
    float *mine = engine_floats(count * dim);
    memcpy(mine, got, count * dim * sizeof *mine);
    engine_normalise(mine, count, dim);
    const double away = distance(mine, norm.f32, count * dim, 0);
    near(name, "the largest difference", away, 0, 1e-5);
    free(mine);
    array_close(&norm);
    return away;
}

static void check_logits(const char *folder, const float *image, const float *texts, size_t count, size_t dim)
{
    struct array logits;
    double lengths[2], dot;
    array_read(&logits, folder, "logits_per_image.npy");
    assert_int_equal(logits.count, count);
    for (size_t t = 0; t < count; t++) {
        dot = lengths[0] = lengths[1] = 0;
        for (size_t d = 0; d < dim; d++) {
            const double a = (double)image[d], b = (double)texts[t * dim + d];
            dot += a * b;
            lengths[0] += a * a;
            lengths[1] += b * b;
        }
        near("logits_per_image", "a logit",
             (double)golden.engine.model->logit_scale * dot / sqrt(lengths[0] * lengths[1]),
             (double)logits.f32[t], 1e-5 * (double)golden.engine.model->logit_scale);
    }
    array_close(&logits);
}

/* The activation that meta.json calls `name`: "TOWER.resblocks.I (NLD)" and the like. */
static struct seen find_activation(const char *name, size_t pictures)
{
    static const char *const others[][2] = { { "visual.conv1", "visual.patch_embed" } };
    const struct engine *e = &golden.engine;
    char mine[96];
    const size_t length = strcspn(name, " ");
    const char *block = strstr(name, ".resblocks.");
    if (block)
        snprintf(mine, sizeof mine, "%.*s.block%.*s", (int)(block - name), name,
                 (int)(length - (size_t)(block - name) - 11), block + 11);
    else
        snprintf(mine, sizeof mine, "%.*s", (int)length, name);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (!strcmp(mine, others[i][0]))
            snprintf(mine, sizeof mine, "%s", others[i][1]);
    const struct seen *found = engine_find(e, mine);
    if (!found)
        fail_msg("no activation \"%s\" was seen", name);
    struct seen out = *found;
    if (strstr(name, "of the class token")) /* the first row of the one picture */
        out.rows = pictures;
    return out;
}

static void check_statistics(const char *name, const cclip_json *facts)
{
    const struct seen s = find_activation(name, 1);
    const int channels_first = strstr(name, "(NCHW)") != NULL;
    const size_t count = s.rows * s.width;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)s.data[i];
    const double mean = sum / (double)count, largest = largest_magnitude(s.data, count);
    for (size_t i = 0; i < count; i++)
        squares += ((double)s.data[i] - mean) * ((double)s.data[i] - mean);
    const double most = 1e-5 * largest + 1e-6;
    near(name, "mean", mean, number(facts, "mean"), most);
    near(name, "std", sqrt(squares / (double)count), number(facts, "std"), most);
    near(name, "absmax", largest, number(facts, "absmax"), most);
    const cclip_json *first = cclip_json_get(facts, "first4");
    for (size_t i = 0; i < cclip_json_length(first); i++)
        near(name, "a first value", (double)s.data[channels_first ? i * s.width : i],
             cclip_json_number(cclip_json_at(first, i), NAN), most);
    golden.statistics++;
}

static void write_and_open(const char *folder, const cclip_json *meta, int half)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_json *tensors;
    cclip_test_join(path, sizeof path, folder, "tensors.json");
    assert_ok(cclip_json_read_file(&tensors, path));
    write_formula_folder(golden.work, meta, tensors, half, golden.engine.pool);
    cclip_json_close(&tensors);
    engine_open_model(&golden.engine, golden.work);
    remove_formula_folder(golden.work); /* the mapping stays */
    assert_int_equal(golden.engine.model->total_parameters, number(meta, "parameters"));
}

static void check_model(const char *folder, const char *name, const cclip_json *meta, int half)
{
    struct engine *e = &golden.engine;
    struct inputs in;
    const char *suffix = half ? "_fp16weights" : "";
    const double start = seconds();
    inputs_read(&in, folder, meta);
    write_and_open(folder, meta, half);
    const double opened = seconds();
    float *image = engine_images(e, in.pixels, 1);
    float *texts = engine_texts(e, in.ids, in.texts, in.context);
    const double away_image = check_embeddings(folder, "image", suffix, image, 1, engine_dim(e));
    const double away_text = check_embeddings(folder, "text", suffix, texts, in.texts, engine_dim(e));
    printf("%-14s%-13s image %.1e  text %.1e   %.1f s, %.1f s of it written and loaded\n", name,
           half ? "f16 weights" : "", away_image, away_text, seconds() - start, opened - start);
    fflush(stdout);
    if (!half) {
        struct cclip_json_iterator it;
        check_logits(folder, image, texts, in.texts, engine_dim(e));
        free(engine_observe_images(e, in.pixels, 1));
        free(engine_observe_texts(e, in.ids, in.texts, in.context));
        const cclip_json *list = cclip_json_get(meta, "activations_of_the_fp32_run");
        for (int more = cclip_json_first(&it, list); more; more = cclip_json_next(&it))
            check_statistics(it.key, it.value);
    }
    free(image);
    free(texts);
    inputs_close(&in);
    engine_close_model(e);
    golden.models++;
}

static void check_folder(const char *folder, const char *name, const cclip_json *meta)
{
    char path[CCLIP_TEST_PATH_SIZE];
    struct cclip_json_iterator it;
    cclip_json *tensors;
    cclip_test_join(path, sizeof path, folder, "tensors.json");
    assert_ok(cclip_json_read_file(&tensors, path));
    for (int more = cclip_json_first(&it, tensors); more; more = cclip_json_next(&it))
        check_tensor(it.key, it.value);
    cclip_json_close(&tensors);
    check_model(folder, name, meta, 0);
    cclip_test_join(path, sizeof path, folder, "image_embeds_fp16weights.npy");
    if (cclip_is_file(path))
        check_model(folder, name, meta, 1);
}

static void test_full_size(void **state)
{
    struct cclip_names names;
    (void)state;
    assert_ok(cclip_folder_list(&names, golden.top));
    for (size_t i = 0; i < names.count; i++) {
        char folder[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE];
        cclip_json *meta;
        const char *only = getenv("CCLIP_TEST_ONLY"); /* one architecture, by hand */
        if (only && strcmp(only, names.names[i]))
            continue;
        cclip_test_join(folder, sizeof folder, golden.top, names.names[i]);
        cclip_test_join(path, sizeof path, folder, "meta.json");
        assert_ok(cclip_json_read_file(&meta, path));
        check_folder(folder, names.names[i], meta);
        cclip_json_close(&meta);
    }
    cclip_names_close(&names);
    printf("%zu models, statistics of %zu activations, %zu tensors of the formula\n", golden.models,
           golden.statistics, golden.tensors);
    assert_true(golden.models > 0);
}

static int open_engine(void **state)
{
    (void)state;
    engine_open(&golden.engine, 2);
    return 0;
}

static int close_engine(void **state)
{
    (void)state;
    engine_close(&golden.engine);
    remove_formula_folder(golden.work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_full_size) };
    char models[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(models, sizeof models, cclip_test_golden(), "models");
    cclip_test_join(golden.top, sizeof golden.top, models, "fullsize");
    formula_work_folder(golden.work, sizeof golden.work, "full-size");
    if (!cclip_test_there(golden.top))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
