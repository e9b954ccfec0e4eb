/* Spellings of checkpoint names, and which file or folder of the cache each one means. */
#include "support/unit.h"

#include <sys/stat.h>

#include "hub/names.h"
#include "support/made_files.h"

static void put_file(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/cclip/%s", made_folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void put_folder(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/cclip/%s", made_folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int cache_open(void **state)
{
    if (made_folder_open(state) || setenv("XDG_CACHE_HOME", made_folder, 1))
        return 1;
    put_folder("");
    put_file("ViT-B-32.pt");
    put_file("ViT-L-14-336px.pt");
    put_file("RN50__openai.safetensors");
    put_file("RN50.pt");
    put_folder("ViT-B-32__laion2b_s34b_b79k");
    put_folder("ViT-B-16");
    put_folder("ViT-B-16/datacomp");
    put_folder("org--name");
    return 0;
}

static void test_found(void **state)
{
    static const struct {
        const char *name, *file;
    } cases[] = {
        { "ViT-B/32", "ViT-B-32.pt" },
        { "ViT-B-32", "ViT-B-32.pt" },
        { "ViT-B-32::openai", "ViT-B-32.pt" },
        { "ViT-B-32__openai", "ViT-B-32.pt" },
        { "ViT-B-32,openai", "ViT-B-32.pt" },
        { "open_clip:ViT-B-32/openai", "ViT-B-32.pt" },
        { "ViT-B-32-quickgelu,openai", "ViT-B-32.pt" },
        { "ViT-L/14@336px", "ViT-L-14-336px.pt" },
        { "ViT-L-14-336::openai", "ViT-L-14-336px.pt" },
        { "RN50::openai", "RN50__openai.safetensors" },
        { "RN50", "RN50.pt" },
        { "ViT-B-32,laion2b_s34b_b79k", "ViT-B-32__laion2b_s34b_b79k" },
        { "ViT-B-16::datacomp", "ViT-B-16/datacomp" },
        { "hf-hub:org/name", "org--name" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[300], expected[300];
        snprintf(expected, sizeof expected, "%s/cclip/%s", made_folder, cases[i].file);
        assert_ok(cclip_hub_locate(path, sizeof path, cases[i].name));
        assert_string_equal(path, expected);
    }
}

static void test_local_folder(void **state)
{
    char name[300], path[300];
    (void)state;
    snprintf(name, sizeof name, "local-dir:%s/cclip/org--name", made_folder);
    assert_ok(cclip_hub_locate(path, sizeof path, name));
    assert_string_equal(path, name + strlen("local-dir:"));
    snprintf(name, sizeof name, "local-dir:%s/cclip/ViT-B-32.pt", made_folder);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_hub_locate(path, sizeof path, name));
}

/* Other weights of the same architecture are never taken for the ones asked for. */
static void test_not_found(void **state)
{
    static const char *const names[] = { "ViT-B-32::laion400m_e32", "ViT-B-32-quickgelu,metaclip_400m",
                                         "ViT-B-32,open", "ViT-L-14",
                                         "ViT-H-14", "hf-hub:org/other", "hf-hub:org" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[300];
        assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_hub_locate(path, sizeof path, names[i]));
        assert_string_equal(path, "");
    }
    char path[300];
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_hub_locate(path, sizeof path, "::openai"));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_hub_locate(path, sizeof path, "hf-hub:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_local_folder),
        cmocka_unit_test(test_not_found),
    };
    return cmocka_run_group_tests(tests, cache_open, made_folder_close);
}
