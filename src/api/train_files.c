#include "api/train_files.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/new_folder.h"
#include "report/training_report.h"

/* open_clip's name of a run without one: when, and the numbers that matter most. */
static void make_name(char *out, size_t size, const cclip_train_options *o, const char *architecture)
{
    static const char *const precisions[] = { [CCLIP_PRECISION_F32] = "f32", [CCLIP_PRECISION_BF16] = "bf16" };
    char when[32];
    struct tm local;
    const time_t now = time(NULL);
    localtime_r(&now, &local);
    strftime(when, sizeof when, "%Y_%m_%d-%H_%M_%S", &local);
    snprintf(out, size, "%s-model_%s-lr_%g-b_%lld-j_%lld-p_%s", when, architecture, o->lr,
             (long long)o->batch_size, (long long)o->workers, precisions[o->precision]);
}

cclip_status cclip_train_files_name(struct cclip_train_files *out, const cclip_train_options *options,
                                    const char *architecture)
{
    char made[256];
    *out = (struct cclip_train_files){ .options = options };
    if (!options->name)
        make_name(made, sizeof made, options, architecture);
    out->folder = cclip_path_join(options->logs, options->name ? options->name : made);
    if (out->folder) {
        out->checkpoints = cclip_path_join(out->folder, "checkpoints");
        out->model = cclip_path_join(out->folder, "model");
    }
    if (out->checkpoints && out->model)
        return CCLIP_OK;
    cclip_train_files_close(out);
    return CCLIP_ERROR_MEMORY;
}

cclip_status cclip_train_files_lock(struct cclip_train_files *files)
{
    if (files->quiet || files->lock.path || !cclip_is_folder(files->folder))
        return CCLIP_OK;
    const cclip_status status = cclip_folder_lock_open(&files->lock, files->folder);
    return status == CCLIP_ERROR_ARGUMENT
               ? cclip_fail(status, "%s: another run of this name is at work there; wait for its end, or choose "
                                    "another name", cclip_error_message())
               : status;
}

static cclip_status open_log(struct cclip_train_files *files)
{
    char *path = cclip_path_join(files->folder, "out.log");
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && !(files->log = fopen(path, "ab")))
        status = cclip_fail_errno(path, "cannot open");
    cclip_release(path);
    return status;
}

/* The first file of a run: a model or checkpoints without it are no run's, the model that a run begins with, say. */
static cclip_status write_params(const struct cclip_train_files *files, int goes_on)
{
    char *path = cclip_path_join(files->folder, "params.txt");
    const char *const taken[] = { files->model, files->checkpoints };
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (int i = 0; i < 2 && !status && !cclip_is_file(path); i++)
        if (cclip_is_folder(taken[i]))
            status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: is there already, and is of no run (%s is missing): choose "
                                "another name", taken[i], path);
    if (!status && !goes_on && cclip_is_file(path))
        status = cclip_fail(CCLIP_ERROR_ARGUMENT,
                            "%s: there is a run of this name: choose another, or go on with it (resume "
                            "latest)", files->folder);
    if (!status)
        status = cclip_train_options_write(files->options, path);
    cclip_release(path);
    return status;
}

/* One event file for each time that the run is taken up, in the order of their names. */
static cclip_status open_events(struct cclip_train_files *files, uint64_t steps)
{
    char name[80];
    const time_t now = time(NULL);
    snprintf(name, sizeof name, "events.out.tfevents.%010lld.%012llu.cclip", (long long)now,
             (unsigned long long)steps);
    char *folder = cclip_path_join(files->folder, "tensorboard");
    char *path = folder ? cclip_path_join(folder, name) : NULL;
    cclip_status status = path ? cclip_folder_make(folder) : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_events_file_open(&files->events, path, (double)now, steps);
    cclip_release(path);
    cclip_release(folder);
    return status;
}

/* Whether anything judges the run. */
static int judges(const cclip_train_options *o)
{
    return o->val_data || o->zeroshot_count;
}

cclip_status cclip_train_files_open(struct cclip_train_files *files, int goes_on, uint64_t steps)
{
    if (files->quiet)
        return CCLIP_OK;
    cclip_status status = cclip_folder_make(files->folder);
    char *path = cclip_path_join(files->folder, "metrics.jsonl");
    char *results = cclip_path_join(files->checkpoints, "results.jsonl");
    if (!status && (!path || !results))
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_train_files_lock(files);
    if (!status)
        status = write_params(files, goes_on);
    if (!status)
        status = cclip_folder_make(files->checkpoints);
    if (!status)
        status = cclip_new_folder_sweep(files->folder, cclip_path_name(files->model));
    if (!status)
        status = open_log(files);
    if (!status)
        status = cclip_metrics_open(&files->metrics, path, steps);
    if (!status && (judges(files->options) || cclip_is_file(results)))
        status = cclip_metrics_open(&files->results, results, steps);
    if (!status)
        status = open_events(files, steps);
    cclip_release(path);
    cclip_release(results);
    return status;
}

void cclip_train_files_close(struct cclip_train_files *files)
{
    if (files->log)
        fclose(files->log);
    cclip_metrics_close(&files->metrics);
    cclip_metrics_close(&files->results);
    cclip_events_file_close(&files->events);
    cclip_folder_lock_close(&files->lock);
    cclip_release(files->folder);
    cclip_release(files->checkpoints);
    cclip_release(files->model);
    *files = (struct cclip_train_files){ 0 };
}

void cclip_train_log(struct cclip_train_files *files, const char *level, const char *format, ...)
{
    char text[1500], line[1600], when[32];
    struct tm local;
    const time_t now = time(NULL);
    va_list arguments;
    if (files->quiet)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    localtime_r(&now, &local);
    strftime(when, sizeof when, "%Y-%m-%d,%H:%M:%S", &local);
    snprintf(line, sizeof line, "%s | %s | %s", when, level, text);
    if (files->log) { /* a full disk ends the run where the figures are written */
        fprintf(files->log, "%s\n", line);
        fflush(files->log);
    }
    if (files->options->line)
        files->options->line(files->options->user, line);
}

int cclip_train_line_is_due(const struct cclip_train_files *files,
                            const struct cclip_loop_figures *f)
{
    if (files->quiet)
        return 0;
    return f->step_in_epoch % (uint64_t)files->options->log_every_n_steps == 0 ||
           f->step_in_epoch + 1 == f->steps_an_epoch;
}

/* open_clip's line, figure for figure; a machine without a GPU counts as one. */
static void log_step(struct cclip_train_files *files, const struct cclip_loop_figures *f)
{
    const uint64_t all = f->steps_an_epoch * f->samples, done = (f->step_in_epoch + 1) * f->samples;
    const double percent = 100.0 * (double)done / (double)all, steps = (double)files->steps;
    const double average = files->loss_sum / (double)files->loss_count;
    cclip_train_log(files, "INFO",
                    "Train Epoch: %llu [%*llu/%llu (%.0f%%)] Data (t): %.3f Batch (t): %.3f, %#g/s, "
                    "%#g/s/gpu LR: %5f Logit Scale: %.3f Contrastive_loss: %#.5g (%#.5g) Loss: %#.5g "
                    "(%#.5g)",
                    (unsigned long long)f->epoch, (int)ceil(log10((double)all + 1)),
                    (unsigned long long)done, (unsigned long long)all, percent,
                    files->data_seconds / steps, files->step_seconds / steps, f->samples_per_second,
                    f->samples_per_second / files->ranks, f->rate, f->logit_scale, f->loss, average, f->loss, average);
}

/* The figures of metrics.jsonl; the first four under open_clip's names. */
static cclip_status add_events(struct cclip_train_files *files, const struct cclip_loop_figures *f)
{
    const struct cclip_movement *image = &f->towers[CCLIP_IMAGE_TOWER];
    const struct cclip_movement *text = &f->towers[CCLIP_TEXT_TOWER];
    const struct cclip_scalar scalars[] = {
        { "train/loss", f->loss },
        { "train/scale", f->logit_scale },
        { "train/lr", f->rate },
        { "train/samples_per_second", f->samples_per_second },
        { "train/gradient_norm", f->gradient_norm },
        { "train/gradient_norm_image", image->gradient },
        { "train/gradient_norm_text", text->gradient },
        { "train/update_image", image->values > 0 ? image->update / image->values : 0 },
        { "train/update_text", text->values > 0 ? text->update / text->values : 0 },
    };
    return cclip_events_file_scalars(&files->events, (double)time(NULL), f->step, scalars,
                                     sizeof scalars / sizeof scalars[0]);
}

cclip_status cclip_train_files_step(struct cclip_train_files *files,
                                    const struct cclip_loop_figures *figures)
{
    struct cclip_loop_figures f = *figures;
    files->data_seconds += f.data_seconds;
    files->step_seconds += f.step_seconds;
    files->samples += f.samples;
    files->steps++;
    if (!cclip_train_line_is_due(files, &f))
        return CCLIP_OK;
    if (!f.step_in_epoch) {
        files->loss_sum = 0;
        files->loss_count = 0;
    }
    files->loss_sum += f.loss;
    files->loss_count++;
    f.samples_per_second =
        files->step_seconds > 0 ? (double)files->samples / files->step_seconds : 0;
    log_step(files, &f);
    cclip_status status = cclip_metrics_write(&files->metrics, &f);
    if (!status)
        status = add_events(files, &f);
    files->data_seconds = files->step_seconds = 0;
    files->steps = files->samples = 0;
    return status;
}

/* open_clip's line; figures to four places. */
static cclip_status log_results(struct cclip_train_files *files, uint64_t epoch,
                                const struct cclip_metric *results, size_t count)
{
    struct cclip_buffer line;
    cclip_buffer_open(&line, 1 << 20);
    cclip_status status = cclip_buffer_format(&line, "Eval Epoch: %llu", (unsigned long long)epoch);
    for (size_t i = 0; i < count && !status; i++)
        status = cclip_buffer_format(&line, " %s: %.4f", results[i].key, results[i].value);
    if (!status)
        cclip_train_log(files, "INFO", "%s", line.data);
    cclip_buffer_close(&line);
    return status;
}

cclip_status cclip_train_files_results(struct cclip_train_files *files,
                                       const struct cclip_loop_figures *f,
                                       const struct cclip_metric *results, size_t count)
{
    const uint64_t epoch = f->epoch + (f->step_in_epoch + 1 == f->steps_an_epoch); /* that are done */
    cclip_status status = log_results(files, epoch, results, count);
    if (!status)
        status = cclip_metrics_line(&files->results, f->step, epoch, results, count);
    for (size_t i = 0; i < count && !status; i++) {
        char tag[300];
        snprintf(tag, sizeof tag, "val/%s", results[i].key);
        const struct cclip_scalar scalar = { tag, results[i].value };
        status = cclip_events_file_scalars(&files->events, (double)time(NULL), f->step, &scalar, 1);
    }
    return status;
}

static cclip_status save_report(const struct cclip_train_files *files,
                                const struct cclip_training_report *about)
{
    char *page = cclip_path_join(files->folder, "report.html");
    const cclip_status status =
        page ? cclip_training_report_save(page, files->metrics.path,
                                          files->results.path ? files->results.path : "", about)
             : CCLIP_ERROR_MEMORY;
    cclip_release(page);
    return status;
}

void cclip_train_files_report(struct cclip_train_files *files, const char *state, int goes_on, int due,
                              uint64_t total, const char *samples)
{
    /* Every so many seconds, and at most a hundredth of the run's time. */
    const double pause = 10, share = 0.01, now = cclip_clock_seconds();
    const struct cclip_training_report about = { .title = cclip_path_name(files->folder), .state = state,
                                                 .goes_on = goes_on, .total = total, .samples = samples };
    if (files->quiet || (goes_on && !due && now < files->report_at))
        return;
    if (save_report(files, &about))
        cclip_train_log(files, "WARNING", "%s", cclip_error_message());
    files->report_at = now + fmax(pause, (cclip_clock_seconds() - now) / share);
}
