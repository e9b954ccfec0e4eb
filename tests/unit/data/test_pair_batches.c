/* Batches to learn from: what is in them, in which order, and what does not change it. */
#include "support/unit.h"

#include <sys/stat.h>

#include "support/made_pairs.h"

static struct cclip_tokenizer *tokenizer;

static void put_picture(const char *name, size_t number)
{
    char picture[64];
    const size_t size = made_picture(picture, number);
    made_file(name, picture, size);
}

static void put_text(const char *name, const char *text)
{
    made_file(name, text, strlen(text));
}

static struct cclip_pair_batches *open_batches(const struct cclip_pair_request *request)
{
    struct cclip_pair_batches *batches;
    assert_ok(cclip_pair_batches_open(&batches, request));
    return batches;
}

/* Name, caption and picture of a pair belong together. */
static void check_pair(const struct cclip_pair_batch *batch, size_t i)
{
    char caption[64], name[64];
    const size_t number = made_number_of(batch, i);
    snprintf(caption, sizeof caption, "dog %zu", number);
    assert_string_equal(batch->captions[i], caption);
    snprintf(name, sizeof name, "%05zu.ppm", number);
    assert_non_null(strstr(batch->names[i], name));
    const int32_t *ids = batch->ids + batch->offsets[i];
    assert_true(batch->offsets[i + 1] - batch->offsets[i] >= 4);
    assert_int_equal(ids[0], SMALL_START);
    assert_int_equal(ids[1], SMALL_DOG);
    assert_int_equal(batch->ids[batch->offsets[i + 1] - 1], SMALL_END);
}

/* The samples of the next `steps` steps, one after another. */
static void take(struct cclip_pair_batches *batches, size_t steps, size_t *out)
{
    for (size_t s = 0; s < steps; s++) {
        struct cclip_pair_batch batch;
        assert_ok(cclip_pair_batches_next(batches, &batch));
        for (size_t i = 0; i < batch.count; i++) {
            check_pair(&batch, i);
            *out++ = made_number_of(&batch, i);
        }
    }
}

static void count_samples(size_t *seen, size_t most, const size_t *taken, size_t count)
{
    memset(seen, 0, most * sizeof *seen);
    for (size_t i = 0; i < count; i++) {
        assert_true(taken[i] < most);
        seen[taken[i]]++;
    }
}

static void test_folder(void **state)
{
    struct cclip_pair_batch batch;
    unsigned seen = 0;
    (void)state;
    mkdir(made_path("folder"), 0777);
    mkdir(made_path("folder/deep"), 0777);
    put_picture("folder/a.ppm", 1);
    put_text("folder/a.txt", "dog one\n");
    put_picture("folder/b.c.ppm", 2);
    put_text("folder/b.c.txt", "dog two");
    put_picture("folder/deep/d.ppm", 4);
    put_text("folder/deep/d.txt", "cat");
    put_text("folder/README.txt", "no picture belongs to this");
    char path[256];
    snprintf(path, sizeof path, "%s/folder", made_folder);
    const struct cclip_pair_source source = { .path = path };
    const struct cclip_pair_request request = made_request(&source, 3, tokenizer);
    struct cclip_pair_batches *batches = open_batches(&request);
    const struct cclip_pair_counts *counts = cclip_pair_batches_counts(batches);
    assert_true(counts->pairs == 3 && counts->epoch_pairs == 3 && counts->steps == 1 && !counts->shards);
    assert_ok(cclip_pair_batches_next(batches, &batch));
    assert_true(batch.epoch == 0 && batch.step == 0 && batch.count == 3 && batch.offsets[0] == 0);
    for (size_t i = 0; i < 3; i++) {
        const size_t number = made_number_of(&batch, i);
        static const char *const captions[] = { "", "dog one\n", "dog two", "", "cat" };
        assert_true(number < 5);
        seen |= 1u << number;
        assert_string_equal(batch.captions[i], captions[number]);
        assert_int_equal(batch.ids[batch.offsets[i] + 1], number == 4 ? SMALL_CAT : SMALL_DOG);
    }
    assert_int_equal(seen, 2 | 4 | 16);
    cclip_pair_batches_close(&batches);
    assert_null(batches);
}

static void test_table(void **state)
{
    struct cclip_pair_batch batch;
    (void)state;
    put_picture("t1.ppm", 1);
    put_picture("t2.ppm", 2);
    put_text("pairs.csv", "title,filepath,other\n\"dog, one\",t1.ppm,x\ncat,t2.ppm,y\n");
    put_text("named.tsv", "words|file\ndog|t1.ppm\n");
    char paths[2][256];
    snprintf(paths[0], sizeof paths[0], "%s/pairs.csv", made_folder);
    snprintf(paths[1], sizeof paths[1], "%s/named.tsv", made_folder);
    const struct cclip_pair_source sources[2] = {
        { .path = paths[0] },
        { .path = paths[1], .image_column = "file", .caption_column = "words", .separator = '|' }
    };
    struct cclip_pair_request request = made_request(sources, 3, tokenizer);
    request.source_count = 2;
    struct cclip_pair_batches *batches = open_batches(&request);
    assert_ok(cclip_pair_batches_next(batches, &batch));
    unsigned seen = 0;
    for (size_t i = 0; i < 3; i++)
        seen |= !strcmp(batch.captions[i], "dog, one") && made_number_of(&batch, i) == 1   ? 1
                : !strcmp(batch.captions[i], "cat") && made_number_of(&batch, i) == 2 ? 2
                : !strcmp(batch.captions[i], "dog") && made_number_of(&batch, i) == 1 ? 4
                                                                                       : 0;
    assert_int_equal(seen, 7);
    cclip_pair_batches_close(&batches);
}

/* Long names, captions from JSON, members of no sample between the samples. */
static void test_shard_members(void **state)
{
    struct tar_writer tar = { 0 };
    struct cclip_pair_batch batch;
    char picture[64], name[301] = "", path[256];
    const size_t size = made_picture(picture, 9);
    (void)state;
    memset(name, 'n', 290);
    tar_member(&tar, '5', "folder/", "", 0);
    tar_file(&tar, "README", "of no sample");
    tar_member(&tar, '0', "a.ppm", picture, size);
    tar_file(&tar, "a.txt", "dog a");
    strcpy(name + 290, ".txt");
    tar_gnu_long(&tar, name, "dog gnu");
    strcpy(name + 290, ".ppm");
    tar_member(&tar, 'L', "././@LongLink", name, strlen(name) + 1);
    tar_member(&tar, '0', "cut", picture, size);
    tar_file(&tar, "LICENSE", "of no sample");
    tar_member(&tar, '0', "j.ppm", picture, size);
    tar_file(&tar, "j.json", "{\"captions\": [\"dog json\", \" \"]}");
    memset(name, 'p', 290);
    strcpy(name + 290, ".txt");
    tar_pax(&tar, name, "dog pax");
    tar_member(&tar, 'L', "././@LongLink", (memcpy(name + 290, ".ppm", 4), name), strlen(name) + 1);
    tar_member(&tar, '0', "cut", picture, size);
    tar_end(&tar);
    made_file("members.tar", tar.data, tar.size);
    tar_free(&tar);
    snprintf(path, sizeof path, "%s/members.tar", made_folder);
    const struct cclip_pair_source source = { .path = path };
    const struct cclip_pair_request request = made_request(&source, 4, tokenizer);
    struct cclip_pair_batches *batches = open_batches(&request);
    assert_int_equal(cclip_pair_batches_counts(batches)->shards, 1);
    assert_int_equal(cclip_pair_batches_counts(batches)->pairs, 4);
    for (int epoch = 0; epoch < 4; epoch++) {
        unsigned seen = 0;
        assert_ok(cclip_pair_batches_next(batches, &batch));
        for (size_t i = 0; i < 4; i++) {
            static const char *const captions[] = { "dog a", "dog gnu", "dog json", "dog pax" };
            for (size_t k = 0; k < 4; k++)
                seen |= !strcmp(batch.captions[i], captions[k]) ? 1u << k : 0;
        }
        assert_int_equal(seen, 15);
    }
    assert_int_equal(cclip_pair_batches_counts(batches)->broken, 0);
    cclip_pair_batches_close(&batches);
}

enum { SHARDS = 7, EACH = 30, ALL = SHARDS * EACH };

/* Each sample once at most an epoch, in another order each time, the rest another one. */
static void test_epochs(void **state)
{
    const struct cclip_pair_source source = { .path = made_shards("whole", SHARDS, EACH, NULL) };
    const struct cclip_pair_request request = made_request(&source, 32, tokenizer);
    struct cclip_pair_batches *batches = open_batches(&request);
    static size_t taken[4][ALL], seen[ALL], left_out[ALL];
    (void)state;
    assert_int_equal(cclip_pair_batches_counts(batches)->steps, ALL / 32);
    for (size_t epoch = 0; epoch < 4; epoch++) {
        take(batches, ALL / 32, taken[epoch]);
        count_samples(seen, ALL, taken[epoch], ALL / 32 * 32);
        size_t rest = 0, same = 0, follows = 0;
        for (size_t i = 0; i < ALL; i++) {
            assert_true(seen[i] <= 1);
            left_out[i] += !seen[i];
            rest += !seen[i];
            same += epoch && i < 192 && taken[epoch][i] == taken[epoch - 1][i];
            follows += i && i < 192 && taken[epoch][i] == taken[epoch][i - 1] + 1;
        }
        assert_int_equal(rest, ALL % 32);
        assert_true(same < 8 && follows < 8);
    }
    size_t always = 0;
    for (size_t i = 0; i < ALL; i++)
        always += left_out[i] == 4;
    assert_int_equal(always, 0);
    cclip_pair_batches_close(&batches);
}

/* Everything of a batch as one number. */
static uint64_t digest(const struct cclip_pair_batch *batch)
{
    uint64_t hash = batch->epoch * 1000 + batch->step;
    const unsigned char *bytes = (const unsigned char *)batch->pixels;
    for (size_t i = 0; i < batch->count * 12 * sizeof(float); i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    for (size_t i = 0; i < batch->offsets[batch->count]; i++)
        hash = (hash ^ (uint64_t)batch->ids[i]) * 0x100000001b3u;
    for (size_t i = 0; i < batch->count; i++) {
        hash = (hash ^ batch->offsets[i + 1] ^ batch->groups[i] << 32) * 0x100000001b3u;
        hash ^= batch->hashes[i];
        for (const char *c = batch->names[i]; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    return hash;
}

static enum broken some_broken(size_t number)
{
    return number % 9 == 4 ? (enum broken)(1 + number / 9 % (KINDS_OF_BROKEN - 1)) : WHOLE;
}

static int note_skip(void *user, const struct cclip_pair_loss *loss)
{
    /* some_broken: which reason each kind has */
    static const enum cclip_pair_reason reasons[KINDS_OF_BROKEN] = {
        [NO_PICTURE] = CCLIP_PAIR_NO_PICTURE,       [CUT_PICTURE] = CCLIP_PAIR_BAD_PICTURE,
        [NO_CAPTION] = CCLIP_PAIR_NO_CAPTION,       [EMPTY_CAPTION] = CCLIP_PAIR_EMPTY_CAPTION,
        [BLANK_CAPTION] = CCLIP_PAIR_EMPTY_CAPTION,
    };
    struct cclip_buffer *notes = user;
    assert_true(loss->status && strlen(loss->message));
    if (strstr(loss->message, "some-"))
        assert_int_equal(loss->reason, reasons[some_broken(loss->index)]);
    assert_ok(cclip_buffer_format(notes, "%zu %s\n", loss->index, loss->message));
    return 0;
}

static const struct cclip_augmentation strong = {
    .scale = { 0.2, 1 }, .ratio = { 0.75, 4.0 / 3 }, .flip = 0.5, .affine = 0.5, .degrees = 30,
    .jitter = 0.5, .brightness = 0.5, .hue = 0.2, .grey = 0.1
};

/* The same bits, and the same samples named in the same order, whatever the number of workers and whether
 * the caller's threads help; and the same again from any step on. */
static void test_workers_and_seek(void **state)
{
    enum { STEPS = 40 };
    static const struct {
        int workers, pool;
    } ways[] = { { 0, 0 }, { 1, 0 }, { 4, 0 }, { 0, 3 }, { 2, 3 } };
    const struct cclip_pair_source source = { .path = made_shards("some", SHARDS, EACH, some_broken) };
    uint64_t expected[STEPS];
    struct cclip_buffer notes[2];
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        struct cclip_pair_request request = made_request(&source, 16, tokenizer);
        struct cclip_pair_batch batch;
        cclip_buffer_open(&notes[w > 0], 1 << 20);
        request.workers = ways[w].workers;
        request.augmentation = &strong;
        request.skip = note_skip;
        request.user = &notes[w > 0];
        if (ways[w].pool)
            assert_ok(cclip_thread_pool_open(&request.pool, ways[w].pool));
        struct cclip_pair_batches *batches = open_batches(&request);
        for (size_t s = 0; s < STEPS; s++) {
            assert_ok(cclip_pair_batches_next(batches, &batch));
            assert_true(batch.epoch == s / 13 && batch.step == s % 13);
            if (!w)
                expected[s] = digest(&batch);
            assert_int_equal(digest(&batch), expected[s]);
        }
        for (size_t k = 0; k < 12; k++) {
            const size_t at = (k * 29 + 38) % STEPS;
            assert_ok(cclip_pair_batches_seek(batches, at / 13, at % 13));
            for (size_t s = at; s < STEPS && s < at + 3; s++) {
                assert_ok(cclip_pair_batches_next(batches, &batch));
                assert_int_equal(digest(&batch), expected[s]);
            }
        }
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_pair_batches_seek(batches, 0, 13));
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_pair_batches_seek(batches, SIZE_MAX / 13, 0));
        cclip_pair_batches_close(&batches);
        cclip_thread_pool_close(&request.pool);
        if (w) {
            assert_string_equal(notes[1].data, notes[0].data);
            cclip_buffer_close(&notes[1]);
        }
    }
    cclip_buffer_close(&notes[0]);
}

/* Two and four ranks take together what one takes. */
static void test_ranks(void **state)
{
    const struct cclip_pair_source source = { .path = made_shards("some", SHARDS, EACH, some_broken) };
    struct cclip_pair_request request = made_request(&source, 16, tokenizer);
    static size_t one[3 * 208], part[3 * 208];
    struct cclip_pair_batches *batches = open_batches(&request);
    (void)state;
    take(batches, 3 * 13, one);
    cclip_pair_batches_close(&batches);
    for (size_t world = 2; world <= 4; world += 2)
        for (size_t rank = 0; rank < world; rank++) {
            const size_t each = 16 / world;
            request.world = world;
            request.rank = rank;
            request.batch = each;
            batches = open_batches(&request);
            assert_int_equal(cclip_pair_batches_counts(batches)->steps, 13);
            take(batches, 3 * 13, part);
            for (size_t i = 0; i < 3 * 13 * each; i++)
                assert_int_equal(part[i], one[i / each * 16 + rank * each + i % each]);
            cclip_pair_batches_close(&batches);
        }
}

/* Broken samples are each named once, none is given out, nobody else moves, and no step has a pair twice. */
static void test_broken(void **state)
{
    char paths[2][256];
    static size_t whole[208], some[208], seen[ALL];
    struct cclip_buffer notes;
    size_t broken = 0, replaced = 0;
    (void)state;
    snprintf(paths[0], sizeof paths[0], "%s", made_shards("whole", SHARDS, EACH, NULL));
    snprintf(paths[1], sizeof paths[1], "%s", made_shards("some", SHARDS, EACH, some_broken));
    cclip_buffer_open(&notes, 1 << 20);
    for (int k = 0; k < 2; k++) {
        const struct cclip_pair_source source = { .path = paths[k] };
        struct cclip_pair_request request = made_request(&source, 16, tokenizer);
        request.skip = note_skip;
        request.user = &notes;
        struct cclip_pair_batches *batches = open_batches(&request);
        take(batches, 13, k ? some : whole);
        for (int epoch = 0; k && epoch < 20; epoch++) { /* every broken sample has been met by then */
            static size_t more[208];
            take(batches, 13, more);
            for (size_t i = 0; i < 208; i++)
                assert_true(some_broken(more[i]) == WHOLE);
        }
        broken = cclip_pair_batches_counts(batches)->broken;
        replaced = cclip_pair_batches_counts(batches)->replaced;
        assert_true(k || (!broken && !replaced && !notes.length));
        cclip_pair_batches_close(&batches);
    }
    for (size_t i = 0; i < 208; i++)
        assert_true(some_broken(whole[i]) == WHOLE ? some[i] == whole[i] : some[i] != whole[i]);
    for (size_t step = 0; step < 13; step++) {
        count_samples(seen, ALL, some + step * 16, 16);
        for (size_t i = 0; i < ALL; i++)
            assert_true(seen[i] <= 1);
    }
    size_t expected = 0, lines = 0;
    for (size_t i = 0; i < ALL; i++)
        if (some_broken(i) != WHOLE) {
            char name[32];
            snprintf(name, sizeof name, "tar: %05zu", i);
            assert_non_null(strstr(notes.data, name));
            expected++;
        }
    for (size_t i = 0; i < notes.length; i++)
        lines += notes.data[i] == '\n';
    assert_int_equal(lines, expected);
    assert_int_equal(broken, expected);
    assert_true(replaced >= expected);
    assert_non_null(strstr(notes.data, ": no caption"));
    assert_non_null(strstr(notes.data, ": an empty caption"));
    assert_non_null(strstr(notes.data, ": no picture in this sample"));
    cclip_buffer_close(&notes);
}

static enum broken one_broken(size_t number)
{
    return number == 3 ? EMPTY_CAPTION : WHOLE;
}

static enum broken all_broken(size_t number)
{
    (void)number;
    return CUT_PICTURE;
}

static int cancel(void *user, const struct cclip_pair_loss *loss)
{
    (void)user;
    (void)loss;
    return 1;
}

/* A corpus that is one step has nobody outside to take a place: then a pair stands there twice, and its group
 * says so. One without a whole sample ends with a message. */
static void test_nobody_left(void **state)
{
    struct cclip_pair_source source = { .path = made_shards("one", 1, 8, one_broken) };
    struct cclip_pair_request request = made_request(&source, 8, tokenizer);
    struct cclip_pair_batches *batches = open_batches(&request);
    struct cclip_pair_batch batch;
    size_t twice = 0;
    (void)state;
    assert_ok(cclip_pair_batches_next(batches, &batch));
    for (size_t i = 0; i < 8; i++) {
        assert_true(made_number_of(&batch, i) != 3);
        twice += batch.groups[i] != i;
        assert_true(batch.hashes[i] == batch.hashes[batch.groups[i]]);
        assert_int_equal(made_number_of(&batch, i), made_number_of(&batch, batch.groups[i]));
    }
    assert_int_equal(twice, 1);
    cclip_pair_batches_close(&batches);
    source.path = made_shards("bad", 2, 700, all_broken);
    request.batch = 2;
    batches = open_batches(&request);
    for (int again = 0; again < 2; again++) {
        assert_fails(CCLIP_ERROR_FORMAT, cclip_pair_batches_next(batches, &batch));
        assert_message("epoch 0, step 0: 1000 samples were tried");
        assert_int_equal(batch.count, 0);
    }
    cclip_pair_batches_close(&batches);
    request.skip = cancel;
    request.workers = 2;
    batches = open_batches(&request);
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_pair_batches_next(batches, &batch));
    cclip_pair_batches_close(&batches);
}

/* A shard cut anywhere: what lies before the cut is used, the cut is told or the sample in it is. */
static void test_cut_shards(void **state)
{
    struct cclip_mapping whole;
    char path[256];
    (void)state;
    made_shards("cut", 1, 6, NULL);
    snprintf(path, sizeof path, "%s/cut-000.tar", made_folder);
    assert_ok(cclip_mapping_open(&whole, path));
    struct cclip_buffer copy;
    cclip_buffer_open(&copy, 1 << 20);
    assert_ok(cclip_buffer_append(&copy, whole.data, whole.size));
    cclip_mapping_close(&whole);
    for (size_t size = 100; size < 6 * 2048; size += 100) {
        made_file("cut-000.tar", copy.data, size);
        struct cclip_buffer notes;
        cclip_buffer_open(&notes, 1 << 20);
        const struct cclip_pair_source source = { .path = path };
        struct cclip_pair_request request = made_request(&source, 1, tokenizer);
        request.skip = note_skip;
        request.user = &notes;
        struct cclip_pair_batches *batches;
        const size_t intact = size / 2048; /* a sample is two headers and two blocks */
        if (!intact) { /* nothing to train from; which step says so does not matter */
            struct cclip_pair_batch batch;
            if (!cclip_pair_batches_open(&batches, &request))
                assert_fails(CCLIP_ERROR_FORMAT, cclip_pair_batches_next(batches, &batch));
            cclip_pair_batches_close(&batches);
            cclip_buffer_close(&notes);
            continue;
        }
        batches = open_batches(&request);
        const struct cclip_pair_counts *counts = cclip_pair_batches_counts(batches);
        static size_t taken[200], seen[6];
        for (int epoch = 0; epoch < 20; epoch++)
            take(batches, counts->steps, taken + (size_t)epoch * counts->steps);
        count_samples(seen, 6, taken, 20 * counts->steps);
        for (size_t i = 0; i < 6; i++) /* the sample in the cut may have all its bytes, but for their padding */
            assert_true(i == intact ? !seen[i] || size % 2048 > 1536 : (seen[i] > 0) == (i < intact));
        assert_true(seen[intact] || counts->damaged_shards || counts->broken);
        assert_true(!counts->damaged_shards == !strstr(notes.length ? notes.data : "", "damaged shard"));
        cclip_pair_batches_close(&batches);
        cclip_buffer_close(&notes);
    }
    cclip_buffer_close(&copy);
}

static enum broken one_percent(size_t number)
{
    return number % 100 == 7 ? CUT_PICTURE : number % 250 == 3 ? EMPTY_CAPTION : WHOLE;
}

/* A corpus as the world has them: one picture in a hundred broken, captions empty, a shard cut short. Every sample is
 * used, or named, or behind the damage of a shard that is named. With a shard missing nothing begins. */
static void test_losses(void **state)
{
    enum { SAMPLES = 1000, CUT = 537 };
    char pattern[256], path[256];
    struct cclip_mapping whole;
    struct cclip_buffer notes, copy;
    static size_t taken[SAMPLES], used[SAMPLES];
    (void)state;
    snprintf(pattern, sizeof pattern, "%s", made_shards("world", 10, 100, one_percent));
    snprintf(path, sizeof path, "%s/world-005.tar", made_folder);
    assert_ok(cclip_mapping_open(&whole, path));
    cclip_buffer_open(&copy, 1 << 20);
    assert_ok(cclip_buffer_append(&copy, whole.data, (CUT - 500) * 2048 - 1024 + 200));
    cclip_mapping_close(&whole);
    assert_ok(cclip_file_write(path, copy.data, copy.length));
    cclip_buffer_open(&notes, 1 << 20);
    const struct cclip_pair_source source = { .path = pattern };
    struct cclip_pair_request request = made_request(&source, 32, tokenizer);
    request.workers = 2;
    request.skip = note_skip;
    request.user = &notes;
    struct cclip_pair_batches *batches = open_batches(&request);
    const struct cclip_pair_counts *counts = cclip_pair_batches_counts(batches);
    const size_t lost = 600 - CUT; /* the sample in the cut is the last one of its shard */
    assert_int_equal(counts->pairs, SAMPLES - lost);
    assert_int_equal(counts->damaged_shards, 1);
    assert_non_null(strstr(notes.data, "damaged shard, 37 samples before the damage: "));
    for (int epoch = 0; epoch < 12; epoch++) {
        take(batches, counts->steps, taken);
        for (size_t i = 0; i < counts->steps * 32; i++)
            used[taken[i]] = 1;
    }
    size_t named = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        char name[32];
        snprintf(name, sizeof name, "tar: %05zu.", i);
        if (i == CUT - 1) /* what is cut has no name, but a place: 503's caption takes no block */
            snprintf(name, sizeof name, "byte %d: tar", (CUT - 501) * 2048 + 512);
        const size_t is_named = strstr(notes.data, name) != NULL;
        named += is_named;
        assert_int_equal(used[i] + is_named, i < CUT || i >= 600);
    }
    assert_int_equal(counts->broken, named);
    cclip_pair_batches_close(&batches);
    assert_int_equal(unlink(made_path("world-008.tar")), 0);
    struct cclip_pair_batches *none;
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_pair_batches_open(&none, &request));
    assert_message("world-008.tar: cannot open");
    cclip_buffer_close(&notes);
    cclip_buffer_close(&copy);
}

/* How often an epoch takes each sample. */
static void test_weights(void **state)
{
    char paths[2][256];
    static size_t taken[1000], seen[ALL];
    (void)state;
    snprintf(paths[0], sizeof paths[0], "%s", made_shards("first", 2, 20, NULL));
    struct tar_writer tar = { 0 };
    for (size_t i = 100; i < 160; i++)
        made_sample(&tar, i, WHOLE);
    tar_end(&tar);
    made_file("second.tar", tar.data, tar.size);
    tar_free(&tar);
    snprintf(paths[1], sizeof paths[1], "%s/second.tar", made_folder);
    const struct cclip_pair_source sources[2] = { { .path = paths[0], .weight = 2.5 },
                                                  { .path = paths[1], .weight = 0.5 } };
    for (size_t window = 0; window < 3; window++) {
        struct cclip_pair_request request = made_request(sources, 10, tokenizer);
        request.source_count = 2;
        request.window = window;
        struct cclip_pair_batches *batches = open_batches(&request);
        assert_int_equal(cclip_pair_batches_counts(batches)->epoch_pairs, 100 + 30);
        static size_t ever[ALL];
        memset(ever, 0, sizeof ever);
        for (int epoch = 0; epoch < 20; epoch++) {
            take(batches, 13, taken);
            count_samples(seen, ALL, taken, 130);
            size_t thrice = 0, once = 0;
            for (size_t i = 0; i < 40; i++) {
                assert_true(seen[i] == 2 || seen[i] == 3);
                thrice += seen[i] == 3;
            }
            for (size_t i = 100; i < 160; i++) {
                assert_true(seen[i] <= 1);
                once += seen[i];
                ever[i] += seen[i];
            }
            assert_int_equal(thrice, 20);
            assert_int_equal(once, 30);
        }
        for (size_t i = 100; i < 160; i++) /* 20 epochs at one half */
            assert_true(ever[i] >= 2 && ever[i] <= 18);
        cclip_pair_batches_close(&batches);
    }
}

/* Epochs of a given size, smaller and larger than the corpus. */
static void test_epoch_pairs(void **state)
{
    const struct cclip_pair_source source = { .path = made_shards("first", 2, 20, NULL) };
    static size_t taken[200], seen[40];
    (void)state;
    for (size_t pairs = 13; pairs < 180; pairs += 27) {
        struct cclip_pair_request request = made_request(&source, 1, tokenizer);
        request.epoch_pairs = pairs;
        struct cclip_pair_batches *batches = open_batches(&request);
        assert_int_equal(cclip_pair_batches_counts(batches)->epoch_pairs, pairs);
        assert_int_equal(cclip_pair_batches_counts(batches)->steps, pairs);
        take(batches, pairs, taken);
        count_samples(seen, 40, taken, pairs);
        for (size_t i = 0; i < 40; i++)
            assert_true(seen[i] == pairs / 40 || seen[i] == pairs / 40 + 1);
        cclip_pair_batches_close(&batches);
    }
}

/* With a window, the samples of any stretch come from few shards, and the shards are others each time. */
static void test_window(void **state)
{
    const struct cclip_pair_source source = { .path = made_shards("whole", SHARDS, EACH, NULL) };
    struct cclip_pair_request request = made_request(&source, 30, tokenizer);
    static size_t taken[ALL], seen[ALL];
    unsigned first[6];
    (void)state;
    request.window = 2;
    struct cclip_pair_batches *batches = open_batches(&request);
    for (int epoch = 0; epoch < 6; epoch++) {
        take(batches, 7, taken);
        count_samples(seen, ALL, taken, ALL);
        for (size_t i = 0; i < ALL; i++)
            assert_int_equal(seen[i], 1);
        for (size_t w = 0; w < 4; w++) {
            unsigned shards = 0;
            size_t follows = 0;
            for (size_t i = w * 60; i < (w + 1) * 60 && i < ALL; i++) {
                shards |= 1u << taken[i] / EACH;
                follows += i % 60 && taken[i] == taken[i - 1] + 1;
            }
            assert_int_equal(__builtin_popcount(shards), w < 3 ? 2 : 1);
            assert_true(follows < 6);
            if (!w)
                first[epoch] = shards;
        }
    }
    assert_true(first[0] != first[1] || first[1] != first[2] || first[2] != first[3]);
    cclip_pair_batches_close(&batches);
}

/* Texts are cut to the context, with the end token last; equal ones share a group. */
static void test_context_and_groups(void **state)
{
    struct cclip_pair_batch batch;
    char path[256];
    (void)state;
    put_picture("t1.ppm", 1);
    put_text("groups.csv", "filepath,title\nt1.ppm,cat cat cat dog\nt1.ppm,dog\nt1.ppm,Cat cat  cat cat\n"
                           "t1.ppm,dog\nt1.ppm,cat\n");
    snprintf(path, sizeof path, "%s/groups.csv", made_folder);
    const struct cclip_pair_source source = { .path = path };
    struct cclip_pair_request request = made_request(&source, 5, tokenizer);
    request.context = 5;
    struct cclip_pair_batches *batches = open_batches(&request);
    assert_ok(cclip_pair_batches_next(batches, &batch));
    size_t groups[3] = { SIZE_MAX, SIZE_MAX, SIZE_MAX };
    for (size_t i = 0; i < 5; i++) {
        const int32_t *ids = batch.ids + batch.offsets[i];
        const size_t count = batch.offsets[i + 1] - batch.offsets[i];
        const size_t kind = ids[1] == SMALL_DOG ? 0 : count == 3 ? 1 : 2;
        assert_int_equal(count, kind == 2 ? 5 : 3);
        assert_int_equal(ids[count - 1], SMALL_END);
        if (groups[kind] == SIZE_MAX)
            groups[kind] = i;
        assert_int_equal(batch.groups[i], groups[kind]);
    }
    assert_true(groups[0] != SIZE_MAX && groups[1] != SIZE_MAX && groups[2] != SIZE_MAX);
    cclip_pair_batches_close(&batches);
}

static void refuse(const struct cclip_pair_request *request, cclip_status expected, const char *words)
{
    struct cclip_pair_batches *batches;
    assert_fails(expected, cclip_pair_batches_open(&batches, request));
    assert_null(batches);
    assert_message(words);
}

static void test_refused(void **state)
{
    char pattern[256], path[256];
    (void)state;
    snprintf(pattern, sizeof pattern, "%s/first-{000..004}.tar", made_folder);
    made_shards("first", 2, 20, NULL);
    struct cclip_pair_source source = { .path = pattern };
    struct cclip_pair_request request = made_request(&source, 16, tokenizer);
    refuse(&request, CCLIP_ERROR_NOT_FOUND, "3 of 5 shards are missing");
    assert_message("first-002.tar: cannot open");
    snprintf(pattern, sizeof pattern, "%s/first-{000..001}.tar", made_folder);
    request.batch = 41;
    refuse(&request, CCLIP_ERROR_MISMATCH, "an epoch has 40 pairs, fewer than one step takes: 41");
    request.batch = 16;
    request.world = 3;
    refuse(&request, CCLIP_ERROR_MISMATCH, "48 (3 ranks with batches of 16)");
    request.rank = 3;
    refuse(&request, CCLIP_ERROR_ARGUMENT, "rank 3 of 3");
    request.world = request.rank = 0;
    request.context = 2;
    refuse(&request, CCLIP_ERROR_ARGUMENT, "2 tokens");
    request.context = 12;
    request.workers = -1;
    refuse(&request, CCLIP_ERROR_ARGUMENT, "-1 workers");
    request.workers = 0;
    source.weight = -2;
    refuse(&request, CCLIP_ERROR_ARGUMENT, "a weight of -2");
    source.weight = 0.001;
    refuse(&request, CCLIP_ERROR_ARGUMENT, "weight 0.001 is too small");
    source.weight = 1e8;
    refuse(&request, CCLIP_ERROR_LIMIT, "pairs");
    source.weight = 0;
    const struct cclip_augmentation wrong = { .flip = 2 };
    request.augmentation = &wrong;
    refuse(&request, CCLIP_ERROR_ARGUMENT, "flip");
    request.augmentation = NULL;
    made_file("packed.tar", "\x1f\x8b\x08 whatever", 12);
    snprintf(pattern, sizeof pattern, "%s/packed.tar", made_folder);
    refuse(&request, CCLIP_ERROR_UNSUPPORTED, "a compressed shard");
    put_text("note.tar", "this is no archive, but long enough to be looked at");
    snprintf(pattern, sizeof pattern, "%s/note.tar", made_folder);
    refuse(&request, CCLIP_ERROR_FORMAT, "note.tar");
    mkdir(made_path("empty"), 0777);
    snprintf(pattern, sizeof pattern, "%s/empty", made_folder);
    refuse(&request, CCLIP_ERROR_NOT_FOUND, "no samples to train from");
    put_picture("empty/t1.ppm", 1);
    refuse(&request, CCLIP_ERROR_NOT_FOUND, "none of 1 pictures has a caption beside it");
    snprintf(path, sizeof path, "%s/t1.ppm", made_folder);
    put_picture("t1.ppm", 1);
    source.path = path;
    refuse(&request, CCLIP_ERROR_FORMAT, "a picture, where training data was expected");
    request.source_count = 0;
    refuse(&request, CCLIP_ERROR_ARGUMENT, "no training data");
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),  cmocka_unit_test(test_table),
        cmocka_unit_test(test_shard_members), cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_workers_and_seek), cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_broken),  cmocka_unit_test(test_nobody_left),
        cmocka_unit_test(test_cut_shards), cmocka_unit_test(test_losses), cmocka_unit_test(test_weights),
        cmocka_unit_test(test_epoch_pairs), cmocka_unit_test(test_window),
        cmocka_unit_test(test_context_and_groups), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
