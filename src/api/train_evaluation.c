/* Judging a run on its way: held-out pairs, labelled sets, and the pairs that its page shows. */
#include "api/training.h"

#include <cclip/evaluate.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/train_data.h"
#include "base/clock.h"
#include "base/memory.h"
#include "data/data_set.h"

enum { SHOWN = 128, SETS_MAXIMUM = 1024 };

/* Results with their keys. */
struct results {
    struct cclip_metric *list;
    size_t count, capacity;
    struct cclip_names keys;
};

static cclip_status add_result(struct results *r, const char *key, double value)
{
    cclip_status status = cclip_grow(&r->list, &r->capacity, r->count + 1, sizeof *r->list, 16 * SETS_MAXIMUM,
                                     "figures");
    if (!status)
        status = cclip_names_add(&r->keys, key, strlen(key));
    if (!status)
        r->list[r->count++] = (struct cclip_metric){ r->keys.names[r->keys.count - 1], value };
    return status;
}

static void results_close(struct results *r)
{
    cclip_release(r->list);
    cclip_names_close(&r->keys);
}

static cclip_status open_held_out(struct cclip_training *t)
{
    const cclip_train_options *o = t->options;
    const struct cclip_config *config = &t->learner->config;
    struct cclip_train_sources sources;
    if (!o->val_data)
        return cclip_validation_open_some(&t->held_out, cclip_pair_batches_index(t->batches), SHOWN,
                                          config->embedding_dim, &config->preprocessing, t->pool);
    cclip_status status = cclip_train_sources_open(&sources, o, o->val_data, NULL);
    if (status)
        return status;
    status = cclip_validation_open(&t->held_out, sources.list, sources.count, config->embedding_dim,
                                   &config->preprocessing, t->pool);
    cclip_train_sources_close(&sources);
    return status;
}

/* The last part of a path, whatever slashes end it. */
static void name_of_set(char *out, size_t size, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin && path[begin - 1] != '/')
        begin--;
    snprintf(out, size, "%.*s", (int)(end - begin), path + begin);
}

static cclip_status check_sets(const cclip_train_options *o)
{
    cclip_status status = CCLIP_OK;
    if (o->zeroshot_count > SETS_MAXIMUM)
        return cclip_fail(CCLIP_ERROR_LIMIT, "more than %d sets to judge the run", SETS_MAXIMUM);
    for (size_t i = 0; i < o->zeroshot_count && !status; i++) {
        char name[128], other[128];
        const struct cclip_data_request request = { .path = o->zeroshot_sets[i], .split = "test",
                                                    .image_column = "filepath", .caption_column = "title" };
        struct cclip_data_set set = { 0 };
        status = cclip_data_set_open(&set, &request);
        if (!status)
            cclip_data_set_close(&set);
        name_of_set(name, sizeof name, o->zeroshot_sets[i]);
        for (size_t k = 0; k < i && !status; k++) {
            name_of_set(other, sizeof other, o->zeroshot_sets[k]);
            if (!strcmp(name, other))
                status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s and %s: two sets of one name, by which their "
                                    "figures are kept", o->zeroshot_sets[k], o->zeroshot_sets[i]);
        }
    }
    return status;
}

cclip_status cclip_training_open_judges(struct cclip_training *t)
{
    cclip_status status = open_held_out(t);
    if (!status)
        status = check_sets(t->options);
    return status;
}

/* After so many epochs, every so many steps, and at the end. */
static int is_due(const struct cclip_training *t, const struct cclip_loop_figures *f, int64_t frequency)
{
    const cclip_train_options *o = t->options;
    const uint64_t done = f->step + 1, epochs = f->epoch + 1;
    const int epoch_ends = f->step_in_epoch + 1 == f->steps_an_epoch;
    return frequency && (done == f->total || (epoch_ends && epochs % (uint64_t)frequency == 0) ||
                         (o->eval_every_n_steps && done % (uint64_t)o->eval_every_n_steps == 0));
}

static int held_out_due(const struct cclip_training *t, const struct cclip_loop_figures *f)
{
    return t->options->val_data && is_due(t, f, t->options->val_frequency);
}

static int sets_due(const struct cclip_training *t, const struct cclip_loop_figures *f)
{
    return t->options->zeroshot_count && is_due(t, f, t->options->zeroshot_frequency);
}

int cclip_training_judges_due(const struct cclip_training *t, const struct cclip_loop_figures *f)
{
    return held_out_due(t, f) || sets_due(t, f);
}

static cclip_status make_samples(struct cclip_training *t, const struct cclip_loop_figures *f)
{
    char note[300];
    snprintf(note, sizeof note,
             "After step %llu, of %zu %s: those whose own caption falls furthest behind the nearest other one. In "
             "front of the captions: cosines with the picture.",
             (unsigned long long)f->step + 1, t->held_out.count,
             t->options->val_data ? "held-out pairs" : "training pairs");
    cclip_buffer_clear(&t->samples);
    return cclip_validation_confusions(&t->samples, &t->held_out, note);
}

/* A page is not worth a run. */
static void warn(struct cclip_training *t, cclip_status status)
{
    if (!status)
        return;
    cclip_train_log(&t->files, "WARNING", "the page's pairs: %s", cclip_error_message());
    cclip_buffer_clear(&t->samples);
}

static int asked_to_stop(void *user)
{
    struct cclip_training *t = user;
    const cclip_train_options *o = t->options;
    t->judging_stopped |= o->stop && o->stop(o->user);
    return t->judging_stopped;
}

static int on_progress(void *user, size_t done, size_t total)
{
    (void)done;
    (void)total;
    return asked_to_stop(user);
}

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    const cclip_train_options *o = ((struct cclip_training *)user)->options;
    return o->skip ? o->skip(o->user, index, status, message) : 0;
}

static cclip_status judge_held_out(struct cclip_training *t, cclip_session *session,
                                   const struct cclip_loop_figures *f, struct results *results)
{
    const cclip_train_options *o = t->options;
    struct cclip_metric figures[CCLIP_VALIDATION_FIGURES];
    size_t count = 0;
    const int first = !t->held_out.looked;
    const struct cclip_validation_callbacks callbacks = { on_skip, asked_to_stop, t };
    cclip_status status = cclip_validation_look(&t->held_out, session, &callbacks);
    if (!status && first && t->held_out.pairs.broken)
        cclip_train_log(&t->files, "WARNING", "%zu of %zu pairs of %s cannot be used", t->held_out.pairs.broken,
                        t->held_out.pairs.total, o->val_data);
    if (!status)
        status = cclip_validation_figures(figures, &count, &t->held_out,
                                          o->siglip ? cclip_sigmoid_loss : cclip_contrastive_loss,
                                          (size_t)o->batch_size, &t->device);
    for (size_t i = 0; i < count && !status; i++)
        status = add_result(results, figures[i].key, figures[i].value);
    if (!status)
        warn(t, make_samples(t, f));
    return status;
}

static cclip_status judge_set(struct cclip_training *t, cclip_session *session, const char *path,
                              struct results *results)
{
    static const struct {
        const char *name, *key;
    } names[] = { { "acc1", "zeroshot-val-top1" },
                  { "acc5", "zeroshot-val-top5" },
                  { "mean_per_class_recall", "zeroshot-val-mean_per_class_recall" } };
    cclip_evaluate_options options = CCLIP_EVALUATE_OPTIONS_INIT;
    cclip_evaluation *evaluation = NULL;
    char set[128], key[256];
    options.progress = on_progress;
    options.skip = t->sets_looked ? NULL : on_skip; /* named once */
    options.user = t;
    cclip_status status = cclip_evaluate(&evaluation, session, path, &options);
    name_of_set(set, sizeof set, path);
    for (size_t i = 0; !status && i < cclip_evaluation_count(evaluation); i++) {
        const char *name = cclip_evaluation_name(evaluation, i);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            name = strcmp(name, names[k].name) ? name : names[k].key;
        snprintf(key, sizeof key, "%s-%s", set, name);
        const double value = cclip_evaluation_value(evaluation, i);
        if (isfinite(value)) /* no top 5 of fewer classes */
            status = add_result(results, key, value);
    }
    if (!status && cclip_evaluation_skipped(evaluation))
        cclip_train_log(&t->files, "WARNING", "%s: %zu samples cannot be used", path,
                        cclip_evaluation_skipped(evaluation));
    cclip_evaluation_close(&evaluation);
    return status ? cclip_fail_in(status, "judging the run") : CCLIP_OK;
}

static cclip_status open_session(cclip_session **out, const struct cclip_training *t, struct cclip_model *model)
{
    cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
    options.threads = t->options->threads;
    return cclip_session_open(out, model, &options);
}

cclip_status cclip_training_judge(struct cclip_training *t, struct cclip_model *model,
                                  const struct cclip_loop_figures *f)
{
    const cclip_train_options *o = t->options;
    struct results results = { 0 };
    cclip_session *session = NULL;
    cclip_status status = open_session(&session, t, model);
    for (size_t i = 0; i < o->zeroshot_count && !status && sets_due(t, f); i++)
        status = judge_set(t, session, o->zeroshot_sets[i], &results);
    t->sets_looked |= !status && sets_due(t, f);
    if (!status && held_out_due(t, f))
        status = judge_held_out(t, session, f, &results);
    if (!status)
        status = cclip_train_files_results(&t->files, f, results.list, results.count);
    cclip_session_close(&session);
    results_close(&results);
    return status;
}

void cclip_training_show_pairs(struct cclip_training *t, struct cclip_model *model,
                               const struct cclip_loop_figures *f)
{
    const struct cclip_validation_callbacks callbacks = { NULL, NULL, NULL };
    const double share = 0.01, now = cclip_clock_seconds();
    cclip_session *session = NULL;
    if (t->options->val_data || (now < t->samples_at && f->step + 1 < f->total))
        return; /* held-out pairs are shown when they judge */
    cclip_status status = open_session(&session, t, model);
    if (!status)
        status = cclip_validation_look(&t->held_out, session, &callbacks);
    if (!status)
        status = make_samples(t, f);
    warn(t, status);
    cclip_session_close(&session);
    t->samples_at = now + (cclip_clock_seconds() - now) / share;
}
