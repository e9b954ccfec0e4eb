/* Picture files and strings to probabilities, for every folder below eval/ that has files, classes and
 * templates: a model with weights by the formula, of the named architecture but with the full vocabulary. */
#include "golden/classification/golden_eval.h"

#include <unistd.h>

#include <cclip/cclip.h>

#include "zero_shot/scores.h"

/* offset and scale of a tensor: golden/FORMULA.md, the rows that a model of this kind needs. */
static void formula_range(float *offset, float *scale, const char *name, const size_t *shape, size_t rank)
{
    static const char *const tables[] = { "positional_embedding", "class_embedding", "token_embedding.weight" };
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    size_t inner = 1;
    for (size_t i = 1; i < rank; i++)
        inner *= shape[i];
    *offset = 0;
    *scale = (float)sqrt(3.0 / (double)inner);
    if (!strcmp(last, "bias") || !strcmp(last, "in_proj_bias")) {
        *scale = 0x1p-4f;
        return;
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strlen(name) >= strlen(tables[i]) && !strcmp(name + strlen(name) - strlen(tables[i]), tables[i])) {
            *scale = 0.25f;
            return;
        }
    }
    if (rank == 1) {
        *offset = 1;
        *scale = 0.125f;
    } else if (!strcmp(last, "proj") || !strcmp(last, "text_projection")) {
        *scale = (float)sqrt(3.0 / (double)shape[0]);
    } else if (rank == 4) {
        *scale = (float)sqrt(6.0 / (double)inner);
    }
}

struct tensor {
    const char *name;
    size_t shape[8], rank, count;
};

static void write_values(FILE *file, const struct tensor *t)
{
    const uint64_t hash = formula_hash(t->name);
    const uint32_t logit_scale = 0x402A3151;
    float offset, scale, value;
    formula_range(&offset, &scale, t->name, t->shape, t->rank);
    for (size_t i = 0; i < t->count; i++) {
        value = offset + scale * formula_value(hash, i);
        if (!strcmp(t->name, "logit_scale"))
            memcpy(&value, &logit_scale, sizeof value);
        assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
    }
}

static size_t list_tensors(struct tensor *tensors, size_t room, const cclip_json *shapes, size_t vocabulary)
{
    struct cclip_json_iterator it;
    size_t count = 0;
    for (int more = cclip_json_first(&it, shapes); more; more = cclip_json_next(&it)) {
        assert_true(count < room);
        struct tensor *t = &tensors[count++];
        *t = (struct tensor){ .name = it.key, .rank = cclip_json_length(it.value), .count = 1 };
        for (size_t i = 0; i < t->rank; i++) {
            t->shape[i] = (size_t)cclip_json_integer(cclip_json_at(it.value, i), 0);
            if (!i && !strcmp(t->name, "token_embedding.weight"))
                t->shape[i] = vocabulary;
            t->count *= t->shape[i];
        }
    }
    return count;
}

static void write_safetensors(const char *path, const cclip_json *config, size_t vocabulary)
{
    enum { ROOM = 1000 };
    struct tensor *tensors = malloc(ROOM * sizeof *tensors);
    const size_t count = list_tensors(tensors, ROOM, cclip_json_get(config, "state_dict"), vocabulary);
    struct cclip_buffer header;
    size_t at = 0;
    cclip_buffer_open(&header, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        cclip_buffer_format(&header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i ? "," : "{", tensors[i].name);
        for (size_t k = 0; k < tensors[i].rank; k++)
            cclip_buffer_format(&header, "%s%zu", k ? "," : "", tensors[i].shape[k]);
        cclip_buffer_format(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + 4 * tensors[i].count);
        at += 4 * tensors[i].count;
    }
    assert_ok(cclip_buffer_byte(&header, '}'));
    FILE *file = fopen(path, "wb");
    const uint64_t length = header.length;
    assert_non_null(file);
    assert_int_equal(fwrite(&length, sizeof length, 1, file), 1);
    assert_int_equal(fwrite(header.data, header.length, 1, file), 1);
    for (size_t i = 0; i < count; i++)
        write_values(file, &tensors[i]);
    assert_int_equal(fclose(file), 0);
    cclip_buffer_close(&header);
    free(tensors);
}

static int number(const cclip_json *config, const char *key)
{
    const int64_t value = cclip_json_integer(cclip_json_get(config, key), -1);
    assert_true(value > 0);
    return (int)value;
}

/* The folder in open_clip's form; `size` is the picture side that expected.json states. */
static void write_model(const char *folder, const cclip_json *config, int size, size_t vocabulary)
{
    char path[CCLIP_TEST_PATH_SIZE], text[1024];
    const char *activation = cclip_json_string(cclip_json_get(config, "activation"), NULL);
    snprintf(path, sizeof path, "%s/open_clip_model.safetensors", folder);
    write_safetensors(path, config, vocabulary);
    const int length = snprintf(
        text, sizeof text,
        "{\"model_cfg\":{\"embed_dim\":%d,\"quick_gelu\":%s,\"vision_cfg\":{\"image_size\":%d,\"layers\":%d,"
        "\"width\":%d,\"patch_size\":%d,\"head_width\":%d},\"text_cfg\":{\"context_length\":%d,"
        "\"vocab_size\":%zu,\"width\":%d,\"heads\":%d,\"layers\":%d}}}",
        number(config, "embed_dim"), activation && !strcmp(activation, "quick_gelu") ? "true" : "false", size,
        number(config, "vision_layers"), number(config, "vision_width"), number(config, "vision_patch_size"),
        number(config, "vision_width") / number(config, "vision_heads"), number(config, "context_length"),
        vocabulary, number(config, "text_width"), number(config, "text_heads"), number(config, "text_layers"));
    snprintf(path, sizeof path, "%s/open_clip_config.json", folder);
    assert_ok(cclip_file_write(path, text, (size_t)length));
}

static void open_model(cclip_model **model, const cclip_json *expected)
{
    char name[128], path[CCLIP_TEST_PATH_SIZE + 300], vocabulary[CCLIP_TEST_PATH_SIZE + 64];
    char folder[] = "/tmp/cclip-end-to-end-XXXXXX";
    cclip_model_options options = CCLIP_MODEL_OPTIONS_INIT;
    cclip_json *config;
    model_name(name, sizeof name, expected);
    const char *size = strstr(cclip_json_string(cclip_json_get(expected, "model"), NULL), "vocab_size ");
    assert_non_null(size);
    snprintf(path, sizeof path, "%s/models/%s/config.json", cclip_test_golden(), name);
    assert_ok(cclip_json_read_file(&config, path));
    assert_non_null(mkdtemp(folder));
    write_model(folder, config, number(expected, "image_size"), strtoul(size + 11, NULL, 10));
    cclip_json_close(&config);
    snprintf(vocabulary, sizeof vocabulary, "%s/bpe_simple_vocab_16e6.txt.gz", cclip_test_vocab());
    options.vocabulary = vocabulary;
    options.style = CCLIP_TOKENIZER_OPENAI;
    assert_ok(cclip_model_open(model, folder, &options));
    static const char *const written[] = { "open_clip_model.safetensors", "open_clip_config.json" };
    for (size_t i = 0; i < 2; i++) { /* mapped where it is still needed */
        snprintf(path, sizeof path, "%s/%s", folder, written[i]);
        unlink(path);
    }
    rmdir(folder);
}

static size_t strings(const char **out, size_t room, const cclip_json *list)
{
    const size_t count = cclip_json_length(list);
    assert_true(count && count <= room);
    for (size_t i = 0; i < count; i++)
        out[i] = cclip_json_string(cclip_json_at(list, i), NULL);
    return count;
}

enum { MOST = 1000 };

static void check_pictures(const char *folder, const cclip_json *expected, cclip_session *session,
                           const cclip_classifier *classifier, const cclip_model_info *info)
{
    struct array pixels, embeds, logits, probabilities;
    const char *files[MOST];
    char path[CCLIP_TEST_PATH_SIZE + 300];
    const char *paths[1] = { path };
    const size_t count = strings(files, MOST, cclip_json_get(expected, "files"));
    const size_t labels = cclip_classifier_count(classifier), dim = info->embedding_dim;
    const size_t size = 3 * info->preprocessing.height * info->preprocessing.width;
    array_read(&pixels, folder, "images_float32.npy");
    array_read(&embeds, folder, "image_embeds_norm.npy");
    array_read(&logits, folder, "logits.npy");
    array_read(&probabilities, folder, "probs.npy");
    assert_true(pixels.count == count * size && embeds.count == count * dim && logits.count == count * labels);
    float *picture = malloc(size * sizeof *picture), *got = malloc(count * dim * sizeof *got);
    float *scores = malloc(count * labels * sizeof *scores);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/preprocess/images/%s", cclip_test_golden(), files[i]);
        assert_ok(cclip_preprocess_file(picture, path, &info->preprocessing));
        if (memcmp(picture, pixels.f32 + i * size, size * sizeof *picture))
            fail_msg("%s: pixels differ by %g", path, distance(picture, pixels.f32 + i * size, size, 0));
        assert_ok(cclip_embed_files(session, got + i * dim, paths, 1, NULL, 1, NULL, NULL));
    }
    assert_true(distance(got, embeds.f32, count * dim, 0) < 1e-5);
    const double factor = cclip_json_number(cclip_json_get(expected, "logit_factor"), 0);
    cclip_label_logits(scores, got, count, cclip_classifier_weights(classifier), labels, dim, (float)factor, 0);
    assert_true(distance(scores, logits.f32, count * labels, 0) < 1e-3);
    cclip_softmax_rows(scores, count, labels);
    assert_true(distance(scores, probabilities.f32, count * labels, 0) < 1e-3);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(largest(scores + i * labels, labels),
                         cclip_json_integer(cclip_json_at(cclip_json_get(expected, "argmax"), i), -1));
    free(scores);
    free(got);
    free(picture);
    array_close(&probabilities);
    array_close(&logits);
    array_close(&embeds);
    array_close(&pixels);
}

static void check_folder(const char *folder, const cclip_json *expected)
{
    cclip_model *model;
    cclip_session *session;
    cclip_templates *templates;
    cclip_classifier *classifier;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    const char *labels[MOST], *lines[MOST];
    struct array weights;
    print_message("%s\n", folder);
    open_model(&model, expected);
    assert_ok(cclip_model_get_info(model, &info));
    assert_ok(cclip_session_open(&session, model, NULL));
    const size_t count = strings(labels, MOST, cclip_json_get(expected, "classes"));
    assert_ok(cclip_templates_from(&templates, lines, strings(lines, MOST, cclip_json_get(expected, "templates"))));
    assert_ok(cclip_classifier_open(&classifier, session, labels, count, templates));
    array_read(&weights, folder, "class_weights.npy"); /* stored [dim][classes] */
    assert_int_equal(weights.count, count * info.embedding_dim);
    assert_true(distance(cclip_classifier_weights(classifier), weights.f32, weights.count, info.embedding_dim) < 1e-5);
    check_pictures(folder, expected, session, classifier, &info);
    array_close(&weights);
    cclip_classifier_close(&classifier);
    cclip_templates_close(&templates);
    cclip_session_close(&session);
    cclip_model_close(&model);
}

static void test_end_to_end(void **state)
{
    (void)state;
    assert_true(each_eval_folder("files", "templates", check_folder) > 0);
}

static void count_only(const char *folder, const cclip_json *expected)
{
    (void)folder;
    (void)expected;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_end_to_end) };
    char folder[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(folder, sizeof folder, cclip_test_golden(), "eval");
    if (!cclip_test_there(folder) || !cclip_test_there(cclip_test_vocab()))
        return CCLIP_TEST_SKIP;
    if (!each_eval_folder("files", "templates", count_only)) /* the committed share has none */
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
