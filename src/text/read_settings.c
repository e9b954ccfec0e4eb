/* What the small JSON files beside a vocabulary say about it. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

/* A special token is a string, or an object with the string as "content". */
static cclip_status keep_token(char **out, const cclip_json *object, const char *key)
{
    const cclip_json *value = cclip_json_get(object, key);
    const char *text = cclip_json_string(value, NULL);
    if (!text)
        text = cclip_json_string(cclip_json_get(value, "content"), NULL);
    if (!text || *out)
        return CCLIP_OK;
    *out = cclip_copy_text(text, strlen(text));
    return *out ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static cclip_status keep_tokens(struct cclip_text_settings *settings, const cclip_json *root)
{
    cclip_status status = keep_token(&settings->start, root, "bos_token");
    if (!status)
        status = keep_token(&settings->end, root, "eos_token");
    if (!status)
        status = keep_token(&settings->pad, root, "pad_token");
    return status ? status : keep_token(&settings->unknown, root, "unk_token");
}

static cclip_status read_config(struct cclip_text_settings *settings, const cclip_json *root)
{
    settings->hugging_face = 1;
    return keep_tokens(settings, root);
}

/* open_clip: which cleaning, and whether a transformers tokenizer is wrapped. */
static cclip_status read_open_clip(struct cclip_text_settings *settings, const cclip_json *root)
{
    static const struct {
        const char *name;
        enum cclip_text_cleaning cleaning;
    } names[] = { { "lower", CCLIP_CLEANING_LOWER },
                  { "whitespace", CCLIP_CLEANING_WHITESPACE },
                  { "canonicalize", CCLIP_CLEANING_CANONICALIZE } };
    const cclip_json *text = cclip_json_get(cclip_json_get(root, "model_cfg"), "text_cfg");
    const char *clean = cclip_json_string(
        cclip_json_get(cclip_json_get(text, "tokenizer_kwargs"), "clean"), NULL);
    settings->wrapped = cclip_json_is_string(cclip_json_get(text, "hf_tokenizer_name"));
    for (size_t i = 0; clean && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(clean, names[i].name))
            continue;
        if (settings->options.cleaning == CCLIP_CLEANING_AUTO &&
            settings->options.style != CCLIP_STYLE_OPENAI &&
            settings->options.style != CCLIP_STYLE_HF)
            settings->options.cleaning = names[i].cleaning;
        return CCLIP_OK;
    }
    return clean ? cclip_fail(CCLIP_ERROR_UNSUPPORTED, "tokenizer_kwargs.clean \"%.40s\"", clean)
                 : CCLIP_OK;
}

typedef cclip_status settings_reader(struct cclip_text_settings *settings, const cclip_json *root);

static cclip_status read_if_there(struct cclip_text_settings *settings, const char *folder,
                                  const char *name, settings_reader *reader)
{
    cclip_json *root = NULL;
    char *path = cclip_path_join(folder, name);
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && cclip_is_file(path)) {
        status = cclip_json_read_file(&root, path);
        if (!status && (status = reader(settings, root)))
            cclip_fail_in(status, "%s", path);
    }
    cclip_json_close(&root);
    cclip_release(path);
    return status;
}

cclip_status cclip_read_settings(struct cclip_text_settings *settings, const char *folder)
{
    /* transformers lets the first of these win over the second. */
    cclip_status status =
        read_if_there(settings, folder, "special_tokens_map.json", keep_tokens);
    if (!status)
        status = read_if_there(settings, folder, "tokenizer_config.json", read_config);
    if (!status)
        status = read_if_there(settings, folder, "open_clip_config.json", read_open_clip);
    return status;
}
