/* Opening a tokenizer: finding its files, choosing its style, settling its special tokens. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

cclip_status cclip_tokenizer_add_special(struct cclip_tokenizer *t, const char *text, size_t length,
                                         int32_t id, int normalized)
{
    if (!length || length > CCLIP_LIMIT_TOKEN_BYTES)
        return cclip_fail(CCLIP_ERROR_FORMAT, "special token %d has %zu bytes", (int)id, length);
    for (size_t i = 0; i < t->special_count; i++)
        if (t->specials[i].length == length && !memcmp(t->specials[i].text, text, length))
            return CCLIP_OK;
    cclip_status status =
        cclip_grow(&t->specials, &t->special_capacity, t->special_count + 1, sizeof *t->specials,
                   CCLIP_SPECIALS_MAXIMUM, "special tokens");
    if (status)
        return status;
    char *copy = cclip_copy_text(text, length);
    if (!copy)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; normalized && i < length; i++) /* it is looked for in lower case */
        copy[i] = (char)(copy[i] | (copy[i] >= 'A' && copy[i] <= 'Z' ? 0x20 : 0));
    t->specials[t->special_count++] = (struct cclip_special){ copy, length, id, normalized, 0 };
    return CCLIP_OK;
}

void cclip_text_settings_close(struct cclip_text_settings *settings)
{
    cclip_release(settings->start);
    cclip_release(settings->end);
    cclip_release(settings->pad);
    cclip_release(settings->unknown);
    *settings = (struct cclip_text_settings){ 0 };
}

static int32_t find_text(const struct cclip_tokenizer *t, const char *text)
{
    const int32_t id = text ? cclip_vocabulary_find(&t->vocabulary, text, strlen(text)) : CCLIP_NO_ID;
    for (size_t i = 0; id < 0 && text && i < t->special_count; i++)
        if (!strcmp(t->specials[i].text, text))
            return t->specials[i].id;
    return id;
}

/* The first of the names that the vocabulary has. */
static int32_t find_special(const struct cclip_tokenizer *t, const char *const *names, size_t count)
{
    int32_t id = CCLIP_NO_ID;
    for (size_t i = 0; i < count && id < 0; i++)
        id = find_text(t, names[i]);
    return id;
}

static cclip_status find_specials(struct cclip_tokenizer *t,
                                  const struct cclip_text_settings *settings, const char *name)
{
    const char *const starts[] = { settings->start, "<|startoftext|>", "<start_of_text>" };
    const char *const ends[] = { settings->end, "<|endoftext|>", "<end_of_text>" };
    t->start = find_special(t, starts, 3);
    t->end = find_special(t, ends, 3);
    if (t->end < 0)
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: the vocabulary has no end token (%s)", name,
                          settings->end ? settings->end : "<|endoftext|>");
    if (t->start < 0 && !settings->no_start)
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: the vocabulary has no start token (%s)", name,
                          settings->start ? settings->start : "<|startoftext|>");
    t->unknown = find_text(t, settings->unknown);
    t->pad = 0;
    if (t->hugging_face) {
        t->pad = find_text(t, settings->pad);
        t->pad = t->pad < 0 ? t->end : t->pad;
        t->unknown = t->unknown < 0 ? t->end : t->unknown;
    }
    return CCLIP_OK;
}

/* openai and open_clip know two special strings; which, their style says. */
static cclip_status name_specials(struct cclip_tokenizer *t,
                                  const struct cclip_text_settings *settings)
{
    const int open_clip = t->style == CCLIP_STYLE_OPEN_CLIP && !t->hugging_face;
    const char *start = open_clip ? "<start_of_text>" : "<|startoftext|>";
    const char *end = open_clip ? "<end_of_text>" : "<|endoftext|>";
    if (t->hugging_face && settings->start)
        start = settings->start;
    if (t->hugging_face && settings->end)
        end = settings->end;
    cclip_status status = CCLIP_OK;
    if (t->start >= 0)
        status = cclip_tokenizer_add_special(t, start, strlen(start), t->start, 0);
    return status ? status : cclip_tokenizer_add_special(t, end, strlen(end), t->end, 0);
}

static int longer_first(const void *a, const void *b)
{
    const struct cclip_special *x = a, *y = b;
    return x->length != y->length ? (x->length < y->length ? 1 : -1)
                                  : memcmp(x->text, y->text, x->length);
}

static void make_rules(struct cclip_tokenizer *t)
{
    qsort(t->specials, t->special_count, sizeof *t->specials, longer_first);
    t->scan = (struct cclip_scan_rules){ .specials = t->specials,
                                         .special_count = t->special_count,
                                         .ignore_case = !t->hugging_face };
    t->raw_specials_by_angle = 1;
    for (size_t i = 0; i < t->special_count; i++) {
        const unsigned char first = (unsigned char)t->specials[i].text[0];
        t->scan.may_start[first] = 1;
        t->specials[i].in_pattern = t->specials[i].id == t->start || t->specials[i].id == t->end;
        t->raw_specials_by_angle &= first == '<' || t->specials[i].normalized;
        if (!t->hugging_face && (first | 0x20) >= 'a' && (first | 0x20) <= 'z')
            t->scan.may_start[first ^ 0x20] = 1;
    }
    t->plain = (struct cclip_scan_rules){ .ignore_case = !t->hugging_face };
}

static void choose_style(struct cclip_tokenizer *t, const struct cclip_text_settings *settings)
{
    const struct cclip_text_options *options = &settings->options;
    t->style = options->style;
    if (t->style == CCLIP_STYLE_AUTO)
        t->style = settings->wrapped        ? CCLIP_STYLE_OPEN_CLIP
                   : settings->hugging_face ? CCLIP_STYLE_HF
                                            : CCLIP_STYLE_OPENAI;
    t->hugging_face = t->style == CCLIP_STYLE_HF ||
                      (t->style == CCLIP_STYLE_OPEN_CLIP && settings->wrapped);
    t->order = t->hugging_face ? CCLIP_MERGE_SINGLY : CCLIP_MERGE_ROUNDS;
    t->clean.cleaning = options->cleaning;
    if (t->clean.cleaning == CCLIP_CLEANING_AUTO)
        t->clean.cleaning = t->style == CCLIP_STYLE_HF ? CCLIP_CLEANING_NONE
                            : t->hugging_face          ? CCLIP_CLEANING_WHITESPACE
                                                       : CCLIP_CLEANING_LOWER;
    t->clean.space =
        t->style == CCLIP_STYLE_OPEN_CLIP ? CCLIP_SPACE_OPEN_CLIP : CCLIP_SPACE_OPENAI;
    t->clean.repair = !options->no_ftfy;
}

/* `name` is the file that messages speak of. */
static cclip_status finish(struct cclip_tokenizer *t, const struct cclip_text_settings *settings,
                           const char *name)
{
    choose_style(t, settings);
    if (!t->hugging_face) { /* their patterns know no added tokens */
        for (size_t i = 0; i < t->special_count; i++)
            cclip_release(t->specials[i].text);
        t->special_count = 0;
    }
    cclip_status status = find_specials(t, settings, name);
    if (!status)
        status = name_specials(t, settings);
    if (status)
        return status;
    if (settings->no_start)
        t->start = CCLIP_NO_ID;
    make_rules(t);
    return CCLIP_OK;
}

/* The files of one kind of source; where `wanted` is a folder each is looked for in it. */
static cclip_status join_if_there(char **out, const char *folder, const char *name)
{
    *out = cclip_path_join(folder, name);
    if (!*out)
        return CCLIP_ERROR_MEMORY;
    if (!cclip_is_file(*out)) {
        cclip_release(*out);
        *out = NULL;
    }
    return CCLIP_OK;
}

static cclip_status read_folder(struct cclip_tokenizer *t, struct cclip_text_settings *settings,
                                const char *folder)
{
    enum { VOCABULARY, MERGES, TOKENIZER, LIST, LIST_GZIP, FILES };
    static const char *const names[FILES] = { "vocab.json", "merges.txt", "tokenizer.json",
                                              "bpe_simple_vocab_16e6.txt",
                                              "bpe_simple_vocab_16e6.txt.gz" };
    char *paths[FILES] = { 0 };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < FILES && !status; i++)
        status = join_if_there(&paths[i], folder, names[i]);
    if (!status && paths[VOCABULARY] && paths[MERGES]) {
        settings->hugging_face = 1;
        status = cclip_read_vocabulary(t, paths[VOCABULARY], paths[MERGES]);
    } else if (!status && paths[TOKENIZER]) {
        settings->hugging_face = 1;
        status = cclip_read_tokenizer_json(t, settings, paths[TOKENIZER]);
    } else if (!status && (paths[LIST] || paths[LIST_GZIP] || paths[MERGES])) {
        status = cclip_read_merge_list(t, paths[LIST]        ? paths[LIST]
                                          : paths[LIST_GZIP] ? paths[LIST_GZIP]
                                                             : paths[MERGES]);
    } else if (!status) {
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND,
                            "%s: no vocabulary in this folder (vocab.json with merges.txt, "
                            "tokenizer.json, or bpe_simple_vocab_16e6.txt.gz)",
                            folder);
    }
    for (size_t i = 0; i < FILES; i++)
        cclip_release(paths[i]);
    return status;
}

/* The folder that `path` is in; NULL with a message on failure. */
static char *folder_of(const char *path)
{
    const char *name = cclip_path_name(path);
    if (name == path)
        return cclip_copy_text(".", 1);
    return cclip_copy_text(path, name - path > 1 ? (size_t)(name - path - 1) : 1);
}

static cclip_status read_pair(struct cclip_tokenizer *t, struct cclip_text_settings *settings,
                              const char *path, const char *folder)
{
    char *other = NULL;
    const int is_vocabulary = cclip_path_has_suffix(path, ".json");
    cclip_status status =
        join_if_there(&other, folder, is_vocabulary ? "merges.txt" : "vocab.json");
    if (!status && other) {
        settings->hugging_face = 1;
        status = is_vocabulary ? cclip_read_vocabulary(t, path, other)
                               : cclip_read_vocabulary(t, other, path);
    } else if (!status && is_vocabulary && !cclip_is_file(path)) {
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no such file", path);
    } else if (!status && is_vocabulary) {
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no merges.txt beside it", path);
    } else if (!status) {
        status = cclip_read_merge_list(t, path);
    }
    cclip_release(other);
    return status;
}

/* A .json file is either of two: tokenizer.json holds its model, vocab.json is flat. */
static cclip_status read_file(struct cclip_tokenizer *t, struct cclip_text_settings *settings,
                              const char *path, const char *folder)
{
    const char *name = cclip_path_name(path);
    if (!strcmp(name, "merges.txt"))
        return read_pair(t, settings, path, folder);
    if (!cclip_path_has_suffix(path, ".json"))
        return cclip_read_merge_list(t, path);
    if (cclip_path_has_suffix(path, "vocab.json"))
        return read_pair(t, settings, path, folder);
    settings->hugging_face = 1;
    return cclip_read_tokenizer_json(t, settings, path);
}

cclip_status cclip_text_tokenizer_open(struct cclip_tokenizer **out, const char *path,
                                       const struct cclip_text_options *options)
{
    struct cclip_text_settings settings = { 0 };
    cclip_status status = CCLIP_OK;
    char *folder = NULL;
    *out = NULL;
    if (options)
        settings.options = *options;
    struct cclip_tokenizer *t = cclip_allocate_zero(1, sizeof *t);
    if (!t)
        return CCLIP_ERROR_MEMORY;
    cclip_vocabulary_open(&t->vocabulary);
    const int is_folder = cclip_is_folder(path);
    folder = is_folder ? cclip_copy_text(path, strlen(path)) : folder_of(path);
    if (!folder)
        status = CCLIP_ERROR_MEMORY;
    if (!status && (is_folder || cclip_path_has_suffix(path, ".json") ||
                    !strcmp(cclip_path_name(path), "merges.txt")))
        status = cclip_read_settings(&settings, folder);
    if (!status)
        status = is_folder ? read_folder(t, &settings, folder)
                           : read_file(t, &settings, path, folder);
    if (!status)
        status = finish(t, &settings, path);
    cclip_release(folder);
    cclip_text_settings_close(&settings);
    if (status)
        cclip_text_tokenizer_close(&t);
    *out = t;
    return status;
}

/* An empty tokenizer, to be filled from memory. */
static cclip_status begin(struct cclip_tokenizer **out)
{
    *out = cclip_allocate_zero(1, sizeof **out);
    if (!*out)
        return CCLIP_ERROR_MEMORY;
    cclip_vocabulary_open(&(*out)->vocabulary);
    return CCLIP_OK;
}

static cclip_status finish_from_memory(struct cclip_tokenizer **t, cclip_status status,
                                       const struct cclip_text_options *options)
{
    struct cclip_text_settings settings = { 0 };
    if (options)
        settings.options = *options;
    if (!status)
        status = finish(*t, &settings, "vocabulary");
    if (status)
        cclip_text_tokenizer_close(t);
    return status;
}

cclip_status cclip_text_tokenizer_open_tokens(struct cclip_tokenizer **out,
                                              const char *const *tokens, const size_t *lengths,
                                              size_t count,
                                              const struct cclip_text_options *options)
{
    cclip_status status = begin(out);
    if (!status)
        status = cclip_read_tokens(*out, tokens, lengths, count);
    return finish_from_memory(out, status, options);
}

cclip_status cclip_text_tokenizer_open_merges(struct cclip_tokenizer **out,
                                              const uint32_t (*pairs)[2], size_t count,
                                              const struct cclip_text_options *options)
{
    cclip_status status = begin(out);
    if (!status)
        status = cclip_read_pairs(*out, pairs, count);
    return finish_from_memory(out, status, options);
}

void cclip_text_tokenizer_close(struct cclip_tokenizer **out)
{
    struct cclip_tokenizer *t = *out;
    if (!t)
        return;
    struct cclip_text_encoder *spare = t->spare;
    cclip_text_encoder_close(&spare);
    cclip_vocabulary_close(&t->vocabulary);
    for (size_t i = 0; i < t->special_count; i++)
        cclip_release(t->specials[i].text);
    cclip_release(t->specials);
    cclip_release(t);
    *out = NULL;
}

enum cclip_text_style cclip_text_style(const struct cclip_tokenizer *t)
{
    return t->style;
}

size_t cclip_text_vocabulary_size(const struct cclip_tokenizer *t)
{
    return t->vocabulary.count;
}

size_t cclip_text_merge_count(const struct cclip_tokenizer *t)
{
    return t->vocabulary.merge_count;
}

int32_t cclip_text_start_id(const struct cclip_tokenizer *t)
{
    return t->start;
}

int32_t cclip_text_end_id(const struct cclip_tokenizer *t)
{
    return t->end;
}

int32_t cclip_text_pad_id(const struct cclip_tokenizer *t)
{
    return t->pad;
}
