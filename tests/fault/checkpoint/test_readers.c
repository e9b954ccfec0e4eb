/* Checkpoint files of every format: each allocation fails in turn; cut to every length; each byte changed.
 * The small files are those that the fuzz targets begin with. */
#include "support/unit.h"

#include "base/memory.h"
#include "checkpoint/checkpoint_parts.h"
#include "checkpoint/gguf.h"
#include "support/fault.h"
#include "support/made_files.h"
#include "support/paths.h"

static const char *const samples[] = {
    "safetensors/several", "gguf/several",         "gguf/aligned_64",
    "torch_zip/state_dict", "torch_zip/training_deflated", "torch_zip/script",
};

static const char *sample_path(size_t index)
{
    static char path[CCLIP_TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", cclip_test_in_source("tests/fuzz/corpora"), samples[index]);
    return path;
}

/* All values; what has so few bytes cannot have more than these. */
static void read_all(const struct cclip_checkpoint *c)
{
    enum { MOST = 1 << 12 };
    static float values[MOST];
    for (size_t i = 0; i < cclip_checkpoint_count(c); i++) {
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(c, i);
        size_t count;
        assert_ok(cclip_tensor_count(&count, tensor->shape, tensor->rank));
        if (count <= MOST)
            cclip_tensor_to_f32(values, tensor);
    }
}

static cclip_status life(void *path)
{
    struct cclip_checkpoint *c;
    struct cclip_gguf_text *tokens = NULL;
    size_t count;
    cclip_status status = cclip_checkpoint_open(&c, path);
    if (status) {
        assert_null(c);
        return status;
    }
    read_all(c);
    if (cclip_checkpoint_gguf(c))
        status = cclip_gguf_strings(&tokens, &count, cclip_checkpoint_gguf(c), "tokenizer.ggml.tokens");
    cclip_release(tokens);
    cclip_checkpoint_close(&c);
    return status;
}

static cclip_status sharded_life(void *path)
{
    struct cclip_checkpoint *c;
    const cclip_status status = cclip_checkpoint_open_sharded(&c, path);
    if (status)
        assert_null(c);
    else
        read_all(c);
    cclip_checkpoint_close(&c);
    return status;
}

static void test_allocations(void **state)
{
    char path[CCLIP_TEST_PATH_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        snprintf(path, sizeof path, "%s", sample_path(i));
        const unsigned long made = cclip_fault_each(life, path);
        printf("%s: %lu allocations\n", samples[i], made);
        assert_true(made > 5);
    }
    snprintf(path, sizeof path, "%s/interop/hf_clip_sharded/model.safetensors.index.json", cclip_test_data());
    assert_true(cclip_fault_each(sharded_life, path) > 20);
}

static void check_failure(struct cclip_checkpoint *c)
{
    assert_null(c);
    assert_message("sample");
    assert_null(strchr(cclip_error_message(), '\n'));
}

/* A block of exactly this size, so that a read beyond it shows under the sanitizers. */
static cclip_status open_block(struct cclip_checkpoint **c, char **block, const char *data, size_t size)
{
    *block = malloc(size ? size : 1);
    assert_non_null(*block);
    if (size)
        memcpy(*block, data, size);
    return cclip_checkpoint_open_bytes(c, *block, size, "sample");
}

/* What padding after the last tensor may be missing without harm. */
static size_t least_length(size_t index, size_t length)
{
    return strncmp(samples[index], "gguf/", 5) ? length : length - 63;
}

static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct cclip_buffer data;
        assert_ok(cclip_file_read(&data, sample_path(i), 1 << 16));
        for (size_t size = 0; size < data.length; size++) {
            struct cclip_checkpoint *c;
            char *block;
            const cclip_status status = open_block(&c, &block, data.data, size);
            if (status)
                check_failure(c);
            else if (size < least_length(i, data.length))
                fail_msg("%s opens, cut to %zu of %zu bytes", samples[i], size, data.length);
            cclip_checkpoint_close(&c);
            free(block);
        }
        cclip_buffer_close(&data);
    }
}

/* Each byte, to each of a few values: a checkpoint that can be read, or a failure that says where. */
static void test_changed(void **state)
{
    static const unsigned char values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct cclip_buffer data;
        assert_ok(cclip_file_read(&data, sample_path(i), 1 << 16));
        for (size_t at = 0; at < data.length * sizeof values; at++) {
            struct cclip_checkpoint *c;
            char *block, *byte = &data.data[at / sizeof values];
            const char kept = *byte;
            *byte = (char)values[at % sizeof values];
            if (open_block(&c, &block, data.data, data.length))
                check_failure(c);
            else
                read_all(c);
            *byte = kept;
            cclip_checkpoint_close(&c);
            free(block);
        }
        cclip_buffer_close(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_changed),
    };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
