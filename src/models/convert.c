#include "models/convert.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/new_folder.h"
#include "models/convert_parts.h"

enum { OWN_VOCABULARY = 49408 }; /* tokens of the vocabulary that open_clip carries within itself */

static cclip_status write_json(const char *folder, const char *name, const cclip_json *json)
{
    struct cclip_buffer text;
    cclip_buffer_open(&text, CCLIP_LIMIT_JSON_FILE);
    char *path = cclip_path_join(folder, name);
    cclip_status status = path ? cclip_json_write(&text, json, 2) : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_buffer_byte(&text, '\n');
    if (!status)
        status = cclip_file_write(path, text.data, text.length);
    cclip_release(path);
    cclip_buffer_close(&text);
    return status;
}

static cclip_status write_weights(const struct cclip_model *model, const char *layout,
                                  const char *folder, const char *name)
{
    char *path = cclip_path_join(folder, name);
    const cclip_status status =
        path ? cclip_convert_weights(model, layout, path) : CCLIP_ERROR_MEMORY;
    cclip_release(path);
    return status;
}

static cclip_status copy_json(cclip_json **out, const cclip_json *value)
{
    struct cclip_buffer text;
    cclip_buffer_open(&text, CCLIP_LIMIT_JSON_FILE);
    cclip_status status = cclip_json_write(&text, value, 0);
    if (!status)
        status = cclip_json_parse(out, text.data, text.length, "configuration");
    cclip_buffer_close(&text);
    return status;
}

/* open_clip takes its own vocabulary unless the configuration names another; "." is the folder itself.
 * What the source's configuration says about its tokenizer stays; a model in memory was given its
 * vocabulary, whether or not the configuration speaks of one. */
static cclip_status name_tokenizer(cclip_json *config, const struct cclip_model *model,
                                   const cclip_json *source, int has_vocabulary)
{
    static const char *const keys[] = { "hf_tokenizer_name", "tokenizer_kwargs", "tokenizer_mode" };
    cclip_json *text = cclip_json_get(cclip_json_get(config, "model_cfg"), "text_cfg");
    const cclip_json *model_config = cclip_json_get(source, "model_cfg");
    const cclip_json *from = cclip_json_get(model_config ? model_config : source, "text_cfg");
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !status; i++) {
        cclip_json *copy = NULL;
        if (cclip_json_is_null(cclip_json_get(from, keys[i])))
            continue;
        status = copy_json(&copy, cclip_json_get(from, keys[i]));
        if (!status)
            status = cclip_json_set(text, keys[i], copy);
    }
    const int own = model->tokenizer &&
                    cclip_text_vocabulary_size(model->tokenizer) == OWN_VOCABULARY;
    const int in_memory = !strcmp(cclip_weights_format(model->weights), "memory");
    const int named = !cclip_json_is_null(cclip_json_get(from, keys[0]));
    if (!status && has_vocabulary && !own && (!source || (in_memory && !named)))
        status = cclip_json_set(text, keys[0], cclip_json_new_string(".", 1));
    return status;
}

cclip_status cclip_models_write_open_clip(const struct cclip_model *model, const char *folder,
                                          const char *weights)
{
    struct cclip_model_files files = { 0 };
    cclip_json *config = NULL;
    int has_vocabulary = 0;
    const int timm = model->config.vision.pool == CCLIP_POOL_MAP;
    const int custom = cclip_config_is_custom_text(&model->config);
    cclip_status status = cclip_config_write_open_clip(&config, &model->config);
    if (!status)
        status = cclip_convert_vocabulary(model, folder, &has_vocabulary);
    if (!status)
        status = cclip_model_files_find(&files, model->path);
    const int described = files.form == CCLIP_CONFIG_OPEN_CLIP &&
                          strcmp(cclip_weights_format(model->weights), "TorchScript") != 0;
    if (!status)
        status = name_tokenizer(config, model, described ? files.config_root : NULL, has_vocabulary);
    if (!status)
        status = write_json(folder, "open_clip_config.json", config);
    if (!status)
        status = write_weights(model, timm ? "open_clip_timm" : custom ? "open_clip" : "openai", folder,
                               weights);
    cclip_model_files_close(&files);
    cclip_json_close(&config);
    return status;
}

static cclip_status write_open_clip(const struct cclip_model *model, const char *folder)
{
    return cclip_models_write_open_clip(model, folder, "open_clip_model.safetensors");
}

/* transformers has no way to fit a position table to another size when it loads. */
static cclip_status check_positions(const struct cclip_model *model, const char *name, size_t rows)
{
    size_t shape[CCLIP_LIMIT_TENSOR_RANK];
    int rank = 0;
    const cclip_status status = cclip_weights_shape(model->weights, name, shape, &rank);
    if (status || !rank || shape[0] == rows)
        return status;
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                      "transformers' format cannot express a table of %zu positions in a model of %zu",
                      shape[0], rows);
}

/* PyTorch's name; block types are written as float32. */
static const char *torch_dtype(const char *name)
{
    static const char *const names[][2] = { { "f16", "float16" },
                                            { "bf16", "bfloat16" },
                                            { "f64", "float64" } };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(name, names[i][0]))
            return names[i][1];
    return "float32";
}

static cclip_status write_hugging_face(const struct cclip_model *model, const char *folder)
{
    const struct cclip_config *config = &model->config;
    cclip_json *root = NULL, *preprocessor = NULL;
    int has_vocabulary = 0;
    cclip_status status = cclip_config_write_hugging_face(
        &root, &preprocessor, config, torch_dtype(cclip_weights_main_dtype(model->weights)));
    if (!status)
        status = check_positions(model, "visual.positional_embedding",
                                 cclip_vision_transformer_tokens(&config->vision));
    if (!status)
        status = check_positions(model, "text.positional_embedding", config->text.context_length);
    if (!status)
        status = write_json(folder, "config.json", root);
    if (!status)
        status = write_json(folder, "preprocessor_config.json", preprocessor);
    if (!status)
        status = cclip_convert_vocabulary(model, folder, &has_vocabulary);
    if (!status)
        status = write_weights(model, config->vision.pool == CCLIP_POOL_MAP ? "hf_siglip" : "hf_clip",
                               folder, "model.safetensors");
    cclip_json_close(&root);
    cclip_json_close(&preprocessor);
    return status;
}

static cclip_status convert(const struct cclip_model *model, const char *output,
                            enum cclip_convert_form form)
{
    typedef cclip_status writer(const struct cclip_model *model, const char *folder);
    static writer *const writers[] = { [CCLIP_CONVERT_OPEN_CLIP] = write_open_clip,
                                       [CCLIP_CONVERT_HUGGING_FACE] = write_hugging_face };
    struct cclip_new_folder folder = { 0 };
    char *source = cclip_convert_source_folder(model);
    cclip_status status = source ? cclip_new_folder_open(&folder, output) : CCLIP_ERROR_MEMORY;
    if (!status) {
        status = writers[form](model, folder.temporary);
        if (!status) /* fitted to these weights: it stays right */
            status = cclip_convert_carry(source, folder.temporary, "calibration.json");
        status = cclip_new_folder_commit(&folder, status);
    }
    cclip_new_folder_close(&folder);
    cclip_release(source);
    return status;
}

cclip_status cclip_models_convert(const char *path, const char *vocabulary, const char *output,
                                  enum cclip_convert_form form)
{
    const struct cclip_model_request request = { .path = path, .vocabulary = vocabulary };
    struct cclip_model *model = NULL;
    cclip_status status = cclip_models_open(&model, &request);
    if (!status && vocabulary && !model->tokenizer) /* asked for, and would be missing */
        status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s", model->tokenizer_problem);
    if (!status) {
        status = convert(model, output, form);
        if (status == CCLIP_ERROR_UNSUPPORTED) /* the layout's reasons do not name the model */
            cclip_fail_in(status, "%s", path);
    }
    cclip_models_close(&model);
    return status;
}
