/* Cosine is what the models were trained with. Euclidean distance ranks alike only on normalised rows: on
 * raw embeddings, whose lengths differ, it ranks otherwise (docs/similarity.md). */
#include "support/paths.h"
#include "support/unit.h"

#include <cclip/cclip.h>

#include "base/file.h"
#include "base/memory.h"

enum { MOST = 200 };
static const char *const queries[] = { "a cat", "a red apple", "a bicycle", "the moon", "a guitar" };
enum { QUERIES = sizeof queries / sizeof queries[0] };

static float euclidean(const float *a, const float *b, size_t dim)
{
    float sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* Places of pairs that the two measures order differently; near ties are left out. */
static size_t disagreements(const float *cosine, const float *distance, size_t count)
{
    size_t different = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (cosine[i] > cosine[j] + 1e-5f)
                different += distance[i] > distance[j];
            else if (cosine[j] > cosine[i] + 1e-5f)
                different += distance[j] > distance[i];
    return different;
}

/* Disagreements of all queries, on embeddings that are normalised or not. */
static size_t count_disagreements(cclip_session *session, const char *const *paths, size_t count,
                                  size_t dim, int normalize)
{
    float *pictures = malloc(count * dim * sizeof *pictures), *texts = malloc(QUERIES * dim * sizeof *texts);
    float *unit_pictures = malloc(count * dim * sizeof *pictures), *unit_texts = malloc(QUERIES * dim * sizeof *texts);
    float cosine[MOST], distance[MOST];
    size_t different = 0;
    assert_ok(cclip_embed_files(session, pictures, paths, count, NULL, normalize, NULL, NULL));
    assert_ok(cclip_embed_texts(session, texts, queries, NULL, QUERIES, 0, normalize));
    assert_ok(cclip_embed_files(session, unit_pictures, paths, count, NULL, 1, NULL, NULL));
    assert_ok(cclip_embed_texts(session, unit_texts, queries, NULL, QUERIES, 0, 1));
    for (size_t q = 0; q < QUERIES; q++) {
        for (size_t i = 0; i < count; i++) {
            cosine[i] = cclip_similarity(unit_texts + q * dim, unit_pictures + i * dim, dim);
            distance[i] = euclidean(texts + q * dim, pictures + i * dim, dim);
        }
        different += disagreements(cosine, distance, count);
    }
    free(pictures);
    free(texts);
    free(unit_pictures);
    free(unit_texts);
    return different;
}

static void test_rankings(void **state)
{
    (void)state;
    struct cclip_names names;
    char *paths[MOST];
    size_t count = 0;
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    char folder[CCLIP_TEST_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", cclip_test_in_source("share/demo"));
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count && count < MOST; i++)
        if (cclip_path_has_suffix(names.names[i], ".webp"))
            assert_non_null(paths[count++] = cclip_path_join(folder, names.names[i]));
    assert_ok(cclip_model_open(&model, cclip_test_in_source("share/model"), NULL));
    assert_ok(cclip_session_open(&session, model, NULL));
    assert_ok(cclip_model_get_info(model, &info));

    const size_t raw = count_disagreements(session, (const char *const *)paths, count, info.embedding_dim, 0);
    const size_t normalised = count_disagreements(session, (const char *const *)paths, count, info.embedding_dim, 1);
    printf("%zu pictures, %d texts: pairs that Euclidean distance orders otherwise than cosine: raw %zu of %zu, "
           "normalised %zu\n", count, QUERIES, raw, QUERIES * count * (count - 1) / 2, normalised);
    assert_true(count > 50);
    assert_true(raw > 0);
    assert_int_equal(normalised, 0);

    cclip_session_close(&session);
    cclip_model_close(&model);
    for (size_t i = 0; i < count; i++)
        cclip_release(paths[i]);
    cclip_names_close(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rankings) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
