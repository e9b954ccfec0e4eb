/* Weights under our names: every layout found, tensors joined, transposed and reshaped, and each thing that
 * can be wrong with them said in one line. */
#include "support/fault.h"
#include "support/unit.h"

#include "checkpoint/weights.h"
#include "checkpoint/write_safetensors.h"
#include "support/made_files.h"

/* Small whole numbers, so that every type holds them: element i of tensor t is 16 t + i. */
struct file {
    struct cclip_safetensors_entry entries[16];
    size_t count;
};

static void add(struct file *file, const char *name, enum cclip_dtype dtype, int rank, size_t rows,
                size_t columns)
{
    struct cclip_safetensors_entry *entry = &file->entries[file->count++];
    assert_true(file->count <= 16);
    *entry = (struct cclip_safetensors_entry){ .name = name, .dtype = dtype, .rank = rank };
    entry->shape[0] = rows;
    entry->shape[1] = columns;
}

static float value(size_t tensor, size_t element)
{
    return (float)(16 * tensor + element);
}

static cclip_status fill(void *context, size_t index, void *out)
{
    const struct cclip_safetensors_entry *entry = &((struct file *)context)->entries[index];
    size_t count;
    assert_ok(cclip_tensor_count(&count, entry->shape, entry->rank));
    for (size_t i = 0; i < count; i++) {
        const float number = value(index, i);
        const uint16_t half = cclip_f32_to_f16(number);
        const int64_t whole = (int64_t)number;
        if (entry->dtype == CCLIP_F32)
            ((float *)out)[i] = number;
        else if (entry->dtype == CCLIP_F16)
            ((uint16_t *)out)[i] = half;
        else if (entry->dtype == CCLIP_I64)
            ((int64_t *)out)[i] = whole;
        else
            fail_msg("type %s", cclip_dtype_info(entry->dtype)->name);
    }
    return CCLIP_OK;
}

static const char *write_file(struct file *file)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/weights.safetensors", made_folder);
    assert_ok(cclip_safetensors_write(path, file->entries, file->count, fill, file));
    return path;
}

static cclip_status try_open(struct cclip_weights **out, struct file *file)
{
    struct cclip_checkpoint *checkpoint;
    assert_ok(cclip_checkpoint_open(&checkpoint, write_file(file)));
    const cclip_status status = cclip_weights_open(out, checkpoint);
    if (status)
        cclip_checkpoint_close(&checkpoint);
    return status;
}

static struct cclip_weights *open_file(struct file *file)
{
    struct cclip_weights *weights;
    assert_ok(try_open(&weights, file));
    return weights;
}

static void assert_says(const char *text)
{
    if (!strstr(cclip_error_message(), text))
        fail_msg("\"%s\" expected in: %s", text, cclip_error_message());
    assert_non_null(strstr(cclip_error_message(), "weights.safetensors: "));
}

#define QKV "text_model.encoder.layers.0.self_attn."

static void hugging_face(struct file *file, enum cclip_dtype dtype)
{
    *file = (struct file){ .count = 0 };
    add(file, "vision_model.post_layernorm.weight", dtype, 1, 4, 0);
    add(file, QKV "v_proj.weight", dtype, 2, 2, 3);
    add(file, QKV "q_proj.weight", dtype, 2, 2, 3);
    add(file, QKV "k_proj.weight", dtype, 2, 2, 3);
    add(file, "visual_projection.weight", dtype, 2, 2, 4);
    add(file, "logit_scale", dtype, 0, 0, 0);
    add(file, "text_model.embeddings.position_ids", CCLIP_I64, 2, 1, 3);
}
enum { V = 1, Q = 2, K = 3, PROJECTION = 4 };

static void test_joined_and_transposed(void **state)
{
    static const char in_proj[] = "text.transformer.resblocks.0.attn.in_proj_weight";
    static const size_t order[] = { Q, K, V };
    struct file file;
    float out[18];
    size_t shape[CCLIP_LIMIT_TENSOR_RANK];
    int rank;
    (void)state;
    hugging_face(&file, CCLIP_F32);
    struct cclip_weights *w = open_file(&file);
    assert_string_equal(cclip_weights_layout(w), "hf_clip");
    assert_string_equal(cclip_weights_format(w), "safetensors");
    assert_string_equal(cclip_weights_main_dtype(w), "f32");
    assert_null(cclip_weights_gguf(w));
    assert_int_equal(cclip_weights_count(w), 4);
    assert_ok(cclip_weights_shape(w, in_proj, shape, &rank));
    assert_int_equal(rank, 2);
    assert_int_equal(shape[0], 6);
    assert_int_equal(shape[1], 3);
    assert_null(cclip_weights_view(w, in_proj));
    assert_ok(cclip_weights_read(w, in_proj, out));
    for (size_t i = 0; i < 18; i++)
        assert_true(out[i] == value(order[i / 6], i % 6));
    assert_ok(cclip_weights_shape(w, "visual.proj", shape, &rank));
    assert_int_equal(shape[0], 4);
    assert_int_equal(shape[1], 2);
    assert_null(cclip_weights_view(w, "visual.proj"));
    assert_ok(cclip_weights_read(w, "visual.proj", out));
    for (size_t i = 0; i < 8; i++)
        assert_true(out[i] == value(PROJECTION, i % 2 * 4 + i / 2));
    const float *view = cclip_weights_view(w, "visual.ln_post.weight");
    assert_non_null(view);
    assert_true(view[3] == value(0, 3));
    cclip_weights_forget(w, "visual.ln_post.weight");
    cclip_weights_forget(w, "nothing");
    assert_true(view[3] == value(0, 3));
    cclip_weights_close(&w);
    assert_null(w);
    cclip_weights_close(&w);
}

/* Every bit stays, also where rows are exchanged; types that differ meet in f32. */
static void test_raw(void **state)
{
    static const char in_proj[] = "text.transformer.resblocks.0.attn.in_proj_weight";
    struct file file;
    uint16_t half[18];
    float out[18];
    (void)state;
    hugging_face(&file, CCLIP_F16);
    struct cclip_weights *w = open_file(&file);
    assert_string_equal(cclip_weights_main_dtype(w), "f16");
    assert_int_equal(cclip_weights_dtype(w, in_proj), CCLIP_F16);
    assert_ok(cclip_weights_read_raw(w, in_proj, half));
    assert_int_equal(half[0], cclip_f32_to_f16(value(Q, 0)));
    assert_int_equal(half[17], cclip_f32_to_f16(value(V, 5)));
    assert_ok(cclip_weights_read_raw(w, "visual.proj", half));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(half[i], cclip_f32_to_f16(value(PROJECTION, i % 2 * 4 + i / 2)));
    assert_null(cclip_weights_view(w, "visual.ln_post.weight"));
    cclip_weights_close(&w);
    file.entries[K].dtype = CCLIP_F32;
    w = open_file(&file);
    assert_int_equal(cclip_weights_dtype(w, in_proj), CCLIP_F32);
    assert_ok(cclip_weights_read_raw(w, in_proj, out));
    assert_true(out[0] == value(Q, 0) && out[6] == value(K, 0) && out[17] == value(V, 5));
    cclip_weights_close(&w);
}

static void test_require(void **state)
{
    static const char in_proj[] = "text.transformer.resblocks.0.attn.in_proj_weight";
    static const size_t joined[] = { 6, 3 }, wide[] = { 9, 3 }, projection[] = { 4, 2 },
                        other[] = { 5, 2 }, four[] = { 4 };
    struct file file;
    (void)state;
    hugging_face(&file, CCLIP_F16);
    struct cclip_weights *w = open_file(&file);
    assert_ok(cclip_weights_require(w, in_proj, joined, 2));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_weights_require(w, in_proj, wide, 2));
    assert_says("tensor \"" QKV "q_proj.weight\" has shape [2, 3], expected [3, 3]");
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_weights_require(w, in_proj, four, 1));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_weights_require(w, "visual.proj", other, 2));
    assert_says("tensor \"visual_projection.weight\" has shape [2, 4], expected [2, 5]");
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_weights_require(w, "visual.class_embedding", four, 1));
    assert_says("no tensor \"vision_model.embeddings.class_embedding\"");
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_weights_require(w, "visual.conv2.weight", four, 1));
    assert_says("no tensor for \"visual.conv2.weight\", which hf_clip files do not have");
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_weights_finish(w));
    assert_says("3 tensors that the model has no place for: \"logit_scale\", \"vision_model.post_layernorm"
                ".weight\", \"visual_projection.weight\"");
    assert_ok(cclip_weights_require(w, "visual.proj", projection, 2));
    assert_ok(cclip_weights_require(w, "visual.ln_post.weight", four, 1));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_weights_finish(w));
    assert_says("1 tensor that the model has no place for: \"logit_scale\"");
    assert_ok(cclip_weights_require(w, "logit_scale", four, 0));
    assert_ok(cclip_weights_finish(w)); /* position_ids is no weight */
    cclip_weights_close(&w);
}

static void test_part_is_missing(void **state)
{
    static const char in_proj[] = "text.transformer.resblocks.0.attn.in_proj_weight";
    static const char *const their[] = { [V] = "v_proj", [Q] = "q_proj", [K] = "k_proj" };
    static const size_t joined[] = { 6, 3 };
    struct file file;
    float out[18];
    size_t shape[CCLIP_LIMIT_TENSOR_RANK];
    int rank;
    (void)state;
    for (int missing = V; missing <= K; missing++) {
        char expected[80];
        hugging_face(&file, CCLIP_F32);
        file.entries[missing].name = "text_model.embeddings.vocab_size"; /* a buffer */
        snprintf(expected, sizeof expected, "no tensor \"" QKV "%s.weight\"", their[missing]);
        struct cclip_weights *w = open_file(&file);
        assert_true(cclip_weights_has(w, in_proj));
        assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_weights_require(w, in_proj, joined, 2));
        assert_says(expected);
        assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_weights_shape(w, in_proj, shape, &rank));
        assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_weights_read(w, in_proj, out));
        assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_weights_read_raw(w, in_proj, out));
        cclip_weights_close(&w);
    }
    hugging_face(&file, CCLIP_F32);
    file.entries[K].shape[1] = 5;
    struct cclip_weights *w = open_file(&file);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_weights_shape(w, in_proj, shape, &rank));
    assert_says("do not belong together");
    cclip_weights_close(&w);
}

static void test_wrong_type(void **state)
{
    static const size_t four[] = { 4 };
    struct file file;
    (void)state;
    hugging_face(&file, CCLIP_F32);
    file.entries[0].dtype = CCLIP_I64;
    struct cclip_weights *w = open_file(&file);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_weights_require(w, "visual.ln_post.weight", four, 1));
    assert_says("tensor \"vision_model.post_layernorm.weight\" has type i64, expected floating-point");
    cclip_weights_close(&w);
}

static void test_layouts(void **state)
{
    static const struct {
        const char *layout, *image, *text;
    } files[] = {
        { "openai", "visual.ln_post.weight", "ln_final.weight" },
        { "open_clip", "visual.ln_post.weight", "text.ln_final.weight" },
        { "open_clip_timm", "visual.trunk.norm.weight", "text.ln_final.weight" },
        { "open_clip_timm", "visual.trunk.norm.weight", "ln_final.weight" },
        { "hf_clip", "vision_model.post_layernorm.weight", "text_model.final_layer_norm.weight" },
        { "hf_siglip", "vision_model.head.layernorm.weight", "text_model.final_layer_norm.weight" },
        { "clip.cpp", "v.post_ln.weight", "t.post_ln.weight" },
    };
    static const char *const prefixes[] = { "", "module.", "module.clip." };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0] * 3; i++) {
        const char *prefix = prefixes[i % 3];
        char image[80], text[80], surplus[80];
        struct file file = { .count = 0 };
        snprintf(image, sizeof image, "%s%s", prefix, files[i / 3].image);
        snprintf(text, sizeof text, "%s%s", prefix, files[i / 3].text);
        snprintf(surplus, sizeof surplus, "%ssurplus", prefix);
        add(&file, image, CCLIP_F16, 1, 4, 0);
        add(&file, text, CCLIP_F32, 1, 2, 0);
        add(&file, surplus, CCLIP_F32, 1, 2, 0);
        struct cclip_weights *w = open_file(&file);
        assert_string_equal(cclip_weights_layout(w), files[i / 3].layout);
        assert_string_equal(cclip_weights_main_dtype(w), "f16");
        assert_true(cclip_weights_has(w, "text.ln_final.weight"));
        assert_fails(CCLIP_ERROR_MISMATCH, cclip_weights_finish(w));
        assert_says(surplus); /* under the name that the file has for it */
        cclip_weights_close(&w);
    }
}

static void test_no_clip(void **state)
{
    static const char *const names[][2] = {
        { "visual.ln_post.weight", "visual.ln_pre.weight" }, /* one tower */
        { "ln_final.weight", "text_projection" },
        { "bert.encoder.weight", "bert.decoder.weight" },
        { "model.layers.0.weight", "lm_head.weight" },
    };
    struct cclip_weights *w;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct file file = { .count = 0 };
        add(&file, names[i][0], CCLIP_F32, 1, 4, 0);
        add(&file, names[i][1], CCLIP_F32, 1, 4, 0);
        assert_fails(CCLIP_ERROR_UNSUPPORTED, try_open(&w, &file));
        assert_null(w);
        assert_says("its tensors (2, \"");
        assert_says("are not those of a CLIP model's image and text tower");
    }
    struct file none = { .count = 0 };
    assert_fails(CCLIP_ERROR_UNSUPPORTED, try_open(&w, &none));
    assert_says("no tensors");
}

static void test_two_for_one(void **state)
{
    struct file file = { .count = 0 };
    struct cclip_weights *w;
    (void)state;
    add(&file, "visual.trunk.norm.weight", CCLIP_F32, 1, 4, 0);
    add(&file, "text.ln_final.weight", CCLIP_F32, 1, 4, 0);
    add(&file, "ln_final.weight", CCLIP_F32, 1, 4, 0);
    assert_fails(CCLIP_ERROR_FORMAT, try_open(&w, &file));
    assert_says("are the same weight");
}

/* A scalar may be stored as one element; timm's position table has a dimension more. */
static void test_reshaped(void **state)
{
    static const size_t positions[] = { 3, 5 }, others[] = { 4, 5 };
    struct file file = { .count = 0 };
    size_t shape[CCLIP_LIMIT_TENSOR_RANK];
    int rank;
    (void)state;
    add(&file, "visual.trunk.pos_embed", CCLIP_F32, 3, 1, 3);
    file.entries[0].shape[2] = 5;
    add(&file, "text.ln_final.weight", CCLIP_F32, 1, 4, 0);
    add(&file, "logit_bias", CCLIP_F32, 1, 1, 0);
    add(&file, "logit_scale", CCLIP_F32, 1, 2, 0);
    struct cclip_weights *w = open_file(&file);
    assert_ok(cclip_weights_require(w, "visual.positional_embedding", positions, 2));
    assert_non_null(cclip_weights_view(w, "visual.positional_embedding"));
    assert_fails(CCLIP_ERROR_MISMATCH,
                 cclip_weights_require(w, "visual.positional_embedding", others, 2));
    assert_says("has shape [1, 3, 5], expected [1, 4, 5]");
    assert_ok(cclip_weights_shape(w, "logit_bias", shape, &rank));
    assert_int_equal(rank, 0);
    assert_ok(cclip_weights_require(w, "logit_bias", shape, 0));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_weights_require(w, "logit_scale", shape, 0));
    assert_says("tensor \"logit_scale\" has shape [2], expected []");
    cclip_weights_close(&w);
}

/* A file may put a tensor anywhere: then there is no pointer to it, but it is read all the same. */
static void test_unaligned(void **state)
{
    struct file file = { .count = 0 };
    float out[4];
    (void)state;
    add(&file, "ln_final.bias", CCLIP_F16, 1, 3, 0); /* 6 bytes */
    add(&file, "visual.ln_post.weight", CCLIP_F32, 1, 4, 0);
    struct cclip_weights *w = open_file(&file);
    assert_null(cclip_weights_view(w, "visual.ln_post.weight"));
    assert_ok(cclip_weights_read(w, "visual.ln_post.weight", out));
    for (size_t i = 0; i < 4; i++)
        assert_true(out[i] == value(1, i));
    cclip_weights_close(&w);
}

static cclip_status whole_life(void *context)
{
    struct cclip_checkpoint *checkpoint = NULL;
    struct cclip_weights *weights = NULL;
    float out[18];
    cclip_status status = cclip_checkpoint_open(&checkpoint, context);
    if (!status && (status = cclip_weights_open(&weights, checkpoint)))
        cclip_checkpoint_close(&checkpoint);
    if (!status)
        status = cclip_weights_read(weights, "visual.proj", out);
    cclip_weights_close(&weights);
    return status;
}

static void test_out_of_memory(void **state)
{
    struct file file;
    (void)state;
    hugging_face(&file, CCLIP_F16);
    char path[64];
    snprintf(path, sizeof path, "%s", write_file(&file));
    assert_true(cclip_fault_each(whole_life, path) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joined_and_transposed), cmocka_unit_test(test_raw),
        cmocka_unit_test(test_require),               cmocka_unit_test(test_part_is_missing),
        cmocka_unit_test(test_wrong_type),            cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_no_clip),               cmocka_unit_test(test_two_for_one),
        cmocka_unit_test(test_reshaped),              cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
