/* Models against the reference: every folder below $CCLIP_GOLDEN/models and every checkpoint file in it.
 *
 *   config.json with "inputs"   a model. Its files' "expected" tells which results are theirs ("PREFIX*.npy";
 *                               else those without a prefix). Whether it has files or not, an open_clip
 *                               folder is written by the formula too and read; where the folder holds
 *                               results of half-precision weights, another one with those.
 *   image.npy, no config.json   the inputs of folders below it: Hugging Face folders with their results, once
 *                               more with each config_X.json ("config_X.*.npy"), and GGUF files: model_X.gguf
 *                               with "X.*.npy"; a GGUF file without results is one to refuse.
 *
 * Results: embeddings, normalised ones, logits, and the activations below act/. The full-size models and
 * position tables have tests of their own. */
#include "golden/models/engine.h"
#include "support/npy.h"
#include "support/write_open_clip.h"

#include <limits.h>

#include "base/file.h"
#include "formats/json.h"

static struct {
    struct engine engine;
    char top[CCLIP_TEST_PATH_SIZE], work[CCLIP_TEST_PATH_SIZE];
    size_t folders, files, refused, activations;
} golden;

/* What a model is given. */
struct inputs {
    float *pixels;
    int32_t *ids;
    size_t images, texts, context;
};

/* One checkpoint and where its results are. */
struct test_case {
    const char *folder; /* of the results */
    const char *name;   /* of the model, for people */
    const char *file;   /* likewise */
    const char *path;   /* what to open */
    const char *prefix; /* of its results' names, "" for none */
};

struct differences {
    double image, text, logits;
    size_t compared;
};

static void inputs_close(struct inputs *in)
{
    free(in->pixels);
    free(in->ids);
}

/* The picture may be left out where the configuration says which stream of the formula it is. */
static void inputs_read(struct inputs *in, const char *folder, const cclip_json *config)
{
    char path[CCLIP_TEST_PATH_SIZE];
    struct array images, tokens;
    cclip_test_join(path, sizeof path, folder, "image.npy");
    if (cclip_is_file(path)) {
        array_read(&images, folder, "image.npy");
        assert_int_equal(images.rank, 4);
        in->images = images.shape[0];
        in->pixels = images.f32;
    } else {
        const cclip_json *image = cclip_json_get(cclip_json_get(config, "inputs"), "image");
        const cclip_json *shape = cclip_json_get(image, "shape");
        in->images = (size_t)cclip_json_integer(cclip_json_at(shape, 0), 0);
        in->pixels = formula_images(cclip_json_string(cclip_json_get(image, "formula_name"), NULL), in->images,
                                    (size_t)cclip_json_integer(cclip_json_at(shape, 2), 0),
                                    (size_t)cclip_json_integer(cclip_json_at(shape, 3), 0));
    }
    assert_true(in->images > 0 && in->pixels);
    array_read(&tokens, folder, "tokens.npy");
    assert_int_equal(tokens.rank, 2);
    in->texts = tokens.shape[0];
    in->context = tokens.shape[1];
    in->ids = array_ids(&tokens);
    array_close(&tokens);
}

/* PREFIX + NAME.npy in the case's folder; without it NAME.npy, which a variant shares. Absent: 0. */
static int read_expected(struct array *out, const struct test_case *c, const char *name, size_t *own)
{
    char file[300], path[CCLIP_TEST_PATH_SIZE];
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s%s.npy", i ? "" : c->prefix, name);
        cclip_test_join(path, sizeof path, c->folder, file);
        if (!cclip_is_file(path))
            continue;
        array_read(out, c->folder, file);
        *own += !i;
        return 1;
    }
    return 0;
}

/* Fails when `got` is farther from the expected array than relative * its largest value + absolute. */
static double compare(const struct test_case *c, const char *name, const struct array *expected,
                      const float *got, size_t count, double relative, double absolute)
{
    assert_int_equal(expected->count, count);
    const double away = distance(got, expected->f32, count, 0);
    const double most = relative * largest_magnitude(expected->f32, count) + absolute;
    if (!(away <= most))
        fail_msg("%s, %s: %s%s is off by %.3g; %.3g is allowed", c->name, c->file, c->prefix, name, away, most);
    return away;
}

/* NaN where there is nothing to compare with. */
static double check_array(const struct test_case *c, const char *name, const float *got, size_t count,
                          double relative, double absolute, size_t *own)
{
    struct array expected;
    if (!read_expected(&expected, c, name, own))
        return NAN;
    const double away = compare(c, name, &expected, got, count, relative, absolute);
    array_close(&expected);
    return away;
}

static double check_logits(const struct test_case *c, const float *images, const float *texts,
                           const struct inputs *in, size_t *own)
{
    const struct cclip_model *model = golden.engine.model;
    const size_t dim = model->config.embedding_dim;
    float *logits = engine_floats(in->images * in->texts);
    for (size_t i = 0; i < in->images; i++)
        for (size_t t = 0; t < in->texts; t++) {
            double sum = 0;
            for (size_t d = 0; d < dim; d++)
                sum += (double)images[i * dim + d] * (double)texts[t * dim + d];
            logits[i * in->texts + t] = (float)((double)model->logit_scale * sum + (double)model->logit_bias);
        }
    const double away = check_array(c, "logits_per_image", logits, in->images * in->texts, 1e-6,
                                    1e-5 * (double)model->logit_scale, own);
    free(logits);
    return away;
}

/* Embeddings as they are, normalised, and logits. `images` and `texts` become normalised. */
static struct differences check_outputs(const struct test_case *c, float *images, float *texts,
                                        const struct inputs *in)
{
    const size_t dim = engine_dim(&golden.engine);
    struct differences d = { 0 };
    check_array(c, "image_embeds", images, in->images * dim, 1e-5, 1e-5, &d.compared);
    check_array(c, "text_embeds", texts, in->texts * dim, 1e-5, 1e-5, &d.compared);
    engine_normalise(images, in->images, dim);
    engine_normalise(texts, in->texts, dim);
    d.image = check_array(c, "image_embeds_norm", images, in->images * dim, 0, 1e-5, &d.compared);
    d.text = check_array(c, "text_embeds_norm", texts, in->texts * dim, 0, 1e-5, &d.compared);
    d.logits = check_logits(c, images, texts, in, &d.compared);
    if (!d.compared)
        fail_msg("%s, %s: no results \"%s*.npy\" in %s", c->name, c->file, c->prefix, c->folder);
    return d;
}

/* Opens the checkpoint, computes, compares. */
static void check_case(const struct test_case *c, const struct inputs *in)
{
    struct engine *e = &golden.engine;
    engine_open_model(e, c->path);
    assert_int_equal(in->context, e->model->config.text.context_length);
    float *images = engine_images(e, in->pixels, in->images);
    float *texts = engine_texts(e, in->ids, in->texts, in->context);
    const struct differences d = check_outputs(c, images, texts, in);
    printf("%-22s %-34s image %.1e  text %.1e", c->name, c->file, d.image, d.text);
    if (!isnan(d.logits))
        printf("  logits %.1e", d.logits);
    printf("\n");
    golden.files++;
    free(images);
    free(texts);
}

/* The activation under the golden name. Some have other names here; the outputs of a block's two halves
 * are fused into its sum, so they are what the sum gained. */
static struct seen activation(const char *name)
{
    static const char *const other_names[][2] = {
        { "visual.norm", "visual.ln_post" }, /* timm's name */
        { "visual.ln_pre", "visual.embed" }, /* a model without this norm passes on what it got */
    };
    const struct engine *e = &golden.engine;
    char begin[96], base[64];
    const char *dot = strrchr(name, '.');
    const struct seen *after = engine_find(e, name), *before = NULL;
    for (size_t i = 0; !after && i < sizeof other_names / sizeof other_names[0]; i++)
        if (!strcmp(name, other_names[i][0]))
            after = engine_find(e, other_names[i][1]);
    struct seen out = after ? *after : (struct seen){ 0 };
    if (after) {
        out.data = engine_floats(out.rows * out.width);
        memcpy(out.data, after->data, out.rows * out.width * sizeof *out.data);
        return out;
    }
    if (!dot)
        fail_msg("no activation \"%s\" was seen", name);
    snprintf(base, sizeof base, "%.*s", (int)(dot - name), name);
    snprintf(begin, sizeof begin, "%s.attention", base);
    const struct seen *middle = engine_find(e, begin);
    if (!strcmp(dot, ".mlp_out")) {
        after = engine_find(e, base);
        before = middle;
    } else if (!strcmp(dot, ".attn_out") && middle) {
        after = middle;
        before = middle - 1; /* what went into the block was seen just before */
    }
    if (!after || !before || after->rows * after->width != before->rows * before->width)
        fail_msg("no activation \"%s\" was seen", name);
    out = *after;
    out.data = engine_floats(out.rows * out.width);
    for (size_t i = 0; i < out.rows * out.width; i++)
        out.data[i] = after->data[i] - before->data[i];
    return out;
}

/* The part of an activation of `inputs` inputs that the golden array holds, in its order: the first
 * shape[0] inputs; channels first for feature maps; where only one row an input is there, the pooled
 * one: the first of a picture, the last (the class embedding) of a text. */
static float *golden_order(const struct seen *s, const struct array *expected, const char *name, size_t inputs)
{
    const size_t *shape = expected->shape, length = s->rows / inputs;
    const size_t width = expected->rank == 4 ? shape[1] : shape[expected->rank - 1];
    const size_t rows = expected->rank == 4 ? shape[2] * shape[3] : expected->rank == 3 ? shape[1] : 1;
    if (s->width != width || s->rows % inputs || (rows != length && rows != 1) || shape[0] > inputs)
        fail_msg("%s: [%zu, %zu] of %zu inputs is not the golden one's shape", name, s->rows, s->width, inputs);
    const size_t skip = rows == length || strncmp(name, "text.", 5) ? 0 : length - 1;
    float *out = engine_floats(expected->count);
    for (size_t n = 0; n < shape[0]; n++)
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 0; k < width; k++) {
                const size_t at = expected->rank == 4 ? (n * width + k) * rows + r : (n * rows + r) * width + k;
                out[at] = s->data[(n * length + skip + r) * width + k];
            }
    return out;
}

static void check_activations(const struct test_case *c, const cclip_json *list, const struct inputs *in)
{
    char folder[CCLIP_TEST_PATH_SIZE], file[300];
    struct cclip_json_iterator it;
    cclip_test_join(folder, sizeof folder, c->folder, "act");
    for (int more = cclip_json_first(&it, list); more; more = cclip_json_next(&it)) {
        struct array expected;
        snprintf(file, sizeof file, "%s.npy", it.key);
        array_read(&expected, folder, file);
        assert_true(expected.rank > 1 && expected.rank < 5);
        struct seen s = activation(it.key);
        float *got = golden_order(&s, &expected, it.key, strncmp(it.key, "text.", 5) ? in->images : in->texts);
        compare(c, it.key, &expected, got, expected.count, 1e-5, 1e-6);
        golden.activations++;
        free(got);
        free(s.data);
        array_close(&expected);
    }
}

/* Token outputs, which captioning models use: what the towers hold beside the pooled row. */
static void check_token_outputs(const struct test_case *c, const struct inputs *in)
{
    struct engine *e = &golden.engine;
    const struct cclip_text_config *text = &e->model->config.text;
    char last[96];
    snprintf(last, sizeof last, "text.block%zu", text->transformer.layers - 1);
    const struct {
        const char *output, *seen;
        size_t inputs, skip, leave; /* rows of an input that are no tokens, in front and behind */
    } outputs[] = {
        { "image_tokens", "visual.ln_post", in->images, 1, 0 },
        { "text_tokens", text->class_embedding ? last : "text.ln_final", in->texts, 0,
          text->class_embedding ? 1 : 0 },
    };
    for (size_t i = 0; i < 2; i++) {
        struct array expected;
        size_t own = 0;
        if (!read_expected(&expected, c, outputs[i].output, &own))
            continue;
        const struct seen *s = engine_find(e, outputs[i].seen);
        assert_non_null(s);
        const size_t length = s->rows / outputs[i].inputs;
        const size_t kept = length - outputs[i].skip - outputs[i].leave;
        float *got = engine_floats(outputs[i].inputs * kept * s->width);
        for (size_t n = 0; n < outputs[i].inputs; n++)
            memcpy(got + n * kept * s->width, s->data + (n * length + outputs[i].skip) * s->width,
                   kept * s->width * sizeof *got);
        compare(c, outputs[i].output, &expected, got, outputs[i].inputs * kept * s->width, 1e-5, 1e-6);
        golden.activations++;
        free(got);
        array_close(&expected);
    }
}

/* With an observer more is computed than a result needs; the result must have the same bits. */
static void check_observed(const struct test_case *c, const cclip_json *config, const struct inputs *in)
{
    struct engine *e = &golden.engine;
    const size_t dim = engine_dim(e);
    float *images = engine_images(e, in->pixels, in->images);
    float *texts = engine_texts(e, in->ids, in->texts, in->context);
    float *observed_images = engine_observe_images(e, in->pixels, in->images);
    float *observed_texts = engine_observe_texts(e, in->ids, in->texts, in->context);
    assert_memory_equal(images, observed_images, in->images * dim * sizeof *images);
    assert_memory_equal(texts, observed_texts, in->texts * dim * sizeof *texts);
    check_activations(c, cclip_json_get(config, "activations"), in);
    check_token_outputs(c, in);
    free(images);
    free(texts);
    free(observed_images);
    free(observed_texts);
}

/* An open_clip folder by the formula. */
static void check_by_formula(const char *folder, const char *name, const cclip_json *config,
                             const struct inputs *in, int half)
{
    const struct test_case c = { folder, name, half ? "(formula, rounded to f16)" : "(formula)", golden.work,
                                 half ? "fp16weights_" : "" };
    const cclip_json *count = cclip_json_get(config, "parameters");
    write_formula_folder(golden.work, config, cclip_json_get(config, "state_dict"), half, golden.engine.pool);
    check_case(&c, in);
    remove_formula_folder(golden.work);
    assert_true(cclip_json_is_integer(count));
    assert_int_equal(golden.engine.model->total_parameters, cclip_json_integer(count, 0));
    if (!half)
        check_observed(&c, config, in);
    engine_close_model(&golden.engine);
}

static int is_checkpoint(const char *file)
{
    static const char *const suffixes[] = { ".pt", ".bin", ".safetensors", ".gguf" };
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (cclip_path_has_suffix(file, suffixes[i]))
            return 1;
    return 0;
}

/* "fp16weights_" of "fp16weights_*.npy ..."; "" of other words. */
static void read_prefix(char *out, size_t size, const cclip_json *file)
{
    const char *expected = cclip_json_string(cclip_json_get(file, "expected"), NULL);
    const size_t length = expected ? strcspn(expected, " *") : 0;
    const int pattern = expected && expected[length] == '*';
    snprintf(out, size, "%.*s", pattern ? (int)length : 0, expected ? expected : "");
}

/* Every checkpoint file on the disk, each of which the configuration must know, and the other way round. */
static void check_files(const char *folder, const char *name, const cclip_json *config, const struct inputs *in)
{
    const cclip_json *files = cclip_json_get(config, "files");
    struct cclip_names names;
    struct cclip_json_iterator it;
    char path[CCLIP_TEST_PATH_SIZE], prefix[64];
    for (int more = cclip_json_first(&it, files); more; more = cclip_json_next(&it)) {
        cclip_test_join(path, sizeof path, folder, it.key);
        if (!cclip_is_file(path))
            fail_msg("%s is absent", path);
    }
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++) {
        const struct test_case c = { folder, name, names.names[i], path, prefix };
        if (!is_checkpoint(names.names[i]))
            continue;
        const cclip_json *file = cclip_json_get(files, names.names[i]);
        if (!file)
            fail_msg("%s/config.json says nothing about %s", folder, names.names[i]);
        cclip_test_join(path, sizeof path, folder, names.names[i]);
        read_prefix(prefix, sizeof prefix, file);
        check_case(&c, in);
        if (!*prefix)
            check_observed(&c, config, in);
        engine_close_model(&golden.engine);
    }
    cclip_names_close(&names);
}

static void check_model_folder(const char *folder, const char *name, const cclip_json *config)
{
    struct inputs in = { 0 };
    char path[CCLIP_TEST_PATH_SIZE];
    inputs_read(&in, folder, config);
    check_files(folder, name, config, &in);
    check_by_formula(folder, name, config, &in, 0);
    cclip_test_join(path, sizeof path, folder, "fp16weights_image_embeds_norm.npy");
    if (cclip_is_file(path))
        check_by_formula(folder, name, config, &in, 1);
    inputs_close(&in);
}

/* The folder's own weights with another configuration: both linked into a folder. */
static void check_other_config(const char *folder, const char *name, const char *file, const struct inputs *in)
{
    char from[CCLIP_TEST_PATH_SIZE], real[PATH_MAX], to[CCLIP_TEST_PATH_SIZE], prefix[64];
    const struct {
        const char *from, *to;
    } links[] = { { file, "config.json" }, { "model.safetensors", "model.safetensors" } };
    snprintf(prefix, sizeof prefix, "%.*s.", (int)(strlen(file) - 5), file);
    const struct test_case c = { folder, name, file, golden.work, prefix };
    assert_ok(cclip_folder_make(golden.work));
    for (size_t i = 0; i < 2; i++) {
        cclip_test_join(from, sizeof from, folder, links[i].from);
        cclip_test_join(to, sizeof to, golden.work, links[i].to);
        assert_non_null(realpath(from, real));
        assert_int_equal(symlink(real, to), 0);
    }
    check_case(&c, in);
    remove_formula_folder(golden.work);
    engine_close_model(&golden.engine);
}

/* A Hugging Face folder. */
static void check_hugging_face(const char *folder, const char *name, const struct inputs *in)
{
    const struct test_case c = { folder, name, "model.safetensors", folder, "" };
    struct cclip_names names;
    check_case(&c, in);
    engine_close_model(&golden.engine);
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++)
        if (!strncmp(names.names[i], "config_", 7) && cclip_path_has_suffix(names.names[i], ".json"))
            check_other_config(folder, name, names.names[i], in);
    cclip_names_close(&names);
}

static void check_refused(const char *name, const char *file, const char *path)
{
    const struct cclip_model_request request = { .path = path };
    struct cclip_model *model;
    if (!cclip_models_open(&model, &request))
        fail_msg("%s was opened, but has no results: it is one to refuse", path);
    assert_null(model);
    assert_null(strchr(cclip_error_message(), '\n'));
    assert_non_null(strstr(cclip_error_message(), file));
    printf("%-22s %-34s refused\n    %s\n", name, file, cclip_error_message());
    golden.refused++;
}

static void check_gguf_files(const char *folder, const char *name, const struct inputs *in)
{
    struct cclip_names names;
    char path[CCLIP_TEST_PATH_SIZE], result[CCLIP_TEST_PATH_SIZE];
    char prefix[64], name_of_result[100];
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++) {
        const char *file = names.names[i], *kind = strchr(file, '_');
        if (!cclip_path_has_suffix(file, ".gguf"))
            continue;
        kind = kind ? kind + 1 : file;
        cclip_test_join(path, sizeof path, folder, file);
        snprintf(prefix, sizeof prefix, "%.*s.", (int)(strlen(kind) - 5), kind);
        snprintf(name_of_result, sizeof name_of_result, "%simage_embeds_norm.npy", prefix);
        cclip_test_join(result, sizeof result, folder, name_of_result);
        const struct test_case c = { folder, name, file, path, prefix };
        if (!strncmp(file, "model_", 6) && cclip_is_file(result)) {
            check_case(&c, in);
            engine_close_model(&golden.engine);
        } else {
            check_refused(name, file, path);
        }
    }
    cclip_names_close(&names);
}

/* Inputs here, checkpoints in the folders below. */
static void check_folders_below(const char *folder, const char *name)
{
    struct cclip_names names;
    struct inputs in = { 0 };
    inputs_read(&in, folder, NULL);
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++) {
        char below[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE], label[200];
        cclip_test_join(below, sizeof below, folder, names.names[i]);
        cclip_test_join(path, sizeof path, below, "config.json");
        cclip_test_join(label, sizeof label, name, names.names[i]);
        if (!cclip_is_folder(below))
            continue;
        if (cclip_is_file(path))
            check_hugging_face(below, label, &in);
        else
            check_gguf_files(below, label, &in);
    }
    cclip_names_close(&names);
    inputs_close(&in);
}

/* Position tables: golden.models.position_resize. */
static int is_other_tests(const cclip_json *config)
{
    return cclip_json_get(config, "cases") && !cclip_json_get(config, "inputs");
}

static void check_folder(const char *folder, const char *name)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_json *config = NULL;
    const size_t before = golden.files;
    cclip_test_join(path, sizeof path, folder, "config.json");
    if (!cclip_is_file(path)) {
        check_folders_below(folder, name);
    } else {
        assert_ok(cclip_json_read_file(&config, path));
        const int elsewhere = is_other_tests(config);
        if (!elsewhere)
            check_model_folder(folder, name, config);
        cclip_json_close(&config);
        if (elsewhere)
            return;
    }
    if (golden.files == before)
        fail_msg("%s: nothing to compare", folder);
    golden.folders++;
}

static void test_models(void **state)
{
    struct cclip_names names;
    (void)state;
    assert_ok(cclip_folder_list(&names, golden.top));
    for (size_t i = 0; i < names.count; i++) {
        char folder[CCLIP_TEST_PATH_SIZE];
        cclip_test_join(folder, sizeof folder, golden.top, names.names[i]);
        if (cclip_is_folder(folder) && strcmp(names.names[i], "fullsize"))
            check_folder(folder, names.names[i]);
    }
    cclip_names_close(&names);
    assert_true(golden.folders > 0);
    printf("%zu folders, %zu checkpoints, %zu refused, %zu activations\n", golden.folders, golden.files,
           golden.refused, golden.activations);
}

static int open_engine(void **state)
{
    (void)state;
    engine_open(&golden.engine, 2);
    formula_work_folder(golden.work, sizeof golden.work, "models");
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_models) };
    cclip_test_join(golden.top, sizeof golden.top, cclip_test_golden(), "models");
    if (!cclip_test_there(golden.top))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
