/* Zero-shot classification from token rows: class weights, logits, predictions and the figures made of
 * them, for every folder below eval/ that has tokens and formula images. */
#include "golden/classification/golden_eval.h"

#include <cclip/model.h>

#include "support/write_open_clip.h"
#include "zero_shot/scores.h"
#include "zero_shot/weights.h"

/* The "text" of class c and template t is "c t": its token row is looked up. */
struct rows {
    cclip_session *session;
    const struct array *tokens; /* [classes][templates][context] */
    size_t dim;
};

static cclip_status embed_rows(void *context, float *out, const char *const *texts, const size_t *lengths,
                               size_t count)
{
    const struct rows *rows = context;
    const size_t length = rows->tokens->shape[2];
    int32_t *ids = malloc(length * sizeof *ids);
    cclip_status status = ids ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++) {
        char text[64], *end;
        snprintf(text, sizeof text, "%.*s", (int)lengths[i], texts[i]);
        const size_t class = strtoul(text, &end, 10), template = strtoul(end, NULL, 10);
        const int64_t *row = rows->tokens->i64 + (class * rows->tokens->shape[1] + template) * length;
        for (size_t t = 0; t < length; t++)
            ids[t] = (int32_t)row[t];
        status = cclip_embed_tokens(rows->session, out + i * rows->dim, ids, 1, length, 1);
    }
    free(ids);
    return status;
}

static float *weights_of(const struct rows *rows)
{
    const size_t classes = rows->tokens->shape[0], count = rows->tokens->shape[1];
    const struct cclip_text_embedder embedder = { embed_rows, (void *)(uintptr_t)rows, rows->dim };
    char (*text)[24] = malloc((classes + count) * sizeof *text);
    const char **labels = malloc((classes + count) * sizeof *labels), **templates = labels + classes;
    float *weights = malloc(classes * rows->dim * sizeof *weights);
    struct cclip_templates *list;
    for (size_t c = 0; c < classes; c++) {
        snprintf(text[c], sizeof *text, "%zu", c);
        labels[c] = text[c];
    }
    for (size_t t = 0; t < count; t++) {
        snprintf(text[classes + t], sizeof *text, "{} %zu", t);
        templates[t] = text[classes + t];
    }
    assert_ok(cclip_template_list_copy(&list, templates, count));
    assert_ok(cclip_class_weights(weights, &embedder, labels, classes, list));
    cclip_template_list_close(&list);
    free(labels);
    free(text);
    return weights;
}

/* Top-1, top-5 and mean per-class recall, against the stated ones, with equal predictions. */
static void check_figures(const float *logits, size_t pictures, size_t classes, const struct array *truth,
                          const cclip_json *expected)
{
    size_t *best = malloc(classes * sizeof *best), right = 0, among = 0, seen = 0;
    double *rate = calloc(2 * classes, sizeof *rate), recall = 0;
    const cclip_json *predictions = cclip_json_get(expected, "predictions");
    assert_int_equal(cclip_json_length(predictions), pictures);
    for (size_t p = 0; p < pictures; p++) {
        const size_t label = (size_t)truth->i64[p], found = cclip_top_k(best, logits + p * classes, classes, 5);
        assert_int_equal(best[0], cclip_json_integer(cclip_json_at(predictions, p), -1));
        right += best[0] == label;
        rate[2 * label] += best[0] == label;
        rate[2 * label + 1]++;
        for (size_t k = 0; k < found; k++)
            among += best[k] == label;
    }
    for (size_t c = 0; c < classes; c++) {
        seen += rate[2 * c + 1] > 0;
        recall += rate[2 * c + 1] > 0 ? rate[2 * c] / rate[2 * c + 1] : 0;
    }
    const double n = (double)pictures;
    assert_true(fabs((double)right / n - cclip_json_number(cclip_json_get(expected, "top1"), -1)) < 1e-6);
    assert_true(fabs((double)among / n - cclip_json_number(cclip_json_get(expected, "top5"), -1)) < 1e-6);
    assert_true(fabs(recall / (double)seen -
                     cclip_json_number(cclip_json_get(expected, "mean_per_class_recall"), -1)) < 1e-6);
    free(rate);
    free(best);
}

static void check_pictures(const char *folder, const cclip_json *expected, cclip_session *session,
                           const float *weights, size_t classes, size_t dim)
{
    const cclip_json *images = cclip_json_get(expected, "images"), *shape = cclip_json_get(images, "shape");
    const size_t pictures = (size_t)cclip_json_integer(cclip_json_at(shape, 0), 0);
    struct array embeds, logits, truth;
    array_read(&embeds, folder, "image_embeds.npy");
    array_read(&logits, folder, "logits.npy");
    array_read(&truth, folder, "labels.npy");
    float *pixels = formula_images(cclip_json_string(cclip_json_get(images, "formula_name"), NULL), pictures,
                                   (size_t)cclip_json_integer(cclip_json_at(shape, 2), 0),
                                   (size_t)cclip_json_integer(cclip_json_at(shape, 3), 0));
    float *got = malloc(pictures * dim * sizeof *got), *scores = malloc(pictures * classes * sizeof *scores);
    assert_int_equal(embeds.count, pictures * dim);
    assert_int_equal(logits.count, pictures * classes);
    double square = 0; /* the stored embeddings may or may not be normalised */
    for (size_t d = 0; d < dim; d++)
        square += (double)embeds.f32[d] * (double)embeds.f32[d];
    const int normalized = fabs(square - 1) < 1e-4;
    assert_ok(cclip_embed_pixels(session, got, pixels, pictures, normalized));
    assert_true(distance(got, embeds.f32, pictures * dim, 0) < 1e-5 * (normalized ? 1 : sqrt(square)));
    assert_ok(cclip_embed_pixels(session, got, pixels, pictures, 1));
    const double factor = cclip_json_number(cclip_json_get(expected, "logit_factor"), 0);
    cclip_label_logits(scores, got, pictures, weights, classes, dim, (float)factor, 0);
    assert_true(distance(scores, logits.f32, pictures * classes, 0) < 1e-3);
    check_figures(scores, pictures, classes, &truth, expected);
    free(scores);
    free(got);
    free(pixels);
    array_close(&truth);
    array_close(&logits);
    array_close(&embeds);
}

static char work[CCLIP_TEST_PATH_SIZE];

/* The first float32 checkpoint that config.json names; without one the formula's. */
static void open_model(cclip_model **model, const cclip_json *expected)
{
    char name[128], path[CCLIP_TEST_PATH_SIZE + 300];
    struct cclip_json_iterator file;
    cclip_json *config;
    *model = NULL;
    model_name(name, sizeof name, expected);
    snprintf(path, sizeof path, "%s/models/%s/config.json", cclip_test_golden(), name);
    assert_ok(cclip_json_read_file(&config, path));
    for (int more = cclip_json_first(&file, cclip_json_get(config, "files")); more && !*model;
         more = cclip_json_next(&file)) {
        if (strstr(file.key, "fp16") || strstr(file.key, ".json"))
            continue;
        snprintf(path, sizeof path, "%s/models/%s/%s", cclip_test_golden(), name, file.key);
        assert_ok(cclip_model_open(model, path, NULL));
    }
    if (!*model) {
        write_formula_folder(work, config, cclip_json_get(config, "state_dict"), 0, NULL);
        assert_ok(cclip_model_open(model, work, NULL));
        remove_formula_folder(work); /* the mapping stays */
    }
    cclip_json_close(&config);
}

static void check_folder(const char *folder, const cclip_json *expected)
{
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    struct array tokens, weights;
    print_message("%s\n", folder);
    open_model(&model, expected);
    assert_ok(cclip_model_get_info(model, &info));
    assert_ok(cclip_session_open(&session, model, NULL));
    array_read(&tokens, folder, "tokens.npy");
    array_read(&weights, folder, "class_weights.npy");
    const struct rows rows = { session, &tokens, info.embedding_dim };
    float *got = weights_of(&rows);
    assert_int_equal(weights.count, tokens.shape[0] * rows.dim); /* stored [dim][classes] */
    assert_true(distance(got, weights.f32, weights.count, rows.dim) < 1e-5);
    check_pictures(folder, expected, session, got, tokens.shape[0], rows.dim);
    free(got);
    array_close(&weights);
    array_close(&tokens);
    cclip_session_close(&session);
    cclip_model_close(&model);
}

static void test_token_rows(void **state)
{
    (void)state;
    assert_true(each_eval_folder("images", "logit_factor", check_folder) > 0);
}

static int remove_work(void **state)
{
    (void)state;
    remove_formula_folder(work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(test_token_rows, remove_work) };
    char folder[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(folder, sizeof folder, cclip_test_golden(), "eval");
    formula_work_folder(work, sizeof work, "token-rows");
    if (!cclip_test_there(folder))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
