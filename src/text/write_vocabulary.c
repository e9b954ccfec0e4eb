/* Writing a vocabulary as transformers and open_clip read it. */
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

static cclip_status write_as(const char *folder, const char *name, const struct cclip_buffer *text)
{
    char *path = cclip_path_join(folder, name);
    const cclip_status status =
        path ? cclip_file_write(path, text->data, text->length) : CCLIP_ERROR_MEMORY;
    cclip_release(path);
    return status;
}

static cclip_status vocabulary_text(struct cclip_buffer *out, const struct cclip_vocabulary *v)
{
    cclip_status status = cclip_buffer_byte(out, '{');
    const char *separator = "";
    for (size_t id = 0; id < v->count && !status; id++) {
        size_t length;
        const char *token = cclip_vocabulary_text(v, id, &length);
        if (!length)
            continue;
        status = cclip_buffer_text(out, separator);
        if (!status)
            status = cclip_json_quote(out, token, length);
        if (!status)
            status = cclip_buffer_format(out, ": %zu", id);
        separator = ", ";
    }
    return status ? status : cclip_buffer_text(out, "}\n");
}

static cclip_status merges_text(struct cclip_buffer *out, const struct cclip_vocabulary *v)
{
    cclip_status status = cclip_buffer_text(out, "#version: 0.2\n");
    for (size_t i = 0; i < v->merge_count && !status; i++) {
        size_t left, right;
        const char *a = cclip_vocabulary_text(v, v->ranked[i][0], &left);
        const char *b = cclip_vocabulary_text(v, v->ranked[i][1], &right);
        status = cclip_buffer_format(out, "%.*s %.*s\n", (int)left, a, (int)right, b);
    }
    return status;
}

static cclip_status add_token(struct cclip_buffer *out, const struct cclip_tokenizer *t,
                              const char *key, int32_t id)
{
    size_t length;
    if (id < 0)
        return CCLIP_OK;
    const char *token = cclip_vocabulary_text(&t->vocabulary, (size_t)id, &length);
    cclip_status status = cclip_buffer_format(out, "  \"%s\": ", key);
    if (!status)
        status = cclip_json_quote(out, token, length);
    return status ? status : cclip_buffer_text(out, ",\n");
}

static cclip_status config_text(struct cclip_buffer *out, const struct cclip_tokenizer *t,
                                size_t context)
{
    const int32_t pad = t->hugging_face ? t->pad : t->end; /* the others' 0 is not by name */
    const int32_t unknown = t->unknown < 0 ? t->end : t->unknown;
    cclip_status status = cclip_buffer_text(out, "{\n  \"tokenizer_class\": \"CLIPTokenizer\",\n");
    if (!status)
        status = add_token(out, t, "bos_token", t->start);
    if (!status)
        status = add_token(out, t, "eos_token", t->end);
    if (!status)
        status = add_token(out, t, "unk_token", unknown);
    if (!status)
        status = add_token(out, t, "pad_token", pad);
    if (!status && context)
        status = cclip_buffer_format(out, "  \"model_max_length\": %zu,\n", context);
    return status ? status
                  : cclip_buffer_text(out, "  \"add_prefix_space\": false,\n"
                                           "  \"do_lower_case\": true,\n"
                                           "  \"errors\": \"replace\"\n}\n");
}

cclip_status cclip_text_write_vocabulary_for(const struct cclip_tokenizer *tokenizer,
                                             const char *folder, size_t context)
{
    struct cclip_buffer text;
    cclip_buffer_open(&text, 2 * CCLIP_LIMIT_JSON_FILE);
    cclip_status status = cclip_folder_make(folder);
    if (!status)
        status = vocabulary_text(&text, &tokenizer->vocabulary);
    if (!status)
        status = write_as(folder, "vocab.json", &text);
    cclip_buffer_clear(&text);
    if (!status)
        status = merges_text(&text, &tokenizer->vocabulary);
    if (!status)
        status = write_as(folder, "merges.txt", &text);
    cclip_buffer_clear(&text);
    if (!status)
        status = config_text(&text, tokenizer, context);
    if (!status)
        status = write_as(folder, "tokenizer_config.json", &text);
    cclip_buffer_close(&text);
    return status;
}

cclip_status cclip_text_write_vocabulary(const struct cclip_tokenizer *tokenizer,
                                         const char *folder)
{
    return cclip_text_write_vocabulary_for(tokenizer, folder, 0);
}
