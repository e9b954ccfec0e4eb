/* cclip embed: pictures, texts and prepared inputs to vectors.
 *
 * Sources are worked through one after the other: pictures, texts, pixels, tokens; each in batches,
 * so that memory does not grow with their number. Every finished row goes to the sink at once. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/rows.h"

struct settings {
    struct cclip_common common;
    struct cclip_texts images, texts, images_from, texts_from, pixels, tokens;
    const char *output;
    int raw, patches, truncate;
    int64_t layer, size;
};

enum { LAYER_LAST = -1, TEXT_BATCH = 256, PIXEL_BATCH = 32, PATCH_BATCH = 8 };

struct work {
    const struct settings *s;
    struct cclip_opened opened;
    cclip_preprocessing preprocessing;
    struct cclip_rows rows;
    struct cclip_inputs images, texts;
    size_t row_size; /* values a row */
    size_t done, skipped, total;
    int interrupted;
};

static cclip_status open_sink(struct work *work)
{
    const cclip_model_info *info = &work->opened.info;
    const struct settings *s = work->s;
    const size_t vector[] = { info->embedding_dim };
    const size_t matrix[] = { info->image_tokens, info->image_width };
    work->row_size = s->patches ? info->image_tokens * info->image_width : info->embedding_dim;
    if (s->patches && !work->row_size)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                          "%s: --patches: the image tower (%s) has no patches", info->path,
                          info->image_tower);
    if (!s->output)
        return CCLIP_OK;
    return cclip_rows_open(&work->rows, s->output, CCLIP_ROWS_F32, s->patches ? matrix : vector,
                           s->patches ? 2 : 1, s->images_from.count || s->texts_from.count);
}

static cclip_status print_row(const struct work *work, const char *key, const char *text,
                              size_t length, const float *row)
{
    const size_t size = work->row_size;
    char clean[256];
    if (!work->s->common.json) {
        cclip_status status = cclip_print("%s  [", cclip_printable(clean, sizeof(clean), text));
        for (size_t i = 0; i < size && i < 4 && !status; i++)
            status = cclip_print("%s%.5f", i ? ", " : "", (double)row[i]);
        return status ? status : cclip_print("%s] %zu values\n", size > 4 ? ", ..." : "", size);
    }
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_text(&e, key, text, length);
    cclip_emit_floats(&e, "embedding", row, size);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

/* One finished row: to the files, or to standard output without -o. */
static cclip_status put_row(struct work *work, const char *key, const char *text, size_t length,
                            const float *row)
{
    work->done++;
    if (!work->s->output)
        return print_row(work, key, text, length, row);
    cclip_status status = cclip_rows_append(&work->rows, row, 1);
    return status ? status : cclip_rows_describe(&work->rows, key, text, length);
}

static cclip_status embed_pictures(struct work *work)
{
    struct cclip_pictures pictures;
    cclip_status status = cclip_pictures_open(&pictures, &work->opened, &work->images,
                                              &work->preprocessing, !work->s->raw);
    while (!status && !(status = cclip_pictures_next(&pictures)) && pictures.count) {
        for (size_t i = 0; i < pictures.count && !status; i++) {
            const size_t index = pictures.first + i;
            if (!pictures.skip[i])
                status = put_row(work, "path", cclip_inputs_at(&work->images, index),
                                 cclip_inputs_length(&work->images, index),
                                 pictures.rows + i * pictures.dim);
        }
    }
    work->skipped += pictures.skipped;
    work->interrupted = pictures.interrupted;
    cclip_pictures_close(&pictures);
    return status;
}

/* Decodes up to PATCH_BATCH pictures; `places` says which of the list they are. */
static cclip_status decode_batch(struct work *work, float *pixels, size_t *places, size_t *count,
                                 size_t *next)
{
    const cclip_preprocessing *p = &work->preprocessing;
    const size_t size = 3 * p->height * p->width;
    *count = 0;
    for (; *next < work->images.count && *count < PATCH_BATCH; ++*next) {
        const char *path = cclip_inputs_at(&work->images, *next);
        const cclip_status failed = cclip_preprocess_file(pixels + *count * size, path, p);
        if (failed == CCLIP_ERROR_MEMORY)
            return failed;
        if (failed) {
            cclip_report_skip(work->total, cclip_error_message());
            work->skipped++;
        } else {
            places[(*count)++] = *next;
        }
    }
    return CCLIP_OK;
}

static cclip_status embed_patches(struct work *work)
{
    const cclip_preprocessing *p = &work->preprocessing;
    size_t places[PATCH_BATCH], count = 0, next = 0;
    struct cclip_progress progress;
    float *pixels = cclip_allocate(PATCH_BATCH * 3 * p->height * p->width, sizeof(*pixels));
    float *rows = cclip_allocate(PATCH_BATCH * work->row_size, sizeof(*rows));
    cclip_status status = pixels && rows ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    cclip_progress_open(&progress, "pictures", work->images.count);
    while (!status && next < work->images.count && !(work->interrupted = cclip_interrupted())) {
        status = decode_batch(work, pixels, places, &count, &next);
        if (!status && count)
            status =
                cclip_embed_patches(work->opened.session, rows, pixels, count, (int)work->s->layer);
        for (size_t i = 0; i < count && !status; i++)
            status =
                put_row(work, "path", cclip_inputs_at(&work->images, places[i]),
                        cclip_inputs_length(&work->images, places[i]), rows + i * work->row_size);
        cclip_progress_update(&progress, next);
    }
    cclip_progress_close(&progress);
    cclip_release(pixels);
    cclip_release(rows);
    return status;
}

static cclip_status embed_texts(struct work *work)
{
    const size_t total = work->texts.count, dim = work->opened.info.embedding_dim;
    struct cclip_progress progress;
    float *rows = cclip_allocate(TEXT_BATCH * dim, sizeof(*rows));
    cclip_status status = rows ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    cclip_progress_open(&progress, "texts", total);
    for (size_t first = 0; first < total && !status; first += TEXT_BATCH) {
        const size_t count = total - first < TEXT_BATCH ? total - first : TEXT_BATCH;
        if ((work->interrupted = cclip_interrupted()))
            break;
        status = cclip_embed_inputs(&work->opened, rows, &work->texts, first, count,
                                    work->s->truncate, !work->s->raw);
        for (size_t i = 0; i < count && !status; i++)
            status = put_row(work, "text", cclip_inputs_at(&work->texts, first + i),
                             cclip_inputs_length(&work->texts, first + i), rows + i * dim);
        cclip_progress_update(&progress, first + count);
    }
    cclip_progress_close(&progress);
    cclip_release(rows);
    return status;
}

static cclip_status put_array_rows(struct work *work, const char *path, size_t first, size_t count,
                                   const float *rows)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        char name[512];
        const int length = snprintf(name, sizeof(name), "%s[%zu]", path, first + i);
        status = put_row(work, "path", name,
                         (size_t)length < sizeof(name) ? (size_t)length : sizeof(name) - 1,
                         rows + i * work->row_size);
    }
    return status;
}

static cclip_status embed_pixels(struct work *work, const char *path)
{
    const cclip_preprocessing *p = &work->opened.info.preprocessing;
    const size_t shape[] = { 3, p->height, p->width }, size = 3 * p->height * p->width;
    struct cclip_array array;
    float *rows = NULL;
    cclip_status status = cclip_array_open(&array, path, 4, CCLIP_ARRAY_F32, shape);
    if (!status && !(rows = cclip_allocate(PIXEL_BATCH * work->row_size, sizeof(*rows))))
        status = CCLIP_ERROR_MEMORY;
    for (size_t first = 0; !status && first < array.count; first += PIXEL_BATCH) {
        const size_t count = array.count - first < PIXEL_BATCH ? array.count - first : PIXEL_BATCH;
        const float *pixels = (const float *)array.data + first * size;
        if ((work->interrupted = cclip_interrupted()))
            break;
        status = work->s->patches
                     ? cclip_embed_patches(work->opened.session, rows, pixels, count,
                                           (int)work->s->layer)
                     : cclip_embed_pixels(work->opened.session, rows, pixels, count, !work->s->raw);
        if (!status)
            status = put_array_rows(work, path, first, count, rows);
    }
    cclip_release(rows);
    cclip_array_close(&array);
    return status;
}

/* Ids of int32 or int64 as int32. */
static cclip_status copy_ids(int32_t *out, const struct cclip_array *array, size_t first,
                             size_t count)
{
    if (array->type == CCLIP_ARRAY_I32) {
        memcpy(out, (const int32_t *)array->data + first, count * sizeof(*out));
        return CCLIP_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t id = ((const int64_t *)array->data)[first + i];
        if (id < 0 || id > INT32_MAX)
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: row %zu, token %zu: %lld is no token id",
                              array->path, (first + i) / array->shape[1],
                              (first + i) % array->shape[1], (long long)id);
        out[i] = (int32_t)id;
    }
    return CCLIP_OK;
}

static cclip_status embed_tokens(struct work *work, const char *path)
{
    struct cclip_array array;
    float *rows = NULL;
    int32_t *ids = NULL;
    cclip_status status =
        cclip_array_open(&array, path, 2, CCLIP_ARRAY_I32 | CCLIP_ARRAY_I64, NULL);
    if (!status) {
        rows = cclip_allocate(TEXT_BATCH * work->row_size, sizeof(*rows));
        ids = cclip_allocate(TEXT_BATCH * array.shape[1], sizeof(*ids));
        status = rows && ids ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    }
    for (size_t first = 0; !status && first < array.count; first += TEXT_BATCH) {
        const size_t count = array.count - first < TEXT_BATCH ? array.count - first : TEXT_BATCH;
        if ((work->interrupted = cclip_interrupted()))
            break;
        status = copy_ids(ids, &array, first * array.shape[1], count * array.shape[1]);
        if (status)
            break;
        status = cclip_embed_tokens(work->opened.session, rows, ids, count, array.shape[1],
                                    !work->s->raw);
        if (!status)
            status = put_array_rows(work, path, first, count, rows);
        else
            cclip_fail_in(status, first ? "%s: rows from %zu" : "%s", path, first);
    }
    cclip_release(rows);
    cclip_release(ids);
    cclip_array_close(&array);
    return status;
}

static cclip_status collect(struct work *work)
{
    const struct settings *s = work->s;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < s->images.count && !status; i++)
        status = cclip_inputs_add(&work->images, s->images.items[i], strlen(s->images.items[i]));
    for (size_t i = 0; i < s->images_from.count && !status; i++)
        status = cclip_inputs_pictures(&work->images, s->images_from.items[i]);
    for (size_t i = 0; i < s->texts.count && !status; i++)
        status = cclip_inputs_add(&work->texts, s->texts.items[i], strlen(s->texts.items[i]));
    for (size_t i = 0; i < s->texts_from.count && !status; i++)
        status = cclip_inputs_lines(&work->texts, s->texts_from.items[i], 1);
    work->skipped = work->images.skipped;
    work->total = work->images.count + work->images.skipped + work->texts.count;
    if (!status && !work->total && !s->pixels.count && !s->tokens.count)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: the list is empty", s->texts_from.items[0]);
    return status;
}

static cclip_status embed(struct work *work)
{
    const struct settings *s = work->s;
    cclip_status status = open_sink(work);
    if (!status && work->images.count)
        status = s->patches ? embed_patches(work) : embed_pictures(work);
    if (!status && work->texts.count && !work->interrupted)
        status = embed_texts(work);
    for (size_t i = 0; i < s->pixels.count && !status && !work->interrupted; i++)
        status = embed_pixels(work, s->pixels.items[i]);
    for (size_t i = 0; i < s->tokens.count && !status && !work->interrupted; i++)
        status = embed_tokens(work, s->tokens.items[i]);
    if (!status && s->output && (work->done || !(work->skipped || work->interrupted)))
        status = cclip_rows_commit(&work->rows);
    return status;
}

/* With -o and --json: what was written. */
static int print_summary(const struct work *work)
{
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "output", work->s->output);
    cclip_emit_integer(&e, "rows", (int64_t)work->done);
    cclip_emit_integer(&e, "skipped", (int64_t)work->skipped);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status ? cclip_report_failure() : CCLIP_EXIT_DONE;
}

static int check(const struct cclip_verb *verb, const struct settings *s)
{
    const size_t pictures = s->images.count + s->images_from.count + s->pixels.count;
    const size_t texts = s->texts.count + s->texts_from.count + s->tokens.count;
    if (!pictures && !texts)
        return cclip_usage_error(verb, "nothing to embed: give --image, --text, --images-from, "
                                       "--texts-from, --pixels or --tokens");
    if (s->patches && texts)
        return cclip_usage_error(verb, "--patches is for pictures only");
    if (s->patches && !s->output && !s->common.json)
        return cclip_usage_error(verb, "--patches needs -o OUT.npy or --json");
    if (!s->patches && s->layer != LAYER_LAST)
        return cclip_usage_error(verb, "--layer needs --patches");
    return CCLIP_EXIT_DONE;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    struct work work;
    (void)arguments;
    memset(&work, 0, sizeof(work));
    work.s = settings;
    cclip_inputs_open(&work.images);
    cclip_inputs_open(&work.texts);
    int code = check(verb, work.s);
    if (!code && collect(&work))
        code = cclip_report_failure();
    if (!code)
        code = cclip_opened_session(&work.opened, verb, &work.s->common);
    if (!code)
        code = cclip_choose_preprocessing(&work.preprocessing, verb, &work.s->common,
                                          &work.opened.info, 0);
    if (!code) {
        if (embed(&work))
            code = cclip_report_failure();
        else if (work.interrupted)
            code = cclip_report_interrupt(work.done, work.total, work.s->output);
        else
            code = cclip_exit_status(work.skipped, work.total, "inputs");
        if ((code == CCLIP_EXIT_DONE || code == CCLIP_EXIT_SKIPPED) && work.s->output &&
            work.s->common.json && print_summary(&work))
            code = CCLIP_EXIT_FAILED;
    }
    cclip_rows_close(&work.rows);
    cclip_inputs_close(&work.images);
    cclip_inputs_close(&work.texts);
    cclip_opened_close(&work.opened);
    return code;
}

static const struct settings defaults = { .layer = LAYER_LAST };

#define FIELD(field) offsetof(struct settings, field)
static const struct cclip_option options[] = {
    { "image", 0, CCLIP_OPTION_TEXTS, "FILE", "a picture; may be repeated", FIELD(images), 0, 0, 0,
      NULL },
    { "text", 0, CCLIP_OPTION_TEXTS, "STRING", "a text; may be repeated", FIELD(texts), 0, 0, 0,
      NULL },
    { "images-from", 0, CCLIP_OPTION_TEXTS, "DIR|LIST",
      "all pictures of a folder tree, or of a file with a path a line (- is standard input)",
      FIELD(images_from), 0, 0, 0, NULL },
    { "texts-from", 0, CCLIP_OPTION_TEXTS, "FILE", "a text a line (- is standard input)",
      FIELD(texts_from), 0, 0, 0, NULL },
    { "pixels", 0, CCLIP_OPTION_TEXTS, "X.npy", "preprocessed pictures, float32 [n,3,H,W]",
      FIELD(pixels), 0, 0, 0, NULL },
    { "tokens", 0, CCLIP_OPTION_TEXTS, "X.npy",
      "token ids, int32 or int64 [n,context], padded; needs no tokenizer", FIELD(tokens), 0, 0, 0,
      NULL },
    { "output", 'o', CCLIP_OPTION_TEXT, "OUT.npy",
      "file to write (default: rows to standard output)", FIELD(output), 0, 0, 0, NULL },
    { "no-normalize", 0, CCLIP_OPTION_FLAG, NULL, "leave the vectors at their own length",
      FIELD(raw), 0, 0, 0, NULL },
    { "truncate", 0, CCLIP_OPTION_FLAG, NULL, "cut texts that are too long instead of failing",
      FIELD(truncate), 0, 0, 0, NULL },
    { "patches", 0, CCLIP_OPTION_FLAG, NULL,
      "every token of the image tower instead, float32 [n,tokens,width]", FIELD(patches), 0, 0, 0,
      NULL },
    { "layer", 0, CCLIP_OPTION_INTEGER, "N",
      "with --patches: after N blocks; negative counts from the end (default -1, the last)",
      FIELD(layer), 0, -1024, 1024, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef FIELD

const struct cclip_verb cclip_command_embed = {
    "embed",
    "pictures and texts to vectors",
    NULL,
    "Writes float32 [n,dim], normalised unless --no-normalize. Rows are in the order pictures "
    "(--image, "
    "--images-from), texts (--text, --texts-from), pixels, tokens. With folders or lists OUT.jsonl "
    "beside "
    "OUT.npy has a line a row: {\"path\": ...} or {\"text\": ...}. A picture that cannot be read "
    "is "
    "named, counted and has no row (exit status 3). After Ctrl-C the rows that are done are "
    "kept.\n\n"
    "Without -o each row goes to standard output: its first values, or with --json all of them. "
    "Similarity is the cosine, which of normalised rows is the inner product.",
    "cclip embed --images-from photos -o photos.npy\n"
    "cclip embed --text \"a red bicycle\" --json",
    "without -o a line a row: `path` or `text`, and `embedding` (with --patches all tokens, one "
    "after the other); with -o one line: `output`, `rows`, `skipped`",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    0,
    0,
    sizeof(struct settings),
    &defaults,
    run
};
