/* cclip train-tokenizer: a vocabulary from captions. */
#include <stdio.h>
#include <string.h>

#include "base/new_folder.h"
#include "cli/captions.h"
#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    const char *output, *column, *separator;
    int64_t size, minimum_count, context;
    int jsonl;
};

enum { SIZE_MINIMUM = 514, SIZE_MAXIMUM = 4 << 20, DEFAULT_MINIMUM_COUNT = 2 };
enum { SKIPS_NAMED = 20 }; /* a file that is no text at all would name each of its lines */

/* One run: counting first, then learning. */
struct work {
    cclip_tokenizer_trainer *trainer;
    cclip_tokenizer *tokenizer;
    cclip_tokenizer_training_info info;
    struct cclip_progress progress;
    size_t captions, skipped;
};

static void name_skip(struct work *work, const struct cclip_caption *caption)
{
    if (work->skipped++ >= SKIPS_NAMED)
        return;
    if (caption->member)
        cclip_message("skipped: %s: %s: %s", caption->file, caption->member, cclip_error_message());
    else
        cclip_message("skipped: %s: line %zu: %s", caption->file, caption->line,
                      cclip_error_message());
    if (work->skipped == SKIPS_NAMED)
        cclip_message("more skipped captions are counted, not named");
}

static cclip_status take(void *context, const struct cclip_caption *caption)
{
    struct work *work = context;
    cclip_status status = caption->status;
    work->captions++;
    if (!status)
        status = cclip_tokenizer_trainer_add(work->trainer, caption->text, caption->length);
    if (status && status != CCLIP_ERROR_FORMAT && status != CCLIP_ERROR_LIMIT)
        return status;
    if (status)
        name_skip(work, caption);
    cclip_progress_update(&work->progress, work->captions);
    return CCLIP_OK;
}

static int merged(void *user, size_t done, size_t total)
{
    struct work *work = user;
    work->progress.total = total;
    cclip_progress_update(&work->progress, done);
    return cclip_interrupted();
}

static cclip_status open_trainer(struct work *work, const struct settings *s)
{
    cclip_tokenizer_training_options options = CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT;
    options.style = (cclip_tokenizer_style)s->common.style;
    options.no_ftfy = s->common.no_ftfy;
    options.size = (size_t)s->size;
    options.minimum_count = (uint64_t)s->minimum_count;
    options.progress = merged;
    options.user = work;
    work->info.version = CCLIP_TOKENIZER_TRAINING_INFO_VERSION;
    return cclip_tokenizer_trainer_open(&work->trainer, &options);
}

/* Whether the result could be written, before long work. */
static cclip_status check_output(const char *path)
{
    struct cclip_new_folder folder;
    const cclip_status status = cclip_new_folder_open(&folder, path);
    cclip_new_folder_close(&folder);
    return status;
}

/* Where there is nothing to learn from, the message says in which file. */
static cclip_status learn(struct work *work, const struct cclip_texts *files)
{
    const cclip_status status =
        cclip_tokenizer_trainer_learn(&work->tokenizer, &work->info, work->trainer);
    if (status != CCLIP_ERROR_ARGUMENT)
        return status;
    return files->count == 1 ? cclip_fail_in(status, "%s", cclip_inputs_name(files->items[0]))
                             : cclip_fail_in(status, "%zu files", files->count);
}

static cclip_status train(struct work *work, const struct settings *s,
                          const struct cclip_texts *files)
{
    const struct cclip_caption_reader reader = { s->jsonl, s->column,
                                                 s->separator ? *s->separator : '\0', take, work };
    cclip_status status = check_output(s->output);
    if (!status)
        status = open_trainer(work, s);
    cclip_progress_open(&work->progress, "captions", 0);
    for (size_t i = 0; i < files->count && !status && !cclip_interrupted(); i++)
        status = cclip_captions_read(&reader, files->items[i]);
    cclip_progress_close(&work->progress);
    if (!status && cclip_interrupted())
        status = cclip_fail(CCLIP_ERROR_CANCELLED, "stopped by the caller");
    cclip_progress_open(&work->progress, "merges", 0);
    if (!status)
        status = learn(work, files);
    cclip_progress_close(&work->progress);
    if (!status)
        status = cclip_tokenizer_write(work->tokenizer, s->output, (size_t)s->context);
    return status;
}

static cclip_status print_summary(const struct work *work, const struct settings *s)
{
    const cclip_tokenizer_training_info *info = &work->info;
    const size_t size = cclip_tokenizer_vocabulary_size(work->tokenizer);
    const double mean = (double)info->tokens / (double)info->captions;
    if (!s->common.json)
        return cclip_print(
            "%s: %zu tokens from %llu captions with %llu distinct words; %.2f tokens a "
            "caption\n",
            s->output, size, (unsigned long long)info->captions,
            (unsigned long long)info->distinct_words, mean);
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "output", s->output);
    cclip_emit_integer(&e, "size", (int64_t)size);
    cclip_emit_integer(&e, "merges", (int64_t)info->merges);
    cclip_emit_integer(&e, "captions", (int64_t)info->captions);
    cclip_emit_integer(&e, "skipped", (int64_t)work->skipped);
    cclip_emit_integer(&e, "words", (int64_t)info->words);
    cclip_emit_integer(&e, "distinct_words", (int64_t)info->distinct_words);
    cclip_emit_number(&e, "tokens_per_caption", mean);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static void warn_of_size(const struct work *work, const struct settings *s)
{
    const size_t size = cclip_tokenizer_vocabulary_size(work->tokenizer);
    char often[64] = "";
    if (size == (size_t)s->size)
        return;
    if (s->minimum_count > 1)
        snprintf(often, sizeof(often), " that occurs %lld times", (long long)s->minimum_count);
    cclip_message("warning: a vocabulary of %zu tokens instead of %lld: no pair is left%s", size,
                  (long long)s->size, often);
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    struct work work;
    memset(&work, 0, sizeof(work));
    if (!s->size)
        return cclip_usage_error(verb, "--size N is missing");
    if (!s->output)
        return cclip_usage_error(verb, "-o DIR is missing");
    if (s->separator && strlen(s->separator) != 1)
        return cclip_usage_error(verb, "--csv-separator: \"%s\" is not one character",
                                 s->separator);
    cclip_status status = train(&work, s, arguments);
    if (!status) {
        warn_of_size(&work, s);
        status = print_summary(&work, s);
    }
    int code;
    if (status == CCLIP_ERROR_CANCELLED) {
        cclip_message("interrupted: %zu captions read, nothing written", work.captions);
        code = CCLIP_EXIT_FAILED;
    } else {
        code = status ? cclip_report_failure()
                      : cclip_exit_status(work.skipped, work.captions, "captions");
    }
    cclip_tokenizer_close(&work.tokenizer);
    cclip_tokenizer_trainer_close(&work.trainer);
    return code;
}

static const struct settings defaults = { .minimum_count = DEFAULT_MINIMUM_COUNT,
                                          .column = "title" };

static const struct cclip_choice styles[] = { { "openai", CCLIP_TOKENIZER_OPENAI, 0 },
                                              { "open_clip", CCLIP_TOKENIZER_OPEN_CLIP, 0 },
                                              { "hf", CCLIP_TOKENIZER_HF, 0 },
                                              { NULL, 0, 0 } };

static const struct cclip_option options[] = {
    { "size", 0, CCLIP_OPTION_INTEGER, "N",
      "tokens of the vocabulary, the 512 of single bytes and the start and end token included",
      offsetof(struct settings, size), 0, SIZE_MINIMUM, SIZE_MAXIMUM, NULL },
    { "output", 'o', CCLIP_OPTION_TEXT, "DIR", "folder to write; must not exist or be empty",
      offsetof(struct settings, output), 0, 0, 0, NULL },
    { "min-count", 0, CCLIP_OPTION_INTEGER, "N",
      "pairs that occur less often are not merged (default 2)",
      offsetof(struct settings, minimum_count), 0, 1, 1000000000, NULL },
    { "context", 0, CCLIP_OPTION_INTEGER, "N",
      "most tokens a text may have in the model, noted as model_max_length (default: not said)",
      offsetof(struct settings, context), 0, 2, 65536, NULL },
    { "jsonl", 0, CCLIP_OPTION_FLAG, NULL,
      "each line is JSON: a string, or an object with \"caption\" or \"text\" (.jsonl always is)",
      offsetof(struct settings, jsonl), 0, 0, 0, NULL },
    { "csv-caption-key", 0, CCLIP_OPTION_TEXT, "NAME",
      "column of a .csv or .tsv that holds the captions (default title)",
      offsetof(struct settings, column), 0, 0, 0, NULL },
    { "csv-separator", 0, CCLIP_OPTION_TEXT, "C",
      "what parts columns (default: tab, comma, semicolon or bar, by the first line)",
      offsetof(struct settings, separator), 0, 0, 0, NULL },
    { "style", 0, CCLIP_OPTION_CHOICE, "STYLE", "whose cleaning of texts to follow (default hf)",
      offsetof(struct settings, common.style), 0, 0, 0, styles },
    { "no-ftfy", 0, CCLIP_OPTION_FLAG, NULL, "leave out the repair of broken Unicode",
      offsetof(struct settings, common.no_ftfy), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_train_tokenizer = {
    "train-tokenizer",
    "a vocabulary from captions",
    "FILE...",
    "Learns a byte-pair vocabulary of --size tokens and writes vocab.json, merges.txt and "
    "tokenizer_config.json into DIR, which cclip, transformers and open_clip read. FILE is text "
    "with a caption a line (- is standard input), .jsonl, a column of a .csv or .tsv, or a .tar "
    "shard whose .txt members are captions. They are cleaned and cut into words as `tokenize` does "
    "it; memory is taken for distinct words only.\n\n"
    "Where no pair is left to merge the vocabulary is smaller than asked, with a warning. A "
    "caption that is not UTF-8 is named and skipped.",
    "cclip train-tokenizer --size 8192 --context 32 -o vocabulary captions.txt\n"
    "cclip train-tokenizer --size 49408 -o vocabulary pairs-*.tar",
    "one line when the folder is written: `output`, `size`, `merges`, `captions`, `skipped`, "
    "`words`, `distinct_words`, `tokens_per_caption` (without start and end token)",
    options,
    0,
    1,
    SIZE_MAX,
    sizeof(struct settings),
    &defaults,
    run
};
