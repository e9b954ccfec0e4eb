/* An embedding is the same to the bit alone, among others, at any place in a batch, with any number of
 * threads, and when it is computed again: for the shipped model, the small checkpoints of tests/data, and
 * every golden model by formula (which has the variants that public checkpoints seldom have). */
#include "support/small_models.h"

#include <cclip/cclip.h>

#include "support/npy.h"
#include "support/write_open_clip.h"

enum { COUNT = 32, SESSIONS = 3 };

static char work[CCLIP_TEST_PATH_SIZE];
static size_t models;

struct subject {
    const char *name;
    cclip_session *sessions[SESSIONS]; /* with 1, 2, 3 threads */
    size_t dim, image_size, context;
    float *pixels; /* [COUNT, image_size] */
    int32_t *ids;  /* [COUNT, context] */
};

/* Inputs `which[0 .. count)` in this order. */
static float *embed(const struct subject *s, int session, int texts, const size_t *which, size_t count)
{
    float *out = malloc(count * s->dim * sizeof *out);
    float *pixels = malloc(count * s->image_size * sizeof *pixels);
    int32_t *ids = malloc(count * s->context * sizeof *ids);
    assert_true(out && pixels && ids);
    for (size_t i = 0; i < count; i++) {
        memcpy(pixels + i * s->image_size, s->pixels + which[i] * s->image_size, s->image_size * sizeof *pixels);
        memcpy(ids + i * s->context, s->ids + which[i] * s->context, s->context * sizeof *ids);
    }
    if (texts)
        assert_ok(cclip_embed_tokens(s->sessions[session], out, ids, count, s->context, 0));
    else
        assert_ok(cclip_embed_pixels(s->sessions[session], out, pixels, count, 0));
    free(pixels);
    free(ids);
    return out;
}

static void check_batch(const struct subject *s, int session, int texts, const float *all,
                        const size_t *which, size_t count)
{
    float *got = embed(s, session, texts, which, count);
    for (size_t i = 0; i < count; i++)
        if (memcmp(got + i * s->dim, all + which[i] * s->dim, s->dim * sizeof *got) != 0)
            fail_msg("%s: %s %zu has other bits at place %zu of %zu, %d threads", s->name,
                     texts ? "text" : "picture", which[i], i, count, session + 1);
    free(got);
}

static void check_batches(const struct subject *s, int texts)
{
    size_t order[COUNT], reversed[COUNT], same[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        order[i] = i;
        reversed[i] = COUNT - 1 - i;
        same[i] = 5;
    }
    float *all = embed(s, 0, texts, order, COUNT);
    assert_true(memcmp(all, all + s->dim, s->dim * sizeof *all) != 0); /* inputs that differ */
    for (size_t i = 0; i < COUNT * s->dim; i++)
        assert_true(isfinite(all[i]));
    for (int session = 0; session < SESSIONS; session++) {
        check_batch(s, session, texts, all, order, COUNT);
        check_batch(s, session, texts, all, reversed, COUNT);
        check_batch(s, session, texts, all, same, COUNT);
        for (size_t i = 0; i < COUNT; i += 7)
            check_batch(s, session, texts, all, order + i, 1);
        for (size_t i = 0; i + 3 <= COUNT; i += 9)
            check_batch(s, session, texts, all, reversed + i, 3);
    }
    free(all);
}

/* Rows of mixed length by the formula, and the checkpoint's own rows between them, if it has some: those
 * hold its end token. */
static int32_t *make_rows(const cclip_model_info *info, const char *folder)
{
    char path[CCLIP_TEST_PATH_SIZE];
    int32_t *ids = malloc(COUNT * info->context_length * sizeof *ids);
    assert_true(ids && info->context_length > 5 && info->vocabulary_size > 3);
    for (size_t r = 0; r < COUNT; r++)
        formula_tokens(ids + r * info->context_length, "determinism.tokens", r, info->context_length,
                       info->vocabulary_size);
    cclip_test_join(path, sizeof path, folder, "tokens.npy");
    if (cclip_is_file(path)) {
        struct array own;
        array_read_file(&own, path);
        for (size_t r = 0; r < COUNT && own.shape[1] == info->context_length; r += 2)
            for (size_t i = 0; i < info->context_length; i++)
                ids[r * info->context_length + i] =
                    (int32_t)own.i64[r / 2 % own.shape[0] * info->context_length + i];
        array_close(&own);
    }
    return ids;
}

/* Texts of every length, as strings, alone and together. */
static void check_strings(const struct subject *s, const cclip_model *model)
{
    static const char *const texts[] = { "a dog", "a photo of a very small red cat on a green chair", "",
                                         "two birds, one tree", "x", "the quick brown fox jumps", "a", "cat" };
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    const cclip_tokenizer *tokenizer;
    if (cclip_model_get_tokenizer(model, &tokenizer))
        return;
    float *all = malloc((TEXTS + 1) * s->dim * sizeof *all);
    assert_non_null(all);
    assert_ok(cclip_embed_texts(s->sessions[0], all, texts, NULL, TEXTS, 1, 1));
    for (int session = 0; session < SESSIONS; session++)
        for (size_t i = 0; i < TEXTS; i++) {
            float *alone = all + TEXTS * s->dim;
            assert_ok(cclip_embed_texts(s->sessions[session], alone, texts + i, NULL, 1, 1, 1));
            assert_memory_equal(alone, all + i * s->dim, s->dim * sizeof *all);
        }
    free(all);
}

/* `path` is opened; `folder` may have token rows for it. */
static void check_model(const char *name, const char *path, const char *folder)
{
    cclip_model *model;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    struct subject s = { .name = name };
    assert_ok(cclip_model_open(&model, path, NULL));
    assert_ok(cclip_model_get_info(model, &info));
    for (int i = 0; i < SESSIONS; i++) {
        cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
        options.threads = i + 1;
        assert_ok(cclip_session_open(&s.sessions[i], model, &options));
    }
    s.dim = info.embedding_dim;
    s.context = info.context_length;
    s.image_size = 3 * info.preprocessing.height * info.preprocessing.width;
    s.pixels = formula_images("determinism.images", COUNT, info.preprocessing.height, info.preprocessing.width);
    s.ids = make_rows(&info, folder);
    assert_non_null(s.pixels);
    check_batches(&s, 0);
    check_batches(&s, 1);
    check_strings(&s, model);
    free(s.pixels);
    free(s.ids);
    for (int i = 0; i < SESSIONS; i++)
        cclip_session_close(&s.sessions[i]);
    cclip_model_close(&model);
    models++;
}

static void test_shipped_model(void **state)
{
    const char *folder = cclip_test_in_source("share/model");
    (void)state;
    check_model("the shipped model", folder, folder);
}

static void check_small_model(const struct small_model *small)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(path, sizeof path, small->folder, small->checkpoint);
    check_model(small->folder, path, small->folder);
}

static void test_small_models(void **state)
{
    (void)state;
    each_small_model(check_small_model);
}

/* Skipped without golden models; their weights are made by formula. */
static void test_golden_models(void **state)
{
    struct cclip_names names;
    char top[CCLIP_TEST_PATH_SIZE], folder[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE];
    const size_t before = models;
    (void)state;
    cclip_test_join(top, sizeof top, cclip_test_golden(), "models");
    if (!cclip_test_there(top))
        skip();
    formula_work_folder(work, sizeof work, "determinism");
    assert_ok(cclip_folder_list(&names, top));
    for (size_t i = 0; i < names.count; i++) {
        cclip_json *config;
        cclip_test_join(folder, sizeof folder, top, names.names[i]);
        cclip_test_join(path, sizeof path, folder, "config.json");
        if (!cclip_is_file(path))
            continue;
        assert_ok(cclip_json_read_file(&config, path));
        if (cclip_json_get(config, "state_dict")) {
            write_formula_folder(work, config, cclip_json_get(config, "state_dict"), 0, NULL);
            check_model(names.names[i], work, folder);
            remove_formula_folder(work);
        }
        cclip_json_close(&config);
    }
    cclip_names_close(&names);
    assert_true(models > before);
}

/* The same file opened anew gives the same bits. */
static void test_opened_again(void **state)
{
    const char *folder = cclip_test_in_source("share/model");
    float *out[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        cclip_model *model;
        cclip_session *session;
        cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
        assert_ok(cclip_model_open(&model, folder, NULL));
        assert_ok(cclip_model_get_info(model, &info));
        assert_ok(cclip_session_open(&session, model, NULL));
        float *pixels = formula_images("determinism.images", 2, info.preprocessing.height, info.preprocessing.width);
        out[i] = malloc(2 * info.embedding_dim * sizeof **out);
        assert_true(pixels && out[i]);
        assert_ok(cclip_embed_pixels(session, out[i], pixels, 2, 1));
        if (i)
            assert_memory_equal(out[0], out[1], 2 * info.embedding_dim * sizeof **out);
        free(pixels);
        cclip_session_close(&session);
        cclip_model_close(&model);
    }
    free(out[0]);
    free(out[1]);
}

static int remove_work(void **state)
{
    (void)state;
    if (*work)
        remove_formula_folder(work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped_model),
        cmocka_unit_test(test_small_models),
        cmocka_unit_test(test_golden_models),
        cmocka_unit_test(test_opened_again),
    };
    return cmocka_run_group_tests(tests, NULL, remove_work);
}
