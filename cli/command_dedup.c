/* cclip dedup: pictures that are there twice, or in an evaluation set. */
#include <math.h>

#include "cli/curation.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    struct cclip_curation_settings curation;
    int near, within;
    double threshold; /* below 0: not given */
    struct cclip_texts against;
};

static int is_duplicate(const cclip_curation_row *row)
{
    return row->reason >= CCLIP_CURATE_EVALUATION;
}

static cclip_status list_json(const cclip_curation *curation)
{
    cclip_curation_row row = { .version = CCLIP_CURATION_ROW_VERSION };
    struct cclip_emitter e;
    cclip_status status = CCLIP_OK;
    cclip_emitter_open(&e);
    for (size_t i = 0; i < cclip_curation_count(curation) && !status; i++) {
        status = cclip_curation_get(curation, i, &row);
        if (status || !is_duplicate(&row))
            continue;
        cclip_emit_begin(&e, NULL, '{');
        cclip_emit_string(&e, "path", row.name);
        cclip_emit_string(&e, "reason", cclip_curate_reason_name(row.reason));
        cclip_emit_string(&e, "of", row.of);
        cclip_emit_number(&e, "similarity", row.similarity);
        cclip_emit_end(&e, '}');
        status = cclip_emit_line(&e);
    }
    cclip_emitter_close(&e);
    return status;
}

static cclip_status list_text(const cclip_curation *curation)
{
    enum { NAME = 1024 };
    cclip_curation_row row = { .version = CCLIP_CURATION_ROW_VERSION };
    char name[NAME], of[NAME];
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < cclip_curation_count(curation) && !status; i++) {
        status = cclip_curation_get(curation, i, &row);
        if (!status && is_duplicate(&row))
            status = cclip_print("%s  %s %.3f  %s\n", cclip_printable(name, NAME, row.name),
                                 cclip_curate_reason_name(row.reason), row.similarity,
                                 cclip_printable(of, NAME, row.of));
    }
    return status;
}

static cclip_status tell_list(const cclip_curation *curation, int json)
{
    const cclip_status status = json ? list_json(curation) : list_text(curation);
    const size_t all = cclip_curation_count(curation), kept = cclip_curation_tally(curation, CCLIP_CURATE_KEPT);
    if (!status)
        cclip_message("%zu of %zu pictures stay", kept, all);
    return status;
}

static int run(const struct cclip_verb *verb, const void *settings, const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    struct cclip_curation_settings curation = s->curation;
    cclip_curate_options options;
    if (arguments->count && curation.train_data)
        return cclip_usage_error(verb, "DATA and --train-data exclude each other");
    if (arguments->count)
        curation.train_data = arguments->items[0];
    if (s->threshold >= 0 && s->near == CCLIP_NEAR_NONE)
        return cclip_usage_error(verb, "--threshold needs --near cosine or hash");
    if (s->threshold > 1 && s->near == CCLIP_NEAR_COSINE)
        return cclip_usage_error(verb, "--threshold: a cosine of %g is above 1", s->threshold);
    if (s->threshold >= 0 && s->near == CCLIP_NEAR_HASH && s->threshold > floor(s->threshold))
        return cclip_usage_error(verb, "--threshold: with --near hash it is how many of 128 bits may differ, a whole "
                                       "number (default 6), not %g", s->threshold);
    const int code = cclip_curation_choose(&options, verb, &curation);
    if (code)
        return code;
    options.pictures_alone = 1;
    options.exact_duplicates = !(s->within && s->against.count);
    options.near = (cclip_near_rule)s->near;
    options.near_limit = s->threshold;
    options.against = s->against.items;
    options.against_count = s->against.count;
    return cclip_curation_run(verb, &s->common, &curation, &options, s->near == CCLIP_NEAR_COSINE,
                              curation.output && !s->common.json ? cclip_curation_tell_counts : tell_list);
}

static const struct cclip_choice rules[] = { { "cosine", CCLIP_NEAR_COSINE, 0 },
                                             { "hash", CCLIP_NEAR_HASH, 0 },
                                             { "none", CCLIP_NEAR_NONE, 0 },
                                             { NULL, 0, 0 } };
static const struct settings defaults = { .near = CCLIP_NEAR_COSINE, .threshold = -1 };

#define FIELD(field) offsetof(struct settings, field)
#define OF_CURATION(field) offsetof(struct settings, curation.field)
static const struct cclip_option options[] = {
    CCLIP_CURATION_OPTIONS(OF_CURATION),
    { "near", 0, CCLIP_OPTION_CHOICE, "HOW",
      "what much the same pictures are found by: cosine of the model's embeddings (default), hash (no model), none",
      FIELD(near), 0, 0, 0, rules },
    { "threshold", 0, CCLIP_OPTION_NUMBER, "X",
      "cosine of two such pictures at least (default 0.98); with hash, bits of 128 that differ at most (default 6)",
      FIELD(threshold), 0, 0, 128, NULL },
    { "against", 0, CCLIP_OPTION_TEXTS, "DATA",
      "drop pictures that this data has: an evaluation set, say (repeatable)", FIELD(against), 0, 0, 0, NULL },
    { "only-against", 0, CCLIP_OPTION_FLAG, NULL, "and leave duplicates within the data alone", FIELD(within), 0, 0, 0,
      NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef FIELD
#undef OF_CURATION

const struct cclip_verb cclip_command_dedup = {
    "dedup",
    "pictures that are there twice, or in an evaluation set",
    "[DATA]",
    "Finds files with the same bytes, other files with the same pixels, and pictures that look much the same, and "
    "lists each with the one that stays: that with the most pixels, of those the earlier one. DATA is a folder of "
    "pictures, tar shards or a table.\n\n"
    "-o writes the data without them, in the layout it came in; nothing is changed where it lies.\n\n"
    "--against drops what another set of pictures has, so that a model is not judged by what it has seen.",
    "cclip dedup photos\n"
    "cclip dedup --train-data 'pairs-{000..127}.tar' --against imagenet/val -o unique\n"
    "cclip dedup photos --near hash --threshold 4 --json",
    "a line for each picture that goes: `path`, `reason` (`evaluation`, `same_file`, `same_pixels`, `near_duplicate`), "
    "`of` (the picture it is a duplicate of), `similarity` (cosine, or the share of hash bits that agree)",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    0,
    1,
    sizeof(struct settings),
    &defaults,
    run
};
