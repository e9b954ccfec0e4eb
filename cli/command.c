#include "cli/command.h"

#include <string.h>

#include "base/memory.h"
#include "base/status.h"

/* Pictures a call to the library: few at first, so that something is soon to be seen. */
enum { FIRST_BATCH = 16, LARGEST_BATCH = 128 };

int cclip_opened_model(struct cclip_opened *out, const struct cclip_common *common,
                       const char *name)
{
    cclip_model_options options = CCLIP_MODEL_OPTIONS_INIT;
    memset(out, 0, sizeof(*out));
    out->info.version = CCLIP_MODEL_INFO_VERSION;
    options.vocabulary = common->vocabulary;
    options.style = (cclip_tokenizer_style)common->style;
    options.no_ftfy = common->no_ftfy;
    cclip_status status = cclip_model_open(&out->model, name ? name : common->model, &options);
    if (!status)
        status = cclip_model_get_info(out->model, &out->info);
    return status ? cclip_report_failure() : CCLIP_EXIT_DONE;
}

int cclip_opened_session(struct cclip_opened *out, const struct cclip_verb *verb,
                         const struct cclip_common *common)
{
    static const char *const precisions[] = { "f32", "bf16", "f16", "int8" };
    cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
    memset(out, 0, sizeof(*out));
    if (common->device && strcmp(common->device, "cpu"))
        return cclip_usage_error(verb, "--device: \"%s\" is not in this build, which has cpu",
                                 common->device);
    if (common->precision > CCLIP_PRECISION_F32)
        return cclip_usage_error(verb, "--precision: %s is not in this build, which has f32",
                                 precisions[common->precision]);
    const int failed = cclip_opened_model(out, common, NULL);
    if (failed)
        return failed;
    options.threads = (int)common->threads;
    options.device = common->device;
    /* f32 is the only one so far, and so the fastest that keeps the numbers */
    options.precision =
        common->precision < 0 ? CCLIP_PRECISION_F32 : (cclip_precision)common->precision;
    return cclip_session_open(&out->session, out->model, &options) ? cclip_report_failure()
                                                                   : CCLIP_EXIT_DONE;
}

void cclip_opened_close(struct cclip_opened *opened)
{
    cclip_session_close(&opened->session);
    cclip_model_close(&opened->model);
}

int cclip_choose_preprocessing(cclip_preprocessing *out, const struct cclip_verb *verb,
                               const struct cclip_common *common, const cclip_model_info *info,
                               int64_t size)
{
    *out = info->preprocessing;
    if (size) {
        out->height = out->width = (size_t)size;
        out->resize_to = 0; /* a model's own resize before the crop is meant for its own size */
    }
    if (common->background && cclip_preprocessing_set_background(out, common->background))
        return cclip_usage_error(verb, "--background: %s", cclip_error_message());
    return CCLIP_EXIT_DONE;
}

int cclip_choose_separator(char *out, const struct cclip_verb *verb, const char *text)
{
    static const struct {
        const char *name;
        char byte;
    } separators[] = { { "tab", '\t' }, { "\\t", '\t' }, { "comma", ',' }, { "semicolon", ';' } };
    *out = 0;
    for (size_t i = 0; text && i < sizeof(separators) / sizeof(*separators); i++)
        if (!strcmp(text, separators[i].name))
            *out = separators[i].byte;
    if (!text || *out)
        return CCLIP_EXIT_DONE;
    if (text[1])
        return cclip_usage_error(verb, "--csv-separator: \"%s\" is not one character", text);
    *out = text[0];
    return CCLIP_EXIT_DONE;
}

cclip_status cclip_pictures_open(struct cclip_pictures *out, const struct cclip_opened *opened,
                                 const struct cclip_inputs *paths,
                                 const cclip_preprocessing *preprocessing, int normalize)
{
    memset(out, 0, sizeof(*out));
    out->session = opened->session;
    out->paths = paths;
    out->preprocessing = preprocessing;
    out->normalize = normalize;
    out->dim = opened->info.embedding_dim;
    const size_t most = paths->count < LARGEST_BATCH ? paths->count : LARGEST_BATCH;
    out->rows = cclip_allocate(most * out->dim, sizeof(*out->rows));
    out->skip = cclip_allocate(most, 1);
    cclip_progress_open(&out->progress, "pictures", paths->count);
    return out->rows && out->skip ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    struct cclip_pictures *pictures = user;
    if (status == CCLIP_ERROR_MEMORY)
        return 1;
    pictures->skip[index] = 1;
    pictures->skipped++;
    cclip_report_skip(pictures->paths->count, message);
    return cclip_interrupted();
}

cclip_status cclip_pictures_next(struct cclip_pictures *pictures)
{
    const struct cclip_inputs *paths = pictures->paths;
    const size_t left = paths->count - pictures->first - pictures->count;
    size_t count = pictures->count ? 2 * pictures->count : FIRST_BATCH;
    count = count < LARGEST_BATCH ? count : LARGEST_BATCH;
    count = count < left ? count : left;
    pictures->first += pictures->count;
    pictures->count = 0;
    pictures->interrupted = cclip_interrupted();
    if (!count || pictures->interrupted)
        return CCLIP_OK;
    const char **pointers = cclip_inputs_pointers(paths, pictures->first, count);
    if (!pointers)
        return CCLIP_ERROR_MEMORY;
    memset(pictures->skip, 0, count);
    cclip_status status =
        cclip_embed_files(pictures->session, pictures->rows, pointers, count,
                          pictures->preprocessing, pictures->normalize, on_skip, pictures);
    cclip_release(pointers);
    if (status == CCLIP_ERROR_CANCELLED && cclip_interrupted()) {
        pictures->interrupted = 1;
        return CCLIP_OK;
    }
    if (!status) {
        pictures->count = count;
        cclip_progress_update(&pictures->progress, pictures->first + count);
    }
    return status;
}

void cclip_pictures_close(struct cclip_pictures *pictures)
{
    cclip_progress_close(&pictures->progress);
    cclip_release(pictures->rows);
    cclip_release(pictures->skip);
    pictures->rows = NULL;
    pictures->skip = NULL;
}

/* Which of the texts the tokenizer refuses: its number and beginning go in front of the message. */
static cclip_status name_text(const struct cclip_opened *opened, const struct cclip_inputs *texts,
                              size_t first, size_t count, cclip_status status)
{
    enum { SHOWN = 40 };
    struct cclip_failure failure;
    const cclip_tokenizer *tokenizer;
    int32_t id;
    size_t ids;
    cclip_failure_take(&failure, status);
    if (cclip_model_get_tokenizer(opened->model, &tokenizer))
        return cclip_failure_raise(&failure);
    for (size_t i = first; i < first + count; i++) {
        const char *text = cclip_inputs_at(texts, i);
        const size_t length = cclip_inputs_length(texts, i);
        size_t shown = length < SHOWN ? length : SHOWN;
        status = cclip_tokenizer_encode(tokenizer, &id, 1, &ids, text, length,
                                        opened->info.context_length, 0);
        while (shown && shown < length && ((unsigned char)text[shown] & 0xc0) == 0x80)
            shown--; /* not through the middle of a character */
        if (status == CCLIP_ERROR_LIMIT) /* its message has the beginning already */
            return cclip_fail_in(status, "text %zu", i + 1);
        if (status)
            return cclip_fail_in(status, "text %zu (\"%.*s%s\")", i + 1, (int)shown, text,
                                 shown < length ? "..." : "");
    }
    return cclip_failure_raise(&failure);
}

cclip_status cclip_embed_inputs(const struct cclip_opened *opened, float *rows,
                                const struct cclip_inputs *texts, size_t first, size_t count,
                                int truncate, int normalize)
{
    const char **pointers = cclip_inputs_pointers(texts, first, count);
    size_t *lengths = cclip_allocate(count, sizeof(*lengths));
    cclip_status status = pointers && lengths ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++)
        lengths[i] = cclip_inputs_length(texts, first + i);
    if (!status) {
        status =
            cclip_embed_texts(opened->session, rows, pointers, lengths, count, truncate, normalize);
        if (status == CCLIP_ERROR_LIMIT || status == CCLIP_ERROR_FORMAT)
            status = name_text(opened, texts, first, count, status);
    }
    cclip_release(pointers);
    cclip_release(lengths);
    return status;
}

void cclip_report_skip(size_t inputs, const char *message)
{
    cclip_message(inputs == 1 ? "%s" : "skipped: %s", message);
}

int cclip_exit_status(size_t skipped, size_t total, const char *what)
{
    if (!skipped)
        return CCLIP_EXIT_DONE;
    if (total > 1)
        cclip_message("%zu of %zu %s skipped", skipped, total, what);
    return skipped < total ? CCLIP_EXIT_SKIPPED : CCLIP_EXIT_FAILED;
}

int cclip_report_interrupt(size_t done, size_t total, const char *output)
{
    if (output && done)
        cclip_message("interrupted: %zu of %zu done, kept in %s", done, total, output);
    else
        cclip_message("interrupted: %zu of %zu done", done, total);
    return CCLIP_EXIT_FAILED;
}
