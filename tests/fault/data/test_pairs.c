/* Batches to learn from, each allocation failing in turn: from shards with broken samples, from a table and from a
 * folder, without workers and with. */
#include "support/unit.h"

#include <sys/stat.h>

#include "support/fault.h"
#include "support/made_pairs.h"

static struct cclip_tokenizer *tokenizer;

static enum broken some_broken(size_t number)
{
    return number % 4 == 1 ? (enum broken)(1 + number / 4 % (KINDS_OF_BROKEN - 1)) : WHOLE;
}

static cclip_status life(void *context)
{
    const struct cclip_pair_request *request = context;
    struct cclip_pair_batches *batches;
    struct cclip_pair_batch batch;
    cclip_status status = cclip_pair_batches_open(&batches, request);
    for (int i = 0; i < 4 && !status; i++)
        status = cclip_pair_batches_next(batches, &batch);
    if (!status)
        status = cclip_pair_batches_seek(batches, 3, 1);
    if (!status)
        status = cclip_pair_batches_next(batches, &batch);
    cclip_pair_batches_close(&batches);
    return status;
}

/* After a failed step the same one can be asked for again. */
static void test_again(void **state)
{
    char path[256];
    snprintf(path, sizeof path, "%s", made_shards("again", 1, 8, NULL));
    const struct cclip_pair_source source = { .path = path };
    const struct cclip_pair_request request = made_request(&source, 4, tokenizer);
    struct cclip_pair_batches *batches;
    struct cclip_pair_batch batch;
    size_t expected[4];
    (void)state;
    assert_ok(cclip_pair_batches_open(&batches, &request));
    assert_ok(cclip_pair_batches_next(batches, &batch));
    for (size_t i = 0; i < 4; i++)
        expected[i] = made_number_of(&batch, i);
    for (unsigned long n = 1; n < 200; n += 7) {
        assert_ok(cclip_pair_batches_seek(batches, 0, 0));
        cclip_memory_fail_at(n);
        const cclip_status status = cclip_pair_batches_next(batches, &batch);
        cclip_memory_fail_at(0);
        if (status) {
            assert_int_equal(status, CCLIP_ERROR_MEMORY);
            assert_ok(cclip_pair_batches_next(batches, &batch));
        }
        assert_true(batch.epoch == 0 && batch.step == 0);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(made_number_of(&batch, i), expected[i]);
    }
    cclip_pair_batches_close(&batches);
}

static void test_shards(void **state)
{
    const struct cclip_pair_source source = { .path = made_shards("fault", 2, 8, some_broken),
                                              .image_key = "ppm", .text_key = "txt", .group_key = "id" };
    struct cclip_pair_request request = made_request(&source, 4, tokenizer);
    const struct cclip_augmentation strong = { .scale = { 0.2, 1 }, .affine = 1, .jitter = 1, .hue = 0.1 };
    (void)state;
    request.augmentation = &strong;
    request.window = 1;
    assert_true(cclip_fault_each(life, &request) > 100);
    request.workers = 2; /* which allocation fails is another one each time: any must be survived */
    cclip_fault_every(life, &request, 3);
}

static void test_table_and_folder(void **state)
{
    char paths[2][256], picture[64];
    const size_t size = made_picture(picture, 1);
    static const char rows[] = "filepath,title,kind\np/a.ppm,cat,x\np/b.ppm,,y\np/a.ppm,dog,x\nshort\n";
    (void)state;
    mkdir(made_path("p"), 0777);
    made_file("p/a.ppm", picture, size);
    made_file("p/a.txt", "cat", 3);
    made_file("p/b.ppm", picture, size);
    made_file("pairs.csv", rows, sizeof rows - 1);
    snprintf(paths[0], sizeof paths[0], "%s/pairs.csv", made_folder);
    snprintf(paths[1], sizeof paths[1], "%s/p", made_folder);
    const struct cclip_pair_source sources[2] = { { .path = paths[0], .weight = 2, .group_key = "kind" },
                                                  { .path = paths[1] } };
    struct cclip_pair_request request = made_request(sources, 2, tokenizer);
    request.source_count = 2;
    assert_true(cclip_fault_each(life, &request) > 100);
}

static int open_all(void **state)
{
    return small_open(&tokenizer, NULL) || made_folder_open(state);
}

static int close_all(void **state)
{
    cclip_text_tokenizer_close(&tokenizer);
    return made_folder_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_shards), cmocka_unit_test(test_again),
                                        cmocka_unit_test(test_table_and_folder) };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
