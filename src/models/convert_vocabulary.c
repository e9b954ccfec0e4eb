/* The vocabulary beside converted weights. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "models/convert_parts.h"

/* What tokenizers of any kind are kept in. */
static const char *const vocabulary_files[] = {
    "vocab.json",         "merges.txt",       "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.txt",      "spiece.model",
    "tokenizer.model",
};
enum { FILES = sizeof vocabulary_files / sizeof vocabulary_files[0] };

static int has_file(const char *folder, const char *name)
{
    char path[CCLIP_LIMIT_PATH];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof path && cclip_is_file(path);
}

cclip_status cclip_convert_carry(const char *from, const char *to, const char *name)
{
    char *source = cclip_path_join(from, name), *target = cclip_path_join(to, name);
    cclip_status status = source && target ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && cclip_is_file(source)) {
        struct cclip_mapping file;
        status = cclip_mapping_open(&file, source);
        if (!status)
            status = cclip_file_write(target, file.data, file.size);
        cclip_mapping_close(&file);
    }
    cclip_release(source);
    cclip_release(target);
    return status;
}

char *cclip_convert_source_folder(const struct cclip_model *model)
{
    const char *path = model->path, *name = cclip_path_name(path);
    if (cclip_is_folder(path))
        return cclip_copy_text(path, strlen(path));
    return name == path ? cclip_copy_text(".", 1) : cclip_copy_text(path, (size_t)(name - path));
}

/* Only a folder of vocabulary files that says what kind they are is complete by itself. */
static int is_complete(const char *folder)
{
    return (has_file(folder, "vocab.json") || has_file(folder, "tokenizer.json") ||
            has_file(folder, "spiece.model") || has_file(folder, "vocab.txt")) &&
           has_file(folder, "tokenizer_config.json");
}

cclip_status cclip_convert_vocabulary(const struct cclip_model *model, const char *folder,
                                      int *written)
{
    cclip_status status = CCLIP_OK;
    char *source = NULL; /* the folder whose files are carried over */
    if (model->vocabulary && cclip_is_folder(model->vocabulary))
        source = cclip_copy_text(model->vocabulary, strlen(model->vocabulary));
    else if (!model->tokenizer)
        source = cclip_convert_source_folder(model);
    if (!source && (!model->tokenizer || (model->vocabulary && cclip_is_folder(model->vocabulary))))
        return CCLIP_ERROR_MEMORY;
    if (model->tokenizer && !(source && is_complete(source)))
        status = cclip_text_write_vocabulary_for(model->tokenizer, folder,
                                                 model->config.text.context_length);
    for (size_t i = 0; i < FILES && source && !status; i++)
        status = cclip_convert_carry(source, folder, vocabulary_files[i]);
    *written = is_complete(folder);
    cclip_release(source);
    return status;
}
