/* A model's whole life, each allocation failing in turn: opened, used for a picture and a text, closed. Of very many
 * allocations every k-th is failed, so that a model takes about MOST_RUNS runs. */
#include "support/small_models.h"
#include "support/fault.h"

#include <cclip/cclip.h>

enum { MOST_RUNS = 500 };

static cclip_status use(cclip_session *session, const cclip_model_info *info)
{
    const size_t pixel_count = 3 * info->preprocessing.height * info->preprocessing.width;
    float *pixels = calloc(pixel_count, sizeof *pixels), *out = calloc(info->embedding_dim, sizeof *out);
    int32_t *tokens = calloc(info->context_length, sizeof *tokens);
    assert_true(pixels && out && tokens);
    tokens[0] = 1;
    cclip_status status = cclip_embed_pixels(session, out, pixels, 1, 1);
    if (!status)
        status = cclip_embed_tokens(session, out, tokens, 1, info->context_length, 1);
    free(pixels);
    free(out);
    free(tokens);
    return status;
}

static cclip_status life(void *path)
{
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
    options.threads = 2;
    cclip_status status = cclip_model_open(&model, path, NULL);
    if (status)
        assert_null(model);
    if (!status)
        status = cclip_model_get_info(model, &info);
    if (!status)
        status = cclip_session_open(&session, model, &options);
    if (!status)
        status = use(session, &info);
    cclip_session_close(&session);
    cclip_model_close(&model);
    return status;
}

static void fail_each(const struct small_model *small)
{
    char path[2 * CCLIP_TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", small->folder, small->checkpoint);
    cclip_memory_fail_at(0);
    assert_ok(life(path));
    const unsigned long allocations = cclip_memory_fail_at(0);
    cclip_fault_every(life, path, allocations / MOST_RUNS + 1);
    printf("%s: %lu allocations\n", small->folder, allocations);
}

static void test_each_allocation(void **state)
{
    (void)state;
    each_small_model(fail_each);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_allocation) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
