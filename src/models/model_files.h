/* Where the parts of a checkpoint lie: its weights, its configuration, its vocabulary. */
#ifndef CCLIP_MODELS_MODEL_FILES_H
#define CCLIP_MODELS_MODEL_FILES_H

#include "base/status.h"
#include "formats/json.h"

enum cclip_config_form {
    CCLIP_CONFIG_NONE, /* sizes follow from the tensors (OpenAI) or the file itself (GGUF) */
    CCLIP_CONFIG_OPEN_CLIP,
    CCLIP_CONFIG_HUGGING_FACE
};

struct cclip_model_files {
    char *weights; /* a file, or the index of a sharded checkpoint */
    int sharded;
    enum cclip_config_form form;
    char *config;             /* path of the configuration, or NULL */
    cclip_json *config_root;  /* parsed, or NULL */
    char *preprocessor;       /* path, or NULL */
    cclip_json *preprocessor_root;
    char *vocabulary; /* folder or file with a vocabulary: beside the checkpoint, else in the cache; or NULL */
};

/* `path` is a folder, a weights file, or what has no weights, so that `weights` is NULL: a configuration in
 * open_clip's form (NAME.json), or where there is no file of that name an architecture's name. In a folder
 * open_clip_config.json with weights wins, then config.json of a known model_type; any other config.json is
 * ignored. Missing parts are named in the error. */
cclip_status cclip_model_files_find(struct cclip_model_files *out, const char *path);
void cclip_model_files_close(struct cclip_model_files *files);

#endif
