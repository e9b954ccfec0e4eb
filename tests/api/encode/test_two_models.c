/* Several models in one process, several threads at once, each with a session of its own: nothing that changes
 * is shared. Each thread must get the bits that its model gives alone, whatever the others do, and a model
 * opened after a smaller one as much memory as it needs. */
#include "support/small_models.h"

#include <pthread.h>

#include <cclip/cclip.h>

#include "support/npy.h"
#include "support/formula.h"

enum { MOST = 8, COUNT = 3, ROUNDS = 12 };

struct worker {
    cclip_model *model;
    cclip_session *session;
    size_t dim, context;
    float *pixels;
    int32_t *ids;
    float *alone; /* [2 * COUNT, dim]: pictures, texts */
    size_t wrong;
    pthread_barrier_t *ready;
};

static struct worker workers[2 * MOST];
static size_t count;

static cclip_status embed(const struct worker *w, float *out)
{
    cclip_status status = cclip_embed_pixels(w->session, out, w->pixels, COUNT, 1);
    if (!status)
        status = cclip_embed_tokens(w->session, out + COUNT * w->dim, w->ids, COUNT, w->context, 1);
    return status;
}

static void open_worker(const char *path, cclip_model *shared)
{
    struct worker *w = &workers[count];
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
    char name[40];
    if (count == 2 * MOST)
        return;
    if (!shared)
        assert_ok(cclip_model_open(&w->model, path, NULL));
    options.threads = 1 + (int)(count % 2);
    assert_ok(cclip_session_open(&w->session, shared ? shared : w->model, &options));
    assert_ok(cclip_model_get_info(shared ? shared : w->model, &info));
    w->dim = info.embedding_dim;
    w->context = info.context_length;
    snprintf(name, sizeof name, "two_models.%zu", count); /* no two threads have the same inputs */
    w->pixels = formula_images(name, COUNT, info.preprocessing.height, info.preprocessing.width);
    w->ids = malloc(COUNT * w->context * sizeof *w->ids);
    w->alone = calloc(2 * COUNT * w->dim, sizeof *w->alone);
    assert_true(w->pixels && w->ids && w->alone);
    for (size_t r = 0; r < COUNT; r++)
        formula_tokens(w->ids + r * w->context, name, r, w->context, info.vocabulary_size);
    count++;
}

/* Two threads a model: one of them opens it, both use it. */
static void open_small_model(const struct small_model *small)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(path, sizeof path, small->folder, small->checkpoint);
    open_worker(path, NULL);
    open_worker(path, workers[count - 1].model);
}

/* cmocka's assertions belong to the main thread. */
static void *work(void *argument)
{
    struct worker *w = argument;
    float *got = malloc(2 * COUNT * w->dim * sizeof *got);
    pthread_barrier_wait(w->ready);
    for (int round = 0; round < ROUNDS; round++)
        if (!got || embed(w, got) || memcmp(got, w->alone, 2 * COUNT * w->dim * sizeof *got) != 0)
            w->wrong++;
    free(got);
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[2 * MOST];
    pthread_barrier_t ready;
    (void)state;
    each_small_model(open_small_model);
    assert_true(count >= 4);
    for (size_t i = 0; i < count; i++)
        assert_ok(embed(&workers[i], workers[i].alone));
    assert_int_equal(pthread_barrier_init(&ready, NULL, (unsigned)count), 0);
    for (size_t i = 0; i < count; i++) {
        workers[i].ready = &ready;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&ready);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(workers[i].wrong, 0);
}

static int close_workers(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        free(workers[i].pixels);
        free(workers[i].ids);
        free(workers[i].alone);
        cclip_session_close(&workers[i].session);
    }
    for (size_t i = 0; i < count; i++)
        cclip_model_close(&workers[i].model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_threads) };
    return cmocka_run_group_tests(tests, NULL, close_workers);
}
