#include "api/train_files.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"

/* open_clip's name of a run without one: when, and the numbers that matter most. */
static void make_name(char *out, size_t size, const cclip_train_options *o, const char *architecture)
{
    char when[32];
    struct tm local;
    const time_t now = time(NULL);
    localtime_r(&now, &local);
    strftime(when, sizeof when, "%Y_%m_%d-%H_%M_%S", &local);
    snprintf(out, size, "%s-model_%s-lr_%g-b_%lld-j_%lld-p_f32", when, architecture, o->lr,
             (long long)o->batch_size, (long long)o->workers);
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

static cclip_status open_log(struct cclip_train_files *files)
{
    char *path = cclip_path_join(files->folder, "out.log");
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && !(files->log = fopen(path, "ab")))
        status = cclip_fail_errno(path, "cannot open");
    cclip_release(path);
    return status;
}

static cclip_status write_params(const struct cclip_train_files *files, int goes_on)
{
    char *path = cclip_path_join(files->folder, "params.txt");
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && !goes_on && cclip_is_file(path))
        status = cclip_fail(CCLIP_ERROR_ARGUMENT,
                            "%s: there is a run of this name: choose another, or go on with it (resume "
                            "latest)", files->folder);
    if (!status)
        status = cclip_train_options_write(files->options, path);
    cclip_release(path);
    return status;
}

cclip_status cclip_train_files_open(struct cclip_train_files *files, int goes_on, uint64_t steps)
{
    cclip_status status = cclip_folder_make(files->checkpoints);
    char *path = cclip_path_join(files->folder, "metrics.jsonl");
    if (!status && !path)
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = write_params(files, goes_on);
    if (!status)
        status = open_log(files);
    if (!status)
        status = cclip_metrics_open(&files->metrics, path, steps);
    cclip_release(path);
    return status;
}

void cclip_train_files_close(struct cclip_train_files *files)
{
    if (files->log)
        fclose(files->log);
    cclip_metrics_close(&files->metrics);
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
                    f->samples_per_second, f->rate, f->logit_scale, f->loss, average, f->loss, average);
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
    const cclip_status status = cclip_metrics_write(&files->metrics, &f);
    files->data_seconds = files->step_seconds = 0;
    files->steps = files->samples = 0;
    return status;
}
