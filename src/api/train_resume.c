#include "api/train_resume.h"

#include <string.h>

#include "api/train_ranks.h"
#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"

/* ---- what is not as it was ---------------------------------------------------------------------- */

/* Options that a run may change on its way without becoming another one: how it is computed, kept and judged. */
static int alters_nothing(const char *line, size_t name)
{
    static const char *const names[] = {
        "bucket_cap_mb", "delete_previous_checkpoint", "device", "dist_backend", "dist_timeout",
        "eval_every_n_steps", "gather_with_grad", "grad_checkpointing", "local_loss", "log_every_n_steps", "logs",
        "name", "resume", "save_every_n_steps", "save_every_seconds", "save_frequency", "threads", "val_data",
        "val_frequency", "workers", "zeroshot_frequency" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == name && !strncmp(names[i], line, name))
            return 1;
    return 0;
}

/* The line of `text` that begins as this one does, up to the colon; NULL: it has none. */
static const char *same_option(const char *text, const char *line, size_t name)
{
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (!strncmp(at, line, name + 1))
            return at;
    return NULL;
}

static cclip_status note_difference(struct cclip_training *t, const char *now, const char *was)
{
    const size_t name = strcspn(now, ":"), skip = name + 1;
    const char *value = now + skip + (now[skip] == ' '), *before = was + skip + (was[skip] == ' ');
    const size_t length = strcspn(value, "\n"), length_before = strcspn(before, "\n");
    if (alters_nothing(now, name) || (length == length_before && !memcmp(value, before, length)))
        return CCLIP_OK;
    return cclip_buffer_format(&t->warnings, "%.*s is \"%.*s\", and was \"%.*s\": the run goes on otherwise than it "
                               "began\n", (int)name, now, (int)length, value, (int)length_before, before);
}

/* Beside the options that the checkpoint's run last had, where they are there. */
static cclip_status compare_options(struct cclip_training *t, const char *checkpoint)
{
    struct cclip_buffer now, was;
    char *path = cclip_path_join(checkpoint, "../../params.txt");
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    cclip_buffer_open(&now, CCLIP_LIMIT_JSON_FILE);
    cclip_buffer_open(&was, CCLIP_LIMIT_JSON_FILE);
    if (!status && cclip_is_file(path)) {
        status = cclip_file_read_text(&was, path, CCLIP_LIMIT_JSON_FILE);
        if (!status)
            status = cclip_train_options_text(&now, &t->in_force);
        for (const char *at = now.data; !status && *at; at += strcspn(at, "\n"), at += *at == '\n') {
            const char *other = same_option(was.length ? was.data : "", at, strcspn(at, ":"));
            status = other ? note_difference(t, at, other) : CCLIP_OK;
        }
    }
    cclip_buffer_close(&now);
    cclip_buffer_close(&was);
    cclip_release(path);
    return status;
}

/* Names stay, and what stands behind them may change. */
static cclip_status compare_data(struct cclip_training *t, const struct cclip_train_state *state)
{
    if (!state->data || state->data == t->data)
        return CCLIP_OK;
    return cclip_buffer_text(&t->warnings, "the training data are not what they were (which samples there are, or "
                                           "their captions): the run goes on otherwise than it began\n");
}

static cclip_status write_config(struct cclip_buffer *out, const struct cclip_config *config)
{
    cclip_json *root = NULL;
    cclip_status status = cclip_config_write_open_clip(&root, config);
    if (!status)
        status = cclip_json_write(out, root, 0);
    cclip_json_close(&root);
    return status;
}

static cclip_status compare_network(struct cclip_training *t, const char *checkpoint)
{
    struct cclip_config before;
    struct cclip_buffer now, was;
    cclip_json *root = NULL;
    char *path = cclip_path_join(checkpoint, "open_clip_config.json");
    cclip_status status = path ? cclip_json_read_file(&root, path) : CCLIP_ERROR_MEMORY;
    cclip_buffer_open(&now, CCLIP_LIMIT_JSON_FILE);
    cclip_buffer_open(&was, CCLIP_LIMIT_JSON_FILE);
    if (!status)
        status = cclip_config_read_open_clip(&before, root, path);
    if (!status)
        status = write_config(&was, &before);
    if (!status)
        status = write_config(&now, &t->learner->config);
    if (!status && strcmp(now.data, was.data))
        status = cclip_buffer_format(&t->warnings, "the network is not what it was (%s): the run goes on otherwise "
                                                   "than it began\n", path);
    cclip_buffer_close(&now);
    cclip_buffer_close(&was);
    cclip_json_close(&root);
    cclip_release(path);
    return status;
}

/* What the position in the data depends on must be as it was. */
static cclip_status check_state(const struct cclip_training *t, const char *path,
                                const struct cclip_train_state *state)
{
    const struct {
        const char *what;
        uint64_t was, is;
    } values[] = {
        { "seed", state->seed, (uint64_t)t->options->seed },
        { "batch size", state->batch_size, cclip_training_pairs_a_step(t) },
        { "number of steps an epoch", state->steps_an_epoch,
          cclip_pair_batches_counts(t->batches)->steps },
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (values[i].was != values[i].is)
            return cclip_fail(CCLIP_ERROR_MISMATCH,
                              "%s: was made with a %s of %llu, but it is %llu now: the run cannot go on "
                              "where it was", path, values[i].what, (unsigned long long)values[i].was,
                              (unsigned long long)values[i].is);
    return CCLIP_OK;
}

/* ---- from which checkpoint ---------------------------------------------------------------------- */

static cclip_status go_on_from(struct cclip_training *t, const char *path)
{
    struct cclip_train_state state;
    struct cclip_ema *average = cclip_training_average(t);
    cclip_status status = cclip_train_checkpoint_state(&state, path);
    if (!status)
        status = check_state(t, path, &state);
    if (!status)
        status = cclip_train_checkpoint_read(path, &state, &t->learner->parameters, &t->adamw, average);
    if (!status)
        status = compare_network(t, path);
    if (!status)
        status = compare_data(t, &state);
    if (!status) {
        t->loop.step = state.step;
        t->adamw.steps = state.optimizer_steps;
        t->batches_before = state.batches - (int64_t)state.step;
        t->begun = cclip_copy_text(path, strlen(path));
        status = t->begun ? compare_options(t, path) : CCLIP_ERROR_MEMORY;
    }
    if (!status && state.ema_updates && !average)
        status = cclip_buffer_format(&t->warnings, "%s has a moving average of the weights, which ends here: no ema "
                                     "was asked for\n", path);
    cclip_train_state_close(&state);
    return status;
}

/* The file is not what was written, as opposed to one that belongs to another run. */
static int is_damage(cclip_status status)
{
    return status == CCLIP_ERROR_FORMAT || status == CCLIP_ERROR_NOT_FOUND || status == CCLIP_ERROR_IO ||
           status == CCLIP_ERROR_LIMIT;
}

/* One after the other from the newest on, until one is whole. */
static cclip_status go_on_from_latest(struct cclip_training *t)
{
    struct cclip_failure first = { CCLIP_OK, "" };
    const char *folder = t->files.checkpoints;
    cclip_status status = CCLIP_OK;
    uint64_t before = UINT64_MAX;
    for (int looking = 1; looking && !status;) {
        char *path = NULL;
        status = cclip_train_checkpoint_latest(&path, &before, folder);
        if (!status && !path)
            return first.status ? cclip_fail(first.status, "%s; no other checkpoint in %s is whole", first.message,
                                             folder) : CCLIP_OK;
        if (!status) {
            status = go_on_from(t, path);
            looking = is_damage(status);
        }
        if (looking && path) {
            if (!first.status)
                cclip_failure_take(&first, status);
            status = cclip_buffer_format(&t->warnings, "%s: this checkpoint is passed over\n", cclip_error_message());
        }
        cclip_release(path);
    }
    return status;
}

/* The run's own checkpoints: the newest, and the one before, which a run that was killed before its next step left. */
static cclip_status take_over(struct cclip_training *t)
{
    uint64_t before = t->loop.step;
    if (!t->begun || !t->options->delete_previous_checkpoint)
        return CCLIP_OK;
    t->saved = cclip_copy_text(t->begun, strlen(t->begun));
    return t->saved ? cclip_train_checkpoint_latest(&t->outdated, &before, t->files.checkpoints) : CCLIP_ERROR_MEMORY;
}

static cclip_status go_on_from_named(struct cclip_training *t, const char *path)
{
    cclip_status status = go_on_from(t, path);
    if (!status)
        status = cclip_train_checkpoints_set_aside(&t->warnings, t->files.checkpoints, t->loop.step);
    return status == CCLIP_ERROR_FORMAT
               ? cclip_fail(status, "%s; resume latest goes on from the newest checkpoint that is whole",
                            cclip_error_message())
               : status;
}

cclip_status cclip_training_resume(struct cclip_training *t)
{
    const char *wanted = t->options->resume;
    if (!wanted || !cclip_training_is_first(t))
        return CCLIP_OK;
    if (strcmp(wanted, "latest"))
        return go_on_from_named(t, wanted);
    const cclip_status status = go_on_from_latest(t);
    return status ? status : take_over(t);
}

void cclip_training_tell_resumed(struct cclip_training *t)
{
    if (t->begun)
        cclip_train_log(&t->files, "INFO", "goes on after step %llu of %llu, from %s",
                        (unsigned long long)t->loop.step, (unsigned long long)t->loop.total, t->begun);
    for (const char *at = t->warnings.length ? t->warnings.data : ""; *at; at += strcspn(at, "\n"), at += *at == '\n')
        cclip_train_log(&t->files, "WARNING", "%.*s", (int)strcspn(at, "\n"), at);
}
