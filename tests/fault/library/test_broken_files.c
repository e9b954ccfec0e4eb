/* Files that are cut short or changed: an error that names the file, never a crash, never a model with weights that are
 * not the file's. A copy of each small checkpoint is broken in one file at a time. */
#include "support/small_models.h"

#include <unistd.h>

#include <cclip/cclip.h>

enum { CHANGES = 150, LARGEST = 1 << 20 };

static char top[] = "/tmp/cclip-broken-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return !mkdtemp(top);
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

static void copy_of(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", top, name);
}

static cclip_status open_copy(const char *checkpoint)
{
    char path[2 * CCLIP_TEST_PATH_SIZE];
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    copy_of(path, sizeof path, checkpoint);
    cclip_status status = cclip_model_open(&model, path, NULL);
    if (!status)
        status = cclip_model_get_info(model, &info);
    if (!status)
        status = cclip_session_open(&session, model, NULL);
    cclip_session_close(&session);
    cclip_model_close(&model);
    return status;
}

/* Which files of a checkpoint must be whole: weights and configurations. */
static int matters(const char *name)
{
    static const char *const endings[] = { ".safetensors", ".pt", ".bin", ".index.json", "config.json" };
    static const char *const free_to_break[] = { "tokenizer_config.json", "processor_config.json",
                                                 "preprocessor_config.json" };
    for (size_t i = 0; i < sizeof free_to_break / sizeof free_to_break[0]; i++)
        if (!strcmp(name, free_to_break[i]))
            return 0;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (cclip_path_has_suffix(name, endings[i]))
            return 1;
    return 0;
}

static void cut(const char *checkpoint, const char *name, const char *data, size_t size)
{
    const size_t sizes[] = { 0, 1, 4, 7, 8, 9, 100, size / 4, size / 2, size - size / 8, size - 30, size - 2 };
    char path[CCLIP_TEST_PATH_SIZE];
    copy_of(path, sizeof path, name);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] >= size)
            continue;
        assert_ok(cclip_file_write(path, data, sizes[i]));
        if (!open_copy(checkpoint))
            fail_msg("%s opens, cut to %zu of %zu bytes", name, sizes[i], size);
        assert_true(strlen(cclip_error_message()) > 0);
        if (!strstr(cclip_error_message(), name) && !strstr(cclip_error_message(), top))
            fail_msg("%s cut to %zu bytes: the message names no file: %s", name, sizes[i], cclip_error_message());
    }
    assert_ok(cclip_file_write(path, data, size));
}

/* Bytes changed at places and to values from a fixed sequence: an error or a model, both are fine. */
static void change(const char *checkpoint, const char *name, const char *data, size_t size)
{
    uint64_t state = size;
    char path[CCLIP_TEST_PATH_SIZE], *changed = malloc(size);
    assert_non_null(changed);
    copy_of(path, sizeof path, name);
    for (int i = 0; i < CHANGES; i++) {
        memcpy(changed, data, size);
        for (int k = 0; k < 3; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            changed[(state >> 20) % (i % 2 && size > 2000 ? 2000 : size)] = (char)(state >> 56);
        }
        assert_ok(cclip_file_write(path, changed, size));
        (void)open_copy(checkpoint);
    }
    assert_ok(cclip_file_write(path, data, size));
    free(changed);
}

static void copy_file(const struct small_model *model, const char *name, struct cclip_buffer *out)
{
    char from[2 * CCLIP_TEST_PATH_SIZE], to[CCLIP_TEST_PATH_SIZE];
    snprintf(from, sizeof from, "%s/%s", model->folder, name);
    copy_of(to, sizeof to, name);
    assert_ok(cclip_file_read(out, from, LARGEST));
    assert_ok(cclip_file_write(to, out->data, out->length));
}

static void break_each_file(const struct small_model *model)
{
    struct cclip_names names;
    struct cclip_buffer data;
    assert_ok(cclip_folder_list(&names, model->folder));
    for (size_t i = 0; i < names.count; i++) {
        copy_file(model, names.names[i], &data);
        cclip_buffer_close(&data);
    }
    assert_ok(open_copy(model->checkpoint));
    for (size_t i = 0; i < names.count; i++) {
        if (!matters(names.names[i]))
            continue;
        copy_file(model, names.names[i], &data);
        cut(model->checkpoint, names.names[i], data.data, data.length);
        change(model->checkpoint, names.names[i], data.data, data.length);
        cclip_buffer_close(&data);
    }
    for (size_t i = 0; i < names.count; i++) {
        char path[CCLIP_TEST_PATH_SIZE];
        copy_of(path, sizeof path, names.names[i]);
        unlink(path);
    }
    cclip_names_close(&names);
}

static void test_broken_files(void **state)
{
    (void)state;
    each_small_model(break_each_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_broken_files) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
