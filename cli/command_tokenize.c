/* cclip tokenize: texts to ids, and back. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/lines.h"
#include "cli/output.h"
#include "formats/json.h"

struct settings {
    struct cclip_common common;
    int jsonl, truncate, decode;
    int64_t context;
};

/* One run: the tokenizer, and memory that all texts share. */
struct work {
    const struct settings *settings;
    struct cclip_opened opened;
    cclip_tokenizer *own; /* of --vocab */
    const cclip_tokenizer *tokenizer;
    size_t context, number; /* of the text at hand, counted from 1 */
    const char *what;       /* "text" or "line" */
    int32_t *ids;
    size_t capacity;
    struct cclip_buffer line;
};

enum { DEFAULT_CONTEXT = 77, IDS_MAXIMUM = 1 << 28 };
enum { LINE_MAXIMUM = 1 << 27 }; /* bytes: a text in JSON takes up to six a byte */

static cclip_status open_tokenizer(struct work *work)
{
    const struct settings *s = work->settings;
    cclip_status status;
    work->context = DEFAULT_CONTEXT;
    if (s->common.vocabulary && !s->common.model) {
        cclip_tokenizer_options options = CCLIP_TOKENIZER_OPTIONS_INIT;
        options.style =
            s->common.style ? (cclip_tokenizer_style)s->common.style : CCLIP_TOKENIZER_OPENAI;
        options.no_ftfy = s->common.no_ftfy;
        status = cclip_tokenizer_open(&work->own, s->common.vocabulary, &options);
        work->tokenizer = work->own;
    } else {
        cclip_model_options options = CCLIP_MODEL_OPTIONS_INIT;
        options.vocabulary = s->common.vocabulary;
        options.style = (cclip_tokenizer_style)s->common.style;
        options.no_ftfy = s->common.no_ftfy;
        work->opened.info.version = CCLIP_MODEL_INFO_VERSION;
        status = cclip_model_open(&work->opened.model, s->common.model, &options);
        if (!status)
            status = cclip_model_get_info(work->opened.model, &work->opened.info);
        if (!status)
            status = cclip_model_get_tokenizer(work->opened.model, &work->tokenizer);
        if (!status)
            work->context = work->opened.info.context_length;
    }
    if (s->context)
        work->context = (size_t)s->context;
    return status;
}

/* Puts which text it was, and its beginning, in front of the message. */
static cclip_status name_text(const struct work *work, cclip_status status, const char *text,
                              size_t length)
{
    enum { SHOWN = 40 };
    if (status == CCLIP_ERROR_LIMIT) /* its message has the beginning already */
        return cclip_fail_in(status, "%s %zu", work->what, work->number);
    size_t shown = length < SHOWN ? length : SHOWN;
    while (shown && shown < length && ((unsigned char)text[shown] & 0xc0) == 0x80)
        shown--; /* not through the middle of a character */
    return cclip_fail_in(status, "%s %zu (\"%.*s%s\")", work->what, work->number, (int)shown, text,
                         shown < length ? "..." : "");
}

/* Decimal digits without printf: this is where the time of a long list would go. */
static cclip_status append_id(struct cclip_buffer *out, int32_t id)
{
    char digits[12];
    size_t at = sizeof(digits);
    uint32_t value = (uint32_t)(id < 0 ? 0 : id);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return cclip_buffer_append(out, digits + at, sizeof(digits) - at);
}

static cclip_status print_ids(struct work *work, size_t count)
{
    cclip_buffer_clear(&work->line);
    cclip_status status = cclip_buffer_byte(&work->line, '[');
    for (size_t i = 0; i < count && !status; i++) {
        if (i)
            status = cclip_buffer_append(&work->line, ", ", 2);
        if (!status)
            status = append_id(&work->line, work->ids[i]);
    }
    if (!status)
        status = cclip_buffer_append(&work->line, "]\n", 2);
    return status ? status : cclip_print_bytes(work->line.data, work->line.length);
}

static cclip_status encode(struct work *work, const char *text, size_t length)
{
    size_t count = 0;
    for (;;) {
        cclip_status status =
            cclip_tokenizer_encode(work->tokenizer, work->ids, work->capacity, &count, text, length,
                                   work->context, work->settings->truncate);
        if (status)
            return name_text(work, status, text, length);
        if (count <= work->capacity)
            return print_ids(work, count);
        status =
            cclip_grow(&work->ids, &work->capacity, count, sizeof(*work->ids), IDS_MAXIMUM, "ids");
        if (status)
            return status;
    }
}

static cclip_status read_ids(struct work *work, const cclip_json *array, size_t count)
{
    cclip_status status = CCLIP_OK;
    if (count > work->capacity)
        status =
            cclip_grow(&work->ids, &work->capacity, count, sizeof(*work->ids), IDS_MAXIMUM, "ids");
    for (size_t i = 0; i < count && !status; i++) {
        const cclip_json *value = cclip_json_at(array, i);
        const int64_t id = cclip_json_integer(value, -1);
        if (id < 0 || id > INT32_MAX)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s %zu: element %zu is no token id", work->what,
                              work->number, i);
        work->ids[i] = (int32_t)id;
    }
    return status;
}

static cclip_status print_text(struct work *work, size_t count)
{
    size_t length = 0;
    cclip_status status =
        cclip_tokenizer_decode(work->tokenizer, NULL, 0, &length, work->ids, count);
    if (status)
        return cclip_fail_in(status, "%s %zu", work->what, work->number);
    char *text = cclip_allocate(length + 1, 1);
    if (!text)
        return CCLIP_ERROR_MEMORY;
    status = cclip_tokenizer_decode(work->tokenizer, text, length + 1, &length, work->ids, count);
    cclip_buffer_clear(&work->line);
    if (!status && work->settings->common.json)
        status = cclip_json_quote(&work->line, text, length);
    else if (!status)
        status = cclip_buffer_append(&work->line, text, length);
    if (!status)
        status = cclip_buffer_byte(&work->line, '\n');
    if (!status)
        status = cclip_print_bytes(work->line.data, work->line.length);
    cclip_release(text);
    return status;
}

static cclip_status decode(struct work *work, const char *text, size_t length)
{
    cclip_json *root = NULL;
    char name[64];
    snprintf(name, sizeof(name), "%s %zu", work->what, work->number);
    cclip_status status = cclip_json_parse(&root, text, length, name);
    if (!status && !cclip_json_is_array(root))
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: expected a JSON array of token ids", name);
    const size_t count = status ? 0 : cclip_json_length(root);
    if (!status)
        status = read_ids(work, root, count);
    if (!status)
        status = print_text(work, count);
    cclip_json_close(&root);
    return status;
}

static cclip_status encode_json(struct work *work, const char *line, size_t length)
{
    cclip_json *root = NULL;
    char name[64];
    snprintf(name, sizeof(name), "%s %zu", work->what, work->number);
    cclip_status status = cclip_json_parse(&root, line, length, name);
    if (!status && !cclip_json_is_string(root))
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: expected a JSON string", name);
    if (!status) {
        size_t size = 0;
        const char *text = cclip_json_string(root, &size);
        status = encode(work, text, size);
    }
    cclip_json_close(&root);
    return status;
}

static cclip_status one_text(struct work *work, const char *text, size_t length)
{
    work->number++;
    if (work->settings->decode)
        return decode(work, text, length);
    return work->settings->jsonl ? encode_json(work, text, length) : encode(work, text, length);
}

static cclip_status from_stdin(struct work *work)
{
    struct cclip_lines lines;
    const char *line = NULL;
    size_t length;
    cclip_status status = cclip_lines_open(&lines, "-", LINE_MAXIMUM);
    while (!status && !(status = cclip_lines_next(&lines, &line, &length)) && line)
        status = one_text(work, line, length);
    if (status == CCLIP_ERROR_LIMIT && !line) /* it stands in no line that was handed out */
        cclip_fail_in(status, "line %zu", work->number + 1);
    cclip_lines_close(&lines);
    return status;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    struct work work;
    (void)verb;
    memset(&work, 0, sizeof(work));
    work.settings = settings;
    work.what = arguments->count ? "text" : "line";
    cclip_buffer_open(&work.line, (size_t)1 << 32);
    cclip_status status = open_tokenizer(&work);
    if (!status)
        status = cclip_grow(&work.ids, &work.capacity, 256, sizeof(*work.ids), IDS_MAXIMUM, "ids");
    for (size_t i = 0; i < arguments->count && !status; i++)
        status = one_text(&work, arguments->items[i], strlen(arguments->items[i]));
    if (!status && !arguments->count)
        status = from_stdin(&work);
    const int code = status                ? cclip_report_failure()
                     : cclip_interrupted() ? CCLIP_EXIT_FAILED
                                           : CCLIP_EXIT_DONE;
    cclip_tokenizer_close(&work.own);
    cclip_opened_close(&work.opened);
    cclip_buffer_close(&work.line);
    cclip_release(work.ids);
    return code;
}

static const struct settings defaults;

static const struct cclip_option options[] = {
    { "context", 0, CCLIP_OPTION_INTEGER, "N",
      "most tokens a text may have (default: the model's; 77 with --vocab alone)",
      offsetof(struct settings, context), 0, 2, 1 << 28, NULL },
    { "truncate", 0, CCLIP_OPTION_FLAG, NULL,
      "cut texts that are too long, the end token last, instead of failing",
      offsetof(struct settings, truncate), 0, 0, 0, NULL },
    { "jsonl", 0, CCLIP_OPTION_FLAG, NULL, "each text is a JSON string, so it may hold line ends",
      offsetof(struct settings, jsonl), 0, 0, 0, NULL },
    { "decode", 0, CCLIP_OPTION_FLAG, NULL, "the other way: JSON arrays of ids to texts",
      offsetof(struct settings, decode), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_tokenize = {
    "tokenize",
    "texts to token ids",
    "[TEXT...]",
    "Prints one JSON array of ids a text, start and end token included, without padding. Texts are "
    "the "
    "arguments, or the lines of standard input. A text of more tokens than the context is an error "
    "that "
    "names it, unless --truncate is given.\n\n"
    "With --vocab and without --model no model is opened; the style is then openai unless --style "
    "says "
    "otherwise.",
    "cclip tokenize \"a photo of a cat\"\n"
    "cclip tokenize --vocab bpe_simple_vocab_16e6.txt.gz --jsonl < captions.jsonl",
    "none: a line is a JSON array of ids with or without --json; with --decode and --json a line "
    "is a JSON string",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY,
    0,
    SIZE_MAX,
    sizeof(struct settings),
    &defaults,
    run
};
