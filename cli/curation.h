/* What filter and dedup share: options of the corpus, doing it, writing and telling what came out. */
#ifndef CCLIP_CLI_CURATION_H
#define CCLIP_CLI_CURATION_H

#include "cli/command.h"

struct cclip_curation_settings {
    int dataset_type, every_sample;
    const char *train_data, *image_column, *caption_column, *separator;
    const char *image_key, *text_key, *json_text_key;
    const char *output, *report, *lines;
    int64_t seed;
};

/* Rows of a verb's table of options; `field` gives the place of a field of the struct above. */
#define CCLIP_CURATION_OPTIONS(field)                                                              \
    { "train-data", 0, CCLIP_OPTION_TEXT, "DATA",                                                  \
      "tar shards (\"pairs-{000..127}.tar\"), CSV or TSV, or a folder; several with :: between them", \
      field(train_data), 0, 0, 0, NULL },                                                          \
        { "dataset-type", 0, CCLIP_OPTION_CHOICE, "TYPE", "how the data lies (default auto)",      \
          field(dataset_type), 0, 0, 0, cclip_dataset_types },                                     \
        { "csv-img-key", 0, CCLIP_OPTION_TEXT, "NAME",                                             \
          "column of a CSV with the path (default filepath)", field(image_column), 0, 0, 0, NULL }, \
        { "csv-separator", 0, CCLIP_OPTION_TEXT, "C",                                              \
          "of a CSV: a character, tab, comma or semicolon (default: by the first line)",           \
          field(separator), 0, 0, 0, NULL },                                                       \
        { "image-key", 0, CCLIP_OPTION_TEXT, "EXT",                                                \
          "of a shard: extensions of the picture, \"jpg;png\" (default: any of a picture)",        \
          field(image_key), 0, 0, 0, NULL },                                                       \
        { "output", 'o', CCLIP_OPTION_TEXT, "OUT",                                                 \
          "write what is kept: one table as a file, all else as a new folder, with report.jsonl",  \
          field(output), 0, 0, 0, NULL },                                                          \
        { "report", 0, CCLIP_OPTION_TEXT, "FILE", "write an HTML page with counts and samples",    \
          field(report), 0, 0, 0, NULL },                                                          \
        { "lines", 0, CCLIP_OPTION_TEXT, "FILE",                                                   \
          "write JSON lines: a sample that goes or whose caption changed each, and a summary",     \
          field(lines), 0, 0, 0, NULL },                                                           \
        { "every-sample", 0, CCLIP_OPTION_FLAG, NULL, "--lines tells of what is kept too",         \
          field(every_sample), 0, 0, 0, NULL }

/* Where captions are looked at, these too. */
#define CCLIP_CURATION_CAPTION_OPTIONS(field)                                                      \
    { "csv-caption-key", 0, CCLIP_OPTION_TEXT, "NAME", "column of a CSV with the caption (default title)", \
      field(caption_column), 0, 0, 0, NULL },                                                      \
        { "text-key", 0, CCLIP_OPTION_TEXT, "EXT",                                                 \
          "of a shard: extension of the caption (default txt, else the .json's caption)",          \
          field(text_key), 0, 0, 0, NULL },                                                        \
        { "json-text-key", 0, CCLIP_OPTION_TEXT, "KEY",                                            \
          "of a shard: the caption is what the .json has under this key", field(json_text_key), 0, 0, 0, NULL }

extern const struct cclip_choice cclip_dataset_types[];

/* The options of the corpus; the rest is the verb's. Returns an exit status. */
int cclip_curation_choose(cclip_curate_options *out, const struct cclip_verb *verb,
                          const struct cclip_curation_settings *settings);

/* Opens the model where `model` says that one is needed, decides, writes, calls `tell` with the outcome. Returns the
 * program's exit status. */
int cclip_curation_run(const struct cclip_verb *verb, const struct cclip_common *common,
                       const struct cclip_curation_settings *settings, cclip_curate_options *options, int model,
                       cclip_status (*tell)(const cclip_curation *curation, int json));

/* Counts by reason, and by rule where captions were cleaned: a table, or one JSON object. */
cclip_status cclip_curation_tell_counts(const cclip_curation *curation, int json);

#endif
