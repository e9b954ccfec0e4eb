/* tokenizer.json of Hugging Face: only byte-level BPE with an end-of-word mark, which is CLIP's. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

static const char *text_of(const cclip_json *value, const char *fallback)
{
    const char *text = cclip_json_string(value, NULL);
    return text ? text : fallback;
}

/* Is this step, or one in its sequence, of `type`? Sequences are not nested in practice. */
static const cclip_json *find_step(const cclip_json *step, const char *list, const char *type)
{
    if (!strcmp(text_of(cclip_json_get(step, "type"), ""), type))
        return step;
    const cclip_json *steps = cclip_json_get(step, list);
    for (size_t i = 0; i < cclip_json_length(steps); i++)
        if (!strcmp(text_of(cclip_json_get(cclip_json_at(steps, i), "type"), ""), type))
            return cclip_json_at(steps, i);
    return NULL;
}

static cclip_status refuse(const char *path, const char *what)
{
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                      "%s: %s; only CLIP's byte-level BPE is supported (ids made elsewhere still "
                      "work: --tokens)",
                      path, what);
}

static cclip_status check_steps(const cclip_json *step, const char *list, const char *const *known,
                                const char *path)
{
    const cclip_json *steps = cclip_json_get(step, list);
    const size_t count = steps ? cclip_json_length(steps) : 1;
    for (size_t i = 0; i < count && !cclip_json_is_null(step); i++) {
        const char *type = text_of(cclip_json_get(steps ? cclip_json_at(steps, i) : step, "type"), "");
        size_t k = 0;
        while (known[k] && strcmp(known[k], type))
            k++;
        if (!known[k]) {
            char what[128];
            snprintf(what, sizeof what, "a step \"%.40s\" among its %s", type, list);
            return refuse(path, what);
        }
    }
    return CCLIP_OK;
}

static cclip_status check_kind(const cclip_json *root, const char *path)
{
    static const char *const normalizers[] = { "NFC", "Replace", "Lowercase", NULL };
    static const char *const pretokenizers[] = { "Split", "ByteLevel", NULL };
    const cclip_json *model = cclip_json_get(root, "model");
    const char *type = text_of(cclip_json_get(model, "type"), NULL);
    char what[128];
    if (!cclip_json_is_object(model))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: no \"model\" in it", path);
    if (type && strcmp(type, "BPE")) {
        snprintf(what, sizeof what, "a vocabulary of type %.40s", type);
        return refuse(path, what);
    }
    if (!cclip_json_is_object(cclip_json_get(model, "vocab")) ||
        !cclip_json_is_array(cclip_json_get(model, "merges")))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: no \"vocab\" and \"merges\" in its model", path);
    if (strcmp(text_of(cclip_json_get(model, "end_of_word_suffix"), ""), CCLIP_WORD_END))
        return refuse(path, "BPE without the end-of-word mark </w>");
    if (!find_step(cclip_json_get(root, "pre_tokenizer"), "pretokenizers", "ByteLevel"))
        return refuse(path, "BPE that is not byte-level");
    cclip_status status =
        check_steps(cclip_json_get(root, "normalizer"), "normalizers", normalizers, path);
    if (!status)
        status = check_steps(cclip_json_get(root, "pre_tokenizer"), "pretokenizers", pretokenizers,
                             path);
    return status;
}

static cclip_status read_tokens(struct cclip_vocabulary *v, const cclip_json *vocab)
{
    struct cclip_json_iterator it;
    cclip_status status = CCLIP_OK;
    for (int valid = cclip_json_first(&it, vocab); valid && !status; valid = cclip_json_next(&it)) {
        const int64_t id = cclip_json_integer(it.value, -1);
        status = id < 0 ? cclip_fail(CCLIP_ERROR_FORMAT, "token \"%.60s\": its id is not a number",
                                     it.key)
                        : cclip_vocabulary_set(v, (size_t)id, it.key, it.key_length);
    }
    return status;
}

/* Added tokens may repeat a token of the vocabulary, with the same id. */
static cclip_status read_added(struct cclip_tokenizer *t, const cclip_json *added)
{
    struct cclip_vocabulary *v = &t->vocabulary;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < cclip_json_length(added) && !status; i++) {
        const cclip_json *token = cclip_json_at(added, i);
        size_t length = 0, there = 0;
        const char *content = cclip_json_string(cclip_json_get(token, "content"), &length);
        const int64_t id = cclip_json_integer(cclip_json_get(token, "id"), -1);
        if (!content || id < 0 || strlen(content) != length)
            return cclip_fail(CCLIP_ERROR_FORMAT, "added token %zu: no \"content\" or no \"id\"",
                              i + 1);
        const char *text = (size_t)id < v->count ? cclip_vocabulary_text(v, (size_t)id, &there)
                                                 : NULL;
        if (!there)
            status = cclip_vocabulary_set(v, (size_t)id, content, length);
        else if (there != length || memcmp(text, content, length))
            status = cclip_fail(CCLIP_ERROR_FORMAT, "added token \"%.60s\": its id %zu is \"%.*s\"",
                                content, (size_t)id, (int)(there < 60 ? there : 60), text);
        if (!status)
            status = cclip_tokenizer_add_special(
                t, content, length, (int32_t)id,
                cclip_json_bool(cclip_json_get(token, "normalized"), 0));
    }
    return status;
}

/* ["a", "b"] in newer files, "a b" in older ones. */
static cclip_status read_merges(struct cclip_vocabulary *v, const cclip_json *merges)
{
    cclip_status status = CCLIP_OK;
    size_t i = 0;
    for (; i < cclip_json_length(merges) && !status; i++) {
        const cclip_json *merge = cclip_json_at(merges, i);
        size_t left_length = 0, right_length = 0;
        const char *left = cclip_json_string(merge, &left_length), *right = NULL;
        if (left) {
            const char *space = memchr(left, ' ', left_length);
            right = space ? space + 1 : NULL;
            right_length = space ? left_length - (size_t)(space + 1 - left) : 0;
            left_length = space ? (size_t)(space - left) : left_length;
        } else {
            left = cclip_json_string(cclip_json_at(merge, 0), &left_length);
            right = cclip_json_string(cclip_json_at(merge, 1), &right_length);
        }
        status = left && right
                     ? cclip_vocabulary_merge(v, left, left_length, right, right_length)
                     : cclip_fail(CCLIP_ERROR_FORMAT, "not two tokens");
    }
    if (status == CCLIP_ERROR_NOT_FOUND)
        status = CCLIP_ERROR_FORMAT;
    return status ? cclip_fail_in(status, "merge %zu", i) : CCLIP_OK;
}

static cclip_status keep(char **out, const char *text)
{
    if (!text)
        return CCLIP_OK;
    cclip_release(*out);
    *out = cclip_copy_text(text, strlen(text));
    return *out ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

/* The special tokens around the text, in either of the forms that CLIP's files use. */
static cclip_status read_frame(struct cclip_text_settings *settings, const cclip_json *processor)
{
    const char *start = cclip_json_string(cclip_json_at(cclip_json_get(processor, "cls"), 0), NULL);
    const char *end = cclip_json_string(cclip_json_at(cclip_json_get(processor, "sep"), 0), NULL);
    const cclip_json *single = cclip_json_get(processor, "single");
    int in_front = 1;
    for (size_t i = 0; i < cclip_json_length(single); i++) {
        const cclip_json *piece = cclip_json_at(single, i);
        const char *id = cclip_json_string(
            cclip_json_get(cclip_json_get(piece, "SpecialToken"), "id"), NULL);
        if (cclip_json_get(piece, "Sequence"))
            in_front = 0;
        else if (id && in_front)
            start = id;
        else if (id)
            end = id;
    }
    if (cclip_json_length(single) && !start)
        settings->no_start = 1;
    const cclip_status status = keep(&settings->start, start);
    return status ? status : keep(&settings->end, end);
}

cclip_status cclip_read_tokenizer_json(struct cclip_tokenizer *t,
                                       struct cclip_text_settings *settings, const char *path)
{
    struct cclip_vocabulary *v = &t->vocabulary;
    cclip_json *root = NULL;
    cclip_status status = cclip_json_read_file(&root, path);
    const cclip_json *model = cclip_json_get(root, "model");
    if (!status)
        status = check_kind(root, path);
    if (status)
        goto done;
    const cclip_json *merges = cclip_json_get(model, "merges");
    status = read_tokens(v, cclip_json_get(model, "vocab"));
    if (!status)
        status = read_added(t, cclip_json_get(root, "added_tokens"));
    if (!status)
        status = cclip_vocabulary_index(v, cclip_json_length(merges));
    if (!status)
        status = read_merges(v, merges);
    if (!status)
        status = keep(&settings->unknown, cclip_json_string(cclip_json_get(model, "unk_token"), NULL));
    if (!status)
        status = read_frame(settings, cclip_json_get(root, "post_processor"));
    if (status)
        cclip_fail_in(status, "%s", path);
done:
    cclip_json_close(&root);
    return status;
}
