/* Written safetensors files: read back with every bit, aligned, or not there at all. */
#include "support/fault.h"
#include "support/unit.h"

#include "checkpoint/checkpoint.h"
#include "checkpoint/write_safetensors.h"
#include "support/made_files.h"

static const struct cclip_safetensors_entry entries[] = {
    { "double", CCLIP_F64, 2, { 2, 3 } }, { "counter", CCLIP_I64, 0, { 0 } },
    { "whole \"name\"\xc3\xa9", CCLIP_F32, 3, { 1, 2, 2 } }, { "none", CCLIP_F32, 2, { 0, 5 } },
    { "half", CCLIP_F16, 1, { 3 } }, { "brain", CCLIP_BF16, 1, { 1 } }, { "byte", CCLIP_U8, 1, { 7 } },
};
enum { COUNT = sizeof entries / sizeof entries[0] };

static size_t bytes_of(size_t index)
{
    size_t count;
    assert_ok(cclip_tensor_count(&count, entries[index].shape, entries[index].rank));
    return count * cclip_dtype_info(entries[index].dtype)->block_bytes;
}

/* Bytes that depend on tensor and place; among them NaNs of every kind. */
static unsigned char byte_of(size_t index, size_t place)
{
    return (unsigned char)(0xff - 31 * index - place);
}

struct source {
    size_t fails_at;
};

static cclip_status fill(void *context, size_t index, void *out)
{
    if (index == ((struct source *)context)->fails_at)
        return cclip_fail(CCLIP_ERROR_CANCELLED, "no more");
    assert_int_equal((uintptr_t)out % 16, 0);
    for (size_t i = 0; i < bytes_of(index); i++)
        ((unsigned char *)out)[i] = byte_of(index, i);
    return CCLIP_OK;
}

static void test_read_back(void **state)
{
    struct source source = { COUNT };
    struct cclip_checkpoint *c;
    (void)state;
    assert_ok(cclip_safetensors_write(made_path("file"), entries, COUNT, fill, &source));
    assert_ok(cclip_checkpoint_open(&c, made_path("file")));
    assert_int_equal(cclip_checkpoint_count(c), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const struct cclip_tensor *t = NULL;
        for (size_t k = 0; k < COUNT; k++)
            if (!strcmp(cclip_checkpoint_name(c, k), entries[i].name))
                t = cclip_checkpoint_tensor(c, k);
        assert_non_null(t);
        assert_int_equal(t->dtype, entries[i].dtype);
        assert_int_equal(t->rank, entries[i].rank);
        assert_memory_equal(t->shape, entries[i].shape, (size_t)t->rank * sizeof *t->shape);
        assert_int_equal((uintptr_t)t->data % cclip_dtype_info(t->dtype)->block_bytes, 0);
        for (size_t b = 0; b < bytes_of(i); b++)
            assert_int_equal(((const unsigned char *)t->data)[b], byte_of(i, b));
    }
    cclip_checkpoint_close(&c);
}

static void test_failures(void **state)
{
    struct source source = { 3 };
    const struct cclip_safetensors_entry block = { "q", CCLIP_Q8_0, 1, { 32 } };
    const struct cclip_safetensors_entry huge = { "h", CCLIP_F32, 2, { (size_t)1 << 40, 1 << 20 } };
    (void)state;
    assert_fails(CCLIP_ERROR_CANCELLED,
                 cclip_safetensors_write(made_path("failed"), entries, COUNT, fill, &source));
    assert_fails(CCLIP_ERROR_UNSUPPORTED,
                 cclip_safetensors_write(made_path("failed"), &block, 1, fill, &source));
    assert_message("tensor \"q\": safetensors files have no type q8_0");
    assert_fails(CCLIP_ERROR_LIMIT,
                 cclip_safetensors_write(made_path("failed"), &huge, 1, fill, &source));
    assert_fails(CCLIP_ERROR_NOT_FOUND,
                 cclip_safetensors_write(made_path("no/failed"), entries, COUNT, fill, &source));
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, made_folder));
    for (size_t i = 0; i < names.count; i++)
        assert_null(strstr(names.names[i], "failed"));
    cclip_names_close(&names);
}

static cclip_status write_one(void *context)
{
    struct source source = { COUNT };
    return cclip_safetensors_write(context, entries, COUNT, fill, &source);
}

static void test_out_of_memory(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s", made_path("memory"));
    assert_true(cclip_fault_each(write_one, path) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_read_back), cmocka_unit_test(test_failures),
                                        cmocka_unit_test(test_out_of_memory) };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
