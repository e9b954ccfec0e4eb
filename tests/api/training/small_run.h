/* A run that takes a moment: a tiny new model on pictures of the demonstration, in a folder of its own. */
#ifndef CCLIP_TESTS_SMALL_RUN_H
#define CCLIP_TESTS_SMALL_RUN_H

#include "support/paths.h"
#include "support/unit.h"

#include <unistd.h>

#include <cclip/cclip.h>

#include "base/file.h"

enum { SMALL_PAIRS = 14, SMALL_BATCH = 4, SMALL_STEPS = 3, SMALL_EPOCHS = 4 };

static const char small_transformer[] =
    "{\"embed_dim\": 16, \"vision_cfg\": {\"image_size\": 32, \"layers\": 2, \"width\": 32, "
    "\"head_width\": 16, \"patch_size\": 16}, \"text_cfg\": {\"context_length\": 16, \"vocab_size\": 6144, "
    "\"width\": 32, \"heads\": 2, \"layers\": 1}}";
static const char small_resnet[] =
    "{\"embed_dim\": 16, \"vision_cfg\": {\"image_size\": 32, \"layers\": [1, 1, 1, 1], \"width\": 4, "
    "\"head_width\": 32, \"patch_size\": null}, \"text_cfg\": {\"context_length\": 16, \"vocab_size\": 6144, "
    "\"width\": 32, \"heads\": 2, \"layers\": 1}}";

static char small_folder[] = "/tmp/cclip-train-XXXXXX";

static inline void small_write(const char *path, const char *text)
{
    assert_ok(cclip_file_write(path, text, strlen(text)));
}

static inline int small_run_set_up(void **state)
{
    static const char *const names[SMALL_PAIRS] = { "airplane", "apple", "bee",   "book", "bus",
                                                    "cactus",   "car",   "cat",   "cow",  "crown",
                                                    "dog",      "egg",   "fish",  "frog" };
    char table[SMALL_PAIRS * 256] = "filepath\ttitle\n";
    (void)state;
    if (!mkdtemp(small_folder))
        return -1;
    for (int i = 0; i < SMALL_PAIRS; i++) {
        char *absolute = realpath(cclip_test_in_source("share/demo"), NULL);
        assert_non_null(absolute);
        snprintf(table + strlen(table), sizeof table - strlen(table), "%s/%s.webp\ta small %s\n", absolute,
                 names[i], names[i]);
        free(absolute);
    }
    char *vocabulary = realpath(cclip_test_in_source("tests/data/vocabulary"), NULL);
    char *shipped = realpath(cclip_test_in_source("share/model"), NULL);
    if (!vocabulary || !shipped || chdir(small_folder) || symlink(vocabulary, "vocabulary") ||
        symlink(shipped, "shipped"))
        return -1;
    free(vocabulary);
    free(shipped);
    small_write("pairs.tsv", table);
    small_write("vit.json", small_transformer);
    small_write("rn.json", small_resnet);
    return 0;
}

static inline int small_run_tear_down(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", small_folder);
    return chdir("/") || system(command);
}

static inline cclip_train_options small_run(const char *model, const char *name)
{
    cclip_train_options o = CCLIP_TRAIN_OPTIONS_INIT;
    o.model = model;
    o.vocabulary = "vocabulary";
    o.train_data = "pairs.tsv";
    o.batch_size = SMALL_BATCH;
    o.epochs = SMALL_EPOCHS;
    o.lr = 1e-3;
    o.warmup = 2;
    o.workers = 2;
    o.threads = 2;
    o.name = name;
    o.save_frequency = 0;
    o.log_every_n_steps = 1;
    return o;
}

static inline void assert_same_file(const char *a, const char *b)
{
    struct cclip_mapping one, other;
    assert_ok(cclip_mapping_open(&one, a));
    assert_ok(cclip_mapping_open(&other, b));
    assert_int_equal(one.size, other.size);
    if (memcmp(one.data, other.data, one.size))
        fail_msg("%s and %s differ", a, b);
    cclip_mapping_close(&one);
    cclip_mapping_close(&other);
}

/* The weights that two runs left. */
static inline void assert_same_weights(const char *a, const char *b)
{
    char first[200], second[200];
    snprintf(first, sizeof first, "logs/%s/model/open_clip_model.safetensors", a);
    snprintf(second, sizeof second, "logs/%s/model/open_clip_model.safetensors", b);
    assert_same_file(first, second);
}

/* A line of metrics.jsonl without its only figure that depends on the clock. */
static inline void timeless(char *out, size_t size, const char *line, size_t length)
{
    const char *from = strstr(line, "\"samples_per_second\""), *to = from ? strchr(from, ',') : NULL;
    assert_true(from && to && to < line + length);
    snprintf(out, size, "%.*s%.*s", (int)(from - line), line, (int)(line + length - to), to);
}

/* Returns how many lines both have. */
static inline size_t assert_same_metrics(const char *a, const char *b)
{
    const char *const names[2] = { a, b };
    struct cclip_buffer texts[2];
    size_t lines = 0;
    for (int i = 0; i < 2; i++) {
        char path[200];
        snprintf(path, sizeof path, "logs/%s/metrics.jsonl", names[i]);
        cclip_buffer_open(&texts[i], 1 << 20);
        assert_ok(cclip_file_read_text(&texts[i], path, 1 << 20));
    }
    const char *at[2] = { texts[0].data, texts[1].data };
    while (*at[0] && *at[1]) {
        char line[2][1000];
        for (int i = 0; i < 2; i++) {
            const size_t length = strcspn(at[i], "\n");
            timeless(line[i], sizeof line[i], at[i], length);
            at[i] += length + 1;
        }
        assert_string_equal(line[0], line[1]);
        lines++;
    }
    assert_true(!*at[0] && !*at[1]);
    cclip_buffer_close(&texts[0]);
    cclip_buffer_close(&texts[1]);
    return lines;
}

#endif
