/* cclip filter: pairs that do not belong together go, captions are cleaned. */
#include "cli/curation.h"

struct settings {
    struct cclip_common common;
    struct cclip_curation_settings curation;
    int pairs, clean;
    double min_score, keep; /* below the least possible: not given */
    int64_t min_chars, max_chars, repeats, references;
    struct cclip_texts without;
};
#define NOT_GIVEN (-2.0)

static int choose_pairs(cclip_curate_options *out, const struct cclip_verb *verb, const struct settings *s)
{
    const int by_score = s->min_score > NOT_GIVEN, by_share = s->keep > NOT_GIVEN;
    if (by_score && by_share)
        return cclip_usage_error(verb, "--min-score and --keep exclude each other");
    if ((by_score || by_share) && !s->pairs)
        return cclip_usage_error(verb, "%s needs --pairs", by_score ? "--min-score" : "--keep");
    if (!s->pairs)
        return CCLIP_EXIT_DONE;
    out->pairs = by_score ? CCLIP_KEEP_MIN_SCORE : by_share ? CCLIP_KEEP_FRACTION : CCLIP_KEEP_MATCHING;
    out->pair_limit = by_score ? s->min_score : by_share ? s->keep : 0;
    return CCLIP_EXIT_DONE;
}

static int choose_captions(cclip_curate_options *out, const struct cclip_verb *verb, const struct settings *s)
{
    if (!s->clean && (s->without.count || s->repeats || s->min_chars >= 0 || s->max_chars >= 0))
        return cclip_usage_error(verb, "rules for captions need --clean-captions");
    out->clean_captions = s->clean;
    out->without_rules = s->without.items;
    out->without_rule_count = s->without.count;
    out->caption_repeats = (size_t)s->repeats;
    if (s->min_chars >= 0)
        out->min_chars = (size_t)s->min_chars;
    if (s->max_chars >= 0)
        out->max_chars = (size_t)s->max_chars;
    return CCLIP_EXIT_DONE;
}

static int run(const struct cclip_verb *verb, const void *settings, const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    cclip_curate_options options;
    (void)arguments;
    if (!s->pairs && !s->clean)
        return cclip_usage_error(verb, "nothing to do: give --pairs or --clean-captions");
    int code = cclip_curation_choose(&options, verb, &s->curation);
    if (!code)
        code = choose_pairs(&options, verb, s);
    if (!code)
        code = choose_captions(&options, verb, s);
    options.references = (size_t)s->references;
    return code ? code
                : cclip_curation_run(verb, &s->common, &s->curation, &options, s->pairs,
                                     cclip_curation_tell_counts);
}

static const struct settings defaults = { .min_score = NOT_GIVEN, .keep = NOT_GIVEN, .min_chars = -1,
                                          .max_chars = -1, .references = 2048 };

#define FIELD(field) offsetof(struct settings, field)
#define OF_CURATION(field) offsetof(struct settings, curation.field)
static const struct cclip_option options[] = {
    { "pairs", 0, CCLIP_OPTION_FLAG, NULL, "judge by a model whether picture and caption belong together",
      FIELD(pairs), 0, 0, 0, NULL },
    CCLIP_CURATION_OPTIONS(OF_CURATION),
    CCLIP_CURATION_CAPTION_OPTIONS(OF_CURATION),
    { "min-score", 0, CCLIP_OPTION_NUMBER, "X", "keep pairs whose cosine is at least X", FIELD(min_score), 0, -1, 1,
      NULL },
    { "keep", 0, CCLIP_OPTION_NUMBER, "SHARE", "keep this share of the pairs, those with the highest cosines",
      FIELD(keep), 0, 0.000001, 1, NULL },
    { "references", 0, CCLIP_OPTION_INTEGER, "N",
      "pairs that each one is compared with, where neither is given (default 2048)", FIELD(references), 0, 2, 65536,
      NULL },
    { "seed", 0, CCLIP_OPTION_INTEGER, "N", "which pairs these are (default 0)", OF_CURATION(seed), 0, 0, 1e15, NULL },
    { "clean-captions", 0, CCLIP_OPTION_FLAG, NULL, "apply the rules for captions (see docs/curation.md)",
      FIELD(clean), 0, 0, 0, NULL },
    { "without-rule", 0, CCLIP_OPTION_TEXTS, "NAME", "but not this one (repeatable)", FIELD(without), 0, 0, 0, NULL },
    { "min-chars", 0, CCLIP_OPTION_INTEGER, "N", "shorter captions are refused (default 2)", FIELD(min_chars), 0, 0,
      1000000, NULL },
    { "max-chars", 0, CCLIP_OPTION_INTEGER, "N", "longer captions are refused (default 1000)", FIELD(max_chars), 0, 0,
      16777216, NULL },
    { "caption-repeats", 0, CCLIP_OPTION_INTEGER, "N",
      "a caption of more than N pictures is boilerplate, and refused (default: never)", FIELD(repeats), 0, 1, 1e15,
      NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef FIELD
#undef OF_CURATION

const struct cclip_verb cclip_command_filter = {
    "filter",
    "pairs that do not belong together go; captions are cleaned",
    NULL,
    "Looks through a corpus of pictures and captions, decides what goes, and says why.\n\n"
    "With --pairs a model scores each pair. Without a number from you each is compared with random mismatches of the "
    "same corpus, and those go that are more probably mismatched than not; how many that are, and how many good ones "
    "went along, is estimated and printed. Where a model can hardly tell pairs from mismatches nothing is written; "
    "--keep or --min-score say it in numbers then.\n\n"
    "-o writes what is kept in the layout it came in; members of tar files keep their bytes. Without -o nothing is "
    "written. Samples that cannot be read are named, counted and left out.",
    "cclip filter --pairs --train-data 'pairs-{000..127}.tar' --model ViT-B-32.pt -o clean --report clean.html\n"
    "cclip filter --pairs --keep 0.3 --train-data pairs.tsv -o best.tsv\n"
    "cclip filter --clean-captions --min-chars 5 --train-data pairs.tsv -o clean.tsv",
    "`samples`, `kept`, `broken`, `caption`, `mismatch`, `evaluation`, `same_file`, `same_pixels`, `near_duplicate` "
    "(counts, which sum up to `samples`), `rules` {captions changed or refused by rule}, `damaged_shards`, "
    "`lowest_score` (cosine that was kept), `estimated_mismatched`, `estimated_caught`, `estimated_lost` (shares)",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    0,
    0,
    sizeof(struct settings),
    &defaults,
    run
};
