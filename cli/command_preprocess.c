/* cclip preprocess: pictures to the model's input. */
#include <string.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/rows.h"

struct settings {
    struct cclip_common common;
    const char *output;
    int u8;
    int64_t size;
};

static cclip_status preprocess_one(void *out, const struct settings *s, const char *path,
                                   const cclip_preprocessing *preprocessing)
{
    return s->u8 ? cclip_preprocess_file_u8(out, path, preprocessing)
                 : cclip_preprocess_file(out, path, preprocessing);
}

/* Each picture becomes a row; one that cannot be read is named and has none. */
static cclip_status preprocess(const struct settings *s, const struct cclip_texts *paths,
                               const cclip_preprocessing *p, struct cclip_rows *rows, size_t *skipped)
{
    const size_t planar[] = { 3, p->height, p->width }, interleaved[] = { p->height, p->width, 3 };
    struct cclip_progress progress;
    cclip_progress_open(&progress, "pictures", paths->count);
    void *row = cclip_allocate(p->height * p->width * 3, s->u8 ? 1 : sizeof(float));
    cclip_status status = row ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = s->u8 ? cclip_rows_open(rows, s->output, CCLIP_ROWS_U8, interleaved, 3, 0)
                       : cclip_rows_open(rows, s->output, CCLIP_ROWS_F32, planar, 3, 0);
    for (size_t i = 0; i < paths->count && !status && !cclip_interrupted(); i++) {
        const cclip_status failed = preprocess_one(row, s, paths->items[i], p);
        if (failed == CCLIP_ERROR_MEMORY) {
            status = failed;
        } else if (failed) {
            cclip_report_skip(paths->count, cclip_error_message());
            ++*skipped;
        } else {
            status = cclip_rows_append(rows, row, 1);
        }
        cclip_progress_update(&progress, i + 1);
    }
    cclip_progress_close(&progress);
    cclip_release(row);
    if (!status && rows->count)
        status = cclip_rows_commit(rows);
    return status;
}

static int run(const struct cclip_verb *verb, const void *settings, const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    struct cclip_opened opened;
    struct cclip_rows rows;
    cclip_preprocessing preprocessing;
    size_t skipped = 0;
    memset(&rows, 0, sizeof(rows));
    if (!s->output)
        return cclip_usage_error(verb, "-o OUT.npy is missing");
    int code = cclip_opened_model(&opened, &s->common, NULL);
    if (!code)
        code = cclip_choose_preprocessing(&preprocessing, verb, &s->common, &opened.info, s->size);
    if (!code && preprocess(s, arguments, &preprocessing, &rows, &skipped))
        code = cclip_report_failure();
    else if (!code && cclip_interrupted())
        code = cclip_report_interrupt(rows.count, arguments->count, s->output);
    else if (!code)
        code = cclip_exit_status(skipped, arguments->count, "pictures");
    cclip_rows_close(&rows);
    cclip_opened_close(&opened);
    return code;
}

static const struct settings defaults;

static const struct cclip_option options[] = {
    { "output", 'o', CCLIP_OPTION_TEXT, "OUT.npy", "file to write", offsetof(struct settings, output), 0,
      0, 0, NULL },
    { "u8", 0, CCLIP_OPTION_FLAG, NULL, "uint8 [n,H,W,3] before normalisation",
      offsetof(struct settings, u8), 0, 0, 0, NULL },
    { "size", 0, CCLIP_OPTION_INTEGER, "N", "resize and crop to N x N pixels (default: the model's)",
      offsetof(struct settings, size), 0, 1, 16384, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_preprocess = {
    "preprocess",
    "pictures to the model's input",
    "IMAGE...",
    "Decodes, resizes, crops and normalises pictures exactly as the model's reference does, and writes "
    "float32 [n,3,H,W], a row a picture in the order given. A picture that cannot be read is named and "
    "has no row.",
    "cclip preprocess photo.jpg -o photo.npy\ncclip preprocess --u8 --size 336 *.png -o pictures.npy",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_BACKGROUND,
    1,
    SIZE_MAX,
    sizeof(struct settings),
    &defaults,
    run
};
