#include "train/metrics.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"

/* The step a line speaks of; UINT64_MAX for a line that is cut short or of another kind. */
static uint64_t step_of(const char *line, size_t length)
{
    cclip_json *root = NULL;
    uint64_t step = UINT64_MAX;
    if (!cclip_json_parse(&root, line, length, "metrics")) {
        const int64_t value = cclip_json_integer(cclip_json_get(root, "step"), -1);
        step = value < 0 ? UINT64_MAX : (uint64_t)value;
    }
    cclip_json_close(&root);
    return step;
}

/* The beginning of `old` that is kept: whole lines up to the first of a later step. */
static size_t kept_length(const struct cclip_buffer *old, uint64_t steps)
{
    size_t at = 0;
    while (at < old->length) {
        const char *end = memchr(old->data + at, '\n', old->length - at);
        if (!end || step_of(old->data + at, (size_t)(end - old->data) - at) >= steps)
            break;
        at = (size_t)(end - old->data) + 1;
    }
    return at;
}

static cclip_status cut_back(const char *path, uint64_t steps)
{
    struct cclip_buffer old;
    cclip_buffer_open(&old, CCLIP_LIMIT_TEXT_FILE);
    cclip_status status = cclip_is_file(path) && steps
                              ? cclip_file_read(&old, path, CCLIP_LIMIT_TEXT_FILE)
                              : CCLIP_OK;
    const size_t length = status || !old.data ? 0 : kept_length(&old, steps);
    if (!status)
        status = cclip_file_write(path, old.data ? old.data : "", length);
    cclip_buffer_close(&old);
    return status;
}

cclip_status cclip_metrics_open(struct cclip_metrics *out, const char *path, uint64_t steps)
{
    *out = (struct cclip_metrics){ 0 };
    cclip_buffer_open(&out->line, 1 << 16);
    cclip_status status = cut_back(path, steps);
    if (!status && !(out->path = cclip_copy_text(path, strlen(path))))
        status = CCLIP_ERROR_MEMORY;
    if (!status && !(out->stream = fopen(path, "ab")))
        status = cclip_fail_errno(path, "cannot open");
    if (status)
        cclip_metrics_close(out);
    return status;
}

void cclip_metrics_close(struct cclip_metrics *metrics)
{
    if (metrics->stream)
        fclose(metrics->stream);
    cclip_release(metrics->path);
    cclip_buffer_close(&metrics->line);
    *metrics = (struct cclip_metrics){ 0 };
}

static cclip_status add_number(struct cclip_buffer *line, const char *key, double value)
{
    cclip_status status = cclip_buffer_text(line, ", ");
    if (!status)
        status = cclip_json_quote(line, key, strlen(key));
    if (status)
        return status;
    return isfinite(value) ? cclip_buffer_format(line, ": %.9g", value) : cclip_buffer_text(line, ": null");
}

cclip_status cclip_metrics_line(struct cclip_metrics *metrics, uint64_t step, uint64_t epoch,
                                const struct cclip_metric *values, size_t count)
{
    struct cclip_buffer *line = &metrics->line;
    cclip_buffer_clear(line);
    cclip_status status = cclip_buffer_format(line, "{\"step\": %llu, \"epoch\": %llu", (unsigned long long)step,
                                              (unsigned long long)epoch);
    for (size_t i = 0; i < count && !status; i++)
        status = add_number(line, values[i].key, values[i].value);
    if (!status)
        status = cclip_buffer_text(line, "}\n");
    if (!status && (fwrite(line->data, 1, line->length, metrics->stream) != line->length ||
                    fflush(metrics->stream)))
        status = cclip_fail_errno(metrics->path, "cannot write");
    return status;
}

cclip_status cclip_metrics_write(struct cclip_metrics *metrics, const struct cclip_loop_figures *f)
{
    const struct cclip_movement *image = &f->towers[CCLIP_IMAGE_TOWER];
    const struct cclip_movement *text = &f->towers[CCLIP_TEXT_TOWER];
    const struct cclip_metric numbers[] = {
        { "loss", f->loss },
        { "logit_scale", f->logit_scale },
        { "lr", f->rate },
        { "samples_per_second", f->samples_per_second },
        { "gradient_norm", f->gradient_norm },
        { "gradient_norm_image", image->gradient },
        { "gradient_norm_text", text->gradient },
        { "update_image", image->values > 0 ? image->update / image->values : 0 },
        { "update_text", text->values > 0 ? text->update / text->values : 0 },
        { "step_seconds", f->step_seconds },
        { "exchange_seconds", f->exchange_seconds },
        { "exchange_waited", f->exchange_waited },
        { "exchange_bytes", f->exchange_bytes },
    };
    const size_t of_ranks = f->exchange_bytes > 0 ? 0 : 4; /* the last ones are of runs of several processes */
    return cclip_metrics_line(metrics, f->step, f->epoch, numbers,
                              sizeof numbers / sizeof numbers[0] - of_ranks);
}
