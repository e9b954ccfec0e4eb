/* Every checkpoint below $CCLIP_GOLDEN/models and in tests/data/interop, written anew in each layout that can
 * express it, and back:
 *
 *   - the written folder opens, and has the same weights: names, shapes, types and every bit (block types
 *     become f32); the same sizes, options and preprocessing;
 *   - written back in the layout it came from, the file has the tensors of the original under the
 *     original's names, bit for bit, and a Hugging Face configuration says the same under each key;
 *   - names and shapes in Hugging Face's layout are those of the mapping.json beside a model, where there is one.
 *
 * A golden folder that describes a model is tested by an open_clip folder made of the formula too, for many hold
 * no checkpoint. Which models must be expressible: all in open_clip's layout but those whose case.json says otherwise;
 * in Hugging Face's those from such a folder, GGUF files, and those whose case.json says so. Where the layout
 * cannot, the message says why. */
#include "support/small_models.h"
#include "support/write_open_clip.h"

#include <math.h>
#include <unistd.h>

#include "models/convert.h"
#include "models/model.h"

enum { FORMS = CCLIP_CONVERT_HUGGING_FACE + 1, PATH_SIZE = CCLIP_TEST_PATH_SIZE };

static const struct {
    const char *name, *config, *weights;
} forms[FORMS] = {
    [CCLIP_CONVERT_OPEN_CLIP] = { "open_clip", "open_clip_config.json", "open_clip_model.safetensors" },
    [CCLIP_CONVERT_HUGGING_FACE] = { "hf", "config.json", "model.safetensors" },
};

static struct {
    char top[64];
    size_t checkpoints, described, written[FORMS], refused[FORMS], back, mapped;
} seen = { .top = "/tmp/cclip-convert-XXXXXX" };

/* A checkpoint, and what is known of it. */
struct source {
    char path[PATH_SIZE];
    char folder[PATH_SIZE]; /* where mapping.json would be */
    int must[FORMS];        /* 1: has to be expressible */
};

static void join(char out[PATH_SIZE], const char *folder, const char *name)
{
    const int length = snprintf(out, PATH_SIZE, "%s/%s", folder, name);
    assert_true(length > 0 && length < PATH_SIZE);
}

static void remove_folder(const char *path)
{
    char command[PATH_SIZE + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

/* ---------------------------------------------------------------------------------------- weights */

static size_t elements(const size_t *shape, int rank)
{
    size_t count;
    assert_ok(cclip_tensor_count(&count, shape, rank));
    return count;
}

static void same_weight(const struct cclip_weights *a, const struct cclip_weights *b, const char *name)
{
    size_t shape[2][CCLIP_LIMIT_TENSOR_RANK];
    int rank[2];
    assert_ok(cclip_weights_shape(a, name, shape[0], &rank[0]));
    assert_ok(cclip_weights_shape(b, name, shape[1], &rank[1]));
    assert_int_equal(rank[0], rank[1]);
    assert_memory_equal(shape[0], shape[1], (size_t)rank[0] * sizeof shape[0][0]);
    const enum cclip_dtype from = cclip_weights_dtype(a, name);
    const enum cclip_dtype dtype = cclip_dtype_info(from)->block_length > 1 ? CCLIP_F32 : from;
    assert_int_equal(cclip_weights_dtype(b, name), dtype);
    const size_t bytes = elements(shape[0], rank[0]) * cclip_dtype_info(dtype)->block_bytes;
    unsigned char *x = malloc(bytes), *y = malloc(bytes);
    assert_ok(cclip_weights_read_raw(a, name, x));
    assert_ok(cclip_weights_read_raw(b, name, y));
    if (memcmp(x, y, bytes))
        fail_msg("%s: other bits", name);
    free(x);
    free(y);
}

static void same_weights(const struct cclip_model *from, const struct cclip_model *to)
{
    const struct cclip_weights *a = from->weights, *b = to->weights;
    for (size_t i = 0; i < cclip_weights_count(a); i++) {
        const char *name = cclip_weights_name(a, i);
        if (!cclip_weights_has(b, name))
            fail_msg("%s: no \"%s\"", to->path, name);
        same_weight(a, b, name);
    }
    const size_t added = (size_t)from->config.no_logit_scale; /* GGUF files have none */
    assert_int_equal(cclip_weights_count(b), cclip_weights_count(a) + added);
}

/* ---------------------------------------------------------------------------------- configuration */

static void same_transformer(const struct cclip_transformer_config *a,
                             const struct cclip_transformer_config *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->layers, b->layers);
    assert_int_equal(a->heads, b->heads);
    assert_int_equal(a->mlp_width, b->mlp_width);
    assert_int_equal(a->activation, b->activation);
    assert_true(a->epsilon == b->epsilon);
    assert_int_equal(a->layer_scale, b->layer_scale);
    assert_int_equal(a->qk_norm, b->qk_norm);
    assert_int_equal(a->scaled_cosine, b->scaled_cosine);
    assert_int_equal(a->scale_heads, b->scale_heads);
    assert_int_equal(a->scale_attention_inner, b->scale_attention_inner);
    assert_int_equal(a->scale_attention, b->scale_attention);
    assert_int_equal(a->scale_mlp, b->scale_mlp);
}

static void same_vision(const struct cclip_vision_config *a, const struct cclip_vision_config *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->image_height, b->image_height);
    assert_int_equal(a->image_width, b->image_width);
    if (a->kind == CCLIP_MODIFIED_RESNET) {
        assert_memory_equal(a->stage_blocks, b->stage_blocks, sizeof a->stage_blocks);
        assert_int_equal(a->stem_width, b->stem_width);
        assert_int_equal(a->attention_heads, b->attention_heads);
        return;
    }
    same_transformer(&a->transformer, &b->transformer);
    assert_int_equal(a->patch_size, b->patch_size);
    assert_int_equal(a->class_token, b->class_token);
    assert_int_equal(a->patch_bias, b->patch_bias);
    assert_int_equal(a->norm_pre, b->norm_pre);
    assert_int_equal(a->norm_after_pool, b->norm_after_pool);
    assert_int_equal(a->pool, b->pool);
    assert_int_equal(a->pool_queries, b->pool_queries);
    assert_int_equal(a->pool_heads, b->pool_heads);
    assert_int_equal(a->projection, b->projection);
}

static void same_text(const struct cclip_text_config *a, const struct cclip_text_config *b)
{
    same_transformer(&a->transformer, &b->transformer);
    assert_int_equal(a->context_length, b->context_length);
    assert_int_equal(a->vocabulary_size, b->vocabulary_size);
    assert_int_equal(a->pool, b->pool);
    if (a->pool == CCLIP_POOL_END_TOKEN)
        assert_int_equal(a->end_id, b->end_id);
    assert_int_equal(a->causal, b->causal);
    assert_int_equal(a->class_embedding, b->class_embedding);
    assert_int_equal(a->projection, b->projection);
}

static void same_config(const struct cclip_model *from, const struct cclip_model *to)
{
    const struct cclip_config *a = &from->config, *b = &to->config;
    const cclip_preprocessing *p = &a->preprocessing, *q = &b->preprocessing;
    assert_int_equal(a->embedding_dim, b->embedding_dim);
    assert_int_equal(a->has_logit_bias, b->has_logit_bias);
    assert_true(fabsf(from->logit_scale - to->logit_scale) <= 1e-6f * from->logit_scale);
    assert_true(from->logit_bias == to->logit_bias);
    same_vision(&a->vision, &b->vision);
    same_text(&a->text, &b->text);
    assert_int_equal(p->height, q->height);
    assert_int_equal(p->width, q->width);
    assert_int_equal(p->resize_to, q->resize_to);
    assert_int_equal(p->resize_mode, q->resize_mode);
    assert_int_equal(p->interpolation, q->interpolation);
    assert_memory_equal(p->mean, q->mean, sizeof p->mean);
    assert_memory_equal(p->std, q->std, sizeof p->std);
    assert_int_equal(p->has_background, q->has_background);
    assert_memory_equal(p->background, q->background, sizeof p->background);
}

static int same_number(const cclip_json *a, const cclip_json *b)
{
    return cclip_json_is_number(a) && cclip_json_is_number(b) &&
           (float)cclip_json_number(a, 0) == (float)cclip_json_number(b, 1);
}

/* What training and other programs read, and models of one form need not agree on. */
static int is_free(const char *key)
{
    static const char *const keys[] = { "initializer_factor",   "initializer_range", "attention_dropout",
                                        "transformers_version", "dropout",           "torch_dtype",
                                        "dtype",                "bos_token_id",      "vision_use_head",
                                        "feature_extractor_type" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!strcmp(keys[i], key))
            return 1;
    return 0;
}

/* Each key of `wanted` is in `found` with the same value. */
static void same_keys(const cclip_json *wanted, const cclip_json *found, const char *name)
{
    struct cclip_json_iterator it;
    for (int more = cclip_json_first(&it, wanted); more; more = cclip_json_next(&it)) {
        const cclip_json *other = cclip_json_get(found, it.key);
        const char *text = cclip_json_string(it.value, NULL), *also = cclip_json_string(other, NULL);
        if (is_free(it.key))
            continue;
        if (cclip_json_is_object(it.value)) {
            same_keys(it.value, other, name);
            continue;
        }
        int same = cclip_json_is_array(it.value) &&
                   cclip_json_length(it.value) == cclip_json_length(other);
        for (size_t i = 0; i < cclip_json_length(it.value) && same; i++)
            same = same_number(cclip_json_at(it.value, i), cclip_json_at(other, i)) ||
                   cclip_json_is_string(cclip_json_at(it.value, i));
        same |= same_number(it.value, other) || (text && also && !strcmp(text, also)) ||
                (cclip_json_bool(it.value, -1) >= 0 &&
                 cclip_json_bool(it.value, -1) == cclip_json_bool(other, -2));
        if (!same)
            fail_msg("%s: \"%s\" is not what the original says", name, it.key);
    }
}

static void same_json(const char *original, const char *written, const char *name)
{
    char a[PATH_SIZE], b[PATH_SIZE];
    cclip_json *wanted, *found;
    join(a, original, name);
    join(b, written, name);
    if (!cclip_is_file(a))
        return;
    assert_ok(cclip_json_read_file(&wanted, a));
    assert_ok(cclip_json_read_file(&found, b));
    same_keys(wanted, found, b);
    cclip_json_close(&wanted);
    cclip_json_close(&found);
}

/* ------------------------------------------------------------------------------------------ files */

/* The stored tensors of a written file are those of the original under its names. */
static size_t prefix_of_training(const char *name)
{
    return strncmp(name, "module.", 7) ? 0 : 7;
}

static const struct cclip_tensor *stored(const struct cclip_checkpoint *c, const char *name)
{
    for (size_t i = 0; i < cclip_checkpoint_count(c); i++)
        if (!strcmp(cclip_checkpoint_name(c, i), name))
            return cclip_checkpoint_tensor(c, i);
    return NULL;
}

static int is_carried_along(const char *name)
{
    static const char *const buffers[] = { "position_ids", "input_resolution", "context_length",
                                           "vocab_size" };
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        if (cclip_path_has_suffix(name, buffers[i]))
            return 1;
    return 0;
}

static void same_stored(const struct cclip_tensor *a, const struct cclip_tensor *b, const char *name,
                        int form)
{
    const size_t count = elements(a->shape, a->rank);
    /* open_clip's are written without dimensions, though a file may have had one */
    const int scalar = form == CCLIP_CONVERT_OPEN_CLIP && count == 1 && !strncmp(name, "logit_", 6);
    assert_int_equal(a->dtype, b->dtype);
    assert_true(a->rank == b->rank || (scalar && a->rank == 1 && b->rank == 0));
    assert_memory_equal(a->shape, b->shape, (size_t)b->rank * sizeof a->shape[0]);
    float *x = malloc((count + 1) * sizeof *x), *y = malloc((count + 1) * sizeof *y);
    cclip_tensor_to_f32(x, a); /* strides may differ; f64 and integers are small here */
    cclip_tensor_to_f32(y, b);
    if (memcmp(x, y, count * sizeof *x))
        fail_msg("%s: other values", name);
    free(x);
    free(y);
}

static cclip_status open_checkpoint(struct cclip_checkpoint **out, const char *path)
{
    char file[PATH_SIZE];
    static const struct {
        const char *name;
        int sharded;
    } names[] = { { "open_clip_model.safetensors", 0 },
                  { "open_clip_pytorch_model.bin", 0 },
                  { "model.safetensors", 0 },
                  { "model.safetensors.index.json", 1 } };
    if (!cclip_is_folder(path))
        return cclip_checkpoint_open(out, path);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        join(file, path, names[i].name);
        if (cclip_is_file(file))
            return names[i].sharded ? cclip_checkpoint_open_sharded(out, file)
                                    : cclip_checkpoint_open(out, file);
    }
    fail_msg("%s: no weights", path);
    return CCLIP_OK;
}

static void same_files(const char *original, const char *written, int form)
{
    struct cclip_checkpoint *a, *b;
    size_t weights = 0;
    assert_ok(open_checkpoint(&a, original));
    assert_ok(open_checkpoint(&b, written));
    for (size_t i = 0; i < cclip_checkpoint_count(a); i++) {
        const char *name = cclip_checkpoint_name(a, i);
        name += prefix_of_training(name);
        if (is_carried_along(name))
            continue;
        const struct cclip_tensor *tensor = stored(b, name);
        if (!tensor)
            fail_msg("%s: no \"%s\"", written, name);
        same_stored(cclip_checkpoint_tensor(a, i), tensor, name, form);
        weights++;
    }
    assert_int_equal(cclip_checkpoint_count(b), weights);
    cclip_checkpoint_close(&a);
    cclip_checkpoint_close(&b);
}

/* Names and shapes of Hugging Face's layout, where the folder lists them. */
static void check_mapping(const struct source *source, const char *written)
{
    char path[PATH_SIZE];
    cclip_json *root;
    struct cclip_checkpoint *c;
    struct cclip_json_iterator it;
    size_t count = 0;
    join(path, source->folder, "mapping.json");
    if (!cclip_is_file(path))
        return;
    assert_ok(cclip_json_read_file(&root, path));
    assert_ok(open_checkpoint(&c, written));
    const cclip_json *keys = cclip_json_get(root, "hf_keys");
    for (int more = cclip_json_first(&it, keys); more; more = cclip_json_next(&it)) {
        if (is_carried_along(it.key))
            continue;
        const struct cclip_tensor *tensor = stored(c, it.key);
        if (!tensor)
            fail_msg("%s: no \"%s\"", written, it.key);
        assert_int_equal(tensor->rank, cclip_json_length(it.value));
        for (int d = 0; d < tensor->rank; d++)
            assert_int_equal(tensor->shape[d],
                             cclip_json_integer(cclip_json_at(it.value, (size_t)d), -1));
        count++;
    }
    assert_true(count > 0);
    assert_int_equal(cclip_checkpoint_count(c), count);
    seen.mapped++;
    cclip_checkpoint_close(&c);
    cclip_json_close(&root);
}

/* ----------------------------------------------------------------------------------------- sources */

static struct cclip_model *open_model(const char *path)
{
    struct cclip_model *model;
    const struct cclip_model_request request = { .path = path };
    assert_ok(cclip_models_open(&model, &request));
    return model;
}

/* The form that has the source's own names; -1 for GGUF. */
static int own_form(const struct cclip_model *model)
{
    const char *layout = cclip_weights_layout(model->weights);
    return !strncmp(layout, "hf_", 3) ? CCLIP_CONVERT_HUGGING_FACE
           : !strcmp(layout, "clip.cpp") ? -1
                                         : CCLIP_CONVERT_OPEN_CLIP;
}

/* From the written folder to the source's own form: the file that it came from. */
static void check_back(const struct source *source, const char *written, int form)
{
    char back[PATH_SIZE];
    join(back, seen.top, "back");
    assert_ok(cclip_models_convert(written, NULL, back, (enum cclip_convert_form)form));
    same_files(source->path, back, form);
    if (form == CCLIP_CONVERT_HUGGING_FACE && cclip_is_folder(source->path)) {
        same_json(source->path, back, "config.json");
        same_json(source->path, back, "preprocessor_config.json");
    }
    seen.back++;
    remove_folder(back);
}

static void check_form(const struct source *source, const struct cclip_model *from, int form)
{
    char out[PATH_SIZE];
    join(out, seen.top, forms[form].name);
    const cclip_status status =
        cclip_models_convert(source->path, NULL, out, (enum cclip_convert_form)form);
    if (status) {
        if (source->must[form] || form == own_form(from))
            fail_msg("%s to %s: %s", source->path, forms[form].name, cclip_error_message());
        assert_string_equal(cclip_status_name(status), "unsupported");
        assert_non_null(strstr(cclip_error_message(), "cannot express"));
        assert_false(cclip_is_folder(out));
        printf("    not in %s: %s\n", forms[form].name, cclip_error_message());
        seen.refused[form]++;
        return;
    }
    struct cclip_model *to = open_model(out);
    same_weights(from, to);
    same_config(from, to);
    cclip_models_close(&to);
    if (form == CCLIP_CONVERT_HUGGING_FACE)
        check_mapping(source, out);
    if (own_form(from) >= 0)
        check_back(source, out, own_form(from));
    remove_folder(out);
    seen.written[form]++;
}

static void check_source(const struct source *source)
{
    printf("%s\n", source->path);
    struct cclip_model *from = open_model(source->path);
    for (int form = 0; form < FORMS; form++)
        check_form(source, from, form);
    cclip_models_close(&from);
    seen.checkpoints++;
    struct cclip_names left; /* nothing beside what was asked for */
    assert_ok(cclip_folder_list(&left, seen.top));
    assert_int_equal(left.count, 0);
    cclip_names_close(&left);
}

/* A GGUF file without results beside it is one to refuse. */
static int is_to_refuse(const char *folder, const char *name)
{
    char results[PATH_SIZE], path[PATH_SIZE];
    if (!cclip_path_has_suffix(name, ".gguf"))
        return 0;
    const char *dash = strchr(name, '_');
    snprintf(results, sizeof results, "%.*s.text_embeds_norm.npy",
             dash ? (int)(strlen(dash) - strlen("_.gguf")) : 0, dash ? dash + 1 : "");
    join(path, folder, results);
    return !cclip_is_file(path);
}

static int is_weights(const char *name)
{
    static const char *const endings[] = { ".pt", ".bin", ".gguf", ".safetensors" };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (cclip_path_has_suffix(name, endings[i]))
            return 1;
    return 0;
}

/* The model that config.json describes, made by the formula. */
static void check_described(const char *folder)
{
    struct source source = { .must = { 1, 0 } };
    char path[PATH_SIZE];
    cclip_json *config;
    join(path, folder, "config.json");
    if (!cclip_is_file(path))
        return;
    assert_ok(cclip_json_read_file(&config, path));
    const cclip_json *tensors = cclip_json_get(config, "state_dict");
    if (cclip_json_length(tensors) && cclip_json_get(config, "inputs")) {
        printf("%s, by the formula:\n  ", folder);
        formula_work_folder(source.path, sizeof source.path, "convert");
        join(source.folder, folder, ".");
        write_formula_folder(source.path, config, tensors, 0, NULL);
        check_source(&source);
        remove_formula_folder(source.path);
        seen.described++;
    }
    cclip_json_close(&config);
}

/* Every weights file, each by itself: a configuration beside it is found. */
static void walk(const char *folder, const char *parent)
{
    struct cclip_names names;
    check_described(folder);
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++) {
        struct source source = { .must = { 1, 0 } };
        join(source.path, folder, names.names[i]);
        if (cclip_is_folder(source.path)) {
            walk(source.path, folder);
            continue;
        }
        if (!is_weights(names.names[i]) || is_to_refuse(folder, names.names[i]))
            continue;
        join(source.folder, parent, ".");
        source.must[CCLIP_CONVERT_HUGGING_FACE] = cclip_path_has_suffix(names.names[i], ".gguf");
        check_source(&source);
    }
    cclip_names_close(&names);
}

static void test_golden(void **state)
{
    char models[PATH_SIZE];
    (void)state;
    join(models, cclip_test_golden(), "models");
    walk(models, models);
    assert_true(seen.checkpoints + seen.described > 0);
    /* Only the whole golden data is known to have a mapping.json. */
    if (!getenv("CCLIP_GOLDEN") && cclip_test_there(cclip_test_in_source("../shared/golden")))
        assert_true(seen.described > 0 && seen.mapped > 0);
}

static void check_small(const struct small_model *model)
{
    struct source source = { .must = { 0 } };
    char path[PATH_SIZE];
    cclip_json *json;
    join(source.path, model->folder, model->checkpoint);
    join(source.folder, model->folder, ".");
    join(path, model->folder, "case.json");
    assert_ok(cclip_json_read_file(&json, path));
    const cclip_json *list = cclip_json_get(json, "convert_to");
    for (size_t i = 0; i < cclip_json_length(list); i++)
        for (int form = 0; form < FORMS; form++)
            source.must[form] |= !strcmp(cclip_json_string(cclip_json_at(list, i), NULL),
                                         forms[form].name);
    cclip_json_close(&json);
    check_source(&source);
}

static void test_small_models(void **state)
{
    (void)state;
    each_small_model(check_small);
}

/* The shipped model: its vocabulary and calibration go along. */
static void test_shipped(void **state)
{
    static const char *const carried[] = { "vocab.json", "merges.txt", "tokenizer_config.json",
                                           "calibration.json" };
    struct source source = { .must = { 1, 0 } };
    char out[PATH_SIZE], path[2][PATH_SIZE];
    (void)state;
    join(source.path, cclip_test_source(), "share/model");
    join(source.folder, source.path, ".");
    check_source(&source);
    join(out, seen.top, "shipped");
    assert_ok(cclip_models_convert(source.path, NULL, out, CCLIP_CONVERT_OPEN_CLIP));
    for (size_t i = 0; i < sizeof carried / sizeof carried[0]; i++) {
        struct cclip_mapping file[2];
        join(path[0], source.path, carried[i]);
        join(path[1], out, carried[i]);
        for (int k = 0; k < 2; k++)
            assert_ok(cclip_mapping_open(&file[k], path[k]));
        assert_int_equal(file[0].size, file[1].size);
        assert_memory_equal(file[0].data, file[1].data, file[0].size);
        for (int k = 0; k < 2; k++)
            cclip_mapping_close(&file[k]);
    }
    struct cclip_model *model = open_model(out);
    assert_non_null(model->tokenizer);
    cclip_models_close(&model);
    remove_folder(out);
}

static int summary(void **state)
{
    (void)state;
    for (int form = 0; form < FORMS; form++)
        printf("%zu checkpoints: %zu written as %s, %zu refused; %zu written back, %zu compared with mapping.json\n",
               seen.checkpoints, seen.written[form], forms[form].name, seen.refused[form], seen.back,
               seen.mapped);
    remove_folder(seen.top);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return !mkdtemp(seen.top);
}

int main(void)
{
    char models[PATH_SIZE];
    snprintf(models, sizeof models, "%s/models", cclip_test_golden());
    if (!cclip_test_there(models)) {
        printf("skipped: %s is not there\n", models);
        return CCLIP_TEST_SKIP;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_small_models), cmocka_unit_test(test_shipped),
                                        cmocka_unit_test(test_golden) };
    return cmocka_run_group_tests(tests, set_up, summary);
}
