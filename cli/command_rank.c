/* cclip rank: candidate captions of a picture, best first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    const char *captions;
    int64_t top;
    int truncate;
};

struct candidate {
    double cosine, logit, probability;
    size_t index;
};

struct work {
    const struct settings *s;
    const struct cclip_opened *opened;
    struct cclip_inputs captions;
    float *rows; /* [captions][dim] */
    struct candidate *candidates;
    size_t shown;
};

static int better(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->cosine != y->cosine)
        return x->cosine < y->cosine ? 1 : -1;
    return x->index > y->index ? 1 : -1;
}

static void order(struct work *work, const float *picture)
{
    const cclip_model_info *info = &work->opened->info;
    const size_t count = work->captions.count;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct candidate *c = &work->candidates[i];
        c->index = i;
        c->cosine = (double)cclip_similarity(picture, work->rows + i * info->embedding_dim,
                                             info->embedding_dim);
        c->logit = (double)info->logit_scale * c->cosine + (double)info->logit_bias;
    }
    qsort(work->candidates, count, sizeof(*work->candidates), better);
    for (size_t i = 0; i < count; i++)
        sum += exp(work->candidates[i].logit - work->candidates[0].logit);
    for (size_t i = 0; i < count; i++)
        work->candidates[i].probability =
            exp(work->candidates[i].logit - work->candidates[0].logit) / sum;
}

static cclip_status print_json(const struct work *work, const char *path)
{
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "path", path);
    cclip_emit_begin(&e, "captions", '[');
    for (size_t i = 0; i < work->shown; i++) {
        const struct candidate *c = &work->candidates[i];
        cclip_emit_begin(&e, NULL, '{');
        cclip_emit_text(&e, "text", cclip_inputs_at(&work->captions, c->index),
                        cclip_inputs_length(&work->captions, c->index));
        cclip_emit_number(&e, "score", c->cosine);
        cclip_emit_number(&e, "logit", c->logit);
        cclip_emit_number(&e, "probability", c->probability);
        cclip_emit_end(&e, '}');
    }
    cclip_emit_end(&e, ']');
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static cclip_status print_table(const struct work *work, const char *path)
{
    struct cclip_table table;
    char clean[512];
    cclip_status status = cclip_print("%s\n", cclip_printable(clean, sizeof(clean), path));
    cclip_table_open(&table, ">><");
    for (size_t i = 0; i < work->shown; i++) {
        const struct candidate *c = &work->candidates[i];
        cclip_table_cell(&table, "  %.4f", c->cosine);
        cclip_table_cell(&table, "%.1f %%", 100 * c->probability);
        cclip_table_cell(
            &table, "%s",
            cclip_printable(clean, sizeof(clean), cclip_inputs_at(&work->captions, c->index)));
    }
    if (!status)
        status = cclip_table_print(&table);
    cclip_table_close(&table);
    return status;
}

static cclip_status embed_captions(struct work *work)
{
    enum { BATCH = 256 };
    const struct settings *s = work->s;
    const size_t dim = work->opened->info.embedding_dim;
    cclip_status status = cclip_inputs_lines(&work->captions, s->captions, 0);
    const size_t count = work->captions.count;
    if (!status && !count)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: the list is empty", s->captions);
    if (status)
        return status;
    work->shown = s->top && (size_t)s->top < count ? (size_t)s->top : count;
    work->rows = cclip_allocate(count * dim, sizeof(*work->rows));
    work->candidates = cclip_allocate(count, sizeof(*work->candidates));
    if (!work->rows || !work->candidates)
        return CCLIP_ERROR_MEMORY;
    for (size_t first = 0; first < count && !status; first += BATCH) {
        const size_t size = count - first < BATCH ? count - first : BATCH;
        status = cclip_embed_inputs(work->opened, work->rows + first * dim, &work->captions, first,
                                    size, s->truncate, 1);
    }
    if (status == CCLIP_ERROR_LIMIT || status == CCLIP_ERROR_FORMAT)
        return cclip_fail_in(status, "%s", s->captions);
    return status;
}

static cclip_status rank_pictures(struct work *work, struct cclip_pictures *pictures)
{
    cclip_status status;
    while (!(status = cclip_pictures_next(pictures)) && pictures->count) {
        for (size_t i = 0; i < pictures->count && !status; i++) {
            const char *path = cclip_inputs_at(pictures->paths, pictures->first + i);
            if (pictures->skip[i])
                continue;
            order(work, pictures->rows + i * pictures->dim);
            status = work->s->common.json ? print_json(work, path) : print_table(work, path);
        }
        if (status)
            break;
    }
    return status;
}

static int rank(struct work *work, const cclip_preprocessing *preprocessing,
                const struct cclip_texts *arguments)
{
    struct cclip_inputs paths;
    struct cclip_pictures pictures;
    memset(&pictures, 0, sizeof(pictures));
    cclip_inputs_open(&paths);
    cclip_status status = embed_captions(work);
    for (size_t i = 0; i < arguments->count && !status; i++)
        status = cclip_inputs_add(&paths, arguments->items[i], strlen(arguments->items[i]));
    if (!status)
        status = cclip_pictures_open(&pictures, work->opened, &paths, preprocessing, 1);
    if (!status)
        status = rank_pictures(work, &pictures);
    int code = status ? cclip_report_failure() : CCLIP_EXIT_DONE;
    if (!status)
        code = pictures.interrupted ? CCLIP_EXIT_FAILED
                                    : cclip_exit_status(pictures.skipped, paths.count, "pictures");
    cclip_pictures_close(&pictures);
    cclip_inputs_close(&paths);
    return code;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    struct cclip_opened opened;
    cclip_preprocessing preprocessing;
    struct work work;
    memset(&work, 0, sizeof(work));
    work.s = settings;
    work.opened = &opened;
    cclip_inputs_open(&work.captions);
    if (!work.s->captions)
        return cclip_usage_error(verb,
                                 "--captions FILE is missing: CLIP does not write captions, it "
                                 "only puts given ones in order");
    int code = cclip_opened_session(&opened, verb, &work.s->common);
    if (!code)
        code = cclip_choose_preprocessing(&preprocessing, verb, &work.s->common, &opened.info, 0);
    if (!code)
        code = rank(&work, &preprocessing, arguments);
    cclip_inputs_close(&work.captions);
    cclip_release(work.rows);
    cclip_release(work.candidates);
    cclip_opened_close(&opened);
    return code;
}

static const struct settings defaults;

static const struct cclip_option options[] = {
    { "captions", 0, CCLIP_OPTION_TEXT, "FILE",
      "candidate captions, one a line; - is standard input", offsetof(struct settings, captions), 0,
      0, 0, NULL },
    { "top", 0, CCLIP_OPTION_INTEGER, "K", "print the best K (default: all)",
      offsetof(struct settings, top), 0, 1, 1 << 30, NULL },
    { "truncate", 0, CCLIP_OPTION_FLAG, NULL, "cut captions that are too long instead of failing",
      offsetof(struct settings, truncate), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_rank = {
    "rank",
    "given captions of a picture, best first",
    "IMAGE...",
    "Puts the captions of a file in order of how well they match the picture, with their cosine "
    "and the "
    "softmax over all of them.\n\n"
    "CLIP does not write captions: it only compares a picture with texts that it is given. The "
    "candidates have to come from you or from a captioning model.",
    "cclip rank photo.jpg --captions candidates.txt --top 3",
    "a line a picture: `path`, `captions` [{`text`, `score` (the cosine), `logit`, `probability` "
    "(softmax over all captions)}], best first",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    1,
    SIZE_MAX,
    sizeof(struct settings),
    &defaults,
    run
};
