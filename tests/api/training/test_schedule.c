/* How long a run is, which rates its steps have, what decays, and when it is saved: options that show in how many steps
 * there are, in metrics.jsonl, in the weights and in the checkpoints. */
#include "small_run.h"

#include <math.h>

enum { TOTAL = SMALL_STEPS * SMALL_EPOCHS };

/* Of each line of metrics.jsonl; returns how many there are. */
static size_t rates_of(double rates[TOTAL], const char *run)
{
    static const char key[] = "\"lr\": ";
    struct cclip_buffer text;
    char path[200];
    size_t count = 0;
    snprintf(path, sizeof path, "logs/%s/metrics.jsonl", run);
    cclip_buffer_open(&text, 1 << 20);
    assert_ok(cclip_file_read_text(&text, path, 1 << 20));
    for (const char *at = text.data; count < TOTAL && (at = strstr(at, key)); at += strlen(key))
        rates[count++] = strtod(at + strlen(key), NULL);
    cclip_buffer_close(&text);
    return count;
}

/* A warm-up of 2 of 12 steps, the rate until step 6, and a curve down to the last rate behind the last step. */
static void cooldown(void **state)
{
    static const double powers[] = { 1, 2 };
    const double base = 1e-3, end = 1e-4;
    (void)state;
    for (int i = 0; i < 2; i++) {
        double rates[TOTAL];
        cclip_train_options o = small_run("vit.json", i ? "squared" : "straight");
        o.lr = base;
        o.lr_scheduler = CCLIP_LR_CONST_COOLDOWN;
        o.epochs_cooldown = 2;
        o.lr_cooldown_end = end;
        o.lr_cooldown_power = powers[i];
        assert_ok(cclip_train(NULL, &o));
        assert_int_equal(rates_of(rates, o.name), TOTAL);
        for (int step = 0; step < TOTAL; step++) {
            const double left = step < 6 ? 1 : pow((12 - step) / 6.0, powers[i]);
            const double expected = step < 2 ? base * (step + 1) / 2 : end + left * (base - end);
            assert_true(fabs(rates[step] - expected) < 1e-9);
        }
    }
}

/* Epochs of another size than the data. */
static void samples(void **state)
{
    static const int64_t counts[] = { 8, 20 };
    (void)state;
    for (int i = 0; i < 2; i++) {
        cclip_train_options o = small_run("vit.json", i ? "more" : "less");
        cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
        o.epochs = 2;
        o.train_num_samples = counts[i];
        assert_ok(cclip_train(&result, &o));
        assert_true(result.pairs == SMALL_PAIRS && result.steps == 2 * (uint64_t)counts[i] / SMALL_BATCH);
    }
}

static int has_checkpoint(const char *run, int step)
{
    char path[200];
    snprintf(path, sizeof path, "logs/%s/checkpoints/step_%d/state.json", run, step);
    return cclip_is_file(path);
}

static void saved_by_time(void **state)
{
    cclip_train_options o = small_run("vit.json", "at-once");
    (void)state;
    o.save_every_seconds = 1e-9;
    assert_ok(cclip_train(NULL, &o));
    o.name = "too-late";
    o.save_every_seconds = 1e6;
    assert_ok(cclip_train(NULL, &o));
    for (int step = 1; step <= TOTAL; step++) {
        assert_true(has_checkpoint("at-once", step));
        assert_true(has_checkpoint("too-late", step) == (step == TOTAL));
    }
}

/* The text tower's last place, which none of the short captions comes to. */
static void last_position(float out[32], const char *run)
{
    static const char key[] = "\"positional_embedding\":";
    struct cclip_mapping file;
    char path[200];
    uint64_t head;
    snprintf(path, sizeof path, "logs/%s/model/open_clip_model.safetensors", run);
    assert_ok(cclip_mapping_open(&file, path));
    memcpy(&head, file.data, sizeof head);
    const char *entry = memmem(file.data, sizeof head + head, key, strlen(key));
    const char *offsets = entry ? strstr(entry, "\"data_offsets\":[") : NULL;
    const char *end = offsets ? strchr(offsets, ',') : NULL;
    assert_non_null(end);
    memcpy(out, file.data + sizeof head + head + strtoull(end + 1, NULL, 10) - 32 * sizeof *out, 32 * sizeof *out);
    cclip_mapping_close(&file);
}

/* Without a gradient a weight moves by its decay alone: by openai's rule position tables do, by open_clip's not. */
static void decay(void **state)
{
    cclip_train_options o = small_run("vit.json", "still");
    float begin[32], openai[32], open_clip[32];
    double rates[TOTAL], shrunk = 1;
    (void)state;
    o.lr = 0;
    assert_ok(cclip_train(NULL, &o));
    o.name = "openai";
    o.lr = 0.01;
    o.wd = 1;
    assert_ok(cclip_train(NULL, &o));
    o.name = "open_clip";
    o.decay_rule = CCLIP_RULE_OPEN_CLIP;
    assert_ok(cclip_train(NULL, &o));
    last_position(begin, "still");
    last_position(openai, "openai");
    last_position(open_clip, "open_clip");
    assert_int_equal(rates_of(rates, "openai"), TOTAL);
    for (int step = 0; step < TOTAL; step++)
        shrunk *= 1 - rates[step];
    assert_true(shrunk < 0.95);
    for (int i = 0; i < 32; i++)
        assert_true(fabs(openai[i] - shrunk * begin[i]) < 1e-5 * fabs(begin[i]));
    assert_memory_equal(open_clip, begin, sizeof begin);
}

/* Counts the warnings of a warm-up. */
static void on_line(void *user, const char *line)
{
    const char *words = " | WARNING | warmup: the learning rate grows for ";
    *(int *)user += strstr(line, words) != NULL;
}

static void warm_up(void **state)
{
    static const struct {
        const char *name;
        int64_t steps;
        int warnings;
    } cases[] = { { "in-time", TOTAL - 1, 0 }, { "to-the-end", TOTAL, 1 }, { "for-ever", 10000, 1 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cclip_train_options o = small_run("vit.json", cases[i].name);
        int warnings = 0;
        o.warmup = cases[i].steps;
        o.line = on_line;
        o.user = &warnings;
        assert_ok(cclip_train(NULL, &o));
        assert_int_equal(warnings, cases[i].warnings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cooldown), cmocka_unit_test(samples), cmocka_unit_test(saved_by_time),
        cmocka_unit_test(decay),    cmocka_unit_test(warm_up),
    };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
