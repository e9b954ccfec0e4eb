/* Makes an open_clip folder, open_clip_config.json and open_clip_model.safetensors, whose weights are the
 * formula's (support/formula.h): for golden folders without a checkpoint file. Weights go to the file in
 * pieces, so that a model of 2 GB needs no memory. Programs that include it link the room `tensor`. */
#ifndef CCLIP_TESTS_WRITE_OPEN_CLIP_H
#define CCLIP_TESTS_WRITE_OPEN_CLIP_H

#include "support/formula.h"
#include "support/paths.h"
#include "support/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "formats/json.h"
#include "tensor/tensor.h"

enum { FORMULA_PIECE = 1 << 18 }; /* elements a thread makes at a time */

struct formula_tensor {
    const char *name; /* the JSON's own */
    size_t shape[CCLIP_LIMIT_TENSOR_RANK], count;
    int rank;
    enum cclip_dtype dtype;
    uint64_t begin; /* byte in the data */
    size_t pieces;  /* of all tensors before this one */
};

struct formula_file {
    struct formula_tensor *tensors;
    size_t count, pieces;
    uint64_t data_begin, data_size;
    int file;
};

/* A value is a shape, or an object that has one. */
static inline const cclip_json *formula_shape(const cclip_json *value)
{
    return cclip_json_is_array(value) ? value : cclip_json_get(value, "shape");
}

static inline void formula_read_shape(struct formula_tensor *out, const cclip_json *value)
{
    const cclip_json *shape = formula_shape(value);
    assert_true(cclip_json_is_array(shape));
    out->count = 1;
    out->rank = (int)cclip_json_length(shape);
    assert_true(out->rank <= CCLIP_LIMIT_TENSOR_RANK);
    for (int i = 0; i < out->rank; i++) {
        out->shape[i] = (size_t)cclip_json_integer(cclip_json_at(shape, (size_t)i), 0);
        out->count *= out->shape[i];
    }
}

static inline int formula_is_counter(const char *name)
{
    return formula_ends(name, "num_batches_tracked");
}

/* What openai/CLIP rounds to half precision (golden/traps.md, 20): convolutions, linear layers with their
 * biases, and both projections. A bias belongs to such a layer if its weight has more than one dimension. */
static inline int formula_is_half(const cclip_json *tensors, const char *name, int rank)
{
    char weight[512];
    if (formula_is_embedding(name) || formula_ends(name, "logit_scale"))
        return 0;
    if (rank > 1 || formula_ends(name, ".in_proj_bias"))
        return 1;
    if (!formula_ends(name, ".bias"))
        return 0;
    snprintf(weight, sizeof weight, "%.*sweight", (int)(strlen(name) - 4), name);
    return cclip_json_length(formula_shape(cclip_json_get(tensors, weight))) > 1;
}

static inline void formula_describe(struct formula_file *out, const cclip_json *tensors, int half)
{
    struct cclip_json_iterator it;
    *out = (struct formula_file){ .file = -1 };
    out->tensors = calloc(cclip_json_length(tensors) + 1, sizeof *out->tensors);
    assert_non_null(out->tensors);
    for (int more = cclip_json_first(&it, tensors); more; more = cclip_json_next(&it)) {
        struct formula_tensor *t = &out->tensors[out->count++];
        formula_read_shape(t, it.value);
        t->name = it.key;
        t->dtype = formula_is_counter(t->name)                            ? CCLIP_I64
                   : half && formula_is_half(tensors, t->name, t->rank) ? CCLIP_F16
                                                                          : CCLIP_F32;
        t->begin = out->data_size;
        t->pieces = out->pieces;
        out->data_size += t->count * cclip_dtype_info(t->dtype)->block_bytes;
        out->pieces += (t->count + FORMULA_PIECE - 1) / FORMULA_PIECE;
    }
    assert_true(out->count > 0);
}

/* Eight bytes of length, the JSON, blanks up to a whole number of 64 bytes. */
static inline void formula_write_header(struct formula_file *f)
{
    struct cclip_buffer text;
    cclip_buffer_open(&text, CCLIP_LIMIT_SAFETENSORS_HEADER);
    for (size_t i = 0; i < f->count; i++) {
        const struct formula_tensor *t = &f->tensors[i];
        const char *type = t->dtype == CCLIP_I64 ? "I64" : t->dtype == CCLIP_F16 ? "F16" : "F32";
        char shape[200];
        assert_ok(cclip_buffer_format(
            &text, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%llu,%llu]}", i ? "," : "{",
            t->name, type, cclip_shape_text(shape, sizeof shape, t->shape, t->rank),
            (unsigned long long)t->begin,
            (unsigned long long)(t->begin + t->count * cclip_dtype_info(t->dtype)->block_bytes)));
    }
    assert_ok(cclip_buffer_text(&text, "}"));
    while ((text.length + 8) % 64)
        assert_ok(cclip_buffer_byte(&text, ' '));
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)text.length >> (8 * i));
    assert_int_equal(pwrite(f->file, length, 8, 0), 8);
    assert_int_equal(pwrite(f->file, text.data, text.length, 8), text.length);
    f->data_begin = text.length + 8;
    cclip_buffer_close(&text);
}

static inline cclip_status formula_pwrite(int file, const void *data, size_t size, uint64_t at)
{
    const char *p = data;
    while (size) {
        const ssize_t n = pwrite(file, p, size, (off_t)at);
        if (n <= 0)
            return cclip_fail(CCLIP_ERROR_IO, "writing a model by formula: the disk is full?");
        p += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return CCLIP_OK;
}

/* One piece of one tensor. */
static inline cclip_status formula_write_piece(const struct formula_file *f, size_t piece, float *values)
{
    size_t i = 0;
    while (i + 1 < f->count && f->tensors[i + 1].pieces <= piece)
        i++;
    const struct formula_tensor *t = &f->tensors[i];
    const size_t first = (piece - t->pieces) * FORMULA_PIECE;
    const size_t count = t->count - first < FORMULA_PIECE ? t->count - first : FORMULA_PIECE;
    const size_t size = cclip_dtype_info(t->dtype)->block_bytes;
    if (t->dtype == CCLIP_I64) {
        memset(values, 0, count * size);
    } else {
        const struct formula_rule rule = formula_rule(t->name, t->shape, t->rank);
        formula_fill(values, &rule, first, count);
    }
    if (t->dtype == CCLIP_F16) /* in place: halves are never ahead of the floats they come from */
        for (size_t k = 0; k < count; k++) {
            const uint16_t bits = cclip_f32_to_f16(values[k]);
            memcpy((char *)values + k * sizeof bits, &bits, sizeof bits);
        }
    return formula_pwrite(f->file, values, count * size, f->data_begin + t->begin + first * size);
}

static inline cclip_status formula_write_pieces(void *context, size_t begin, size_t end, int worker)
{
    float *values = malloc(FORMULA_PIECE * sizeof(int64_t));
    cclip_status status = values ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    (void)worker;
    for (size_t piece = begin; piece < end && !status; piece++)
        status = formula_write_piece(context, piece, values);
    free(values);
    return status;
}

/* `tensors`: {name: shape} or {name: {"shape": shape}}. */
static inline void write_formula_safetensors(const char *path, const cclip_json *tensors, int half,
                                             struct cclip_thread_pool *pool)
{
    struct formula_file f;
    formula_describe(&f, tensors, half);
    f.file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(f.file >= 0);
    formula_write_header(&f);
    assert_ok(cclip_parallel(pool, f.pieces, 4, formula_write_pieces, &f));
    assert_int_equal(close(f.file), 0);
    free(f.tensors);
}

static inline long long config_number(const cclip_json *config, const char *key)
{
    const long long number = cclip_json_integer(cclip_json_get(config, key), -1);
    if (number < 0)
        fail_msg("\"%s\" is not in the configuration", key);
    return number;
}

/* open_clip's form of a golden configuration of OpenAI's family, which gives sizes by name. */
static inline void write_openai_config(struct cclip_buffer *out, const cclip_json *config)
{
    const cclip_json *layers = cclip_json_get(config, "vision_layers");
    const int resnet = cclip_json_is_array(layers);
    const long long width = config_number(config, "vision_width");
    assert_ok(cclip_buffer_format(out, "{\"embed_dim\": %lld, \"quick_gelu\": true, \"vision_cfg\": {\"layers\": ",
                                  config_number(config, "embed_dim")));
    assert_ok(cclip_json_write(out, layers, 0));
    assert_ok(cclip_buffer_format(
        out, ", \"image_size\": %lld, \"width\": %lld, \"head_width\": %lld",
        config_number(config, "image_resolution"), width,
        width * (resnet ? 32 : 1) / config_number(config, "vision_heads")));
    if (!resnet)
        assert_ok(cclip_buffer_format(out, ", \"patch_size\": %lld",
                                      config_number(config, "vision_patch_size")));
    assert_ok(cclip_buffer_format(out,
                                  "}, \"text_cfg\": {\"context_length\": %lld, \"vocab_size\": %lld, "
                                  "\"width\": %lld, \"heads\": %lld, \"layers\": %lld}}",
                                  config_number(config, "context_length"),
                                  config_number(config, "vocab_size"), config_number(config, "text_width"),
                                  config_number(config, "text_heads"),
                                  config_number(config, "text_layers")));
}

/* `config` is a golden config.json ("model_cfg", or the sizes of OpenAI's family). The folder is made.
 * With `half`, what OpenAI's files round to half precision is rounded here too. */
static inline void write_formula_folder(const char *folder, const cclip_json *config,
                                        const cclip_json *tensors, int half, struct cclip_thread_pool *pool)
{
    char path[CCLIP_TEST_PATH_SIZE];
    struct cclip_buffer text;
    const cclip_json *model = cclip_json_get(config, "model_cfg");
    assert_ok(cclip_folder_make(folder));
    cclip_buffer_open(&text, (size_t)1 << 20);
    assert_ok(cclip_buffer_text(&text, "{\"model_cfg\": "));
    if (model)
        assert_ok(cclip_json_write(&text, model, 0));
    else
        write_openai_config(&text, config);
    assert_ok(cclip_buffer_text(&text, "}\n"));
    cclip_test_join(path, sizeof path, folder, "open_clip_config.json");
    assert_ok(cclip_file_write(path, text.data, text.length));
    cclip_buffer_close(&text);
    cclip_test_join(path, sizeof path, folder, "open_clip_model.safetensors");
    write_formula_safetensors(path, tensors, half, pool);
}

/* Removes such a folder; what is not there is no error. */
static inline void remove_formula_folder(const char *folder)
{
    static const char *const names[] = { "open_clip_config.json", "open_clip_model.safetensors",
                                         "config.json", "model.safetensors" };
    char path[CCLIP_TEST_PATH_SIZE];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cclip_test_join(path, sizeof path, folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* "<build folder>/golden-NAME": where a test may write. */
static inline void formula_work_folder(char *out, size_t size, const char *name)
{
    const char *binary = getenv("CCLIP_BINARY"), *temporary = getenv("TMPDIR");
    snprintf(out, size, "%s/golden-%s-%ld",
             binary && *binary ? binary : temporary && *temporary ? temporary : "/tmp", name,
             (long)getpid());
}

#endif
