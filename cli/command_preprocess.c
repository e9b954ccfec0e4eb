/* cclip preprocess: pictures to the model's input. */
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/rows.h"

struct settings {
    struct cclip_common common;
    const char *output;
    int u8;
    int64_t size;
    int family; /* 1 + its place in `families`; 0: the model's own settings */
};

static const struct cclip_choice families[] = {
    { "openai", 1, 0 },         { "siglip", 2, 0 }, { "clipa", 3, 0 },      { "mobileclip", 4, 0 },
    { "mobileclip2_s3", 5, 0 }, { "pe", 6, 0 },     { "laion_half", 7, 0 }, { NULL, 0, 0 }
};

/* Pictures at once: enough for every thread, few enough to hold in memory. */
enum { BATCH_A_THREAD = 4 };

/* One batch. Each thread writes to the places of its own pictures only. */
struct batch {
    const struct settings *s;
    const cclip_preprocessing *preprocessing;
    const char *const *paths;
    size_t row_size; /* bytes */
    unsigned char *rows;
    struct cclip_failure *failures;
};

static cclip_status decode_some(void *context, size_t begin, size_t end, int worker)
{
    struct batch *b = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        void *row = b->rows + i * b->row_size;
        const cclip_status status =
            b->s->u8 ? cclip_preprocess_file_u8(row, b->paths[i], b->preprocessing)
                     : cclip_preprocess_file(row, b->paths[i], b->preprocessing);
        if (status == CCLIP_ERROR_MEMORY)
            return status;
        cclip_failure_take(&b->failures[i], status);
    }
    return CCLIP_OK;
}

/* Rows in order; a picture that could not be read is named and has none. */
static cclip_status write_some(const struct batch *b, size_t count, size_t inputs,
                               struct cclip_rows *rows, size_t *skipped)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (b->failures[i].status) {
            cclip_report_skip(inputs, b->failures[i].message);
            ++*skipped;
        } else {
            status = cclip_rows_append(rows, b->rows + i * b->row_size, 1);
        }
    }
    return status;
}

static cclip_status all_pictures(struct batch *b, const struct cclip_texts *paths,
                                 struct cclip_thread_pool *pool, size_t batch,
                                 struct cclip_rows *rows, size_t *skipped)
{
    struct cclip_progress progress;
    cclip_status status = CCLIP_OK;
    cclip_progress_open(&progress, "pictures", paths->count);
    for (size_t first = 0; first < paths->count && !status && !cclip_interrupted();
         first += batch) {
        const size_t left = paths->count - first, count = left < batch ? left : batch;
        b->paths = paths->items + first;
        status = cclip_parallel(pool, count, 1, decode_some, b);
        if (!status)
            status = write_some(b, count, paths->count, rows, skipped);
        cclip_progress_update(&progress, first + count);
    }
    cclip_progress_close(&progress);
    return status;
}

static cclip_status preprocess(const struct settings *s, const struct cclip_texts *paths,
                               const cclip_preprocessing *p, struct cclip_rows *rows,
                               size_t *skipped)
{
    const size_t planar[] = { 3, p->height, p->width }, interleaved[] = { p->height, p->width, 3 };
    const int threads = s->common.threads ? (int)s->common.threads : cclip_cpu_count();
    const size_t most = (size_t)threads * BATCH_A_THREAD;
    const size_t batch = paths->count < most ? paths->count : most;
    struct batch b = { s,    p,   NULL, p->height * p->width * 3 * (s->u8 ? 1 : sizeof(float)),
                       NULL, NULL };
    struct cclip_thread_pool *pool = NULL;
    b.rows = cclip_allocate(batch, b.row_size);
    b.failures = cclip_allocate(batch, sizeof(*b.failures));
    cclip_status status = b.rows && b.failures ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_thread_pool_open(&pool, batch < (size_t)threads ? (int)batch : threads);
    if (!status)
        status = s->u8 ? cclip_rows_open(rows, s->output, CCLIP_ROWS_U8, interleaved, 3, 0)
                       : cclip_rows_open(rows, s->output, CCLIP_ROWS_F32, planar, 3, 0);
    if (!status)
        status = all_pictures(&b, paths, pool, batch, rows, skipped);
    if (!status && rows->count)
        status = cclip_rows_commit(rows);
    cclip_thread_pool_close(&pool);
    cclip_release(b.rows);
    cclip_release(b.failures);
    return status;
}

static cclip_status print_summary(const struct settings *s, const cclip_preprocessing *p,
                                  size_t rows, size_t skipped)
{
    const size_t planar[] = { rows, 3, p->height, p->width };
    const size_t interleaved[] = { rows, p->height, p->width, 3 };
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "output", s->output);
    cclip_emit_integer(&e, "rows", (int64_t)rows);
    cclip_emit_begin(&e, "shape", '[');
    for (size_t i = 0; i < 4; i++)
        cclip_emit_integer(&e, NULL, (int64_t)(s->u8 ? interleaved : planar)[i]);
    cclip_emit_end(&e, ']');
    cclip_emit_string(&e, "dtype", s->u8 ? "uint8" : "float32");
    cclip_emit_integer(&e, "skipped", (int64_t)skipped);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
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
    if (!code && s->family &&
        cclip_preprocessing_set_class(&preprocessing, families[s->family - 1].name))
        code = cclip_report_failure();
    if (!code && preprocess(s, arguments, &preprocessing, &rows, &skipped))
        code = cclip_report_failure();
    else if (!code && cclip_interrupted())
        code = cclip_report_interrupt(rows.count, arguments->count, s->output);
    else if (!code)
        code = cclip_exit_status(skipped, arguments->count, "pictures");
    if ((code == CCLIP_EXIT_DONE || code == CCLIP_EXIT_SKIPPED) && s->common.json &&
        print_summary(s, &preprocessing, rows.count, skipped))
        code = cclip_report_failure();
    cclip_rows_close(&rows);
    cclip_opened_close(&opened);
    return code;
}

static const struct settings defaults;

static const struct cclip_option options[] = {
    { "output", 'o', CCLIP_OPTION_TEXT, "OUT.npy", "file to write",
      offsetof(struct settings, output), 0, 0, 0, NULL },
    { "u8", 0, CCLIP_OPTION_FLAG, NULL, "uint8 [n,H,W,3] before normalisation",
      offsetof(struct settings, u8), 0, 0, 0, NULL },
    { "size", 0, CCLIP_OPTION_INTEGER, "N",
      "resize and crop to N x N pixels (default: the model's)", offsetof(struct settings, size), 0,
      1, 16384, NULL },
    { "class", 0, CCLIP_OPTION_CHOICE, "CLASS",
      "resize mode, filter, mean and std of a family of checkpoints (default: the model's)",
      offsetof(struct settings, family), 0, 0, 0, families },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_preprocess = {
    "preprocess",
    "pictures to the model's input",
    "IMAGE...",
    "Decodes, resizes, crops and normalises pictures exactly as the model's reference does, and "
    "writes "
    "float32 [n,3,H,W], a row a picture in the order given. A picture that cannot be read is named "
    "and "
    "has no row.",
    "cclip preprocess photo.jpg -o photo.npy\ncclip preprocess --u8 --size 336 *.png -o "
    "pictures.npy",
    "`output`, `rows`, `shape`, `dtype`, `skipped`: one line when the file is written",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_BACKGROUND,
    1,
    SIZE_MAX,
    sizeof(struct settings),
    &defaults,
    run
};
