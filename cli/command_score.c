/* cclip score: one picture against one text. */
#include <string.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    int truncate;
};

static cclip_status print_score(const struct settings *s, const cclip_model_info *info,
                                const char *path, const char *text, double cosine)
{
    const double logit = (double)info->logit_scale * cosine + (double)info->logit_bias;
    if (!s->common.json)
        return cclip_print("cosine  %.6f\nlogit   %.4f\n", cosine, logit);
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "path", path);
    cclip_emit_string(&e, "text", text);
    cclip_emit_number(&e, "cosine", cosine);
    cclip_emit_number(&e, "logit", logit);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static cclip_status score(const struct settings *s, const struct cclip_opened *opened,
                          const cclip_preprocessing *preprocessing, const char *path,
                          const char *text)
{
    const size_t dim = opened->info.embedding_dim;
    struct cclip_inputs texts;
    cclip_inputs_open(&texts);
    float *rows = cclip_allocate(2 * dim, sizeof(*rows));
    cclip_status status = rows ? cclip_inputs_add(&texts, text, strlen(text)) : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_embed_inputs(opened, rows, &texts, 0, 1, s->truncate, 1);
    if (!status)
        status =
            cclip_embed_files(opened->session, rows + dim, &path, 1, preprocessing, 1, NULL, NULL);
    if (!status)
        status = print_score(s, &opened->info, path, text,
                             (double)cclip_similarity(rows, rows + dim, dim));
    cclip_inputs_close(&texts);
    cclip_release(rows);
    return status;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    struct cclip_opened opened;
    cclip_preprocessing preprocessing;
    int code = cclip_opened_session(&opened, verb, &s->common);
    if (!code)
        code = cclip_choose_preprocessing(&preprocessing, verb, &s->common, &opened.info, 0);
    if (!code && score(s, &opened, &preprocessing, arguments->items[0], arguments->items[1]))
        code = cclip_report_failure();
    cclip_opened_close(&opened);
    return code;
}

static const struct settings defaults;

static const struct cclip_option options[] = {
    { "truncate", 0, CCLIP_OPTION_FLAG, NULL, "cut a text that is too long instead of failing",
      offsetof(struct settings, truncate), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_score = {
    "score",
    "how well a picture and a text match",
    "IMAGE TEXT",
    "Prints the cosine of the two embeddings and the logit (scale * cosine + bias), which is what "
    "a "
    "softmax over several texts starts from. A cosine alone says little: 0.3 is high for many "
    "models. "
    "Compare texts with `cclip rank`, or label pictures with `cclip classify`.",
    "cclip score photo.jpg \"a red bicycle leaning on a wall\"",
    "`path`, `text`, `cosine`, `logit`",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    2,
    2,
    sizeof(struct settings),
    &defaults,
    run
};
