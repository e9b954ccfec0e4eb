/* Merge lists: OpenAI's alone, or merges.txt beside vocab.json. */
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "formats/gzip.h"
#include "text/tokenizer_parts.h"

enum { OPENAI_MERGES = 48894 }; /* those of the list that CLIP's vocabulary uses */

/* Lines of a merge list in file order, without the header. */
struct lines {
    const char *at, *end;
    size_t number;
};

static int next_line(struct lines *lines, const char **line, size_t *length)
{
    while (lines->at < lines->end) {
        const char *stop = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
        *line = lines->at;
        lines->at = stop ? stop + 1 : lines->end;
        *length = (size_t)((stop ? stop : lines->end) - *line);
        if (*length && (*line)[*length - 1] == '\r')
            --*length;
        lines->number++;
        const int header = lines->number == 1 && memmem(*line, *length, "#version", 8);
        if (*length && !header)
            return 1;
    }
    return 0;
}

static cclip_status split_pair(const struct lines *lines, const char *name, const char *line,
                               size_t length, size_t *left)
{
    const char *space = memchr(line, ' ', length);
    if (!space || space == line || space + 1 == line + length ||
        memchr(space + 1, ' ', (size_t)(line + length - space - 1)))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: \"%.*s\" is not two tokens", name,
                          lines->number, (int)(length < 60 ? length : 60), line);
    *left = (size_t)(space - line);
    if (length > CCLIP_LIMIT_TOKEN_BYTES)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: line %zu has %zu bytes; at most %zu are allowed",
                          name, lines->number, length, CCLIP_LIMIT_TOKEN_BYTES);
    return CCLIP_OK;
}

/* Reads a file, inflating it if need be. The caller closes `out`. */
static cclip_status read_plain(struct cclip_buffer *out, const char *path)
{
    struct cclip_buffer raw;
    cclip_status status = cclip_file_read(&raw, path, CCLIP_LIMIT_JSON_FILE);
    if (!status && cclip_is_gzip(raw.data, raw.length)) {
        status = cclip_gzip_inflate(out, raw.data, raw.length, CCLIP_LIMIT_JSON_FILE, path);
        cclip_buffer_close(&raw);
    } else {
        *out = raw;
    }
    const char *zero = status ? NULL : memchr(out->data, '\0', out->length);
    if (zero)
        status = cclip_fail(CCLIP_ERROR_FORMAT,
                            "%s: byte %zu is zero: a merge list is a text file (SentencePiece models "
                            "are not read)", path, (size_t)(zero - out->data));
    return status;
}

static size_t count_merges(const struct cclip_buffer *text)
{
    struct lines lines = { text->data, text->data + text->length, 0 };
    const char *line;
    size_t length, count = 0;
    while (next_line(&lines, &line, &length))
        count++;
    return count;
}

/* Ids of a vocabulary that is only a merge list: bytes, bytes that end a word, merges, specials. */
static cclip_status set_tokens(struct cclip_vocabulary *v, const struct cclip_buffer *text,
                               size_t merges, const char *path)
{
    struct lines lines = { text->data, text->data + text->length, 0 };
    const char *line;
    char token[2 * CCLIP_LIMIT_TOKEN_BYTES];
    size_t length, left = 0;
    cclip_status status = cclip_vocabulary_set_bytes(v);
    for (size_t n = 0; n < merges && !status && next_line(&lines, &line, &length); n++) {
        status = split_pair(&lines, path, line, length, &left);
        if (status)
            break;
        memcpy(token, line, left);
        memcpy(token + left, line + left + 1, length - left - 1);
        status = cclip_vocabulary_set(v, 512 + n, token, length - 1);
    }
    return status;
}

static cclip_status add_merges(struct cclip_vocabulary *v, const struct cclip_buffer *text,
                               size_t merges, int surplus_allowed, const char *path)
{
    struct lines lines = { text->data, text->data + text->length, 0 };
    const char *line;
    size_t length, left = 0;
    for (size_t n = 0; n < merges && next_line(&lines, &line, &length); n++) {
        cclip_status status = split_pair(&lines, path, line, length, &left);
        if (!status)
            status = cclip_vocabulary_merge(v, line, left, line + left + 1, length - left - 1);
        if (status == CCLIP_ERROR_NOT_FOUND && surplus_allowed && n >= OPENAI_MERGES)
            return CCLIP_OK; /* the whole of OpenAI's list beside a vocabulary made of its start */
        if (status == CCLIP_ERROR_NOT_FOUND)
            return cclip_fail_in(CCLIP_ERROR_FORMAT, "%s: line %zu", path, lines.number);
        if (status)
            return status;
    }
    return CCLIP_OK;
}

cclip_status cclip_read_merge_list(struct cclip_tokenizer *tokenizer, const char *path)
{
    static const char *const specials[2] = { "<|startoftext|>", "<|endoftext|>" };
    struct cclip_vocabulary *v = &tokenizer->vocabulary;
    struct cclip_buffer text;
    cclip_status status = read_plain(&text, path);
    const size_t all = status ? 0 : count_merges(&text);
    const size_t merges = all < OPENAI_MERGES ? all : OPENAI_MERGES;
    if (!status && !all)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no merges in it", path);
    if (!status)
        status = set_tokens(v, &text, merges, path);
    for (size_t i = 0; i < 2 && !status; i++)
        status = cclip_vocabulary_set(v, 512 + merges + i, specials[i], strlen(specials[i]));
    if (!status)
        status = cclip_vocabulary_index(v, merges);
    if (!status)
        status = add_merges(v, &text, merges, 0, path);
    cclip_buffer_close(&text);
    return status;
}

static cclip_status set_from_json(struct cclip_vocabulary *v, const cclip_json *root,
                                  const char *path)
{
    struct cclip_json_iterator it;
    cclip_status status = CCLIP_OK;
    if (!cclip_json_is_object(root) || !cclip_json_length(root))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: not an object of tokens and their ids", path);
    for (int valid = cclip_json_first(&it, root); valid && !status; valid = cclip_json_next(&it)) {
        const int64_t id = cclip_json_integer(it.value, -1);
        status = id < 0 ? cclip_fail(CCLIP_ERROR_FORMAT, "token \"%.60s\": its id is not a number",
                                     it.key)
                        : cclip_vocabulary_set(v, (size_t)id, it.key, it.key_length);
    }
    return status ? cclip_fail_in(status, "%s", path) : CCLIP_OK;
}

cclip_status cclip_read_vocabulary(struct cclip_tokenizer *tokenizer, const char *vocabulary_path,
                                   const char *merges_path)
{
    struct cclip_vocabulary *v = &tokenizer->vocabulary;
    struct cclip_buffer text = { 0 };
    cclip_json *root = NULL;
    cclip_status status = cclip_json_read_file(&root, vocabulary_path);
    if (!status)
        status = set_from_json(v, root, vocabulary_path);
    if (!status)
        status = read_plain(&text, merges_path);
    const size_t merges = status ? 0 : count_merges(&text);
    if (!status)
        status = cclip_vocabulary_index(v, merges);
    if (!status)
        status = add_merges(v, &text, merges, 1, merges_path);
    cclip_buffer_close(&text);
    cclip_json_close(&root);
    return status;
}
