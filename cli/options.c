/* Parsing by table: "--name value", "--name=value", "-o X", "-oX", flags together as in "-vv",
 * options between arguments, and "--" that ends them. */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/open_clip_options.h"

enum { ITEMS_MAXIMUM = 1 << 24 };

static const struct cclip_choice styles[] = { { "openai", CCLIP_TOKENIZER_OPENAI, 0 },
                                              { "open_clip", CCLIP_TOKENIZER_OPEN_CLIP, 0 },
                                              { "hf", CCLIP_TOKENIZER_HF, 0 },
                                              { NULL, 0, 0 } };

static const struct cclip_choice precisions[] = {
    { "f32", CCLIP_PRECISION_F32, 0 },        { "bf16", CCLIP_PRECISION_BF16, 0 },
    { "f16", CCLIP_PRECISION_F16, 0 },        { "int8", CCLIP_PRECISION_INT8, 0 },
    { "auto", CCLIP_PRECISION_AUTOMATIC, 0 }, { "fp32", CCLIP_PRECISION_F32, 1 },
    { "fp16", CCLIP_PRECISION_F16, 1 },       { "amp", CCLIP_PRECISION_F16, 1 },
    { "amp_bf16", CCLIP_PRECISION_BF16, 1 },  { "amp_bfloat16", CCLIP_PRECISION_BF16, 1 },
    { "pure_bf16", CCLIP_PRECISION_BF16, 1 }, { "pure_fp16", CCLIP_PRECISION_F16, 1 },
    { NULL, 0, 0 }
};

#define COMMON(field) offsetof(struct cclip_common, field)
static const struct cclip_option common_options[] = {
    { "model", 0, CCLIP_OPTION_TEXT, "MODEL",
      "checkpoint file, folder or name in the cache (default: $CCLIP_MODEL, else the one that "
      "ships "
      "with cclip)",
      COMMON(model), CCLIP_COMMON_MODEL, 0, 0, NULL },
    { "vocab", 0, CCLIP_OPTION_TEXT, "FILE",
      "vocabulary: merge list (plain or .gz), vocab.json beside merges.txt, tokenizer.json",
      COMMON(vocabulary), CCLIP_COMMON_VOCABULARY, 0, 0, NULL },
    { "style", 0, CCLIP_OPTION_CHOICE, "STYLE",
      "whose tokenizer rules to follow (default: by checkpoint)", COMMON(style),
      CCLIP_COMMON_VOCABULARY, 0, 0, styles },
    { "no-ftfy", 0, CCLIP_OPTION_FLAG, NULL, "leave out the repair of broken Unicode",
      COMMON(no_ftfy), CCLIP_COMMON_VOCABULARY, 0, 0, NULL },
    { "background", 0, CCLIP_OPTION_TEXT, "COLOUR",
      "lay transparent pictures on this colour, or none (default: as the model says)",
      COMMON(background), CCLIP_COMMON_BACKGROUND, 0, 0, NULL },
    { "threads", 0, CCLIP_OPTION_INTEGER, "N",
      "threads to use (default: the CPUs this process may use)", COMMON(threads), CCLIP_COMMON_ALL,
      1, 1024, NULL },
    { "precision", 0, CCLIP_OPTION_CHOICE, "P", "arithmetic (default f32)", COMMON(precision),
      CCLIP_COMMON_ALL, 0, 0, precisions },
    { "device", 0, CCLIP_OPTION_TEXT, "DEVICE", "where to compute: cpu", COMMON(device),
      CCLIP_COMMON_ALL, 0, 0, NULL },
    { "json", 0, CCLIP_OPTION_FLAG, NULL, "one JSON object a line on standard output", COMMON(json),
      CCLIP_COMMON_ALL, 0, 0, NULL },
    { "verbose", 'v', CCLIP_OPTION_COUNT, NULL, "say more on standard error; twice for still more",
      COMMON(verbose), CCLIP_COMMON_ALL, 0, 0, NULL },
    { "help", 'h', CCLIP_OPTION_FLAG, NULL, "print this help", COMMON(help), CCLIP_COMMON_ALL, 0, 0,
      NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef COMMON

const struct cclip_option *cclip_verb_option(const struct cclip_verb *verb, size_t index)
{
    for (const struct cclip_option *option = verb->options; option && option->name; option++)
        if (!index--)
            return option;
    for (const struct cclip_option *option = common_options; option->name; option++)
        if ((option->group & (verb->common | CCLIP_COMMON_ALL)) && !index--)
            return option;
    return NULL;
}

int cclip_usage_error(const struct cclip_verb *verb, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    cclip_message("%s: %s", verb->name, text);
    return CCLIP_EXIT_USAGE;
}

/* Edit distance (insert, delete, replace) of two short words, one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    size_t row[LONGEST + 1];
    const size_t width = strlen(b);
    if (strlen(a) > LONGEST || width > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            const size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            const size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < other ? replace : other;
        }
    }
    return row[width];
}

const char *cclip_nearest_name(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    const size_t length = strlen(word);
    size_t least = length < 5 ? 1 : (length + 1) / 3;
    for (size_t i = 0; i < count; i++) {
        const size_t distance = edit_distance(word, names[i]);
        if (distance <= least && (!best || distance < least)) {
            least = distance;
            best = names[i];
        }
    }
    return best;
}

static int unknown_option(const struct cclip_verb *verb, const char *name)
{
    enum { MOST = 128 };
    const char *names[MOST];
    size_t count = 0;
    const struct cclip_option *option;
    while (count < MOST && (option = cclip_verb_option(verb, count)))
        names[count++] = option->name;
    const char *reason = cclip_open_clip_reason(verb->name, name);
    if (reason)
        return cclip_usage_error(verb, "--%s is not taken: %s", name, reason);
    const char *near = cclip_nearest_name(name, names, count);
    if (near)
        return cclip_usage_error(verb, "unknown option --%s (did you mean --%s?)", name, near);
    return cclip_usage_error(verb, "unknown option --%s; `cclip %s --help` lists them", name,
                             verb->name);
}

static int add_text(const struct cclip_verb *verb, struct cclip_texts *texts, const char *text)
{
    if (cclip_grow(&texts->items, &texts->capacity, texts->count + 1, sizeof(*texts->items),
                   ITEMS_MAXIMUM, "arguments"))
        return cclip_usage_error(verb, "%s", cclip_error_message());
    texts->items[texts->count++] = text;
    return CCLIP_EXIT_DONE;
}

/* A number is the whole text, finite and within the option's range. */
static int parse_number(const struct cclip_verb *verb, const struct cclip_option *option,
                        const char *text, double *out)
{
    char *end;
    const int whole = option->kind != CCLIP_OPTION_NUMBER;
    errno = 0;
    const double value = whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    if (end == text || *end || strchr(" \t\n\v\f\r", text[0]))
        return cclip_usage_error(verb, "--%s: \"%s\" is not a %snumber", option->name, text,
                                 whole ? "whole " : "");
    if (errno || !isfinite(value) || value < option->minimum || value > option->maximum)
        return cclip_usage_error(verb, "--%s: %s is not between %.12g and %.12g", option->name,
                                 text, option->minimum, option->maximum);
    *out = value;
    return CCLIP_EXIT_DONE;
}

static int add_integers(const struct cclip_verb *verb, const struct cclip_option *option,
                        struct cclip_integers *list, const char *text)
{
    char item[32];
    for (const char *start = text;; start++) {
        const size_t length = strcspn(start, ",");
        double value = 0;
        snprintf(item, sizeof(item), "%.*s", (int)(length < 31 ? length : 31), start);
        const int failed = parse_number(verb, option, item, &value);
        if (failed)
            return failed;
        if (cclip_grow(&list->items, &list->capacity, list->count + 1, sizeof(*list->items),
                       ITEMS_MAXIMUM, "numbers"))
            return cclip_usage_error(verb, "%s", cclip_error_message());
        list->items[list->count++] = (size_t)value;
        start += length;
        if (!*start)
            return CCLIP_EXIT_DONE;
    }
}

static int parse_choice(const struct cclip_verb *verb, const struct cclip_option *option,
                        const char *text, int *out)
{
    char names[256] = "";
    for (const struct cclip_choice *choice = option->choices; choice->name; choice++) {
        if (!strcmp(choice->name, text)) {
            *out = choice->value;
            return CCLIP_EXIT_DONE;
        }
        const size_t length = strlen(names);
        if (!choice->hidden)
            snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "",
                     choice->name);
    }
    return cclip_usage_error(verb, "--%s: \"%s\" is none of %s", option->name, text, names);
}

/* Stores one given option; `text` is NULL for those without a value. */
static int store(const struct cclip_verb *verb, const struct cclip_option *option, void *settings,
                 const char *text)
{
    char *field = (char *)settings + option->offset;
    double value = 0;
    int failed = CCLIP_EXIT_DONE;
    switch (option->kind) {
    case CCLIP_OPTION_FLAG:
        *(int *)(void *)field = 1;
        break;
    case CCLIP_OPTION_COUNT:
        *(int *)(void *)field += 1;
        break;
    case CCLIP_OPTION_TEXT:
        if (!*text)
            return cclip_usage_error(verb, "--%s: the value is empty", option->name);
        *(const char **)(void *)field = text;
        break;
    case CCLIP_OPTION_TEXTS:
        return add_text(verb, (struct cclip_texts *)(void *)field, text);
    case CCLIP_OPTION_INTEGER:
        failed = parse_number(verb, option, text, &value);
        if (!failed)
            *(int64_t *)(void *)field = (int64_t)value;
        break;
    case CCLIP_OPTION_NUMBER:
        failed = parse_number(verb, option, text, &value);
        if (!failed)
            *(double *)(void *)field = value;
        break;
    case CCLIP_OPTION_INTEGERS:
        return add_integers(verb, option, (struct cclip_integers *)(void *)field, text);
    case CCLIP_OPTION_CHOICE:
        return parse_choice(verb, option, text, (int *)(void *)field);
    }
    return failed;
}

static int takes_value(const struct cclip_option *option)
{
    return option->kind != CCLIP_OPTION_FLAG && option->kind != CCLIP_OPTION_COUNT;
}

/* The words of one command line and where the reading stands. */
struct reader {
    const struct cclip_verb *verb;
    void *settings;
    char **words;
    int count, next;
};

static int read_long(struct reader *r, const char *word)
{
    char name[64];
    const char *equals = strchr(word, '=');
    const size_t length = equals ? (size_t)(equals - word) : strlen(word);
    snprintf(name, sizeof(name), "%.*s", (int)(length < 63 ? length : 63), word);
    const struct cclip_option *option;
    size_t index = 0;
    while ((option = cclip_verb_option(r->verb, index)) && strcmp(option->name, name))
        index++;
    if (!option)
        return unknown_option(r->verb, name);
    if (!takes_value(option)) {
        if (equals)
            return cclip_usage_error(r->verb, "--%s takes no value", name);
        return store(r->verb, option, r->settings, NULL);
    }
    if (equals)
        return store(r->verb, option, r->settings, equals + 1);
    if (r->next >= r->count)
        return cclip_usage_error(r->verb, "--%s needs a value (%s)", name, option->value);
    return store(r->verb, option, r->settings, r->words[r->next++]);
}

static int read_letters(struct reader *r, const char *letters)
{
    for (; *letters; letters++) {
        const struct cclip_option *option;
        size_t index = 0;
        while ((option = cclip_verb_option(r->verb, index)) && option->letter != *letters)
            index++;
        if (!option)
            return cclip_usage_error(r->verb, "unknown option -%c; `cclip %s --help` lists them",
                                     *letters, r->verb->name);
        if (takes_value(option)) {
            if (letters[1])
                return store(r->verb, option, r->settings, letters + 1);
            if (r->next >= r->count)
                return cclip_usage_error(r->verb, "-%c needs a value (%s)", *letters,
                                         option->value);
            return store(r->verb, option, r->settings, r->words[r->next++]);
        }
        const int failed = store(r->verb, option, r->settings, NULL);
        if (failed)
            return failed;
    }
    return CCLIP_EXIT_DONE;
}

static int check_count(const struct cclip_verb *verb, const struct cclip_texts *arguments)
{
    if (arguments->count < verb->arguments_minimum)
        return cclip_usage_error(verb, "%s missing; usage: cclip %s [options] %s",
                                 arguments->count ? "an argument is" : "arguments are", verb->name,
                                 verb->arguments);
    if (arguments->count > verb->arguments_maximum)
        return cclip_usage_error(verb, "unexpected argument \"%s\"",
                                 arguments->items[verb->arguments_maximum]);
    return CCLIP_EXIT_DONE;
}

int cclip_options_parse(const struct cclip_verb *verb, void *settings,
                        struct cclip_texts *arguments, int count, char **words)
{
    struct reader r = { verb, settings, words, count, 0 };
    int only_arguments = 0, failed = CCLIP_EXIT_DONE;
    while (r.next < r.count && !failed) {
        const char *word = r.words[r.next++];
        if (!only_arguments && !strcmp(word, "--"))
            only_arguments = 1;
        else if (only_arguments || word[0] != '-' || !word[1])
            failed = add_text(verb, arguments, word);
        else if (word[1] == '-')
            failed = read_long(&r, word + 2);
        else
            failed = read_letters(&r, word + 1);
    }
    if (failed || ((struct cclip_common *)settings)->help)
        return failed;
    return check_count(verb, arguments);
}

void cclip_options_close(const struct cclip_verb *verb, void *settings,
                         struct cclip_texts *arguments)
{
    for (const struct cclip_option *option = verb->options; option && option->name; option++) {
        char *field = (char *)settings + option->offset;
        if (option->kind == CCLIP_OPTION_TEXTS)
            cclip_release(((struct cclip_texts *)(void *)field)->items);
        else if (option->kind == CCLIP_OPTION_INTEGERS)
            cclip_release(((struct cclip_integers *)(void *)field)->items);
    }
    cclip_release(arguments->items);
    arguments->items = NULL;
}
