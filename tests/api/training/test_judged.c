/* Runs that are judged on their way: figures of held-out pairs and of labelled sets are those of the model that was
 * written, and what is on the page. */
#include "small_run.h"

#include <math.h>

#include "base/buffer.h"
#include "formats/json.h"

static char *read_text(const char *path)
{
    struct cclip_buffer text;
    assert_ok(cclip_file_read_text(&text, path, 1 << 24));
    char *copy = strdup(text.data ? text.data : "");
    assert_non_null(copy);
    cclip_buffer_close(&text);
    return copy;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* A figure of the last line. */
static double last_figure(const char *run, const char *key)
{
    char path[200];
    cclip_json *root;
    snprintf(path, sizeof path, "logs/%s/checkpoints/results.jsonl", run);
    char *text = read_text(path), *line = text;
    for (char *at = text; (at = strchr(at, '\n')) && at[1]; at++)
        line = at + 1;
    assert_ok(cclip_json_parse(&root, line, strlen(line), path));
    const double value = cclip_json_number(cclip_json_get(root, key), NAN);
    cclip_json_close(&root);
    free(text);
    return value;
}

/* Of demo pictures in folders: a set with classes. */
static void make_set(const char *name, const char *demo)
{
    char command[2000];
    snprintf(command, sizeof command, "for c in cat dog bus; do mkdir -p %s/$c && cp '%s'/$c.webp %s/$c; done", name,
             demo, name);
    assert_int_equal(system(command), 0);
}

static cclip_train_options judged(const char *name)
{
    static const char *const sets[] = { "animals/" };
    cclip_train_options o = small_run("vit.json", name);
    o.val_data = "pairs.tsv";
    o.zeroshot_sets = sets;
    o.zeroshot_count = 1;
    o.eval_every_n_steps = 5;
    return o;
}

/* The mean loss over batches in order, and how often a caption is the nearest, of the model that was written. */
static void by_hand(double *loss, double *recall, const char *folder)
{
    static float images[SMALL_PAIRS][16], texts[SMALL_PAIRS][16], pixels[3 * 32 * 32];
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    char *table = read_text("pairs.tsv"), *at = strchr(table, '\n') + 1;
    assert_ok(cclip_model_open(&model, folder, NULL));
    assert_ok(cclip_model_get_info(model, &info));
    assert_ok(cclip_session_open(&session, model, NULL));
    for (int i = 0; i < SMALL_PAIRS; i++) {
        char *caption = strchr(at, '\t'), *end = strchr(at, '\n');
        *caption = *end = '\0';
        const char *text = caption + 1;
        assert_ok(cclip_preprocess_file(pixels, at, &info.preprocessing));
        assert_ok(cclip_embed_pixels(session, images[i], pixels, 1, 1));
        assert_ok(cclip_embed_texts(session, texts[i], &text, NULL, 1, 1, 1));
        at = end + 1;
    }
    *loss = *recall = 0;
    for (int i = 0; i < SMALL_PAIRS; i++) {
        const int first = i / SMALL_BATCH * SMALL_BATCH;
        const int last = first + SMALL_BATCH < SMALL_PAIRS ? first + SMALL_BATCH : SMALL_PAIRS;
        double logits[2][SMALL_PAIRS], sums[2] = { 0, 0 };
        int best = 0;
        for (int j = 0; j < SMALL_PAIRS; j++) {
            logits[0][j] = logits[1][j] = 0;
            for (int k = 0; k < 16; k++) {
                logits[0][j] += info.logit_scale * images[i][k] * texts[j][k];
                logits[1][j] += info.logit_scale * images[j][k] * texts[i][k];
            }
            for (int side = 0; side < 2 && j >= first && j < last; side++)
                sums[side] += exp(logits[side][j]);
            best = logits[0][j] > logits[0][best] ? j : best;
        }
        *loss += (log(sums[0]) - logits[0][i] + log(sums[1]) - logits[1][i]) / 2 / SMALL_PAIRS;
        *recall += (best == i) / (double)SMALL_PAIRS;
    }
    free(table);
    cclip_session_close(&session);
    cclip_model_close(&model);
}

static void figures(void **state)
{
    cclip_train_options o = judged("judged");
    cclip_evaluation *evaluation;
    cclip_model *model;
    cclip_session *session;
    double loss, recall;
    (void)state;
    o.ema = 0.9; /* it is the average that is judged, and written */
    o.lr = 0.01;
    assert_ok(cclip_train(NULL, &o));
    by_hand(&loss, &recall, "logs/judged/model");
    assert_true(fabs(last_figure("judged", "clip_val_loss") - loss) < 1e-4);
    assert_true(fabs(last_figure("judged", "image_to_text_R@1") - recall) < 1e-6);
    assert_true(last_figure("judged", "num_samples") == SMALL_PAIRS && last_figure("judged", "step") == 11 &&
                last_figure("judged", "epoch") == 4);
    assert_true(last_figure("judged", "text_to_image_mean_rank") >= 1 &&
                last_figure("judged", "text_to_image_R@10") >= last_figure("judged", "text_to_image_R@5"));
    assert_ok(cclip_model_open(&model, "logs/judged/model", NULL));
    assert_ok(cclip_session_open(&session, model, NULL));
    assert_ok(cclip_evaluate(&evaluation, session, "animals", NULL));
    assert_string_equal(cclip_evaluation_name(evaluation, 0), "acc1");
    const double top = last_figure("judged", "animals-zeroshot-val-top1");
    assert_true(fabs(top - cclip_evaluation_value(evaluation, 0)) < 1e-6);
    cclip_evaluation_close(&evaluation);
    cclip_session_close(&session);
    cclip_model_close(&model);
    /* after epochs 1 to 4 (steps 3, 6, 9, 12), and steps 5 and 10 */
    char *text = read_text("logs/judged/checkpoints/results.jsonl");
    assert_int_equal(count_lines(text), 6);
    free(text);
    text = read_text("logs/judged/out.log");
    assert_non_null(strstr(text, "Eval Epoch: 1 image_to_text_mean_rank: "));
    assert_non_null(strstr(text, "Eval Epoch: 4 animals-zeroshot-val-top1: "));
    free(text);
}

/* Asked to end while it is judged: how often it was asked, and after how many times it is to end; 0: never. */
struct patience {
    int asked, most, skipped;
    char skip[400];
};

static int lose_patience(void *user)
{
    struct patience *p = user;
    p->asked++;
    return p->most && p->asked >= p->most;
}

static int note_skip(void *user, size_t index, cclip_status status, const char *message)
{
    struct patience *p = user;
    (void)index;
    (void)status;
    p->skipped++;
    snprintf(p->skip, sizeof p->skip, "%s", message);
    return 0;
}

/* The steps are kept, and it goes on to the same weights. */
static void stopped_while_judged(void **state)
{
    (void)state;
    for (int most = 1; most <= 6; most += 5) { /* in the labelled set; in the held-out pairs, or later */
        struct patience p = { .most = most };
        char name[32], log[64];
        snprintf(name, sizeof name, "impatient-%d", most);
        snprintf(log, sizeof log, "logs/%s/out.log", name);
        cclip_train_options o = judged(name);
        o.ema = 0.9;
        o.lr = 0.01;
        o.stop = lose_patience;
        o.user = &p;
        assert_fails(CCLIP_ERROR_CANCELLED, cclip_train(NULL, &o));
        assert_non_null(strstr(cclip_error_message(), "saved in "));
        assert_int_equal(p.asked, most);
        char *text = read_text(log);
        assert_non_null(strstr(text, "not judged after step "));
        free(text);
        o.stop = NULL;
        o.resume = "latest";
        assert_ok(cclip_train(NULL, &o));
        assert_same_weights("judged", name);
    }
}

static void broken_picture_of_a_set(void **state)
{
    static const char *const sets[] = { "damaged-set" };
    cclip_train_options o = judged("named");
    struct patience p = { .skipped = 0 };
    (void)state;
    assert_int_equal(system("cp -r animals damaged-set && echo no >damaged-set/dog/broken.png"), 0);
    o.zeroshot_sets = sets;
    o.skip = note_skip;
    o.user = &p;
    assert_ok(cclip_train(NULL, &o));
    assert_int_equal(p.skipped, 1); /* named once, though it is met again and again */
    assert_non_null(strstr(p.skip, "broken.png"));
}

static int stop_at_7(void *user, const cclip_train_report *report)
{
    (void)user;
    return report->step + 1 == 7;
}

/* Whatever is judged, the weights are those of a run without; a run that goes on leaves the same results, and a page
 * that says how far it came. */
static void goes_on(void **state)
{
    cclip_train_options o = small_run("vit.json", "alone");
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    o = judged("whole");
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("alone", "whole");
    o.name = "stopped";
    o.resume = "latest";
    o.progress = stop_at_7;
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_train(NULL, &o));
    char *page = read_text("logs/stopped/report.html");
    assert_non_null(strstr(page, "<p>stopped: 7 of 12 steps</p>"));
    assert_null(strstr(page, "http-equiv"));
    assert_non_null(strstr(page, "<figcaption>Loss, held-out pairs</figcaption>"));
    assert_non_null(strstr(page, "<figcaption>animals"));
    assert_non_null(strstr(page, "After step 6, of 14 held-out pairs"));
    assert_non_null(strstr(page, "src=\"data:image/"));
    free(page);
    o.progress = NULL;
    o.threads = 1;
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("whole", "stopped");
    assert_same_file("logs/whole/checkpoints/results.jsonl", "logs/stopped/checkpoints/results.jsonl");
    page = read_text("logs/stopped/report.html");
    assert_non_null(strstr(page, "<p>done: 12 of 12 steps</p>"));
    free(page);
}

/* Without held-out pairs the page shows some of the training data. */
static void training_pairs(void **state)
{
    cclip_train_options o = small_run("vit.json", "shown");
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    char *page = read_text("logs/shown/report.html");
    assert_non_null(strstr(page, "After step 12, of 14 training pairs"));
    assert_non_null(strstr(page, "a small "));
    assert_false(cclip_is_file("logs/shown/checkpoints/results.jsonl"));
    free(page);
}

static int count_skips(void *user, size_t index, cclip_status status, const char *message)
{
    (void)index;
    (void)status;
    (void)message;
    ++*(int *)user;
    return 0;
}

static void broken(void **state)
{
    cclip_train_options o = judged("broken");
    int skips = 0;
    (void)state;
    small_write("broken.tsv", "filepath\ttitle\nabsent.png\ta cat\n");
    o.val_data = "pairs.tsv::broken.tsv";
    o.skip = count_skips;
    o.user = &skips;
    assert_ok(cclip_train(NULL, &o));
    assert_int_equal(skips, 1);
    assert_true(last_figure("broken", "num_samples") == SMALL_PAIRS);
    char *text = read_text("logs/broken/out.log");
    assert_non_null(strstr(text, "1 of 15 pairs of pairs.tsv::broken.tsv cannot be used"));
    free(text);
    o.name = "all-broken";
    o.val_data = "broken.tsv";
    assert_fails(CCLIP_ERROR_FORMAT, cclip_train(NULL, &o));
    assert_non_null(strstr(cclip_error_message(), "none of 1 pairs can be used"));
}

static void refused(void **state)
{
    static const char *const twice[] = { "animals", "./animals/" }, *const absent[] = { "nowhere" };
    cclip_train_options o = judged("refused");
    (void)state;
    o.val_data = "nowhere.tsv";
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_train(NULL, &o));
    o = judged("refused");
    o.zeroshot_sets = twice;
    o.zeroshot_count = 2;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_train(NULL, &o));
    assert_non_null(strstr(cclip_error_message(), "two sets of one name"));
    o.zeroshot_sets = absent;
    o.zeroshot_count = 1;
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_train(NULL, &o));
    assert_false(cclip_is_folder("logs/refused"));
}

static int set_up(void **state)
{
    char *demo = realpath(cclip_test_in_source("share/demo"), NULL); /* before the folder changes */
    if (!demo || small_run_set_up(state))
        return -1;
    make_set("animals", demo);
    free(demo);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures), cmocka_unit_test(stopped_while_judged),
        cmocka_unit_test(broken_picture_of_a_set), cmocka_unit_test(goes_on), cmocka_unit_test(training_pairs),
        cmocka_unit_test(broken),  cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, set_up, small_run_tear_down);
}
