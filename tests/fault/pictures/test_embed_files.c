/* Picture files through a model, each allocation failing in turn: with a callback that would skip anything, running
 * out of memory is still an error and never a skipped picture. */
#include "api/pictures/small_session.h"
#include "support/fault.h"

enum { FILES = 5, ALL = FILES + 1 };

static char folder[] = "/tmp/cclip-fault-files-XXXXXX";
static struct small_session opened;
static char **paths;

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    (void)user;
    if (index != FILES || status != CCLIP_ERROR_NOT_FOUND)
        fail_msg("picture %zu skipped: %s", index, message);
    return 0;
}

static cclip_status embed(void *context)
{
    float *out = calloc(ALL * opened.info.embedding_dim, sizeof *out);
    (void)context;
    assert_non_null(out);
    const cclip_status status =
        cclip_embed_files(opened.session, out, (const char *const *)paths, ALL, NULL, 1, on_skip, NULL);
    free(out);
    return status;
}

static cclip_status patches(void *context)
{
    (void)context;
    const size_t size = opened.info.image_tokens * opened.info.image_width;
    float *out = calloc(2 * size, sizeof *out), *pixels = calloc(2 * opened.pixels, sizeof *pixels);
    assert_true(out && pixels);
    const cclip_status status = cclip_embed_patches(opened.session, out, pixels, 2, -1);
    free(out);
    free(pixels);
    return status;
}

/* The model and the session are there already: their own life is test_models.c's. */
static void test_each_allocation(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(embed, NULL) > 2 + 3 * FILES);
    assert_true(cclip_fault_each(patches, NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_allocation) };
    if (!mkdtemp(folder))
        return 1;
    make_pictures(folder);
    paths = picture_paths(folder, ALL);
    free(paths[FILES]);
    paths[FILES] = strdup("/no/such/picture.png");
    open_small(&opened, "hf_clip_bf16", 2);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_small(&opened);
    free_paths(paths, ALL);
    remove_pictures(folder);
    return failed;
}
