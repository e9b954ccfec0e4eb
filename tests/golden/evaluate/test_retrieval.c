/* Recalls of every folder below eval/ with embeddings of pictures and of their captions, exact as counts. */
#include "golden/eval_folders.h"

#include "evaluate/retrieval.h"

/* A stored share is count / total as float32 arithmetic made it. */
static void check_count(const char *name, size_t count, size_t total, double share)
{
    const double wanted = share * (double)total;
    if (!(fabs((double)count - wanted) < 1e-3 * (1 + wanted * 1e-3)))
        fail_msg("%s: %zu of %zu, but %.4f were expected", name, count, total, wanted);
}

static size_t count_below(const size_t *ranks, size_t count, size_t k)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += ranks[i] < k;
    return found;
}

/* The metrics' names say which way and at which k. */
static void check_metrics(const cclip_json *metrics, const struct cclip_retrieval *r, const size_t *image_ranks,
                          const size_t *text_ranks)
{
    static const char image_key[] = "image_retrieval_recall@", text_key[] = "text_retrieval_recall@";
    struct cclip_json_iterator it;
    size_t checked = 0;
    for (int more = cclip_json_first(&it, metrics); more; more = cclip_json_next(&it), checked++) {
        const double share = cclip_json_number(it.value, -1);
        const char *at = strchr(it.key, '@');
        assert_non_null(at);
        const size_t k = strtoul(at + 1, NULL, 10);
        if (!strncmp(it.key, image_key, sizeof image_key - 1))
            check_count(it.key, count_below(image_ranks, r->text_count, k), r->text_count, share);
        else if (!strncmp(it.key, text_key, sizeof text_key - 1))
            check_count(it.key, count_below(text_ranks, r->image_count, k), r->image_count, share);
        else
            fail_msg("%s: an unknown metric", it.key);
    }
    assert_true(checked > 0);
}

/* The reference normalises before it compares. */
static void normalize(struct array *a)
{
    const size_t dim = a->shape[1];
    for (size_t i = 0; i < a->count; i += dim) {
        double square = 0;
        for (size_t d = 0; d < dim; d++)
            square += (double)a->f32[i + d] * (double)a->f32[i + d];
        for (size_t d = 0; d < dim; d++)
            a->f32[i + d] = (float)((double)a->f32[i + d] / sqrt(square));
    }
}

static void check_folder(const char *folder, const cclip_json *expected)
{
    struct array images, texts, index;
    array_read(&images, folder, "image_embeds.npy");
    array_read(&texts, folder, "text_embeds.npy");
    array_read(&index, folder, "text_image_index.npy");
    assert_true(images.rank == 2 && texts.rank == 2 && images.shape[1] == texts.shape[1]);
    assert_int_equal(images.shape[0], cclip_json_integer(cclip_json_get(expected, "images"), 0));
    assert_int_equal(texts.shape[0], cclip_json_integer(cclip_json_get(expected, "texts"), 0));
    assert_int_equal(index.count, texts.shape[0]);
    normalize(&images);
    normalize(&texts);
    size_t *image_of_text = malloc(index.count * sizeof *image_of_text);
    for (size_t t = 0; t < index.count; t++)
        image_of_text[t] = (size_t)index.i64[t];
    const struct cclip_retrieval r = { .images = images.f32,
                                       .texts = texts.f32,
                                       .image_count = images.shape[0],
                                       .text_count = texts.shape[0],
                                       .dim = images.shape[1],
                                       .image_of_text = image_of_text };
    size_t *image_ranks = malloc(r.text_count * sizeof *image_ranks);
    size_t *text_ranks = malloc(r.image_count * sizeof *text_ranks);
    assert_ok(cclip_retrieval_ranks(image_ranks, text_ranks, &r, NULL));
    check_metrics(cclip_json_get(expected, "metrics"), &r, image_ranks, text_ranks);
    free(image_ranks);
    free(text_ranks);
    free(image_of_text);
    array_close(&images);
    array_close(&texts);
    array_close(&index);
}

static void test_recalls(void **state)
{
    (void)state;
    assert_true(each_eval_folder("texts", "metrics", check_folder) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_recalls) };
    if (!cclip_test_there(cclip_test_golden()))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
