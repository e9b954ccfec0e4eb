/* What a batch has beside its pairs: which of them match each other where a key says so, and pictures for a
 * second model. */
#include "support/unit.h"

#include "support/made_pairs.h"

static struct cclip_tokenizer *tokenizer;

/* The same key matches, in a shard and in a table; without one the caption decides. */
static void test_group_keys(void **state)
{
    static const struct {
        const char *caption, *json;
        size_t class; /* that it should be in */
    } samples[] = { { "dog 0", "{\"id\": \"a\"}", 0 }, { "dog 1", "{\"id\": \"a\"}", 0 },
                    { "cat", "{\"id\": \"\"}", 1 },   { "cat", NULL, 1 },
                    { "dog 4", "{\"id\": 5}", 2 },     { "dog 0", "{\"id\": \"b\"}", 3 },
                    { "cat", "", 1 },                  { "dog", "", 2 } };
    static const char rows[] = "filepath,title,id\nk6.ppm,cat,\nk7.ppm,dog,5\n";
    enum { IN_SHARD = 6, COUNT = 8 };
    struct tar_writer tar = { 0 };
    struct cclip_pair_batch batch;
    char picture[64], name[64], paths[2][256], key[] = "id";
    (void)state;
    for (size_t i = 0; i < IN_SHARD; i++) {
        const size_t size = made_picture(picture, i);
        snprintf(name, sizeof name, "%zu.ppm", i);
        tar_member(&tar, '0', name, picture, size);
        snprintf(name, sizeof name, "%zu.txt", i);
        tar_file(&tar, name, samples[i].caption);
        snprintf(name, sizeof name, "%zu.json", i);
        if (samples[i].json)
            tar_file(&tar, name, samples[i].json);
    }
    tar_end(&tar);
    made_file("keys.tar", tar.data, tar.size);
    tar_free(&tar);
    made_file("k6.ppm", picture, made_picture(picture, 6));
    made_file("k7.ppm", picture, made_picture(picture, 7));
    made_file("keys.csv", rows, sizeof rows - 1);
    snprintf(paths[0], sizeof paths[0], "%s/keys.tar", made_folder);
    snprintf(paths[1], sizeof paths[1], "%s/keys.csv", made_folder);
    const struct cclip_pair_source sources[2] = { { .path = paths[0], .group_key = key },
                                                  { .path = paths[1], .group_key = key } };
    struct cclip_pair_request request = made_request(sources, COUNT, tokenizer);
    request.source_count = 2;
    request.workers = 1;
    struct cclip_pair_batches *batches;
    assert_ok(cclip_pair_batches_open(&batches, &request));
    key[0] = 'x'; /* it was copied */
    for (int epoch = 0; epoch < 3; epoch++) {
        assert_ok(cclip_pair_batches_next(batches, &batch));
        assert_int_equal(batch.grouped, 5);
        for (size_t i = 0; i < COUNT; i++) {
            const size_t class = samples[made_number_of(&batch, i)].class;
            size_t first = 0;
            while (samples[made_number_of(&batch, first)].class != class)
                first++;
            assert_int_equal(batch.groups[i], first);
            assert_true(batch.hashes[i] == batch.hashes[first]);
        }
    }
    cclip_pair_batches_close(&batches);
}

/* The same crop, mirrored or not in the same way, at another size and with other numbers. */
static void test_second_view(void **state)
{
    const struct cclip_augmentation changes = { .scale = { 0.3, 1 }, .ratio = { 0.5, 2 }, .flip = 0.5, .grey = 0.5 };
    const struct cclip_pair_source source = { .path = made_shards("second", 1, 16, NULL) };
    struct cclip_pair_request request = made_request(&source, 16, tokenizer);
    cclip_preprocessing second = *request.preprocessing;
    struct cclip_pair_batches *batches[2];
    struct cclip_pair_batch batch[2];
    (void)state;
    second.height = 4;
    second.std[1] = 2;
    request.augmentation = &changes;
    request.workers = 2;
    assert_ok(cclip_pair_batches_open(&batches[0], &request));
    assert_ok(cclip_pair_batches_next(batches[0], &batch[0]));
    assert_null(batch[0].second_pixels);
    cclip_pair_batches_close(&batches[0]);
    request.second = &second;
    assert_ok(cclip_pair_batches_open(&batches[0], &request));
    request.second = NULL;
    request.preprocessing = &second; /* what it should be */
    assert_ok(cclip_pair_batches_open(&batches[1], &request));
    for (int step = 0; step < 3; step++) {
        for (int k = 0; k < 2; k++)
            assert_ok(cclip_pair_batches_next(batches[k], &batch[k]));
        assert_memory_equal(batch[0].second_pixels, batch[1].pixels, 16 * 3 * 4 * 2 * sizeof(float));
    }
    cclip_pair_batches_close(&batches[0]);
    cclip_pair_batches_close(&batches[1]);
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_group_keys), cmocka_unit_test(test_second_view) };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
