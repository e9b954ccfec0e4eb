/* The functions of train.h: a run from its options to the model it leaves. */
#include "api/training.h"

#include <stdio.h>
#include <string.h>

#include "api/train_data.h"
#include "api/train_ranks.h"
#include "api/train_resume.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/new_folder.h"
#include "cpu/cpu_device.h"
#include "models/convert.h"
#include "train/wise_ft.h"

/* Numbers up to this are whole in every reader of JSON: those who have doubles alone. */
static const uint64_t WHOLE_IN_JSON = ((uint64_t)1 << 53) - 1;

/* How a teacher sees the pictures, where that is not as the student does. */
static const cclip_preprocessing *second_view(const struct cclip_training *t)
{
    return t->instructor && !cclip_instructor_shares(t->instructor, &t->learner->config.preprocessing)
               ? &t->instructor->model->config.preprocessing
               : NULL;
}

/* A pair or shard that the data room passes over. What cannot be written down ends the run. */
static int note_skipped(void *user, const struct cclip_pair_loss *loss)
{
    struct cclip_training *t = user;
    const cclip_train_options *o = t->options;
    return cclip_train_skipped_add(&t->skipped, t->loop.step, loss) ||
           (o->skip && o->skip(o->user, loss->index, loss->status, loss->message));
}

static cclip_status why_stopped(const struct cclip_training *t, cclip_status status)
{
    return t->skipped.failure.status ? cclip_failure_raise(&t->skipped.failure) : status;
}

enum {
    SAMPLES_MAXIMUM = 8 << 20, /* bytes of the page's part with pairs */
    WARNINGS_MAXIMUM = 1 << 20
};

static cclip_status open_data(struct cclip_training *t)
{
    const cclip_train_options *o = t->options;
    struct cclip_train_sources sources;
    struct cclip_augmentation augmentation;
    cclip_status status = cclip_train_augmentation(&augmentation, o);
    if (!status)
        status = cclip_train_sources_open(&sources, o, o->train_data, o->train_data_upsampling_factors);
    if (status)
        return status;
    const struct cclip_pair_request request = {
        .sources = sources.list,
        .source_count = sources.count,
        .batch = (size_t)(o->batch_size * o->accum_freq),
        .parts = (size_t)o->accum_freq,
        .rank = (size_t)t->result->rank,
        .world = (size_t)t->result->ranks,
        .epoch_pairs = (size_t)o->train_num_samples,
        .seed = (uint64_t)o->seed,
        .workers = (int)o->workers,
        .pool = t->pool,
        .preprocessing = &t->learner->config.preprocessing,
        .second = second_view(t),
        .augmentation = &augmentation,
        .tokenizer = t->model->tokenizer,
        .context = t->learner->config.text.context_length,
        .skip = note_skipped,
        .user = t,
    };
    status = cclip_pair_batches_open(&t->batches, &request);
    cclip_train_sources_close(&sources);
    return status ? why_stopped(t, status) : CCLIP_OK;
}

/* Such a run ends before the rate has come up: a mistake that its curves show too late. */
static cclip_status warn_of_warmup(struct cclip_training *t)
{
    const struct cclip_schedule *s = &t->loop.schedule;
    if (s->warmup < s->total || s->warmup <= 1)
        return CCLIP_OK;
    return cclip_buffer_format(&t->warnings, "warmup: the learning rate grows for %llu steps, but the run has %llu: it "
                               "comes to %g of %g; a tenth of the run is usual: warmup %llu\n",
                               (unsigned long long)s->warmup, (unsigned long long)s->total,
                               s->base * (double)s->total / (double)s->warmup, s->base,
                               (unsigned long long)(s->total + 9) / 10);
}

static cclip_status set_schedule(struct cclip_training *t)
{
    static const enum cclip_schedule_kind kinds[] = {
        [CCLIP_LR_COSINE] = CCLIP_SCHEDULE_COSINE,
        [CCLIP_LR_CONST] = CCLIP_SCHEDULE_CONST,
        [CCLIP_LR_CONST_COOLDOWN] = CCLIP_SCHEDULE_CONST_COOLDOWN,
    };
    const cclip_train_options *o = t->options;
    const uint64_t steps = cclip_pair_batches_counts(t->batches)->steps;
    t->loop.total = steps * (uint64_t)o->epochs;
    t->loop.schedule = (struct cclip_schedule){ .kind = kinds[o->lr_scheduler],
                                                .base = o->lr,
                                                .warmup = (uint64_t)o->warmup,
                                                .total = t->loop.total,
                                                .cooldown = steps * (uint64_t)o->epochs_cooldown,
                                                .cooldown_end = o->lr_cooldown_end,
                                                .cooldown_power = o->lr_cooldown_power };
    return warn_of_warmup(t);
}

/* The learner as a model, for as long as `use` takes; `f` is of the last step, or NULL. */
typedef cclip_status use_function(struct cclip_training *t, struct cclip_model *model,
                                  const struct cclip_loop_figures *f);
static cclip_status with_model(struct cclip_training *t, use_function *use,
                               const struct cclip_loop_figures *f)
{
    struct cclip_model *model = NULL;
    const int64_t batches = t->batches_before + (int64_t)t->loop.step;
    cclip_status status = cclip_models_open_learner(&model, &t->request, t->learner, &batches);
    if (!status)
        status = use(t, model, f);
    cclip_models_close(&model);
    return status;
}

/* What will be written at the end: the average where one is kept. It stands in the learner meanwhile. */
static cclip_status with_average(struct cclip_training *t, use_function *use,
                                 const struct cclip_loop_figures *f)
{
    struct cclip_trainables *set = &t->learner->parameters;
    cclip_status status = t->ema.values ? cclip_ema_swap(&t->ema, set, t->pool) : CCLIP_OK;
    if (status)
        return status;
    status = with_model(t, use, f);
    const cclip_status back = t->ema.values ? cclip_ema_swap(&t->ema, set, t->pool) : CCLIP_OK;
    return status ? status : back;
}

static cclip_status show_pairs(struct cclip_training *t, struct cclip_model *model,
                               const struct cclip_loop_figures *f)
{
    cclip_training_show_pairs(t, model, f);
    return CCLIP_OK;
}

static void drop_outdated(struct cclip_training *t)
{
    if (t->outdated)
        cclip_flat_folder_remove(t->outdated);
    cclip_release(t->outdated);
    t->outdated = NULL;
}

static cclip_status save(struct cclip_training *t, struct cclip_model *model,
                         const struct cclip_loop_figures *f)
{
    (void)f;
    const uint64_t steps = cclip_pair_batches_counts(t->batches)->steps;
    const struct cclip_train_state state = { .step = t->loop.step,
                                             .epoch = t->loop.step / steps,
                                             .step_in_epoch = t->loop.step % steps,
                                             .optimizer_steps = t->adamw.steps,
                                             .batches = t->batches_before + (int64_t)t->loop.step,
                                             .seed = (uint64_t)t->options->seed,
                                             .batch_size = cclip_training_pairs_a_step(t),
                                             .steps_an_epoch = steps,
                                             .ema_updates = t->ema.updates,
                                             .data = t->data,
                                             .model = t->path };
    char *path;
    const cclip_status status = cclip_train_checkpoint_write(
        &path, t->files.checkpoints, model, &t->learner->parameters, &t->adamw, cclip_training_average(t), &state);
    if (status)
        return status;
    if (t->options->delete_previous_checkpoint && t->saved && strcmp(t->saved, path))
        t->outdated = t->saved;
    else
        cclip_release(t->saved);
    t->saved = path;
    t->saved_at = cclip_clock_seconds();
    return CCLIP_OK;
}

/* Whether the run keeps a checkpoint here. */
static int is_due(const struct cclip_training *t, const struct cclip_loop_figures *f)
{
    const cclip_train_options *o = t->options;
    const uint64_t done = f->step + 1, epochs = f->epoch + 1;
    const int epoch_ends = f->step_in_epoch + 1 == f->steps_an_epoch;
    return t->stop || done == f->total ||
           (o->save_every_n_steps && done % (uint64_t)o->save_every_n_steps == 0) ||
           (o->save_frequency && epoch_ends && epochs % (uint64_t)o->save_frequency == 0) ||
           (o->save_every_seconds > 0 &&
            cclip_clock_seconds() - t->saved_at >= o->save_every_seconds);
}

static int wants_towers(void *user, const struct cclip_loop_figures *figures)
{
    const struct cclip_training *t = user;
    return cclip_train_line_is_due(&t->files, figures);
}

/* What goes wrong here comes up after the checkpoint is saved: it must not cost the steps. One who asks to end while
 * the run is judged need not wait for the figures; with other ranks all agree on it after the next step. */
static struct cclip_failure judge(struct cclip_training *t, int due, const struct cclip_loop_figures *f)
{
    struct cclip_failure failure = { 0 };
    const cclip_status status = due ? with_average(t, cclip_training_judge, f) : CCLIP_OK;
    if (status && t->judging_stopped) {
        cclip_train_log(&t->files, "INFO", "not judged after step %llu: the run was asked to end",
                        (unsigned long long)f->step + 1);
        t->stop |= !t->ranks;
    } else if (status) {
        cclip_failure_take(&failure, status);
    }
    return failure;
}

static cclip_status after_step(void *user, const struct cclip_loop_figures *f)
{
    struct cclip_training *t = user;
    const cclip_train_options *o = t->options;
    const cclip_train_report figures = { .step = f->step,
                                          .total = f->total,
                                          .epoch = f->epoch,
                                          .steps_an_epoch = f->steps_an_epoch,
                                          .samples = f->samples,
                                          .loss = f->loss,
                                          .logit_scale = f->logit_scale,
                                          .lr = f->rate,
                                          .gradient_norm = f->gradient_norm,
                                          .seconds = f->step_seconds };
    drop_outdated(t); /* loss and gradients of this step were numbers */
    t->result->steps = f->step + 1;
    t->result->loss = f->loss;
    t->result->broken = cclip_pair_batches_counts(t->batches)->broken;
    t->result->used = cclip_pair_batches_counts(t->batches)->used;
    t->result->damaged_shards = cclip_pair_batches_counts(t->batches)->damaged_shards;
    cclip_status status = cclip_train_files_step(&t->files, f);
    t->stop = !status && o->progress && o->progress(o->user, &figures);
    int due = !status && is_due(t, f);
    if (!status)
        status = cclip_training_agree(t, &due);
    const int first = cclip_training_is_first(t), judged = !status && first && cclip_training_judges_due(t, f);
    const struct cclip_failure unjudged = judge(t, judged, f);
    due |= t->stop;
    if ((due || unjudged.status) && first && !status)
        status = with_model(t, save, f);
    if (!status)
        status = cclip_failure_raise(&unjudged);
    if (due && first && !status && !t->stop)
        status = with_average(t, show_pairs, f);
    if (!status)
        cclip_train_files_report(&t->files, "running", 1, due || judged, f->total, t->samples.data);
    if (!status && t->stop && f->step + 1 < f->total)
        status = cclip_fail(CCLIP_ERROR_CANCELLED, "stopped after step %llu of %llu; saved in %s",
                            (unsigned long long)f->step + 1, (unsigned long long)f->total,
                            t->saved ? t->saved : "rank 0's folder");
    return status;
}

static cclip_status mix_with_original(struct cclip_training *t)
{
    struct cclip_model *original = NULL;
    if (t->options->wise_ft >= 1)
        return CCLIP_OK;
    cclip_status status = cclip_models_open(&original, &t->request);
    if (!status)
        status = cclip_wise_ft(t->learner, original, t->options->wise_ft);
    cclip_models_close(&original);
    return status;
}

static cclip_status write_model(struct cclip_training *t, struct cclip_model *model,
                                const struct cclip_loop_figures *f)
{
    struct cclip_new_folder folder;
    (void)f;
    cclip_status status = cclip_new_folder_open_over(&folder, t->files.model);
    if (!status) {
        status = cclip_models_write_open_clip(model, folder.temporary, "open_clip_model.safetensors");
        status = cclip_new_folder_commit(&folder, status);
        cclip_new_folder_close(&folder);
    }
    return status;
}

static cclip_status prepare(struct cclip_training *t)
{
    cclip_status status = cclip_training_connect(t);
    if (!status)
        status = cclip_training_open_model(t);
    if (!status)
        status = cclip_train_files_name(&t->files, &t->in_force, t->model->architecture);
    t->files.quiet = !cclip_training_is_first(t);
    t->files.ranks = t->result->ranks;
    if (!status)
        status = open_data(t);
    if (!status && cclip_training_is_first(t))
        status = cclip_training_open_judges(t);
    if (!status)
        status = set_schedule(t);
    if (status)
        return status;
    status = cclip_pair_batches_fingerprint(t->batches, &t->data);
    t->data &= WHOLE_IN_JSON;
    snprintf(t->result->folder, sizeof t->result->folder, "%s", t->files.folder);
    if (!status)
        status = cclip_training_compare(t);
    if (!status)
        status = cclip_train_files_lock(&t->files);
    if (!status)
        status = cclip_training_resume(t);
    if (!status)
        status = cclip_training_share(t);
    t->result->first_step = t->result->steps = t->loop.step;
    if (!status)
        status = cclip_train_files_open(&t->files, t->options->resume != NULL, t->loop.step);
    if (!status && cclip_training_is_first(t))
        status = cclip_train_skipped_open(&t->skipped, t->files.folder, t->loop.step, t->batches);
    if (!status)
        cclip_training_describe(t);
    return status;
}

/* A key that no pair has is most likely misspelled. */
static void check_groups(struct cclip_training *t, const struct cclip_pair_batch *batch)
{
    const char *key = t->options->group_key;
    if (key && !batch->grouped && !t->groups_checked)
        cclip_train_log(&t->files, "WARNING", "none of the first %zu pairs has a \"%s\": they are "
                        "grouped by their captions", batch->count, key);
    t->groups_checked = 1;
}

static cclip_status next_batch(void *source, struct cclip_pair_batch *out)
{
    struct cclip_training *t = source;
    const cclip_status status = cclip_pair_batches_next(t->batches, out);
    if (!status)
        check_groups(t, out);
    return status ? why_stopped(t, status) : CCLIP_OK;
}

/* The page's last state; the failure's message stays the thread's. */
static cclip_status report_end(struct cclip_training *t, cclip_status status)
{
    char message[1024];
    snprintf(message, sizeof message, "%s", status ? cclip_error_message() : "");
    if (status && t->files.log)
        cclip_train_log(&t->files, "ERROR", "%s", message);
    cclip_train_files_report(&t->files, status ? "stopped" : "done", 0, 1, t->loop.total, t->samples.data);
    return status ? cclip_fail(status, "%s", message) : CCLIP_OK;
}

static void log_end(struct cclip_training *t)
{
    char account[600];
    cclip_train_skipped_account(account, sizeof account, &t->skipped, cclip_pair_batches_counts(t->batches),
                                t->result->first_step);
    cclip_train_log(&t->files, "INFO", "%s", account);
    cclip_train_log(&t->files, "INFO", "done: %s", t->files.model);
}

static cclip_status run(struct cclip_training *t)
{
    const size_t steps = cclip_pair_batches_counts(t->batches)->steps;
    cclip_status status = cclip_pair_batches_seek(t->batches, (size_t)t->loop.step / steps,
                                                  (size_t)t->loop.step % steps);
    t->loop.learner = t->learner;
    t->loop.adamw = &t->adamw;
    t->loop.next = next_batch;
    t->loop.source = t;
    t->loop.steps_an_epoch = steps;
    t->loop.instructor = t->instructor;
    t->loop.loss = t->instructor        ? cclip_distillation_loss
                   : t->options->siglip ? cclip_sigmoid_loss
                                        : cclip_contrastive_loss;
    t->loop.micro = t->options->accum_freq > 1 ? (size_t)t->options->batch_size : 0;
    t->loop.seed = (uint64_t)t->options->seed;
    t->loop.ema = cclip_training_average(t);
    t->loop.grouped = t->options->group_captions || t->options->group_key;
    t->loop.wants_towers = wants_towers;
    t->loop.after = after_step;
    t->loop.user = t;
    t->saved_at = cclip_clock_seconds();
    cclip_training_tell_resumed(t);
    if (!status)
        status = cclip_train_loop_run(&t->loop);
    if (!status)
        status = cclip_training_add_up(t);
    if (!status && t->ema.values)
        status = cclip_ema_swap(&t->ema, &t->learner->parameters, t->pool);
    if (!status && cclip_training_is_first(t))
        status = mix_with_original(t);
    if (!status && cclip_training_is_first(t))
        status = with_model(t, write_model, NULL);
    if (!status) {
        drop_outdated(t);
        log_end(t);
    }
    return report_end(t, status);
}

static void close_all(struct cclip_training *t)
{
    cclip_validation_close(&t->held_out);
    cclip_buffer_close(&t->samples);
    cclip_buffer_close(&t->warnings);
    cclip_pair_batches_close(&t->batches);
    cclip_train_skipped_close(&t->skipped);
    cclip_train_files_close(&t->files);
    cclip_adamw_close(&t->adamw);
    cclip_ema_close(&t->ema);
    cclip_instructor_close(&t->instructor);
    cclip_learner_close(&t->learner);
    cclip_models_close(&t->model);
    cclip_release_aligned(t->values);
    if (t->device_open)
        cclip_cpu_device_close(&t->device);
    cclip_thread_pool_close(&t->pool);
    cclip_release(t->begun);
    cclip_release(t->saved);
    cclip_release(t->outdated);
}

cclip_status cclip_train(cclip_train_result *result, const cclip_train_options *options)
{
    cclip_train_result unseen = { .version = CCLIP_TRAIN_RESULT_VERSION };
    if (result && result->version != CCLIP_TRAIN_RESULT_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "train result: version %u is not known",
                          (unsigned)result->version);
    if (result)
        *result = unseen;
    cclip_status status = cclip_train_options_check(options);
    if (status)
        return status;
    struct cclip_training *t = cclip_allocate_zero(1, sizeof *t); /* a path in it: too large for a stack */
    if (!t)
        return CCLIP_ERROR_MEMORY;
    cclip_buffer_open(&t->samples, SAMPLES_MAXIMUM);
    cclip_buffer_open(&t->warnings, WARNINGS_MAXIMUM);
    t->options = options;
    t->result = result ? result : &unseen;
    status = prepare(t);
    if (!status)
        status = run(t);
    status = cclip_training_disconnect(t, status);
    close_all(t);
    cclip_release(t);
    return status;
}
