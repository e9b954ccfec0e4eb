/* Ranks of retrieval: cases worked out by hand, and random ones against the definition written plainly. */
#include "support/unit.h"

#include <math.h>

#include "base/random.h"
#include "evaluate/retrieval.h"
#include "support/fault.h"

static double recall_at(const size_t *ranks, size_t count, size_t k)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += ranks[i] < k;
    return (double)found / (double)count;
}

static void check(const struct cclip_retrieval *r, struct cclip_thread_pool *pool, const size_t *image_ranks,
                  const size_t *text_ranks)
{
    size_t *images = malloc((r->text_count + 1) * sizeof *images);
    size_t *texts = malloc((r->image_count + 1) * sizeof *texts);
    assert_ok(cclip_retrieval_ranks(images, texts, r, pool));
    for (size_t t = 0; t < r->text_count; t++)
        if (images[t] != image_ranks[t])
            fail_msg("text %zu: rank %zu instead of %zu", t, images[t], image_ranks[t]);
    for (size_t i = 0; i < r->image_count; i++)
        if (texts[i] != text_ranks[i])
            fail_msg("image %zu: rank %zu instead of %zu", i, texts[i], text_ranks[i]);
    free(images);
    free(texts);
}

/* Three images along the axes; a text's values are its scores with them. */
static void test_by_hand(void **state)
{
    const float images[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    const float texts[] = {
        .9f, .1f, .2f, /* of image 0, and nearest to it */
        .3f, .8f, .1f, /* of image 0, but image 1 is nearer */
        .5f, .6f, .7f, /* of image 1: image 2 is nearer */
        .4f, .3f, .2f, /* of image 2: both others are nearer */
    };
    const size_t image_of_text[] = { 0, 0, 1, 2 };
    const struct cclip_retrieval r = { images, texts, 3, 4, 3, image_of_text };
    /* image 0: text 0 is nearest of all. image 1: scores .1 .8 .6 .3, its own is second. image 2: .2 .1 .7 .2, its own
     * equals text 0, which comes earlier, and text 2 is nearer: third. */
    const size_t image_ranks[] = { 0, 1, 1, 2 }, text_ranks[] = { 0, 1, 2 };
    (void)state;
    check(&r, NULL, image_ranks, text_ranks);
    assert_true(recall_at(image_ranks, 4, 1) == 0.25);
    assert_true(recall_at(image_ranks, 4, 2) == 0.75);
    assert_true(recall_at(image_ranks, 4, 3) == 1);
    assert_true(recall_at(image_ranks, 4, 100) == 1);
    assert_true(recall_at(text_ranks, 3, 1) == 1.0 / 3);
}

static void test_odd(void **state)
{
    const float images[] = { 1, 1, 1, NAN }, texts[] = { 1, 1, NAN, 1 };
    const size_t image_of_text[] = { 1, 0, 0, 3 };
    const struct cclip_retrieval r = { images, texts, 4, 4, 1, image_of_text };
    /* Equals: the earlier one is nearer. Text 2 is no number and finds nothing; image 2 has no texts; image 3 is no
     * number, and its own text finds it last. */
    const size_t image_ranks[] = { 1, 0, 4, 4 }, text_ranks[] = { 1, 0, 4, 4 };
    (void)state;
    check(&r, NULL, image_ranks, text_ranks);
}

/* CLIP_benchmark's definition, with the whole matrix and a sort. */
struct scored {
    float score;
    size_t place;
};

static int better(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->place < y->place ? -1 : 1;
}

static double plain_dot(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t d = 0; d < dim; d++)
        sum += (double)a[d] * (double)b[d];
    return sum;
}

static void plain_ranks(size_t *image_ranks, size_t *text_ranks, const struct cclip_retrieval *r)
{
    struct scored *row = malloc((r->image_count + r->text_count) * sizeof *row);
    for (size_t t = 0; t < r->text_count; t++) {
        for (size_t i = 0; i < r->image_count; i++)
            row[i] = (struct scored){ (float)plain_dot(r->texts + t * r->dim, r->images + i * r->dim, r->dim), i };
        qsort(row, r->image_count, sizeof *row, better);
        for (image_ranks[t] = 0; row[image_ranks[t]].place != r->image_of_text[t];)
            image_ranks[t]++;
    }
    for (size_t i = 0; i < r->image_count; i++) {
        for (size_t t = 0; t < r->text_count; t++)
            row[t] = (struct scored){ (float)plain_dot(r->texts + t * r->dim, r->images + i * r->dim, r->dim), t };
        qsort(row, r->text_count, sizeof *row, better);
        for (text_ranks[i] = 0; text_ranks[i] < r->text_count && r->image_of_text[row[text_ranks[i]].place] != i;)
            text_ranks[i]++;
    }
    free(row);
}

/* Small whole numbers: every sum is exact, and there are many equals. */
static void test_random(void **state)
{
    enum { IMAGES = 37, TEXTS = 101, DIM = 5 };
    float images[IMAGES * DIM], texts[TEXTS * DIM];
    size_t image_of_text[TEXTS], image_ranks[TEXTS], text_ranks[IMAGES];
    struct cclip_random random;
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        cclip_random_seed(&random, seed, 0);
        for (size_t i = 0; i < IMAGES * DIM; i++)
            images[i] = (float)cclip_random_below(&random, 7) - 3;
        for (size_t i = 0; i < TEXTS * DIM; i++)
            texts[i] = (float)cclip_random_below(&random, 7) - 3;
        for (size_t t = 0; t < TEXTS; t++)
            image_of_text[t] = cclip_random_below(&random, IMAGES);
        const struct cclip_retrieval r = { images, texts, IMAGES, TEXTS, DIM, image_of_text };
        plain_ranks(image_ranks, text_ranks, &r);
        check(&r, NULL, image_ranks, text_ranks);
        for (int threads = 1; threads <= 3; threads++) {
            struct cclip_thread_pool *pool;
            assert_ok(cclip_thread_pool_open(&pool, threads));
            check(&r, pool, image_ranks, text_ranks);
            cclip_thread_pool_close(&pool);
        }
    }
}

static cclip_status rank(void *context)
{
    const float one = 1;
    const size_t zero = 0;
    size_t image_rank, text_rank;
    const struct cclip_retrieval r = { &one, &one, 1, 1, 1, &zero };
    (void)context;
    return cclip_retrieval_ranks(&image_rank, &text_rank, &r, NULL);
}

static void test_allocations(void **state)
{
    (void)state;
    assert_int_equal(cclip_fault_each(rank, NULL), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_by_hand), cmocka_unit_test(test_odd),
                                        cmocka_unit_test(test_random), cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
