/* Every checkpoint file under $CCLIP_GOLDEN/models, as its reader gives it: names and shapes as the
 * folder's JSON lists them, values as FORMULA.md makes them, rounded to the type that each tensor has. */
#include "support/unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf.h"
#include "formats/json.h"
#include "support/formula.h"
#include "support/paths.h"

static size_t files, values_compared;

static size_t count_of(const struct cclip_tensor *tensor)
{
    size_t count;
    assert_ok(cclip_tensor_count(&count, tensor->shape, tensor->rank));
    return count;
}

static void check_shape(const char *path, const char *name, const struct cclip_tensor *tensor,
                        const cclip_json *shape)
{
    int same = cclip_json_is_array(shape) && cclip_json_length(shape) == (size_t)tensor->rank;
    for (int i = 0; same && i < tensor->rank; i++)
        same = cclip_json_integer(cclip_json_at(shape, (size_t)i), -1) == (int64_t)tensor->shape[i];
    if (!same)
        fail_msg("%s: %s: another shape than the JSON's", path, name);
}

/* What rounding to the tensor's type makes of a value; how far block types may be off. */
static float rounded(float value, enum cclip_dtype dtype)
{
    return dtype == CCLIP_F16    ? cclip_f16_to_f32(cclip_f32_to_f16(value))
           : dtype == CCLIP_BF16 ? cclip_bf16_to_f32(cclip_f32_to_bf16(value))
                                 : value;
}

static float allowance(enum cclip_dtype dtype, float largest)
{
    static const struct {
        enum cclip_dtype dtype;
        float steps; /* of the largest value */
    } types[] = { { CCLIP_Q8_0, 127 }, { CCLIP_Q5_0, 15 }, { CCLIP_Q5_1, 15 }, { CCLIP_Q4_0, 7 }, { CCLIP_Q4_1, 7 } };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].dtype == dtype)
            return largest / types[i].steps;
    return 0;
}

/* The tensor holds what the formula makes under `name`. */
static void check_values(const char *path, const char *name, const struct cclip_tensor *tensor)
{
    const struct formula_rule rule = formula_rule(name, tensor->shape, tensor->rank);
    const size_t count = count_of(tensor);
    float *read = malloc((count + 1) * sizeof *read), *wanted = malloc((count + 1) * sizeof *wanted);
    float largest = 0;
    assert_true(read && wanted);
    cclip_tensor_to_f32(read, tensor);
    formula_fill(wanted, &rule, 0, count);
    for (size_t i = 0; i < count; i++)
        largest = fabsf(wanted[i]) > largest ? fabsf(wanted[i]) : largest;
    const float allowed = allowance(tensor->dtype, largest);
    for (size_t i = 0; i < count; i++)
        if (fabsf(read[i] - rounded(wanted[i], tensor->dtype)) > allowed)
            fail_msg("%s: %s[%zu] (%s) is %g, but the formula makes %g", path, name, i,
                     cclip_dtype_info(tensor->dtype)->name, (double)read[i], (double)wanted[i]);
    values_compared += count;
    free(read);
    free(wanted);
}

static int64_t integer_of(const struct cclip_tensor *tensor)
{
    int64_t value;
    assert_int_equal(tensor->dtype, CCLIP_I64);
    memcpy(&value, tensor->data, sizeof value);
    return value;
}

/* The three numbers that a TorchScript archive carries beside its weights; 0 for another name. */
static int check_setting(const char *name, const struct cclip_tensor *tensor, const cclip_json *config)
{
    static const struct {
        const char *name, *key;
    } settings[] = { { "input_resolution", "image_resolution" },
                     { "context_length", "context_length" },
                     { "vocab_size", "vocab_size" } };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (!strcmp(name, settings[i].name)) {
            const cclip_json *value = cclip_json_get(config, settings[i].key);
            assert_int_equal(integer_of(tensor), cclip_json_integer(value, -1));
            return 1;
        }
    return 0;
}

/* A file with the names of the state_dict. */
static void check_state_dict(const char *path, const struct cclip_checkpoint *c, const cclip_json *config)
{
    const cclip_json *listed = cclip_json_get(config, "state_dict");
    size_t settings = 0;
    for (size_t i = 0; i < cclip_checkpoint_count(c); i++) {
        const char *name = cclip_checkpoint_name(c, i);
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(c, i);
        const cclip_json *shape = cclip_json_get(listed, name);
        if (!shape && check_setting(name, tensor, config)) {
            settings++;
            continue;
        }
        if (!shape)
            fail_msg("%s: %s is not in config.json", path, name);
        check_shape(path, name, tensor, shape);
        if (formula_ends(name, "num_batches_tracked"))
            assert_int_equal(integer_of(tensor), 0);
        else
            check_values(path, name, tensor);
    }
    assert_int_equal(cclip_checkpoint_count(c) - settings, cclip_json_length(listed));
    assert_int_equal(settings, !strcmp(cclip_checkpoint_format(c), "TorchScript") ? 3 : 0);
}

/* Tensors that other layouts keep as they are, under other names. */
static const struct {
    const char *theirs, *formula;
} kept[] = {
    { "logit_scale", "logit_scale" },
    { "text_model.embeddings.token_embedding.weight", "token_embedding.weight" },
    { "text_model.embeddings.position_embedding.weight", "positional_embedding" },
    { "text_model.final_layer_norm.bias", "ln_final.bias" },
    { "vision_model.embeddings.class_embedding", "visual.class_embedding" },
    { "vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight" },
    { "vision_model.encoder.layers.0.mlp.fc1.weight", "visual.transformer.resblocks.0.mlp.c_fc.weight" },
    { "t.token_embd.weight", "token_embedding.weight" },
    { "t.position_embd.weight", "positional_embedding" },
    { "t.post_ln.bias", "ln_final.bias" },
    { "v.class_embd", "visual.class_embedding" },
    { "v.patch_embd.weight", "visual.conv1.weight" },
    { "v.blk.0.ffn_down.weight", "visual.transformer.resblocks.0.mlp.c_fc.weight" },
};

static size_t check_kept(const char *path, const struct cclip_checkpoint *c)
{
    size_t found = 0;
    for (size_t i = 0; i < cclip_checkpoint_count(c); i++)
        for (size_t k = 0; k < sizeof kept / sizeof kept[0]; k++)
            if (!strcmp(cclip_checkpoint_name(c, i), kept[k].theirs)) {
                check_values(path, kept[k].formula, cclip_checkpoint_tensor(c, i));
                found++;
            }
    return found;
}

/* A file in Hugging Face's layout: mapping.json has names and shapes. */
static void check_hugging_face(const char *path, const struct cclip_checkpoint *c, const cclip_json *mapping)
{
    const cclip_json *listed = cclip_json_get(mapping, "hf_keys");
    for (size_t i = 0; i < cclip_checkpoint_count(c); i++) {
        const char *name = cclip_checkpoint_name(c, i);
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(c, i);
        check_shape(path, name, tensor, cclip_json_get(listed, name));
        if (!formula_ends(name, "position_ids"))
            continue;
        assert_int_equal(tensor->dtype, CCLIP_I64);
        for (size_t k = 0; k < count_of(tensor); k++) {
            int64_t value;
            memcpy(&value, (const char *)tensor->data + 8 * k, sizeof value);
            assert_int_equal(value, k);
        }
    }
    assert_int_equal(cclip_checkpoint_count(c), cclip_json_length(listed));
    assert_int_equal(check_kept(path, c), 7);
}

static void check_gguf(const char *path, const struct cclip_checkpoint *c)
{
    struct cclip_gguf_text *tokens;
    size_t count;
    const struct cclip_gguf *gguf = cclip_checkpoint_gguf(c);
    assert_non_null(gguf);
    assert_ok(cclip_gguf_strings(&tokens, &count, gguf, "tokenizer.ggml.tokens"));
    assert_true(count > 2 && tokens[count - 1].length == strlen("<|endoftext|>"));
    assert_memory_equal(tokens[count - 1].text, "<|endoftext|>", tokens[count - 1].length);
    cclip_release(tokens);
    assert_int_equal(check_kept(path, c), 6);
}

/* Files that are there to be refused: by their names, as README.md says. */
static int is_to_be_refused(const char *name)
{
    return !strncmp(name, "bad_", 4) || !strncmp(name, "mmproj", 6);
}

static void check_file(const char *path, const char *name, const cclip_json *config, const cclip_json *mapping)
{
    struct cclip_checkpoint *c;
    files++;
    if (is_to_be_refused(name)) {
        const cclip_status status = cclip_checkpoint_open(&c, path);
        assert_true(status == CCLIP_ERROR_FORMAT || status == CCLIP_ERROR_UNSUPPORTED);
        assert_non_null(strstr(cclip_error_message(), path));
        printf("refused: %s\n", cclip_error_message());
        return;
    }
    assert_ok(cclip_checkpoint_open(&c, path));
    if (cclip_checkpoint_gguf(c))
        check_gguf(path, c);
    else if (cclip_json_get(config, "state_dict"))
        check_state_dict(path, c, config);
    else
        check_hugging_face(path, c, mapping);
    printf("%s: %s, %zu tensors\n", path, cclip_checkpoint_format(c), cclip_checkpoint_count(c));
    for (size_t i = 0; i < cclip_checkpoint_count(c); i++)
        cclip_checkpoint_forget(c, i);
    cclip_checkpoint_close(&c);
}

static cclip_json *read_json(const char *folder, const char *name)
{
    cclip_json *json = NULL;
    char *path = cclip_path_join(folder, name);
    if (cclip_is_file(path))
        assert_ok(cclip_json_read_file(&json, path));
    cclip_release(path);
    return json;
}

/* `mapping` is the nearest one above. */
static void walk(const char *folder, const cclip_json *mapping)
{
    static const char *const endings[] = { ".pt", ".bin", ".safetensors", ".gguf" };
    struct cclip_names names;
    cclip_json *config = read_json(folder, "config.json"), *own = read_json(folder, "mapping.json");
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++) {
        char *path = cclip_path_join(folder, names.names[i]);
        if (cclip_is_folder(path))
            walk(path, own ? own : mapping);
        for (size_t k = 0; k < sizeof endings / sizeof endings[0]; k++)
            if (cclip_path_has_suffix(path, endings[k]) && cclip_is_file(path))
                check_file(path, names.names[i], config, own ? own : mapping);
        cclip_release(path);
    }
    cclip_names_close(&names);
    cclip_json_close(&config);
    cclip_json_close(&own);
}

static void test_every_file(void **state)
{
    char models[CCLIP_TEST_PATH_SIZE];
    (void)state;
    snprintf(models, sizeof models, "%s/models", cclip_test_golden());
    walk(models, NULL);
    printf("%zu files, %zu values compared\n", files, values_compared);
    assert_true(!files || values_compared > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_file) };
    if (!cclip_test_there(cclip_test_golden()))
        return CCLIP_TEST_SKIP;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || files ? failed : CCLIP_TEST_SKIP; /* checkpoints may all be made by the formula */
}
