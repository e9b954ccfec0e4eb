#include "models/model_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "models/architectures.h"
#include "models/config.h"

/* Weights files in the order of preference, by the kind of configuration beside them. */
struct candidate {
    const char *name;
    int sharded;
};
static const struct candidate open_clip_weights[] = { { "open_clip_model.safetensors", 0 },
                                                      { "open_clip_pytorch_model.bin", 0 },
                                                      { "model.safetensors", 0 },
                                                      { NULL, 0 } };
static const struct candidate hugging_face_weights[] = { { "model.safetensors", 0 },
                                                         { "model.safetensors.index.json", 1 },
                                                         { "pytorch_model.bin", 0 },
                                                         { "pytorch_model.bin.index.json", 1 },
                                                         { NULL, 0 } };
static const struct candidate vocabularies[] = { { "vocab.json", 0 },
                                                 { "tokenizer.json", 0 },
                                                 { "bpe_simple_vocab_16e6.txt.gz", 0 },
                                                 { "bpe_simple_vocab_16e6.txt", 0 },
                                                 { NULL, 0 } };

/* The first of `candidates` that is in `folder`, as new memory; NULL if none is. */
static cclip_status first_present(char **out, const char *folder, const struct candidate *candidates,
                                  int *sharded)
{
    *out = NULL;
    for (; candidates->name; candidates++) {
        char *path = cclip_path_join(folder, candidates->name);
        if (!path)
            return CCLIP_ERROR_MEMORY;
        if (cclip_is_file(path)) {
            if (sharded)
                *sharded = candidates->sharded;
            *out = path;
            return CCLIP_OK;
        }
        cclip_release(path);
    }
    return CCLIP_OK;
}

static cclip_status present(char **out, const char *folder, const char *name)
{
    const struct candidate one[2] = { { name, 0 }, { NULL, 0 } };
    return first_present(out, folder, one, NULL);
}

/* The vocabulary beside a checkpoint, else in the cache; NULL if there is none. No folder: in the cache. */
static cclip_status find_vocabulary(char **out, const char *folder)
{
    const cclip_status status = folder ? first_present(out, folder, vocabularies, NULL) : CCLIP_OK;
    if (status)
        return status;
    if (*out) {
        const size_t length = strlen(*out);
        /* vocab.json and tokenizer.json are read with their neighbours: the folder is meant. */
        if (length > 5 && !strcmp(*out + length - 5, ".json"))
            *strrchr(*out, '/') = '\0';
        return CCLIP_OK;
    }
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char path[4096];
    if (cache && *cache)
        snprintf(path, sizeof path, "%s/cclip", cache);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.cache/cclip", home);
    else
        return CCLIP_OK;
    return first_present(out, path, vocabularies + 2, NULL);
}

static cclip_status find_config(struct cclip_model_files *out, const char *folder)
{
    cclip_status status = present(&out->config, folder, "open_clip_config.json");
    if (out->config) {
        out->form = CCLIP_CONFIG_OPEN_CLIP;
        return cclip_json_read_file(&out->config_root, out->config);
    }
    if (!status)
        status = present(&out->config, folder, "config.json");
    if (status || !out->config)
        return status;
    status = cclip_json_read_file(&out->config_root, out->config);
    if (!status && cclip_config_is_hugging_face(out->config_root)) {
        out->form = CCLIP_CONFIG_HUGGING_FACE;
        status = present(&out->preprocessor, folder, "preprocessor_config.json");
        if (!status && !out->preprocessor)
            status = present(&out->preprocessor, folder, "processor_config.json");
        return out->preprocessor ? cclip_json_read_file(&out->preprocessor_root, out->preprocessor)
                                 : status;
    }
    if (!status) { /* some other program's file */
        const char *type = cclip_json_string(cclip_json_get(out->config_root, "model_type"), NULL);
        if (type)
            status = cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                                "%s: model_type \"%s\" is not a CLIP this program knows (clip, siglip)",
                                out->config, type);
        else
            status = CCLIP_OK;
        cclip_json_close(&out->config_root);
        cclip_release(out->config);
        out->config = NULL;
    }
    return status;
}

static cclip_status find_in_folder(struct cclip_model_files *out, const char *folder)
{
    cclip_status status = find_config(out, folder);
    if (status)
        return status;
    if (out->form != CCLIP_CONFIG_NONE) {
        const int open_clip = out->form == CCLIP_CONFIG_OPEN_CLIP;
        status = first_present(&out->weights, folder,
                               open_clip ? open_clip_weights : hugging_face_weights, &out->sharded);
        if (status || out->weights)
            return status;
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no weights (%s) beside %s", folder,
                          open_clip ? "open_clip_model.safetensors or open_clip_pytorch_model.bin"
                                    : "model.safetensors, its index, or pytorch_model.bin",
                          cclip_path_name(out->config));
    }
    return cclip_fail(CCLIP_ERROR_NOT_FOUND,
                      "%s: no checkpoint here (open_clip_config.json, or config.json of a CLIP model, "
                      "with weights beside it)",
                      folder);
}

/* A weights file: a configuration beside it is used if it is for such a file. An OpenAI archive, a
 * GGUF file and a bare state dict need none. */
static cclip_status find_beside(struct cclip_model_files *out, const char *path, const char *folder)
{
    out->weights = cclip_copy_text(path, strlen(path));
    if (!out->weights)
        return CCLIP_ERROR_MEMORY;
    out->sharded = cclip_path_has_suffix(path, ".index.json");
    if (cclip_path_has_suffix(path, ".gguf"))
        return CCLIP_OK;
    const cclip_status status = find_config(out, folder);
    if (status != CCLIP_ERROR_UNSUPPORTED &&
        (status != CCLIP_ERROR_FORMAT || out->form != CCLIP_CONFIG_NONE))
        return status;
    cclip_release(out->config); /* some other program's file */
    out->config = NULL;
    return CCLIP_OK;
}

/* A configuration alone, from which a new model can be made. */
static cclip_status read_configuration(struct cclip_model_files *out, const char *path)
{
    out->form = CCLIP_CONFIG_OPEN_CLIP;
    out->config = cclip_copy_text(path, strlen(path));
    return out->config ? cclip_json_read_file(&out->config_root, path) : CCLIP_ERROR_MEMORY;
}

static int is_configuration(const char *path)
{
    return cclip_path_has_suffix(path, ".json") && !cclip_path_has_suffix(path, ".index.json");
}

static cclip_status name_architecture(struct cclip_model_files *out, const char *name)
{
    out->form = CCLIP_CONFIG_OPEN_CLIP;
    cclip_status status = cclip_architecture_configuration(&out->config_root, name);
    if (!status)
        status = find_vocabulary(&out->vocabulary, NULL);
    if (status)
        cclip_model_files_close(out);
    return status;
}

cclip_status cclip_model_files_find(struct cclip_model_files *out, const char *path)
{
    *out = (struct cclip_model_files){ 0 };
    const int is_folder = cclip_is_folder(path);
    if (!is_folder && !cclip_is_file(path) && cclip_architecture_is_known(path))
        return name_architecture(out, path);
    if (!is_folder && !cclip_is_file(path))
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no such file or folder", path);
    const char *name = cclip_path_name(path);
    char *folder = is_folder ? cclip_copy_text(path, strlen(path))
                   : name == path ? cclip_copy_text(".", 1)
                                  : cclip_copy_text(path, (size_t)(name - path));
    if (!folder)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = is_folder                ? find_in_folder(out, folder)
                          : is_configuration(path) ? read_configuration(out, path)
                                                   : find_beside(out, path, folder);
    if (!status)
        status = find_vocabulary(&out->vocabulary, folder);
    cclip_release(folder);
    if (status)
        cclip_model_files_close(out);
    return status;
}

void cclip_model_files_close(struct cclip_model_files *files)
{
    cclip_json_close(&files->config_root);
    cclip_json_close(&files->preprocessor_root);
    cclip_release(files->weights);
    cclip_release(files->config);
    cclip_release(files->preprocessor);
    cclip_release(files->vocabulary);
    *files = (struct cclip_model_files){ 0 };
}
